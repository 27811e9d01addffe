/* What Conv and ConvTranspose share: reading attributes, grids, choice of method.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "conv-plan.h"
#include "conv-method.h"
#include "graph/plan.h"

/* Larger strides, dilations and pads belong to no network; below it nothing overflows 64 bits. */
static const gint64 max_attribute = 1 << 28;

/* -- Attributes --------------------------------------------------------------------------------------------------- */

static gboolean
read_ints (NrNode *node, const gchar *name, gsize expected, gint64 low, gint64 fallback, gint64 *values, GError **error)
{
  gsize         n;
  const gint64 *ints = nr_node_get_ints (node, name, &n);

  for (gsize i = 0; i < expected; i++)
    values[i] = fallback;

  if (ints == NULL || n == 0)
    return TRUE;

  if (n != expected)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "%s has %" G_GSIZE_FORMAT " values, expected are %" G_GSIZE_FORMAT, name, n, expected);

  for (gsize i = 0; i < n; i++)
    {
      if (ints[i] < low || ints[i] > max_attribute)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%s contains %" G_GINT64_FORMAT, name, ints[i]);
      values[i] = ints[i];
    }

  return TRUE;
}

gboolean
nr_conv_read_axes (NrNode *node, NrConvAxis axis[3], guint *n_spatial, GError **error)
{
  gint64 kernel[3], strides[3], dilations[3], pads[6];

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_check_type (node, 1, NR_TYPE_FLOAT32, error))
    return FALSE;

  const NrShape *x = &node->in[0]->shape;
  const NrShape *w = &node->in[1]->shape;

  if (x->rank < 3 || x->rank > 5)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                          "input has %u dimensions, 3 to 5 are supported", x->rank);
  if (w->rank != x->rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "weights have %u dimensions, the input has %u", w->rank, x->rank);

  const guint n = x->rank - 2;

  if (! read_ints (node, "kernel_shape", n, 1, 0, kernel, error) ||
      ! read_ints (node, "strides", n, 1, 1, strides, error) ||
      ! read_ints (node, "dilations", n, 1, 1, dilations, error) ||
      ! read_ints (node, "pads", 2 * n, -max_attribute, 0, pads, error))
    return FALSE;

  for (guint i = 0; i < 3 - n; i++)
    axis[i] = (NrConvAxis) { .input = 1, .output = 1, .kernel = 1, .stride = 1, .dilation = 1 };

  for (guint i = 0; i < n; i++)
    {
      NrConvAxis *a = &axis[3 - n + i];

      *a = (NrConvAxis) { .input    = x->dims[2 + i],
                          .kernel   = w->dims[2 + i],
                          .stride   = strides[i],
                          .dilation = dilations[i],
                          .begin    = pads[i],
                          .end      = pads[n + i] };

      if (kernel[i] != 0 && kernel[i] != a->kernel)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                              "kernel_shape says %" G_GINT64_FORMAT ", the weights have %" G_GINT64_FORMAT,
                              kernel[i], a->kernel);
      if (a->input < 1 || a->input > G_MAXINT32 || a->kernel < 1 || a->kernel > max_attribute)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                              "input of size %" G_GINT64_FORMAT " and kernel of size %" G_GINT64_FORMAT, a->input, a->kernel);
    }

  *n_spatial = n;
  return TRUE;
}

