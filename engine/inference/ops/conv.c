/* Conv: y = w * x + b. ONNX Conv-1, -11 and -22: 1-D to 3-D, groups, strides, dilations, pads, auto_pad; float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "conv-plan.h"

#include <string.h>

/* Replaces pads by what auto_pad says and sets the output's size. */
static gboolean
resolve_axis (NrNode *node, const gchar *auto_pad, NrConvAxis *a, GError **error)
{
  const gint64 reach = (a->kernel - 1) * a->dilation + 1;

  if (g_str_equal (auto_pad, "VALID"))
    {
      a->begin = a->end = 0;
    }
  else if (g_str_has_prefix (auto_pad, "SAME_"))
    {
      const gint64 output = (a->input + a->stride - 1) / a->stride;
      const gint64 total  = MAX ((output - 1) * a->stride + reach - a->input, 0);

      a->begin = g_str_equal (auto_pad, "SAME_UPPER") ? total / 2 : total - total / 2;
      a->end   = total - a->begin;
    }

  const gint64 room = a->input + a->begin + a->end - reach;

  if (room < 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "a kernel reaching over %" G_GINT64_FORMAT " does not fit into an input of %" G_GINT64_FORMAT
                          " with pads %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                          reach, a->input, a->begin, a->end);

  a->output = room / a->stride + 1;
  return TRUE;
}

void
nr_conv_plan_add_grid (NrConvPlan *plan, const NrConvAxis axis[3])
{
  NrConvPartAxis part[3];

  memcpy (plan->axis, axis, sizeof plan->axis);
  for (guint i = 0; i < 3; i++)
    {
      const gsize n = (gsize) axis[i].kernel;

      part[i] = (NrConvPartAxis) { .positions = (gsize) axis[i].output,
                                   .step      = (gsize) axis[i].stride,
                                   .out_step  = 1,
                                   .n_taps    = n,
                                   .taps      = g_new (gsize, n),
                                   .offset    = g_new (ptrdiff_t, n) };
      for (gsize t = 0; t < n; t++)
        {
          part[i].taps[t]   = t;
          part[i].offset[t] = (ptrdiff_t) t * axis[i].dilation - axis[i].begin;
        }
    }

  nr_conv_plan_add_part (plan, axis, part);

  for (guint i = 0; i < 3; i++)
    {
      g_free (part[i].taps);
      g_free (part[i].offset);
    }
}

/* A kernel of one tap sees no neighbors: depth and height become one long row, without ends to care for. */
static void
flatten_pointwise (NrConvAxis axis[3])
{
  gint64 n = 1;

  for (guint i = 0; i < 3; i++)
    {
      if (axis[i].kernel != 1 || axis[i].stride != 1 || axis[i].begin != 0 || axis[i].end != 0)
        return;
      n *= axis[i].input;
    }

  axis[0].input = axis[0].output = axis[1].input = axis[1].output = 1;
  axis[2].input = axis[2].output = n;
}

static gboolean
conv_infer (NrNode *node, GError **error)
{
  const gchar *auto_pad = nr_node_get_string (node, "auto_pad", "NOTSET");
  const gint64 groups   = nr_node_get_int (node, "group", 1);
  NrConvAxis   axis[3];
  guint        n_spatial;

  if (! nr_conv_read_axes (node, axis, &n_spatial, error))
    return FALSE;

  const gint64 *x = node->in[0]->shape.dims;
  const gint64 *w = node->in[1]->shape.dims;

  if (groups < 1 || w[0] < 1 || w[1] < 1 || w[0] % groups != 0 || x[1] / groups != w[1] || x[1] % groups != 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "input has %" G_GINT64_FORMAT " channels, %" G_GINT64_FORMAT " weights of %" G_GINT64_FORMAT
                          " channels in %" G_GINT64_FORMAT " groups do not fit",
                          x[1], w[0], w[1], groups);
  if (! nr_conv_check_bias (node, w[0], error))
    return FALSE;

  gint64 dims[5] = { x[0], w[0] };

  for (guint i = 3 - n_spatial; i < 3; i++)
    {
      if (! resolve_axis (node, auto_pad, &axis[i], error))
        return FALSE;
      dims[2 + i - (3 - n_spatial)] = axis[i].output;
    }

  if (! nr_node_set_out (node, 0, NR_TYPE_FLOAT32, n_spatial + 2, dims, error))
    return FALSE;

  NrConvPlan *plan   = nr_conv_plan_new (node);
  const gsize n_taps = (gsize) (axis[0].kernel * axis[1].kernel * axis[2].kernel);

  plan->batch        = (gsize) x[0];
  plan->groups       = (gsize) groups;
  plan->in_channels  = (gsize) w[1];
  plan->out_channels = (gsize) (w[0] / groups);
  plan->w_in         = n_taps;
  plan->w_out        = n_taps * plan->in_channels;
  plan->w_group      = plan->w_out * plan->out_channels;
  flatten_pointwise (axis);
  plan->n_taps = n_taps;
  nr_conv_plan_add_grid (plan, axis);

  node->n_macs = (guint64) node->out[0]->n * plan->w_out;
  return TRUE;
}

static const NrAttrSpec attrs[] = {
  { "auto_pad", NR_ATTR_STRING },
  { "dilations", NR_ATTR_INTS },
  { "group", NR_ATTR_INT },
  { "kernel_shape", NR_ATTR_INTS },
  { "pads", NR_ATTR_INTS },
  { "strides", NR_ATTR_INTS },
  { NULL }
};

const NrOpClass nr_op_conv = {
  .type    = "Conv",
  .min_in  = 2,
  .max_in  = 3,
  .min_out = 1,
  .max_out = 1,
  .attrs   = attrs,
  .infer   = conv_infer,
  .prepare = nr_conv_prepare,
  .run     = nr_conv_run,

  .takes_rows        = nr_conv_takes_rows,
  .has_epilogue      = TRUE,
  .residual_in_place = TRUE,

  .differentiate = nr_conv_differentiate,
};
