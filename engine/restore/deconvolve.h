/* Richardson-Lucy deconvolution of a plane, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For the blurred plane d, the blur H and K, which is 1 where d is known and 0 elsewhere, each step makes of the guess x
 *   y = x + m (x - x'), x' the guess before       the step taken further, m = (i - 1) / (i + 2)
 *   x = y H (K d / H y) / H K / (1 - damping div (grad y / sqrt (|grad y|^2 + edge^2)))
 * Richardson 1972 and Lucy 1974; taken further as Biggs and Andrews 1997, with Nesterov's fixed momentum instead of one
 * measured over the whole picture, so that tiles do not depend on each other; damped by total variation as Dey and others
 * 2006. What lies beyond the known pixels is sought too (Bertero and Boccacci 2005), so that a border makes no rings.
 */

#pragma once

#include "convolve.h"

/* What rounding to 8 bits leaves: a picture without noise is not better than that. On the 0-255 scale. */
#define NR_DECONVOLUTION_LEAST_NOISE 0.3

/* The damping that suits NOISE, a sigma on the 0-255 scale. */
gfloat nr_deconvolution_damping (gdouble noise);

/* Planes of the window's size that a deconvolution takes. */
enum
{
  NR_DECONVOLUTION_PLANES = 7
};

typedef struct
{
  const NrKernel *kernel;
  gfloat          damping; /* of noise */
  gint            width, height;
  NrRect          known;

  /* Planes. */
  gfloat *blurred, *guess, *previous, *ahead, *ratio, *inverse, *scratch;
  gint    n_steps; /* done */
} NrDeconvolution;

/* Starts with the guess that PLANE (WIDTH x HEIGHT, nominal 0 to 1) is sharp. KNOWN: the rectangle of it that a camera saw;
 * the rest is continued somehow. MEMORY: NR_DECONVOLUTION_PLANES planes. KERNEL and MEMORY stay the caller's. */
gboolean nr_deconvolution_init (NrDeconvolution *deconvolution,
                                const NrKernel  *kernel,
                                gfloat           damping,
                                const gfloat    *plane,
                                gint             width,
                                gint             height,
                                const NrRect    *known,
                                gfloat          *memory,
                                NrFilterWork    *work,
                                GError         **error);

/* N_STEPS more steps, SHARE of the window's WORK together. Cancelled: FALSE with an error. */
gboolean nr_deconvolution_run (NrDeconvolution *deconvolution, gint n_steps, NrFilterWork *work, gdouble share, GError **error);

/* Writes the guess. */
void nr_deconvolution_get (const NrDeconvolution *deconvolution, gfloat *plane);

/* Operations a pixel of one step, about. */
gdouble nr_deconvolution_work (const NrKernel *kernel);
