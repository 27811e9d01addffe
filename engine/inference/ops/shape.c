/* Shape and Size of a tensor as int64. ONNX Shape-1, -13, -15 (start, end), -21, Size-1 to -21; input of any type. Known as
 * soon as the input's shape is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

/* A bound of the list of dimensions, negative from behind, clamped to it. */
static gint64
bound (const NrNode *node, const gchar *name, gint64 fallback)
{
  gint64 rank  = node->in[0]->shape.rank;
  gint64 value = nr_node_get_int (node, name, fallback);

  if (value < 0)
    value += rank;
  return CLAMP (value, 0, rank);
}

static gboolean
shape_infer (NrNode *node, GError **error)
{
  gint64 start = bound (node, "start", 0);
  gint64 end   = bound (node, "end", G_MAXINT64);

  return nr_node_set_out (node, 0, NR_TYPE_INT64, 1, (const gint64[]) { MAX (end - start, 0) }, error);
}

static void
shape_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  gint64 start = bound (node, "start", 0);

  for (gsize i = begin; i < end; i++)
    nr_tensor_i64 (node->out[0])[i] = node->in[0]->shape.dims[start + (gint64) i];
}

static gboolean
size_infer (NrNode *node, GError **error)
{
  return nr_node_set_out (node, 0, NR_TYPE_INT64, 0, NULL, error);
}

static void
size_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  *nr_tensor_i64 (node->out[0]) = (gint64) node->in[0]->n;
}

static const NrAttrSpec shape_attrs[] = { { "end", NR_ATTR_INT }, { "start", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_shape = {
  .type        = "Shape",
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .attrs       = shape_attrs,
  .infer       = shape_infer,
  .run         = shape_run,
  .shapes_only = TRUE,
};

const NrOpClass nr_op_size = {
  .type        = "Size",
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = size_infer,
  .run         = size_run,
  .shapes_only = TRUE,
};
