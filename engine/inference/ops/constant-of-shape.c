/* ConstantOfShape: a tensor of a shape known at load, filled with one value. ONNX ConstantOfShape-9, -20, -21, any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

static gboolean
constant_of_shape_infer (NrNode *node, GError **error)
{
  const NrTensor *value = nr_node_get_tensor (node, "value");
  gint64          dims[NR_MAX_RANK];
  gsize           rank;

  if (value != NULL && value->n != 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "the value has %" G_GSIZE_FORMAT " elements, not one", value->n);

  return nr_node_const_ints (node, 0, dims, NR_MAX_RANK, &rank, error) &&
         nr_node_set_out (node, 0, value != NULL ? value->shape.type : NR_TYPE_FLOAT32, (guint) rank, dims, error);
}

static void
constant_of_shape_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrTensor *value = nr_node_get_tensor (node, "value");
  gsize           size  = nr_type_size (node->out[0]->shape.type);
  guint8         *out   = node->out[0]->data;

  for (gsize i = begin; i < end; i++)
    if (value != NULL)
      memcpy (out + i * size, value->data, size);
    else
      nr_tensor_f32 (node->out[0])[i] = 0.0f;
}

static const NrAttrSpec constant_of_shape_attrs[] = { { "value", NR_ATTR_TENSOR }, { NULL } };

const NrOpClass nr_op_constant_of_shape = {
  .type    = "ConstantOfShape",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = constant_of_shape_attrs,
  .infer   = constant_of_shape_infer,
  .run     = constant_of_shape_run,
};
