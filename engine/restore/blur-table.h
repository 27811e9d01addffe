/* The blur estimate's network: from NrBlurFindings.features to what nr_blur_estimate () decides by.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "small-network.h"

/* Outputs: how likely each NrBlurShape is (logits), then ln (size / that of the best candidate) of each but NR_BLUR_NONE. */
extern const NrSmallNetwork nr_blur_network;
