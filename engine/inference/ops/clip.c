/* Clip: y = min (max (x, low), high). ONNX Clip-6 (attributes), -11, -12, -13 (inputs), float32 and integers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

#include <math.h>

static gboolean
clip_infer (NrNode *node, GError **error)
{
  NrType type = node->in[0]->shape.type;

  if (! nr_type_is_integer (type) && ! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (node->opset < 11 && (node->n_in > 1 || type != NR_TYPE_FLOAT32))
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "before opset 11 it takes one float32 input");

  for (guint i = 1; i < 3; i++)
    if (nr_node_in (node, i) != NULL)
      {
        if (! nr_node_check_type (node, i, type, error))
          return FALSE;
        if (node->in[i]->n != 1)
          return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') is not a scalar", i, node->in[i]->name);
      }

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return TRUE;
}

/* The value of INPUT or, where that is left out, of the attribute. */
static gfloat
bound (const NrNode *node, const NrTensor *input, const gchar *attribute, gfloat fallback)
{
  return input != NULL ? *nr_tensor_f32 (input) : nr_node_get_float (node, attribute, fallback);
}

static void
clip_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrTensor *x    = node->in[0];
  const NrTensor *low  = nr_node_in (node, 1);
  const NrTensor *high = nr_node_in (node, 2);
  NrTensor       *y    = node->out[0];

  if (x->shape.type == NR_TYPE_FLOAT32)
    {
      kernels->unary[NR_UNARY_CLIP](nr_tensor_f32 (x) + begin, nr_tensor_f32 (y) + begin, end - begin,
                                    bound (node, low, "min", -INFINITY), bound (node, high, "max", INFINITY));
    }
  else
    {
      gint64 a = low != NULL ? nr_integer_get (low, 0) : G_MININT64;
      gint64 b = high != NULL ? nr_integer_get (high, 0) : G_MAXINT64;

      for (gsize i = begin; i < end; i++)
        nr_integer_set (y, i, MIN (MAX (nr_integer_get (x, i), a), b));
    }
}

static gboolean
clip_plan_backward (NrBackward *backward, GError **error)
{
  if (backward->in_gradient[0] == NULL)
    return nr_node_error (backward->node, error, NR_ENGINE_ERROR_UNSUPPORTED, "cannot be differentiated: its bounds must be known");

  for (guint i = 0; i < backward->node->n_in; i++)
    nr_backward_keep_in (backward, i);
  backward->in_place = TRUE;
  return TRUE;
}

static void
clip_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrNode   *node = backward->node;
  const NrTensor *low  = node->n_in > 1 ? backward->in[1] : NULL;
  const NrTensor *high = node->n_in > 2 ? backward->in[2] : NULL;

  kernels->chain[NR_UNARY_CLIP](nr_tensor_f32 (backward->in[0]) + begin, nr_tensor_f32 (backward->out_gradient[0]) + begin,
                                nr_tensor_f32 (backward->in_gradient[0]) + begin, end - begin,
                                bound (node, low, "min", -INFINITY), bound (node, high, "max", INFINITY));
}

static const NrAttrSpec clip_attrs[] = { { "max", NR_ATTR_FLOAT }, { "min", NR_ATTR_FLOAT }, { NULL } };

const NrOpClass nr_op_clip = {
  .type     = "Clip",
  .min_in   = 1,
  .max_in   = 3,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = clip_attrs,
  .infer    = clip_infer,
  .run      = clip_run,
  .in_place = TRUE,

  .plan_backward = clip_plan_backward,
  .backward      = clip_backward,
};
