/* Split: pieces along an axis. ONNX Split-2, -11 (lengths as attribute), -13 (as input, known at load), -18 (num_outputs),
 * any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

typedef struct
{
  gsize *lengths;   /* bytes that each output takes of one outer index */
  gsize  row_bytes; /* their sum */
} SplitParams;

static void
split_params_free (gpointer data)
{
  SplitParams *params = data;

  g_free (params->lengths);
  g_free (params);
}

/* Equal lengths; from opset 18 on the last may be shorter. */
static gboolean
equal_lengths (const NrNode *node, gint64 dim, gint64 *lengths, GError **error)
{
  gint64 n      = node->n_out;
  gint64 length = dim / n + (dim % n != 0);

  if (node->opset >= 18 && nr_node_get_int (node, "num_outputs", n) != n)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "num_outputs is not the number of outputs, %u", node->n_out);

  if (length * (n - 1) > dim || (node->opset < 18 && dim % n != 0))
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GINT64_FORMAT " elements cannot be split in %u", dim, node->n_out);

  for (guint k = 0; k < node->n_out; k++)
    lengths[k] = k + 1 < node->n_out ? length : dim - length * (n - 1);
  return TRUE;
}

static gboolean
read_lengths (const NrNode *node, gint64 dim, gint64 *lengths, GError **error)
{
  const gint64 *list;
  gsize         n   = 0;
  gint64        sum = 0;

  if (node->opset < 13)
    {
      list = nr_node_get_ints (node, "split", &n);
      if (list == NULL)
        return equal_lengths (node, dim, lengths, error);

      for (gsize k = 0; k < MIN (n, node->n_out); k++)
        lengths[k] = list[k];
    }
  else if (nr_node_in (node, 1) == NULL)
    {
      return equal_lengths (node, dim, lengths, error);
    }
  else if (! nr_node_const_ints (node, 1, lengths, node->n_out, &n, error))
    {
      return FALSE;
    }

  if (n != node->n_out)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "%" G_GSIZE_FORMAT " lengths for %u outputs", n, node->n_out);

  for (gsize k = 0; k < n; k++)
    {
      if (lengths[k] < 0 || lengths[k] > dim - sum)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the lengths do not add up to %" G_GINT64_FORMAT, dim);
      sum += lengths[k];
    }
  if (sum != dim)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the lengths do not add up to %" G_GINT64_FORMAT, dim);

  return TRUE;
}

static gboolean
split_infer (NrNode *node, GError **error)
{
  const NrShape     *in      = &node->in[0]->shape;
  SplitParams       *params  = g_new0 (SplitParams, 1);
  g_autofree gint64 *lengths = g_new0 (gint64, node->n_out);
  gint64             dims[NR_MAX_RANK];
  gsize              inner = nr_type_size (in->type);
  guint              axis;

  params->lengths   = g_new0 (gsize, node->n_out);
  node->params      = params;
  node->free_params = split_params_free;

  if (! nr_node_axis (node, nr_node_get_int (node, "axis", 0), in->rank, &axis, error) ||
      ! read_lengths (node, in->dims[axis], lengths, error))
    return FALSE;

  for (guint i = 0; i < in->rank; i++)
    {
      dims[i] = in->dims[i];
      if (i > axis)
        inner *= (gsize) in->dims[i];
    }

  for (guint k = 0; k < node->n_out; k++)
    {
      dims[axis]         = lengths[k];
      params->lengths[k] = (gsize) lengths[k] * inner;
      params->row_bytes += params->lengths[k];
      if (! nr_node_set_out (node, k, in->type, in->rank, dims, error))
        return FALSE;
    }

  node->n_items = node->in[0]->n;
  return TRUE;
}

/* Elements [begin, end) of the input, piece by piece. */
static void
split_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const SplitParams *params = node->params;
  gsize              size   = nr_type_size (node->in[0]->shape.type);
  const guint8      *in     = node->in[0]->data;
  gsize              pos    = begin * size;
  gsize              outer, within;

  if (params->row_bytes == 0)
    return;

  outer  = pos / params->row_bytes;
  within = pos % params->row_bytes;
  for (; pos < end * size; outer++, within = 0)
    for (guint k = 0; k < node->n_out && pos < end * size; k++)
      {
        gsize length = params->lengths[k], n;

        if (within >= length)
          {
            within -= length;
            continue;
          }

        n = MIN (length - within, end * size - pos);
        if (node->out[k] != NULL)
          memcpy ((guint8 *) node->out[k]->data + outer * length + within, in + pos, n);
        pos += n;
        within = 0;
      }
}

/* Elements [begin, end) of the input's gradient: those of the outputs one behind the other. */
static void
split_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrNode      *node   = backward->node;
  const SplitParams *params = node->params;
  const gsize        size   = sizeof (gfloat);
  guint8            *target = backward->in_gradient[0]->data;
  gsize              pos    = begin * size;
  gsize              outer  = pos / params->row_bytes;
  gsize              within = pos % params->row_bytes;

  for (; pos < end * size; outer++, within = 0)
    for (guint k = 0; k < node->n_out && pos < end * size; k++)
      {
        gsize length = params->lengths[k], n;

        if (within >= length)
          {
            within -= length;
            continue;
          }

        n = MIN (length - within, end * size - pos);
        if (backward->out_gradient[k] != NULL)
          memcpy (target + pos, (const guint8 *) backward->out_gradient[k]->data + outer * length + within, n);
        else
          memset (target + pos, 0, n);
        pos += n;
        within = 0;
      }
}

static const NrAttrSpec split_attrs[] = {
  { "axis", NR_ATTR_INT }, { "num_outputs", NR_ATTR_INT }, { "split", NR_ATTR_INTS }, { NULL }
};

const NrOpClass nr_op_split = {
  .type    = "Split",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = G_MAXUINT,
  .attrs   = split_attrs,
  .infer   = split_infer,
  .run     = split_run,

  .backward = split_backward,
};
