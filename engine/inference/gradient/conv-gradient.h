/* Gradients of convolutions, between their files.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "gradient/tape.h"
#include "ops/conv-plan.h"

/* Appends the nodes that make the gradient of the weights of NODE, a Conv or ConvTranspose, and returns it. */
NrTensor *nr_conv_weight_gradient (NrTape *tape, const NrNode *node, NrTensor *dy, GError **error);

/* The same for 3 x 3 with stride 1 (conv-winograd-gradient.c), where it is faster. */
gboolean  nr_conv_winograd_gradient_pays (const NrConvPlan *plan);
NrTensor *nr_conv_winograd_gradient (NrTape *tape, const NrNode *node, NrTensor *dy, GError **error);
