/* Convolution of a plane with a small kernel, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "filter-run.h"

/* One tap of a kernel that is the same turned by half a turn: WEIGHT for the pixel (DX, DY) away and for the one at
 * (-DX, -DY). The middle's weight is therefore half of what it gets. */
typedef struct
{
  gint   dx, dy; /* dy >= 0 */
  gfloat weight;
} NrTap;

/* A kernel with sum 1 that is the same turned by half a turn. Taps are sorted by row. A separable one has taps in row 0
 * only, which are used in both directions. */
typedef struct
{
  gint     radius;
  gboolean is_separable;
  NrTap   *taps;
  guint    n_taps;
} NrKernel;

/* exp (-(x^2 + y^2) / 2 sigma^2) up to 4 sigma, separable. Free with nr_kernel_clear (). */
NrKernel nr_kernel_gaussian (gdouble sigma);
/* A disc of RADIUS pixels whose edge falls from 1 to 0 over one pixel. */
NrKernel nr_kernel_disc (gdouble radius);
/* Straight motion over LENGTH pixels at ANGLE (radians, counter-clockwise from the right), every point of the way shared
 * by the four pixels around it. */
NrKernel nr_kernel_motion (gdouble length, gdouble angle);
void     nr_kernel_clear (NrKernel *kernel);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (NrKernel, nr_kernel_clear)

/* Additions and multiplications a pixel, about. */
gdouble nr_kernel_work (const NrKernel *kernel);

/* What is made of a row of the result: Y, and WIDTH sums which the function may use up. Any thread. */
typedef void (*NrRowFunc) (gint y, gfloat *sums, gpointer data);

/* Convolves FROM (WIDTH x HEIGHT, beyond its border mirrored without repeating the edge pixel) and hands every row of sums
 * to FUNC. SCRATCH is a plane of the same size, used by separable kernels. All of it is SHARE of the window's WORK.
 * Cancelled: FALSE with an error. A sum is computed in the same order wherever its pixel lies. */
gboolean nr_convolve (const NrKernel *kernel,
                      const gfloat   *from,
                      gfloat         *scratch,
                      gint            width,
                      gint            height,
                      NrRowFunc       func,
                      gpointer        data,
                      NrFilterWork   *work,
                      gdouble         share,
                      GError        **error);
