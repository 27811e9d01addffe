/* Gradients of Conv and ConvTranspose.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Of the input: that of a convolution is the transposed convolution of the output's gradient with the same weights, that of a
 * transposed one a convolution. Both are described as grids like any other, so Winograd, bands and panels compute them.
 * Of the weights: conv-weight-gradient.c. Of the bias: sums over planes.
 */

#include "gradient/conv-gradient.h"

#include <string.h>

/* -- Input --------------------------------------------------------------------------------------------------------- */

static const NrOpClass input_class = {
  .type    = "ConvInputGradient",
  .prepare = nr_conv_prepare,
  .run     = nr_conv_run,
};

static const NrOpClass input_transposed_class = {
  .type    = "ConvTransposeInputGradient",
  .prepare = nr_conv_prepare,
  .run     = nr_conv_run,
};

/* Strides with more phases than this belong to no network; each is a grid of its own. */
static const gint64 max_phases = 4096;

static gboolean
check_phases (const NrNode *node, const NrConvAxis axis[3], GError **error)
{
  gint64 phases = 1;

  for (guint i = 0; i < 3; i++)
    {
      phases *= MIN (MIN (axis[i].stride, axis[i].output), max_phases + 1);
      if (phases > max_phases)
        return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                              "no gradient for strides with a product above %" G_GINT64_FORMAT, max_phases);
    }

  return TRUE;
}

static NrTensor *
add_input_gradient (NrTape *tape, const NrNode *node, NrTensor *dy, GError **error)
{
  const NrConvPlan *forward = node->params;
  NrTensor         *in[]    = { dy, node->in[1] };
  NrTensor         *dx      = nr_tape_tensor (tape, node->in[0]);
  NrNode           *added   = nr_tape_add (tape, node, forward->is_transposed ? &input_transposed_class : &input_class, 2, in, 1, &dx);
  NrConvPlan       *plan    = nr_conv_plan_new (added);
  NrConvAxis        axis[3];

  for (guint i = 0; i < 3; i++)
    {
      axis[i]        = forward->axis[i];
      axis[i].input  = forward->axis[i].output;
      axis[i].output = forward->axis[i].input;
    }

  plan->batch        = forward->batch;
  plan->groups       = forward->groups;
  plan->in_channels  = forward->out_channels;
  plan->out_channels = forward->in_channels;
  plan->w_group      = forward->w_group;
  plan->w_out        = forward->w_in;
  plan->w_in         = forward->w_out;
  plan->n_taps       = forward->n_taps;
  added->n_macs      = node->n_macs;

  if (forward->is_transposed)
    nr_conv_plan_add_grid (plan, axis);
  else if (check_phases (node, axis, error))
    nr_conv_plan_add_phases (plan, axis);
  else
    return NULL;

  return dx;
}

/* -- Bias ---------------------------------------------------------------------------------------------------------- */

/* Items are channels. */
static void
bias_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrShape *shape    = &node->in[0]->shape;
  const gsize    channels = node->out[0]->n;
  const gsize    plane    = node->in[0]->n / MAX ((gsize) shape->dims[0] * channels, 1);
  const gfloat  *dy       = nr_tensor_f32 (node->in[0]);

  for (gsize c = begin; c < end; c++)
    {
      gdouble sum = 0.0;

      for (gsize n = 0; n < (gsize) shape->dims[0]; n++)
        sum += kernels->row_sum (dy + (n * channels + c) * plane, plane);
      nr_tensor_f32 (node->out[0])[c] = (gfloat) sum;
    }
}

static const NrOpClass bias_class = {
  .type = "ConvBiasGradient",
  .run  = bias_run,
};

static NrTensor *
add_bias_gradient (NrTape *tape, const NrNode *node, NrTensor *dy)
{
  NrTensor *db    = nr_tape_tensor (tape, node->in[2]);
  NrNode   *added = nr_tape_add (tape, node, &bias_class, 1, &dy, 1, &db);

  added->n_items = db->n;
  added->grain   = 1 + 8192 / (1 + dy->n / MAX (db->n, 1));
  return db;
}

/* -- All ----------------------------------------------------------------------------------------------------------- */

gboolean
nr_conv_differentiate (NrTape *tape, NrNode *node, NrTensor *const *out_gradient, const gboolean *wanted, NrTensor **in_gradient, GError **error)
{
  NrTensor *dy = out_gradient[0];

  /* Weights first: dx may then be made where dy dies. */
  if (wanted[1])
    in_gradient[1] = nr_conv_winograd_gradient_pays (node->params) ? nr_conv_winograd_gradient (tape, node, dy, error)
                                                                   : nr_conv_weight_gradient (tape, node, dy, error);
  if (wanted[1] && in_gradient[1] == NULL)
    return FALSE;
  if (node->n_in > 2 && wanted[2])
    in_gradient[2] = add_bias_gradient (tape, node, dy);
  if (wanted[0] && (in_gradient[0] = add_input_gradient (tape, node, dy, error)) == NULL)
    return FALSE;

  return TRUE;
}
