/* Transpose: output dimension i is input dimension perm[i]. ONNX Transpose-1 to -21, any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "strided.h"

static gboolean
transpose_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gsize          n_perm;
  const gint64  *perm = nr_node_get_ints (node, "perm", &n_perm);
  gssize         in_strides[NR_MAX_RANK], strides[NR_MAX_RANK];
  gint64         dims[NR_MAX_RANK];
  gboolean       is_used[NR_MAX_RANK] = { FALSE };

  if (perm != NULL && n_perm != in->rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "perm has %" G_GSIZE_FORMAT " entries for %u dimensions",
                          n_perm, in->rank);

  nr_contiguous_strides (in, in_strides);
  for (guint i = 0; i < in->rank; i++)
    {
      gint64 from = perm != NULL ? perm[i] : (gint64) (in->rank - 1 - i);

      if (from < 0 || from >= in->rank || is_used[from])
        return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "perm is not a permutation of %u dimensions", in->rank);

      is_used[from] = TRUE;
      dims[i]       = in->dims[from];
      strides[i]    = in_strides[from];
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error))
    return FALSE;

  nr_strided_copy_init_node (node, in->rank, dims, strides, 0);
  return TRUE;
}

static const NrAttrSpec transpose_attrs[] = { { "perm", NR_ATTR_INTS }, { NULL } };

const NrOpClass nr_op_transpose = {
  .type    = "Transpose",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = transpose_attrs,
  .infer   = transpose_infer,
  .run     = nr_strided_copy_run,

  .plan_backward = nr_strided_copy_plan_backward,
  .backward      = nr_strided_copy_backward,
};
