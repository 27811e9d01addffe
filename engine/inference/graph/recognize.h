/* What exporters write as many nodes and the engine has as one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/plan.h"

/* Replaces the nodes of a layer norm over channels, as PyTorch writes that of a module made of mean, sub, pow, div (NAFNet's
 * LayerNorm2d), by one ChannelNormalization. */
gboolean nr_plan_recognize (NrPlan *plan, GError **error);

/* ops/channel-normalization.c: its class, which stands in no file, and what takes the place of infer: inputs and output are
 * set, x has a rank of at least 3 and no dimension 0. */
extern const NrOpClass nr_op_channel_normalization;
gboolean               nr_channel_normalization_init (NrNode *node, gfloat epsilon, GError **error);
gfloat                 nr_channel_normalization_epsilon (const NrNode *node);
