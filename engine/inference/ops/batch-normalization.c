/* BatchNormalization with known mean and variance: y = (x - mean) scale / sqrt (var + epsilon) + bias, one of each a
 * channel. ONNX BatchNormalization-9, -14, -15, float32, [N, C, ...].
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

#include <math.h>

static gboolean
batch_normalization_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;

  if (nr_node_get_int (node, "training_mode", 0) != 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "training mode is not supported");
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (in->rank < 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input is a scalar");

  for (guint i = 1; i < 5; i++)
    {
      if (! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
        return FALSE;
      if ((gint64) node->in[i]->n != (in->rank > 1 ? in->dims[1] : 1))
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') has %" G_GSIZE_FORMAT " values for %" G_GINT64_FORMAT " channels",
                              i, node->in[i]->name, node->in[i]->n, in->rank > 1 ? in->dims[1] : 1);
    }

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return TRUE;
}

/* Elements [begin, end), a piece of a plane at a time. */
static void
batch_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrShape *in       = &node->in[0]->shape;
  const gsize    channels = node->in[1]->n;
  const gsize    outer    = in->rank > 1 ? (gsize) in->dims[0] * channels : 1;
  const gsize    plane    = node->in[0]->n / outer;
  const gdouble  epsilon  = nr_node_get_float (node, "epsilon", 1e-5f);

  while (begin < end)
    {
      gsize   c     = begin / plane % channels;
      gsize   n     = MIN (plane - begin % plane, end - begin);
      gdouble scale = nr_tensor_f32 (node->in[1])[c] / sqrt (nr_tensor_f32 (node->in[4])[c] + epsilon);
      gdouble bias  = nr_tensor_f32 (node->in[2])[c] - nr_tensor_f32 (node->in[3])[c] * scale;

      kernels->unary[NR_UNARY_LINEAR](nr_tensor_f32 (node->in[0]) + begin, nr_tensor_f32 (node->out[0]) + begin, n,
                                      (gfloat) scale, (gfloat) bias);
      begin += n;
    }
}

static const NrAttrSpec batch_normalization_attrs[] = {
  { "epsilon", NR_ATTR_FLOAT }, { "momentum", NR_ATTR_FLOAT }, { "training_mode", NR_ATTR_INT }, { NULL }
};

const NrOpClass nr_op_batch_normalization = {
  .type     = "BatchNormalization",
  .min_in   = 5,
  .max_in   = 5,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = batch_normalization_attrs,
  .infer    = batch_normalization_infer,
  .run      = batch_normalization_run,
  .in_place = TRUE,
};
