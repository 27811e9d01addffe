/* Relu: y = max (x, 0). ONNX Relu-6, -13, -14, float32, any shape.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

static gboolean
relu_infer (NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return TRUE;
}

static void
relu_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const gfloat *x = nr_tensor_f32 (node->in[0]);
  gfloat       *y = nr_tensor_f32 (node->out[0]);

  kernels->relu (x + begin, y + begin, end - begin);
}

/* dx = dy where y > 0, else 0: the output says it, so that the input may be overwritten. */
static gboolean
relu_plan_backward (NrBackward *backward, GError **error)
{
  nr_backward_keep_out (backward, 0);
  backward->in_place = TRUE;
  return TRUE;
}

static void
relu_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  kernels->chain[NR_UNARY_LEAKY_RELU](nr_tensor_f32 (backward->out[0]) + begin, nr_tensor_f32 (backward->out_gradient[0]) + begin,
                                      nr_tensor_f32 (backward->in_gradient[0]) + begin, end - begin, 0.0f, 0.0f);
}

const NrOpClass nr_op_relu = {
  .type     = "Relu",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = relu_infer,
  .run      = relu_run,
  .in_place = TRUE,

  .plan_backward = relu_plan_backward,
  .backward      = relu_backward,
};
