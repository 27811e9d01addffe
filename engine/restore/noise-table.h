/* The noise estimate's network: from the features of noise-features.h to ln (sigma + 1), sigma on the 0-255 scale; and what
 * makes of sigma the level that restores best.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "noise-features.h"

/* x = (input - mean) * scale; two layers with ReLU, one without; weights [outputs][inputs]. The inputs are the channel's
 * features, then the mean of the other two's: noise is of one kind in all, texture is not. */
enum
{
  NR_NOISE_N_INPUTS = 2 * NR_NOISE_N_FEATURES,
  NR_NOISE_HIDDEN_1 = 48,
  NR_NOISE_HIDDEN_2 = 24
};

extern const gfloat nr_noise_mean[], nr_noise_scale[];
extern const gfloat nr_noise_weights_1[], nr_noise_bias_1[];
extern const gfloat nr_noise_weights_2[], nr_noise_bias_2[];
extern const gfloat nr_noise_weights_3[], nr_noise_bias_3[];

/* ln (level / sigma) is a weighted sum of NR_NOISE_N_GRAIN numbers (noise-features.h), ln (1 + sigma) and 1. */
extern const gfloat nr_noise_calibration[];
