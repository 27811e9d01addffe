/* Pixels that a network must not see, filled from their surroundings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* How far nr_repair () looks for a usable pixel. A window that reaches this far around what is needed gives the same
 * result as the whole picture, so that tiles do not show. */
enum
{
  NR_REPAIR_RADIUS = 64
};

/* TRUE when PICTURE has a NaN, an infinity, or (with alpha) a pixel of alpha 0. */
gboolean nr_repair_is_needed (const NrPicture *picture);

/* Replaces values that are not finite, and all values of pixels with alpha 0 (or an alpha that is not a number), by
 * those of the nearest usable pixel: one with finite values and alpha above 0. Distance is Euclidean; among equals the
 * nearest column wins, then the left, then the upper one. Where no usable pixel lies within NR_REPAIR_RADIUS the
 * value is 0.5. Alpha and weight stay. */
void nr_repair (NrPicture *picture);
