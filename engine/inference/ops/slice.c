/* Slice: starts, ends and steps along some axes. ONNX Slice-1 (attributes), -10, -11, -13 (inputs, which must be known at
 * load), any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "strided.h"

typedef struct
{
  gsize  n; /* of starts and ends */
  gint64 starts[NR_MAX_RANK], ends[NR_MAX_RANK], axes[NR_MAX_RANK], steps[NR_MAX_RANK];
} SliceSpec;

/* Attribute NAME into VALUES; absent: *n is 0. */
static gboolean
read_attr (const NrNode *node, const gchar *name, gint64 *values, gsize *n, GError **error)
{
  const gint64 *ints = nr_node_get_ints (node, name, n);

  if (*n > NR_MAX_RANK)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "%s has %" G_GSIZE_FORMAT " values", name, *n);

  for (gsize i = 0; i < *n; i++)
    values[i] = ints[i];
  return TRUE;
}

static gboolean
read_input (const NrNode *node, guint i, gint64 *values, gsize *n, GError **error)
{
  *n = 0;
  return nr_node_in (node, i) == NULL || nr_node_const_ints (node, i, values, NR_MAX_RANK, n, error);
}

static gboolean
read_spec (const NrNode *node, SliceSpec *spec, GError **error)
{
  gsize    n_ends, n_axes, n_steps = 0;
  gboolean is_read;

  if (node->opset < 10)
    is_read = read_attr (node, "starts", spec->starts, &spec->n, error) &&
              read_attr (node, "ends", spec->ends, &n_ends, error) &&
              read_attr (node, "axes", spec->axes, &n_axes, error);
  else
    is_read = read_input (node, 1, spec->starts, &spec->n, error) &&
              read_input (node, 2, spec->ends, &n_ends, error) &&
              read_input (node, 3, spec->axes, &n_axes, error) &&
              read_input (node, 4, spec->steps, &n_steps, error);
  if (! is_read)
    return FALSE;

  for (gsize i = 0; i < spec->n; i++)
    {
      if (n_axes == 0)
        spec->axes[i] = (gint64) i;
      if (n_steps == 0)
        spec->steps[i] = 1;
    }

  if (n_ends != spec->n || (n_axes != 0 && n_axes != spec->n) || (n_steps != 0 && n_steps != spec->n))
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "starts, ends, axes and steps have different lengths");

  return TRUE;
}

/* An end as NumPy counts it, negative from behind, into [low, high]. */
static gint64
clamp_index (gint64 index, gint64 dim, gint64 low, gint64 high)
{
  if (index < 0)
    index += dim;
  return CLAMP (index, low, high);
}

/* One dimension: output index i is input index start + i step. */
typedef struct
{
  gint64 start, step, n;
} SliceAxis;

static gboolean
resolve_axes (const NrNode *node, SliceAxis *axes, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  SliceSpec      spec;
  gboolean       is_used[NR_MAX_RANK] = { FALSE };

  if (! read_spec (node, &spec, error))
    return FALSE;

  for (guint i = 0; i < in->rank; i++)
    axes[i] = (SliceAxis) { 0, 1, in->dims[i] };

  for (gsize i = 0; i < spec.n; i++)
    {
      gint64 dim, step = spec.steps[i], start, end, n;
      guint  axis;

      if (! nr_node_axis (node, spec.axes[i], in->rank, &axis, error))
        return FALSE;
      if (is_used[axis] || step == 0)
        return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, is_used[axis] ? "axis %u is listed twice" : "step of axis %u is 0", axis);

      /* Longer steps than the dimension all take one element: keeps the arithmetic below in range. */
      dim           = in->dims[axis];
      step          = CLAMP (step, -dim - 1, dim + 1);
      is_used[axis] = TRUE;
      if (step > 0)
        {
          start = clamp_index (spec.starts[i], dim, 0, dim);
          end   = clamp_index (spec.ends[i], dim, 0, dim);
          n     = end > start ? (end - start + step - 1) / step : 0;
        }
      else
        {
          start = clamp_index (spec.starts[i], dim, 0, dim - 1);
          end   = clamp_index (spec.ends[i], dim, -1, dim - 1);
          n     = start > end && dim > 0 ? (start - end - step - 1) / -step : 0;
        }

      axes[axis] = (SliceAxis) { start, step, n };
    }

  return TRUE;
}

