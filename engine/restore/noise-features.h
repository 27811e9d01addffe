/* What the noise estimate looks at: statistics of flat blocks at three scales.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* A picture is looked at in windows of this size, at most NR_NOISE_MAX_WINDOWS of them. */
enum
{
  NR_NOISE_WINDOW      = 256,
  NR_NOISE_MAX_WINDOWS = 96,
  NR_NOISE_N_FEATURES  = 68
};

/* Steps of brightness in which noise is told apart. */
enum
{
  NR_NOISE_N_STEPS = 8
};

/* Blocks of 8 x 8 pixels collected from windows of a picture. */
typedef struct _NrNoiseBlocks NrNoiseBlocks;

NrNoiseBlocks *nr_noise_blocks_new (void);
void           nr_noise_blocks_free (NrNoiseBlocks *blocks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrNoiseBlocks, nr_noise_blocks_free)

/* Adds the blocks of a window whose corner lies at multiples of 32 pixels of the picture; three planes on the 0-255
 * scale, NaN for pixels that do not count. The planes are used up. */
void nr_noise_blocks_add (NrNoiseBlocks *blocks, NrPicture *window);

/* The features of CHANNEL (0 to 2). For the channel itself and for its difference to the mean of the other two (where
 * texture, but not noise, cancels), at full, half and quarter size (2 x 2 means; noise that is correlated, as cameras
 * make it, does not halve from one to the next):
 *   for the blocks at 0-5, 5-15, 15-30 and 30-50 % of those ordered by variance about a fitted plane:
 *     ln (0.1 + root of that variance's mean), ln (0.1 + root of the mean square of their diagonal Haar details)
 *   ln (0.1 + root of the 5 % and 25 % quantile of the mean square of the diagonal Haar details)
 * then, full size only: mean / 255 of the four groups, share of usable blocks, share of pixels at 0 and at 255, and
 * mean / 255 of all. Usable: at most 8 of a block's pixels at 0 or 255; when fewer than 32 are, all count.
 * FALSE when there is no block. */
gboolean nr_noise_blocks_features (const NrNoiseBlocks *blocks, guint channel, gfloat features[NR_NOISE_N_FEATURES]);

/* How coarse the noise is: of the blocks at 5-15 %, how ln (0.1 + deviation) changes from the finest details to the blocks
 * at full size, from those to half and to quarter size; the same three of the difference; and the difference's over the
 * channel's. White noise: 0, -0.7, -0.7; noise after a camera's demosaicing and smoothing falls more slowly. */
enum
{
  NR_NOISE_N_GRAIN = 7
};
void nr_noise_grain (const gfloat features[NR_NOISE_N_FEATURES], gdouble grain[NR_NOISE_N_GRAIN]);

/* How much more noise there is at each of NR_NOISE_N_STEPS equal steps of brightness (mean of the channels, 0 to 255) than
 * on average, from the finest details of each step's flatter blocks: 0.6 to 1.6, mean square over the blocks about 1. Steps
 * with few blocks go by their neighbours. All 1 when there is nothing to tell apart: differences of up to 0.1. */
void nr_noise_blocks_curve (const NrNoiseBlocks *blocks, gfloat curve[NR_NOISE_N_STEPS]);
