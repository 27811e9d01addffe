/* The ways to compute a convolution: each packs its weights, says its scratch and computes items.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "conv-plan.h"

/* One piece of work: batch entry, group, block of positions or tiles, output channels [begin, end) of the group. */
typedef struct
{
  gsize entry, group, block, begin, end;
} NrConvItem;

NrConvItem nr_conv_plan_item (const NrConvPlan *plan, gsize item);

/* Sets input I: what a node before the convolution makes for it. */
void nr_conv_set_input (NrNode *node, guint i, NrTensor *tensor);

/* Where channel CHANNEL (counted over all groups) of a batch entry begins in in[0]; in out[0] and the residual. */
gsize nr_conv_plan_in (const NrConvPlan *plan, gsize entry, gsize channel);
gsize nr_conv_plan_out (const NrConvPlan *plan, gsize entry, gsize channel);

/* Sets chunk: all output channels of a group, or fewer (at least LEAST) when there are few blocks. */
void nr_conv_plan_split (NrConvPlan *plan, gsize least);

/* After block, n_blocks, chunk and group_weights are chosen: counts items, packs constant weights (KEY: nr_node_share ()) or
 * has others packed before each run, and sets the node's items and scratch (SCRATCH: bytes an item needs). */
gboolean nr_conv_plan_finish (NrNode *node, NrConvPlan *plan, const gchar *key, gsize scratch, GError **error);

/* Bias, activation and slope of an output channel (counted over all groups). */
NrRowEpilogue nr_conv_row_epilogue (const NrNode *node, gsize channel);

/* -- Taps ---------------------------------------------------------------------------------------------------------- */

/* Offsets of the taps that some parts have along an axis, ascending. */
typedef struct
{
  gsize     n;
  ptrdiff_t offset[];
} NrConvTaps;

/* The union over N parts, each STRIDE further in the list; g_free (). */
NrConvTaps *nr_conv_union_of_taps (const NrConvPart *parts, gsize n, gsize stride, guint axis);

/* Index of OFFSET in it, n if it is not there. */
gsize nr_conv_find_taps (const NrConvTaps *taps, ptrdiff_t offset);

ptrdiff_t nr_conv_floor_div (ptrdiff_t a, ptrdiff_t b);

/* -- Methods ------------------------------------------------------------------------------------------------------ */

/* Sets group_weights and where each part's weights begin; returns the key of nr_node_share (), which the caller frees. */
gchar *nr_conv_panel_lay_out (NrNode *node, NrConvPlan *plan);

gboolean nr_conv_panel_prepare (NrNode *node, NrConvPlan *plan, GError **error);
/* ITEM: a block of NR_ROWS output channels of a group. */
void nr_conv_panel_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item);
void nr_conv_panel_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);

/* Chooses rows and columns; FALSE if bands do not serve: three dimensions, far-reaching taps, too much scratch. */
gboolean nr_conv_band_fits (NrConvPlan *plan);
gboolean nr_conv_band_prepare (NrNode *node, NrConvPlan *plan, GError **error);
void     nr_conv_band_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item);
void     nr_conv_band_free (NrConvPlan *plan);
void     nr_conv_band_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);

/* Each channel by itself with stride 1. */
gboolean nr_conv_depthwise_fits (const NrConvPlan *plan);
gboolean nr_conv_depthwise_prepare (NrNode *node, NrConvPlan *plan, GError **error);
void     nr_conv_depthwise_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item);
void     nr_conv_depthwise_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);

/* Rows of few positions, several in one panel; packs as panels do. */
gboolean nr_conv_plane_fits (const NrConvPlan *plan);
gboolean nr_conv_plane_prepare (NrNode *node, NrConvPlan *plan, GError **error);
void     nr_conv_plane_free (NrConvPlan *plan);
void     nr_conv_plane_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);

gboolean nr_conv_winograd_prepare (NrNode *node, NrConvPlan *plan, GError **error);
void     nr_conv_winograd_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item);
void     nr_conv_winograd_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);