static gboolean
slice_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  SliceAxis      axes[NR_MAX_RANK];
  gssize         strides[NR_MAX_RANK];
  gint64         dims[NR_MAX_RANK];
  gsize          offset = 0;

  if (! resolve_axes (node, axes, error))
    return FALSE;

  nr_contiguous_strides (in, strides);
  for (guint i = 0; i < in->rank; i++)
    {
      dims[i] = axes[i].n;
      if (dims[i] > 0)
        offset += (gsize) axes[i].start * (gsize) strides[i];
      strides[i] *= (gssize) axes[i].step;
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error))
    return FALSE;

  nr_strided_copy_init_node (node, in->rank, dims, strides, offset);
  return TRUE;
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Items are rows of the input. */
static gboolean
slice_plan_backward (NrBackward *backward, GError **error)
{
  const NrShape *in   = &backward->node->in[0]->shape;
  SliceAxis     *axes = g_new0 (SliceAxis, NR_MAX_RANK);
  gsize          width;

  backward->params      = axes;
  backward->free_params = g_free;
  if (! resolve_axes (backward->node, axes, error))
    return FALSE;

  width             = in->rank > 0 ? (gsize) MAX (in->dims[in->rank - 1], 1) : 1;
  backward->n_items = backward->node->in[0]->n / width;
  backward->grain   = 1 + 4096 / width;
  return TRUE;
}

/* The output index that input index I became; FALSE: none. */
static gboolean
output_index (const SliceAxis *axis, gint64 i, gint64 *o)
{
  const gint64 distance = i - axis->start;

  *o = distance / axis->step;
  return distance % axis->step == 0 && *o >= 0 && *o < axis->n;
}

/* Where the output row that input row ROW became begins; FALSE: it was cut away. */
static gboolean
output_row (const NrShape *in, const SliceAxis *axes, gsize row, gsize *start)
{
  gsize stride = in->rank > 0 ? (gsize) axes[in->rank - 1].n : 1;

  *start = 0;
  for (guint i = in->rank - MIN (in->rank, 1); i-- > 0;)
    {
      gint64 o;

      if (! output_index (&axes[i], (gint64) (row % (gsize) in->dims[i]), &o))
        return FALSE;
      *start += (gsize) o * stride;
      stride *= (gsize) axes[i].n;
      row /= (gsize) in->dims[i];
    }

  return TRUE;
}

static void
slice_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  static const SliceAxis scalar = { 0, 1, 1 };
  const NrShape         *in     = &backward->node->in[0]->shape;
  const SliceAxis       *axes   = backward->params;
  const SliceAxis       *last   = in->rank > 0 ? &axes[in->rank - 1] : &scalar;
  const gsize            width  = in->rank > 0 ? (gsize) in->dims[in->rank - 1] : 1;

  for (gsize row = begin; row < end; row++)
    {
      gfloat *target = nr_tensor_f32 (backward->in_gradient[0]) + row * width;
      gsize   start;

      memset (target, 0, width * sizeof (gfloat));
      if (! output_row (in, axes, row, &start))
        continue;

      for (gint64 o = 0; o < last->n; o++)
        target[last->start + o * last->step] = nr_tensor_f32 (backward->out_gradient[0])[start + (gsize) o];
    }
}

static const NrAttrSpec slice_attrs[] = {
  { "axes", NR_ATTR_INTS }, { "ends", NR_ATTR_INTS }, { "starts", NR_ATTR_INTS }, { NULL }
};

const NrOpClass nr_op_slice = {
  .type    = "Slice",
  .min_in  = 1,
  .max_in  = 5,
  .min_out = 1,
  .max_out = 1,
  .attrs   = slice_attrs,
  .infer   = slice_infer,
  .run     = nr_strided_copy_run,

  .plan_backward = slice_plan_backward,
  .backward      = slice_backward,
};
