/* Tile: the input repeated along each dimension. ONNX Tile-6, -13, any type. The repeats must be known at load.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "strided.h"

static gboolean
tile_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gssize         in_strides[NR_MAX_RANK], strides[NR_STRIDED_MAX_RANK];
  gint64         repeats[NR_MAX_RANK], dims[NR_STRIDED_MAX_RANK], out_dims[NR_MAX_RANK];
  gsize          n;

  if (! nr_node_const_ints (node, 1, repeats, NR_MAX_RANK, &n, error))
    return FALSE;

  if (n != in->rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GSIZE_FORMAT " repeats for %u dimensions", n, in->rank);

  nr_contiguous_strides (in, in_strides);
  for (guint i = 0; i < in->rank; i++)
    {
      if (repeats[i] < 0 || (in->dims[i] > 0 && repeats[i] > G_MAXINT64 / in->dims[i]))
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "dimension %u cannot be repeated %" G_GINT64_FORMAT " times",
                              i, repeats[i]);

      out_dims[i]        = repeats[i] * in->dims[i];
      dims[2 * i]        = repeats[i];
      strides[2 * i]     = 0;
      dims[2 * i + 1]    = in->dims[i];
      strides[2 * i + 1] = in_strides[i];
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, out_dims, error))
    return FALSE;

  nr_strided_copy_init_node (node, 2 * in->rank, dims, strides, 0);
  return TRUE;
}

const NrOpClass nr_op_tile = {
  .type    = "Tile",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = tile_infer,
  .run     = nr_strided_copy_run,
};
