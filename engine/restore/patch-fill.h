/* Completion of one wide hole by patches, from coarse to fine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "fill-job.h"

/* More levels than any picture has. */
enum
{
  NR_PATCH_ALL_LEVELS = 16
};

/* Completes the hole of a picture of at least one patch's size, seamlessly.
 *   planes      n_planes (1 or 3) times width * height floats, rows first, finite; the hole holds a first guess
 *   is_hole     1 where colors are wanted
 *   is_unclean  1 where nothing is to be copied from; at least the hole
 *   max_levels  of the pyramid, each half the size of the one before: with few, what the guess shows at the coarsest stays
 * Leaves the hole as it is where there is no clean patch. FALSE: cancelled, the hole is undefined. */
gboolean nr_patch_fill (NrFillJob    *job,
                        gfloat       *planes,
                        gint          n_planes,
                        gint          width,
                        gint          height,
                        const guint8 *is_hole,
                        const guint8 *is_unclean,
                        guint         max_levels,
                        guint         seed);

/* About how much work that is, in the unit of the job. */
gdouble nr_patch_fill_work (gint width, gint height, const guint8 *is_hole);
