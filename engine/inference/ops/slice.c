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

static gboolean
slice_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  SliceSpec      spec;
  gssize         strides[NR_MAX_RANK];
  gint64         dims[NR_MAX_RANK];
  gboolean       is_used[NR_MAX_RANK] = { FALSE };
  gsize          offset               = 0;

  if (! read_spec (node, &spec, error))
    return FALSE;

  nr_contiguous_strides (in, strides);
  for (guint i = 0; i < in->rank; i++)
    dims[i] = in->dims[i];

  for (gsize i = 0; i < spec.n; i++)
    {
      gint64 dim, step = spec.steps[i], start, end;
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
          start      = clamp_index (spec.starts[i], dim, 0, dim);
          end        = clamp_index (spec.ends[i], dim, 0, dim);
          dims[axis] = end > start ? (end - start + step - 1) / step : 0;
        }
      else
        {
          start      = clamp_index (spec.starts[i], dim, 0, dim - 1);
          end        = clamp_index (spec.ends[i], dim, -1, dim - 1);
          dims[axis] = start > end && dim > 0 ? (start - end - step - 1) / -step : 0;
        }

      if (dims[axis] > 0)
        offset += (gsize) start * (gsize) strides[axis];
      strides[axis] *= (gssize) step;
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error))
    return FALSE;

  nr_strided_copy_init_node (node, in->rank, dims, strides, offset);
  return TRUE;
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
};
