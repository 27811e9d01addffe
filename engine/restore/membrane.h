/* Membrane: the smoothest continuation of known pixels into a hole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "fill-job.h"

/* Solves Laplace's equation inside the hole, with the known pixels as boundary values and no flux across the picture's
 * border, by a cascade from coarse to fine with a few Gauss-Seidel sweeps a level: close, not exact.
 *   planes      n_planes times width * height floats, rows first; finite where known; the hole is overwritten
 *   is_unknown  one byte a pixel, not 0 in the hole
 * Without any known pixel the planes become 0. Allocates about (n_planes * 4 + 1) / 3 bytes a pixel.
 * FALSE: cancelled, the hole is undefined. The result does not depend on the number of threads. */
gboolean nr_membrane_fill (NrFillJob    *job,
                           gfloat       *planes,
                           gint          n_planes,
                           gint          width,
                           gint          height,
                           const guint8 *is_unknown);

/* Halves planes and hole: a coarse pixel is the mean of the known ones below it, and unknown when there is none. The
 * coarse size is (width + 1) / 2 by (height + 1) / 2. */
void nr_membrane_shrink (const gfloat *planes,
                         gint          n_planes,
                         gint          width,
                         gint          height,
                         const guint8 *is_unknown,
                         gfloat       *coarse,
                         guint8       *coarse_is_unknown);

/* Bilinear enlargement of the coarse planes, written where is_unknown only. */
void nr_membrane_enlarge (const gfloat *coarse,
                          gint          n_planes,
                          gint          width,
                          gint          height,
                          const guint8 *is_unknown,
                          gfloat       *planes);