gboolean
nr_conv_check_bias (NrNode *node, gint64 channels, GError **error)
{
  const NrTensor *bias = nr_node_in (node, 2);

  if (bias == NULL)
    return TRUE;

  if (! nr_node_check_type (node, 2, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (bias->shape.rank != 1 || bias->shape.dims[0] != channels)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "the bias has %" G_GSIZE_FORMAT " values, expected are %" G_GINT64_FORMAT, bias->n, channels);

  return TRUE;
}

/* -- Grids -------------------------------------------------------------------------------------------------------- */

void
nr_conv_plan_free (NrConvPlan *plan)
{
  for (gsize i = 0; i < plan->n_parts; i++)
    {
      g_free (plan->parts[i].offsets);
      g_free (plan->parts[i].taps);
    }
  g_free (plan->parts);
  nr_conv_band_free (plan);
  nr_conv_plane_free (plan);
  g_free (plan);
}

NrConvPlan *
nr_conv_plan_new (NrNode *node)
{
  NrConvPlan *plan = g_new0 (NrConvPlan, 1);

  node->params      = plan;
  node->free_params = (GDestroyNotify) nr_conv_plan_free;

  return plan;
}

NrConvPlan *
nr_conv_plan_copy (const NrConvPlan *plan)
{
  NrConvPlan *copy = g_new0 (NrConvPlan, 1);

  copy->batch        = plan->batch;
  copy->groups       = plan->groups;
  copy->in_channels  = plan->in_channels;
  copy->out_channels = plan->out_channels;
  copy->w_group      = plan->w_group;
  copy->w_out        = plan->w_out;
  copy->w_in         = plan->w_in;
  copy->n_taps       = plan->n_taps;
  if (plan->is_transposed)
    nr_conv_plan_add_phases (copy, plan->axis);
  else
    nr_conv_plan_add_grid (copy, plan->axis);

  return copy;
}

void
nr_conv_plan_add_part (NrConvPlan *plan, const NrConvAxis axis[3], const NrConvPartAxis part[3])
{
  NrConvPart result    = { .grid = { .n_taps = 1, .n_positions = 1, .in_plane = 1, .out_plane = 1 } };
  gsize      n_offsets = part[0].n_taps + part[1].n_taps + part[2].n_taps;
  ptrdiff_t *offset;

  offset = result.offsets = g_new (ptrdiff_t, n_offsets + 1);
  for (guint a = 0; a < 3; a++)
    {
      result.grid.axis[a] = (NrGridAxis) { .input     = (gsize) axis[a].input,
                                           .positions = part[a].positions,
                                           .output    = (gsize) axis[a].output,
                                           .step      = part[a].step,
                                           .n_taps    = part[a].n_taps,
                                           .offset    = offset,
                                           .out_step  = part[a].out_step,
                                           .out_phase = part[a].out_phase };
      for (gsize t = 0; t < part[a].n_taps; t++)
        *offset++ = part[a].offset[t];

      result.grid.n_taps *= part[a].n_taps;
      result.grid.n_positions *= part[a].positions;
      result.grid.in_plane *= (gsize) axis[a].input;
      result.grid.out_plane *= (gsize) axis[a].output;
    }

  gsize *tap = result.taps = g_new (gsize, result.grid.n_taps + 1);

  for (gsize z = 0; z < part[0].n_taps; z++)
    for (gsize y = 0; y < part[1].n_taps; y++)
      for (gsize x = 0; x < part[2].n_taps; x++)
        *tap++ = (part[0].taps[z] * (gsize) axis[1].kernel + part[1].taps[y]) * (gsize) axis[2].kernel + part[2].taps[x];

  plan->parts                  = g_renew (NrConvPart, plan->parts, plan->n_parts + 1);
  plan->parts[plan->n_parts++] = result;
}

/* -- Choice of method --------------------------------------------------------------------------------------------- */

gboolean
nr_conv_is_3x3 (const NrConvPlan *plan)
{
  const NrGrid *grid = &plan->parts[0].grid;

  if (plan->n_parts != 1 || grid->axis[0].n_taps != 1 || grid->axis[0].input != 1 || grid->axis[0].positions != 1 ||
      grid->axis[0].offset[0] != 0)
    return FALSE;

  for (guint a = 1; a < 3; a++)
    {
      const NrGridAxis *axis = &grid->axis[a];

      if (axis->n_taps != 3 || axis->step != 1 || axis->out_step != 1 ||
          axis->offset[1] != axis->offset[0] + 1 || axis->offset[2] != axis->offset[0] + 2)
        return FALSE;
    }

  return TRUE;
}

/* TRUE for such when Winograd's cost is below the panels'. Costs are cycles of a 16-lane core with two multipliers for 16
 * tiles of 6 x 6 outputs, as measured: a transform in, one out, the 64 products. */
static gboolean
winograd_pays (const NrConvPlan *plan)
{
  const NrGrid     *grid = &plan->parts[0].grid;
  const NrGridAxis *h    = &grid->axis[1];
  const NrGridAxis *w    = &grid->axis[2];

  if (! nr_conv_is_3x3 (plan))
    return FALSE;

  const gdouble in       = (gdouble) plan->in_channels;
  const gdouble out      = (gdouble) plan->out_channels;
  const gdouble tiles    = (gdouble) ((h->positions + 5) / 6 * ((w->positions + 5) / 6));
  const gdouble winograd = tiles * (450.0 * in + 450.0 * out + 64.0 / 2.0 * in * out);
  const gdouble panel    = (gdouble) grid->n_positions / 36.0 * (60.0 * in + 72.0 * out + 36.0 * 9.0 / 2.0 * in * out);

  return winograd < panel;
}

/* Floats, a multiple of 64 bytes so that scratch behind them stays aligned. */
static gsize
packed_size (const NrConvPlan *plan)
{
  return (plan->groups * plan->group_weights + 15) / 16 * 16;
}

static NrConvMethod
choose_method (NrConvPlan *plan)
{
  if (plan->method != NR_CONV_UNDECIDED)
    return plan->method;

  if (nr_conv_depthwise_fits (plan))
    plan->method = NR_CONV_DEPTHWISE;
  else if (winograd_pays (plan))
    plan->method = NR_CONV_WINOGRAD;
  else if (nr_conv_plane_fits (plan))
    plan->method = NR_CONV_PLANE;
  else if (nr_conv_band_fits (plan)) /* which cuts the plan as bands need it */
    plan->method = NR_CONV_BAND;
  else
    plan->method = NR_CONV_PANEL;

  return plan->method;
}

/* Pointwise convolutions see planes as rows, panels and small planes too. */
gboolean
nr_conv_takes_rows (const NrNode *node)
{
  NrConvPlan    *plan  = node->params;
  const NrShape *shape = &node->in[0]->shape;

  return shape->rank == 4 && plan->parts[0].grid.axis[1].input == (gsize) shape->dims[2] &&
         choose_method (plan) != NR_CONV_PANEL && choose_method (plan) != NR_CONV_PLANE;
}

static void
set_strides (NrConvPlan *plan, const NrNode *node)
{
  const NrGrid *grid  = &plan->parts[0].grid;
  const gsize   width = grid->axis[2].input, out_width = grid->axis[2].output;

  plan->in_row      = node->in[0]->is_by_rows ? plan->groups * plan->in_channels * width : width;
  plan->in_channel  = node->in[0]->is_by_rows ? width : grid->in_plane;
  plan->out_row     = node->out[0]->is_by_rows ? plan->groups * plan->out_channels * out_width : out_width;
  plan->out_channel = node->out[0]->is_by_rows ? out_width : grid->out_plane;
}

static const struct
{
  gboolean (*prepare) (NrNode *node, NrConvPlan *plan, GError **error);
  void (*pack) (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item);
  void (*item) (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch);
} methods[] = {
  [NR_CONV_BAND]      = { nr_conv_band_prepare, nr_conv_band_pack, nr_conv_band_item },
  [NR_CONV_DEPTHWISE] = { nr_conv_depthwise_prepare, nr_conv_depthwise_pack, nr_conv_depthwise_item },
  [NR_CONV_PANEL]     = { nr_conv_panel_prepare, nr_conv_panel_pack, nr_conv_panel_item },
  [NR_CONV_PLANE]     = { nr_conv_plane_prepare, nr_conv_panel_pack, nr_conv_plane_item },
  [NR_CONV_WINOGRAD]  = { nr_conv_winograd_prepare, nr_conv_winograd_pack, nr_conv_winograd_item },
};

gboolean
nr_conv_prepare (NrNode *node, const NrKernels *kernels, GError **error)
{
  NrConvPlan *plan = node->params;

  set_strides (plan, node);

  return methods[choose_method (plan)].prepare (node, plan, error);
}

void
nr_conv_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrConvPlan *plan   = node->params;
  const gfloat     *packed = plan->packed != NULL ? plan->packed : nr_tensor_f32 (node->in[NR_CONV_PACKED]);

  for (gsize item = begin; item < end; item++)
    methods[plan->method].item (node, kernels, packed, item, scratch);
}

