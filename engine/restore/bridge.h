/* Bridging: thin and scattered holes are continued along the structures that run into them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "fill-job.h"

/* Fills the hole of a picture by iterated shrinkage of overlapping 8 x 8 cosine transforms, from coarse to fine: what
 * few coefficients can express (edges, gradients, repeated fine texture) goes on across the hole, what they cannot is
 * dropped, with a threshold that falls from round to round (Guleryuz, Nonlinear approximation based image recovery
 * using adaptive sparse reconstructions, 2006). Good in holes of a few pixels, a smear in wide ones.
 *   planes      n_planes (1 or 3) times width * height floats, rows first; finite where known; the hole is overwritten
 *   is_unknown  one byte a pixel, 1 in the hole, else 0
 *   skip        one byte a pixel: where it is 1 only the coarser levels count, which saves time
 * Allocates about n_planes * 8 + 8 bytes a pixel. FALSE: cancelled, the hole is undefined. The result does not depend on
 * the number of threads. */
gboolean nr_bridge_fill (NrFillJob    *job,
                         gfloat       *planes,
                         gint          n_planes,
                         gint          width,
                         gint          height,
                         const guint8 *is_unknown,
                         const guint8 *skip);

/* About how much work that is, in the unit of the job. */
gdouble nr_bridge_work (gint width, gint height, const guint8 *is_unknown, const guint8 *skip);
