/* Gather: slices of the data at given indices of an axis. ONNX Gather-1, -11, -13; data of any type, indices int32 or int64
 * in [-dim, dim). Indices known at load are checked then; later ones are clamped, which the specification leaves open.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

typedef struct
{
  gint64 dim;   /* of the axis */
  gsize  inner; /* bytes of one slice */
} GatherParams;

static gboolean
check_indices (const NrNode *node, gint64 dim, GError **error)
{
  const NrTensor *indices = node->in[1];

  if (indices->shape.type != NR_TYPE_INT32 && ! nr_node_check_type (node, 1, NR_TYPE_INT64, error))
    return FALSE;
  if (dim == 0 && indices->n > 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the axis has no elements");

  for (gsize i = 0; indices->is_constant && i < indices->n; i++)
    {
      gint64 index = nr_integer_get (indices, i);

      if (index < -dim || index >= dim)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "index %" G_GINT64_FORMAT " is outside the axis of %" G_GINT64_FORMAT, index, dim);
    }

  return TRUE;
}

static gboolean
gather_infer (NrNode *node, GError **error)
{
  const NrShape *in      = &node->in[0]->shape;
  const NrShape *indices = &node->in[1]->shape;
  GatherParams  *params  = g_new0 (GatherParams, 1);
  gint64         dims[2 * NR_MAX_RANK];
  guint          axis, rank = 0;

  node->params      = params;
  node->free_params = g_free;

  if (! nr_node_axis (node, nr_node_get_int (node, "axis", 0), in->rank, &axis, error) ||
      ! check_indices (node, in->dims[axis], error))
    return FALSE;

  params->dim   = in->dims[axis];
  params->inner = nr_type_size (in->type);
  for (guint i = 0; i < axis; i++)
    dims[rank++] = in->dims[i];
  for (guint i = 0; i < indices->rank; i++)
    dims[rank++] = indices->dims[i];
  for (guint i = axis + 1; i < in->rank; i++)
    {
      dims[rank++] = in->dims[i];
      params->inner *= (gsize) in->dims[i];
    }

  if (! nr_node_set_out (node, 0, in->type, rank, dims, error))
    return FALSE;

  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / (params->inner / nr_type_size (in->type));
  node->grain = 1 + 16384 / MAX (params->inner, 1);
  return TRUE;
}

/* Slices [begin, end) of the output. */
static void
gather_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const GatherParams *params  = node->params;
  const NrTensor     *indices = node->in[1];
  const guint8       *in      = node->in[0]->data;
  guint8             *out     = node->out[0]->data;

  for (gsize i = begin; i < end; i++)
    {
      gsize  outer = i / indices->n;
      gint64 index = nr_integer_get (indices, i % indices->n);

      index += index < 0 ? params->dim : 0;
      index = CLAMP (index, 0, params->dim - 1);
      memcpy (out + i * params->inner, in + (outer * (gsize) params->dim + (gsize) index) * params->inner, params->inner);
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

enum
{
  COLUMNS = 4096 /* of all slices that one item adds up */
};

static gsize
count_blocks (const GatherParams *params)
{
  return (params->inner / sizeof (gfloat) + COLUMNS - 1) / COLUMNS;
}

/* Items are blocks of columns of the slices below one outer index. */
static gboolean
gather_plan_backward (NrBackward *backward, GError **error)
{
  const GatherParams *params = backward->node->params;
  const gsize         slab   = (gsize) params->dim * (params->inner / sizeof (gfloat));

  nr_backward_keep_in (backward, 1);
  backward->n_items = backward->node->in[0]->n / MAX (slab, 1) * count_blocks (params);
  backward->grain   = 1;
  return TRUE;
}

/* N columns: a slice's gradient is the sum of those of all its copies. */
static void
add_slices (const NrBackward *backward, const gfloat *dy, gfloat *dx, gsize n)
{
  const GatherParams *params  = backward->node->params;
  const NrTensor     *indices = backward->in[1];
  const gsize         inner   = params->inner / sizeof (gfloat);

  for (gint64 i = 0; i < params->dim; i++)
    memset (dx + (gsize) i * inner, 0, n * sizeof (gfloat));

  for (gsize k = 0; k < indices->n; k++)
    {
      gint64  index = nr_integer_get (indices, k);
      gfloat *slice;

      index += index < 0 ? params->dim : 0;
      slice = dx + (gsize) CLAMP (index, 0, params->dim - 1) * inner;
      for (gsize i = 0; i < n; i++)
        slice[i] += dy[k * inner + i];
    }
}

static void
gather_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const GatherParams *params = backward->node->params;
  const gsize         inner  = params->inner / sizeof (gfloat);
  const gsize         blocks = count_blocks (params);

  for (gsize item = begin; item < end; item++)
    {
      const gsize outer = item / blocks;
      const gsize first = item % blocks * COLUMNS;

      add_slices (backward, nr_tensor_f32 (backward->out_gradient[0]) + outer * backward->in[1]->n * inner + first,
                  nr_tensor_f32 (backward->in_gradient[0]) + outer * (gsize) params->dim * inner + first,
                  MIN (COLUMNS, inner - first));
    }
}

static const NrAttrSpec gather_attrs[] = { { "axis", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_gather = {
  .type    = "Gather",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = gather_attrs,
  .infer   = gather_infer,
  .run     = gather_run,

  .plan_backward = gather_plan_backward,
  .backward      = gather_backward,
};
