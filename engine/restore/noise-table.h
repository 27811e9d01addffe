/* The noise estimate's network: from the features of noise-features.h to ln (sigma + 1), sigma on the 0-255 scale; and what
 * makes of sigma the level that restores best.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "noise-features.h"
#include "small-network.h"

/* Inputs: the channel's features, then the mean of the other two's: noise is of one kind in all, texture is not. */
extern const NrSmallNetwork nr_noise_network;

/* ln (level / sigma) is a weighted sum of NR_NOISE_N_GRAIN numbers (noise-features.h), ln (1 + sigma) and 1. */
extern const gfloat nr_noise_calibration[];
