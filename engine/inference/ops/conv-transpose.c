/* ConvTranspose: the transpose of Conv. ONNX ConvTranspose-1, -11 and -22: 1-D to 3-D, groups, strides, dilations, pads,
 * auto_pad, output_padding, output_shape; float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Output o collects input i through tap t where i * stride + t * dilation = o + begin. The outputs of one phase,
 * o = q * stride + phase, always meet the same taps, so each phase is a plain convolution: no zeros are multiplied and no
 * sums scattered.
 */

#include "conv-plan.h"

#include <string.h>

static const gint64 max_phases = 4096; /* product of the strides: far above any network's */

/* Replaces pads by what auto_pad and output_shape say and sets the output's size. */
static gboolean
resolve_axis (NrNode *node, const gchar *auto_pad, gint64 extra, gint64 wanted, NrConvAxis *a, GError **error)
{
  const gint64 full = (a->input - 1) * a->stride + extra + (a->kernel - 1) * a->dilation + 1;

  if (wanted < 0 && g_str_has_prefix (auto_pad, "SAME_"))
    wanted = a->input * a->stride;

  if (wanted >= 0)
    {
      const gint64 total = MAX (full - wanted, 0); /* a larger output gets bias at its end */

      a->begin = g_str_equal (auto_pad, "SAME_UPPER") ? total / 2 : total - total / 2;
      a->end   = total - a->begin;
    }
  else if (g_str_equal (auto_pad, "VALID"))
    {
      a->begin = a->end = 0;
    }

  a->output = wanted >= 0 ? wanted : full - a->begin - a->end;
  if (a->output < 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the output would have a size of %" G_GINT64_FORMAT, a->output);

  return TRUE;
}

/* The outputs o = q * stride + phase of one axis. */
static NrConvPartAxis
make_phase (const NrConvAxis *a, gint64 phase)
{
  NrConvPartAxis part = { .positions = (gsize) ((a->output - phase + a->stride - 1) / a->stride),
                          .step      = 1,
                          .out_step  = (gsize) a->stride,
                          .out_phase = (gsize) phase,
                          .taps      = g_new (gsize, (gsize) a->kernel),
                          .offset    = g_new (ptrdiff_t, (gsize) a->kernel) };

  /* Last to first: then neighboring taps read neighboring inputs, as those of a convolution do. */
  for (gint64 t = a->kernel; t-- > 0;)
    {
      const gint64 distance = phase + a->begin - t * a->dilation;

      if (distance % a->stride == 0)
        {
          part.taps[part.n_taps]     = (gsize) t;
          part.offset[part.n_taps++] = (ptrdiff_t) (distance / a->stride);
        }
    }

  return part;
}

static void
free_phase (NrConvPartAxis *part)
{
  g_free (part->taps);
  g_free (part->offset);
}

void
nr_conv_plan_add_phases (NrConvPlan *plan, const NrConvAxis axis[3])
{
  NrConvPartAxis part[3];

  plan->is_transposed = TRUE;
  memcpy (plan->axis, axis, sizeof plan->axis);
  for (gint64 z = 0; z < MIN (axis[0].stride, axis[0].output); z++)
    {
      part[0] = make_phase (&axis[0], z);
      for (gint64 y = 0; y < MIN (axis[1].stride, axis[1].output); y++)
        {
          part[1] = make_phase (&axis[1], y);
          for (gint64 x = 0; x < MIN (axis[2].stride, axis[2].output); x++)
            {
              part[2] = make_phase (&axis[2], x);
              nr_conv_plan_add_part (plan, axis, part);
              free_phase (&part[2]);
            }
          free_phase (&part[1]);
        }
      free_phase (&part[0]);
    }
}

/* Attribute NAME for axis i of n, or fallback when it is not given. */
static gboolean
read_optional (NrNode *node, const gchar *name, guint n, gint64 fallback, gint64 values[3], GError **error)
{
  gsize         length;
  const gint64 *ints = nr_node_get_ints (node, name, &length);

  for (guint i = 0; i < n; i++)
    values[i] = fallback;
  if (ints == NULL || length == 0)
    return TRUE;

  /* Some exporters write output_shape with batch and channels. */
  if (length == n + 2u && g_str_equal (name, "output_shape"))
    {
      ints += 2;
      length = n;
    }
  if (length != n)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "%s has %" G_GSIZE_FORMAT " values, expected are %u", name, length, n);

  for (guint i = 0; i < n; i++)
    {
      if (ints[i] < 0 || ints[i] > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%s contains %" G_GINT64_FORMAT, name, ints[i]);
      values[i] = ints[i];
    }

  return TRUE;
}

static gboolean
conv_transpose_infer (NrNode *node, GError **error)
{
  const gchar *auto_pad = nr_node_get_string (node, "auto_pad", "NOTSET");
  const gint64 groups   = nr_node_get_int (node, "group", 1);
  NrConvAxis   axis[3];
  gint64       extra[3], wanted[3];
  guint        n_spatial;

  if (! nr_conv_read_axes (node, axis, &n_spatial, error) ||
      ! read_optional (node, "output_padding", n_spatial, 0, extra, error) ||
      ! read_optional (node, "output_shape", n_spatial, -1, wanted, error))
    return FALSE;

  const gint64 *x = node->in[0]->shape.dims;
  const gint64 *w = node->in[1]->shape.dims;
  gint64        channels;

  if (groups < 1 || w[0] < 1 || w[1] < 1 || x[1] != w[0] || x[1] % groups != 0 ||
      __builtin_mul_overflow (w[1], groups, &channels))
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "input has %" G_GINT64_FORMAT " channels, weights expect %" G_GINT64_FORMAT
                          " in %" G_GINT64_FORMAT " groups",
                          x[1], w[0], groups);
  if (! nr_conv_check_bias (node, channels, error))
    return FALSE;

  gint64 dims[5] = { x[0], channels };
  gint64 phases  = 1;

  for (guint i = 0; i < n_spatial; i++)
    {
      NrConvAxis *a = &axis[3 - n_spatial + i];

      if (! resolve_axis (node, auto_pad, extra[i], wanted[i], a, error))
        return FALSE;
      dims[2 + i] = a->output;
      phases *= MIN (MIN (a->stride, a->output), max_phases + 1);
      if (phases > max_phases)
        return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                              "strides with a product above %" G_GINT64_FORMAT, max_phases);
    }

  if (! nr_node_set_out (node, 0, NR_TYPE_FLOAT32, n_spatial + 2, dims, error))
    return FALSE;

  NrConvPlan *plan   = nr_conv_plan_new (node);
  const gsize n_taps = (gsize) (axis[0].kernel * axis[1].kernel * axis[2].kernel);

  plan->batch        = (gsize) x[0];
  plan->groups       = (gsize) groups;
  plan->in_channels  = (gsize) (x[1] / groups);
  plan->out_channels = (gsize) w[1];
  plan->w_out        = n_taps;
  plan->w_in         = n_taps * plan->out_channels;
  plan->w_group      = plan->w_in * plan->in_channels;
  plan->n_taps       = n_taps;
  nr_conv_plan_add_phases (plan, axis);

  node->n_macs = (guint64) node->in[0]->n * plan->w_in;
  return TRUE;
}

static const NrAttrSpec attrs[] = {
  { "auto_pad", NR_ATTR_STRING },
  { "dilations", NR_ATTR_INTS },
  { "group", NR_ATTR_INT },
  { "kernel_shape", NR_ATTR_INTS },
  { "output_padding", NR_ATTR_INTS },
  { "output_shape", NR_ATTR_INTS },
  { "pads", NR_ATTR_INTS },
  { "strides", NR_ATTR_INTS },
  { NULL }
};

const NrOpClass nr_op_conv_transpose = {
  .type    = "ConvTranspose",
  .min_in  = 2,
  .max_in  = 3,
  .min_out = 1,
  .max_out = 1,
  .attrs   = attrs,
  .infer   = conv_transpose_infer,
  .prepare = nr_conv_prepare,
  .run     = nr_conv_run,

  .takes_rows        = nr_conv_takes_rows,
  .has_epilogue      = TRUE,
  .residual_in_place = TRUE,

  .differentiate = nr_conv_differentiate,
};
