/* Completion of one wide hole by patches, from coarse to fine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "fill-job.h"

/* What the hole holds before, and how much of it stays. */
typedef enum
{
  NR_PATCH_ANY_GUESS, /* colors to start from; the patches decide */
  NR_PATCH_SKETCH     /* shapes and colors without fine detail: what is as large as a few patches stays, patches give it
                   * detail */
} NrPatchGuess;

/* Completes the hole of a picture of at least one patch's size, seamlessly.
 *   planes      n_planes (1 or 3) times width * height floats, rows first, finite; the hole holds a guess
 *   is_hole     1 where colors are wanted
 *   is_unclean  1 where nothing is to be copied from; at least the hole
 * Leaves the hole as it is where there is no clean patch. FALSE: cancelled, the hole is undefined. */
gboolean nr_patch_fill (NrFillJob    *job,
                        gfloat       *planes,
                        gint          n_planes,
                        gint          width,
                        gint          height,
                        const guint8 *is_hole,
                        const guint8 *is_unclean,
                        NrPatchGuess  guess,
                        guint         seed);

/* About how much work that is, in the unit of the job. */
gdouble nr_patch_fill_work (gint width, gint height, const guint8 *is_hole);