/* -- Packing ------------------------------------------------------------------------------------------------------- */

/* Items of packing: blocks of NR_ROWS output channels of a group. */
static gsize
n_pack_items (const NrConvPlan *plan)
{
  return plan->groups * ((plan->out_channels + NR_ROWS - 1) / NR_ROWS);
}

static void
pack_items (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize begin, gsize end)
{
  const NrConvPlan *plan = node->params;

  for (gsize item = begin; item < end; item++)
    methods[plan->method].pack (packed, node, kernels, item);
}

/* Constant weights: once. */
static void
pack_all (void *packed, const NrNode *node, gpointer data)
{
  pack_items (packed, node, node->plan->kernels, 0, n_pack_items (node->params));
}

/* All others: a node before the convolution, whose params are the convolution. */
static void
pack_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  pack_items (nr_tensor_f32 (node->out[0]), node->params, kernels, begin, end);
}

static const NrOpClass pack_class = {
  .type = "PackWeights",
  .run  = pack_run,
};

static gboolean
pack_before (NrNode *node, const NrConvPlan *plan, GError **error)
{
  NrNode *pack = nr_plan_add_before (node->plan, node, &pack_class, node->in[1], packed_size (plan), error);

  if (pack == NULL)
    return FALSE;

  pack->params  = node;
  pack->n_items = n_pack_items (plan);
  pack->grain   = 1;

  nr_conv_set_input (node, NR_CONV_PACKED, pack->out[0]);
  return TRUE;
}

/* -- For the methods ---------------------------------------------------------------------------------------------- */

void
nr_conv_set_input (NrNode *node, guint i, NrTensor *tensor)
{
  if (node->n_in <= i)
    node->in = g_renew (NrTensor *, node->in, i + 1);
  while (node->n_in <= i)
    node->in[node->n_in++] = NULL;
  node->in[i] = tensor;
}

