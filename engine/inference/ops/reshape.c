/* The same elements under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity, any type. ONNX Reshape-5, -13,
 * -14 (allowzero), Flatten-9 to -21, Squeeze and Unsqueeze-1, -11 (attribute), -13, -21 (input), Identity-1 to -21.
 * Shapes and axes must be known at load. All are views: nothing runs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "axes.h"

static gboolean
cannot_reshape (const NrNode *node, const NrShape *wanted, GError **error)
{
  g_autofree gchar *from = nr_shape_to_string (&node->in[0]->shape);
  g_autofree gchar *to   = nr_shape_to_string (wanted);

  return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%s cannot be seen as %s", from, to);
}

static gboolean
reshape_infer (NrNode *node, GError **error)
{
  const NrShape *in         = &node->in[0]->shape;
  NrShape        wanted     = { .type = in->type }, out;
  gboolean       allow_zero = nr_node_get_int (node, "allowzero", 0) != 0;
  gint           open       = -1;
  gsize          rank, n;

  if (! nr_node_const_ints (node, 1, wanted.dims, NR_MAX_RANK, &rank, error))
    return FALSE;

  wanted.rank = (guint) rank;
  out         = wanted;
  for (guint i = 0; i < rank; i++)
    if (out.dims[i] == 0 && ! allow_zero)
      {
        if (i >= in->rank)
          return cannot_reshape (node, &wanted, error);
        out.dims[i] = in->dims[i];
      }
    else if (out.dims[i] == -1)
      {
        if (open >= 0)
          return cannot_reshape (node, &wanted, error);
        open        = (gint) i;
        out.dims[i] = 1;
      }

  /* The open dimension takes what the others leave. */
  if (! nr_shape_n_elements (&out, &n))
    return cannot_reshape (node, &wanted, error);
  if (open >= 0 && n > 0)
    {
      out.dims[open] = (gint64) (node->in[0]->n / n);
      n *= (gsize) out.dims[open];
    }
  if (n != node->in[0]->n)
    return cannot_reshape (node, &wanted, error);

  return nr_node_set_out (node, 0, out.type, out.rank, out.dims, error);
}

static gboolean
flatten_infer (NrNode *node, GError **error)
{
  const NrShape *in      = &node->in[0]->shape;
  gint64         axis    = nr_node_get_int (node, "axis", 1);
  gint64         dims[2] = { 1, 1 };

  /* The axis after the last is allowed here. */
  if (axis < -(gint64) in->rank || axis > (gint64) in->rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "axis %" G_GINT64_FORMAT " does not exist in %u dimensions",
                          axis, in->rank);
  if (axis < 0)
    axis += in->rank;

  for (guint i = 0; i < in->rank; i++)
    if (! g_size_checked_mul ((gsize *) &dims[i < axis ? 0 : 1], (gsize) dims[i < axis ? 0 : 1], (gsize) in->dims[i]))
      return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the input is too large");

  return nr_node_set_out (node, 0, in->type, 2, dims, error);
}

static gboolean
squeeze_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gboolean       is_axis[NR_MAX_RANK];
  gint64         dims[NR_MAX_RANK];
  guint          n_axes, rank = 0;

  if (! nr_axes_read (node, 13, 1, in->rank, is_axis, &n_axes, error))
    return FALSE;

  for (guint i = 0; i < in->rank; i++)
    if (is_axis[i] && in->dims[i] != 1)
      return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "axis %u has %" G_GINT64_FORMAT " elements, not one", i, in->dims[i]);
    else if (! is_axis[i] && (n_axes > 0 || in->dims[i] != 1))
      dims[rank++] = in->dims[i];

  return nr_node_set_out (node, 0, in->type, rank, dims, error);
}

/* Axes count in the output. */
static gboolean
unsqueeze_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gboolean       is_axis[NR_MAX_RANK];
  gint64         dims[NR_MAX_RANK];
  gsize          n_listed = 0;
  guint          n_axes, rank;

  if (node->opset < 13)
    nr_node_get_ints (node, "axes", &n_listed);
  else if (nr_node_in (node, 1) != NULL)
    n_listed = node->in[1]->n;

  if (n_listed == 0 || n_listed > NR_MAX_RANK - in->rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "cannot add %" G_GSIZE_FORMAT " dimensions to %u, %d are the most",
                          n_listed, in->rank, NR_MAX_RANK);

  rank = in->rank + (guint) n_listed;
  if (! nr_axes_read (node, 13, 1, rank, is_axis, &n_axes, error))
    return FALSE;

  for (guint i = 0, from = 0; i < rank; i++)
    dims[i] = is_axis[i] ? 1 : in->dims[from++];

  return nr_node_set_out (node, 0, in->type, rank, dims, error);
}

static gboolean
identity_infer (NrNode *node, GError **error)
{
  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return TRUE;
}

static const NrAttrSpec axes_attrs[]    = { { "axes", NR_ATTR_INTS }, { NULL } };
static const NrAttrSpec flatten_attrs[] = { { "axis", NR_ATTR_INT }, { NULL } };
static const NrAttrSpec reshape_attrs[] = { { "allowzero", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_flatten = {
  .type    = "Flatten",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = flatten_attrs,
  .infer   = flatten_infer,
  .is_view = TRUE,
};

const NrOpClass nr_op_identity = {
  .type    = "Identity",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .infer   = identity_infer,
  .is_view = TRUE,
};

const NrOpClass nr_op_reshape = {
  .type    = "Reshape",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reshape_attrs,
  .infer   = reshape_infer,
  .is_view = TRUE,
};

const NrOpClass nr_op_squeeze = {
  .type    = "Squeeze",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = axes_attrs,
  .infer   = squeeze_infer,
  .is_view = TRUE,
};

const NrOpClass nr_op_unsqueeze = {
  .type    = "Unsqueeze",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = axes_attrs,
  .infer   = unsqueeze_infer,
  .is_view = TRUE,
};
