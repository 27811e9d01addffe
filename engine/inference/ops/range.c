/* Range: start, start + delta, ... below (or above) limit. ONNX Range-11, float32, int32, int64. All three must be known at
 * load, they make the shape.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

#include <math.h>

static gboolean
range_infer (NrNode *node, GError **error)
{
  NrType  type = node->in[0]->shape.type;
  gdouble start, limit, delta, n;

  if (type != NR_TYPE_INT32 && type != NR_TYPE_INT64)
    type = NR_TYPE_FLOAT32;

  for (guint i = 0; i < 3; i++)
    {
      if (! nr_node_check_type (node, i, type, error))
        return FALSE;
      if (! node->in[i]->is_constant)
        return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input %u ('%s') must be known when the network is loaded",
                              i, node->in[i]->name);
      if (node->in[i]->n != 1)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') is not a scalar", i, node->in[i]->name);
    }

  start = nr_number_get (node->in[0], 0);
  limit = nr_number_get (node->in[1], 0);
  delta = nr_number_get (node->in[2], 0);
  n     = ceil ((limit - start) / delta);

  /* Not finite: delta is 0 or something is NaN. 2^53: above, a double does not count exactly. */
  if (! isfinite (n) || n > 9007199254740992.0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%g to %g in steps of %g is no range", start, limit, delta);

  return nr_node_set_out (node, 0, type, 1, (const gint64[]) { (gint64) MAX (n, 0.0) }, error);
}

static void
range_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  NrTensor *y = node->out[0];

  for (gsize i = begin; i < end; i++)
    if (y->shape.type == NR_TYPE_FLOAT32)
      nr_tensor_f32 (y)[i] = *nr_tensor_f32 (node->in[0]) + (gfloat) i * *nr_tensor_f32 (node->in[2]);
    else
      nr_integer_set (y, i, (gint64) ((guint64) nr_integer_get (node->in[0], 0) + i * (guint64) nr_integer_get (node->in[2], 0)));
}

const NrOpClass nr_op_range = {
  .type        = "Range",
  .since_opset = 11,
  .min_in      = 3,
  .max_in      = 3,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = range_infer,
  .run         = range_run,
};