gboolean
nr_conv_plan_finish (NrNode *node, NrConvPlan *plan, const gchar *key, gsize scratch, GError **error)
{
  const NrTensor *weights = node->in[1];

  plan->n_chunks = (plan->out_channels + plan->chunk - 1) / plan->chunk;
  plan->n_items  = plan->batch * plan->groups * plan->n_blocks * plan->n_chunks;

  node->n_items = plan->n_items;
  node->scratch = scratch;
  node->grain   = 1;

  if (! weights->is_constant)
    return pack_before (node, plan, error);

  plan->packed = nr_node_share (node, weights, key, packed_size (plan) * sizeof (gfloat), pack_all, NULL, error);
  return plan->packed != NULL;
}

NrConvItem
nr_conv_plan_item (const NrConvPlan *plan, gsize item)
{
  const gsize chunk = item % plan->n_chunks;
  const gsize block = item / plan->n_chunks % plan->n_blocks;
  const gsize group = item / plan->n_chunks / plan->n_blocks;

  return (NrConvItem) { .entry = group / plan->groups,
                        .group = group % plan->groups,
                        .block = block,
                        .begin = chunk * plan->chunk,
                        .end   = MIN ((chunk + 1) * plan->chunk, plan->out_channels) };
}

gsize
nr_conv_plan_in (const NrConvPlan *plan, gsize entry, gsize channel)
{
  return entry * plan->groups * plan->in_channels * plan->parts[0].grid.in_plane + channel * plan->in_channel;
}

gsize
nr_conv_plan_out (const NrConvPlan *plan, gsize entry, gsize channel)
{
  return entry * plan->groups * plan->out_channels * plan->parts[0].grid.out_plane + channel * plan->out_channel;
}

void
nr_conv_plan_split (NrConvPlan *plan, gsize least)
{
  const gsize wanted = 16; /* items: enough for a few threads to end together */
  const gsize items  = plan->batch * plan->groups * plan->n_blocks;
  gsize       n      = items >= wanted ? 1 : (wanted + items - 1) / items;

  n = MIN (n, MAX (plan->out_channels / least, 1));
  n = (plan->out_channels + n - 1) / n;

  plan->chunk = (n + NR_ROWS - 1) / NR_ROWS * NR_ROWS;
}

NrConvTaps *
nr_conv_union_of_taps (const NrConvPart *parts, gsize n, gsize stride, guint axis)
{
  gsize       most = 0;
  NrConvTaps *taps;

  for (gsize p = 0; p < n; p++)
    most += parts[p * stride].grid.axis[axis].n_taps;

  taps = g_malloc0 (sizeof (NrConvTaps) + most * sizeof (ptrdiff_t));
  for (gsize p = 0; p < n; p++)
    for (gsize t = 0; t < parts[p * stride].grid.axis[axis].n_taps; t++)
      {
        const ptrdiff_t offset = parts[p * stride].grid.axis[axis].offset[t];
        gsize           at     = 0;

        while (at < taps->n && taps->offset[at] < offset)
          at++;
        if (at < taps->n && taps->offset[at] == offset)
          continue;

        memmove (&taps->offset[at + 1], &taps->offset[at], (taps->n - at) * sizeof (ptrdiff_t));
        taps->offset[at] = offset;
        taps->n++;
      }

  return taps;
}

gsize
nr_conv_find_taps (const NrConvTaps *taps, ptrdiff_t offset)
{
  gsize i = 0;

  while (i < taps->n && taps->offset[i] != offset)
    i++;

  return i;
}

ptrdiff_t
nr_conv_floor_div (ptrdiff_t a, ptrdiff_t b)
{
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

NrRowEpilogue
nr_conv_row_epilogue (const NrNode *node, gsize channel)
{
  const NrTensor   *bias     = nr_node_in (node, 2);
  const NrEpilogue *epilogue = &node->epilogue;
  NrRowEpilogue     row      = { .bias           = bias != NULL ? nr_tensor_f32 (bias)[channel] : 0.0f,
                                 .a              = epilogue->a,
                                 .b              = epilogue->b,
                                 .residual_first = epilogue->residual_first };

  switch (epilogue->activation)
    {
    case NR_ACT_NONE:
      row.activation = NR_ROW_LINEAR;
      break;
    case NR_ACT_RELU:
      row.activation = NR_ROW_RELU;
      break;
    case NR_ACT_LEAKY_RELU:
      row.activation = NR_ROW_SLOPE;
      break;
    case NR_ACT_PRELU:
      row.activation = NR_ROW_SLOPE;
      row.a          = epilogue->slope[channel];
      break;
    case NR_ACT_CLIP:
      row.activation = NR_ROW_CLIP;
      break;
    }

  return row;
}
