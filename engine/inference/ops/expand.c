/* Expand: the input broadcast with a shape. ONNX Expand-8, -13, any type. The shape must be known at load.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"
#include "strided.h"

static gboolean
expand_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  NrShape        target = { .type = in->type };
  NrShape        out;
  gssize         in_strides[NR_MAX_RANK], strides[NR_MAX_RANK];
  gsize          rank;

  if (! nr_node_const_ints (node, 1, target.dims, NR_MAX_RANK, &rank, error))
    return FALSE;

  target.rank = (guint) rank;
  if (! nr_node_broadcast (node, in, &target, &out, error) ||
      ! nr_node_set_out (node, 0, in->type, out.rank, out.dims, error))
    return FALSE;

  nr_contiguous_strides (in, in_strides);
  for (guint i = 0; i < out.rank; i++)
    {
      gint from = (gint) i - (gint) (out.rank - in->rank);

      strides[i] = from < 0 || in->dims[from] == 1 ? 0 : in_strides[from];
    }

  nr_strided_copy_init_node (node, out.rank, out.dims, strides, 0);
  return TRUE;
}

static gboolean
expand_plan_backward (NrBackward *backward, GError **error)
{
  nr_broadcast_sum_plan (backward, NULL, 0, NULL);
  return TRUE;
}

const NrOpClass nr_op_expand = {
  .type    = "Expand",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = expand_infer,
  .run     = nr_strided_copy_run,

  .plan_backward = expand_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};
