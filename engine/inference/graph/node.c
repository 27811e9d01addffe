/* What operators ask of their node: attributes, inputs, shapes, errors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "node.h"

/* -- Errors ------------------------------------------------------------------------------------------------------- */

gboolean
nr_node_error (const NrNode *node, GError **error, NrEngineError code, const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list           args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  g_set_error (error, NR_ENGINE_ERROR, code, "node '%s' (%s): %s", node->name, node->op->type, message);
  return FALSE;
}

/* -- Attributes --------------------------------------------------------------------------------------------------- */

void
nr_attr_free (NrAttr *attr)
{
  g_free (attr->name);
  g_free (attr->s);
  nr_tensor_free (attr->t);
  g_free (attr->ints);
  g_free (attr->floats);
  g_free (attr);
}

static const NrAttr *
find_attr (const NrNode *node, const gchar *name, NrAttrType type)
{
  for (guint i = 0; node->attrs != NULL && i < node->attrs->len; i++)
    {
      const NrAttr *attr = g_ptr_array_index (node->attrs, i);

      if (attr->type == type && g_str_equal (attr->name, name))
        return attr;
    }

  return NULL;
}

gboolean
nr_node_has_attr (const NrNode *node, const gchar *name)
{
  for (guint i = 0; node->attrs != NULL && i < node->attrs->len; i++)
    {
      const NrAttr *attr = g_ptr_array_index (node->attrs, i);

      if (g_str_equal (attr->name, name))
        return TRUE;
    }

  return FALSE;
}

gint64
nr_node_get_int (const NrNode *node, const gchar *name, gint64 fallback)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_INT);

  return attr != NULL ? attr->i : fallback;
}

gfloat
nr_node_get_float (const NrNode *node, const gchar *name, gfloat fallback)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_FLOAT);

  return attr != NULL ? attr->f : fallback;
}

const gchar *
nr_node_get_string (const NrNode *node, const gchar *name, const gchar *fallback)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_STRING);

  return attr != NULL ? attr->s : fallback;
}

const gint64 *
nr_node_get_ints (const NrNode *node, const gchar *name, gsize *n)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_INTS);

  if (n != NULL)
    *n = attr != NULL ? attr->n : 0;
  return attr != NULL ? attr->ints : NULL;
}

const gfloat *
nr_node_get_floats (const NrNode *node, const gchar *name, gsize *n)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_FLOATS);

  if (n != NULL)
    *n = attr != NULL ? attr->n : 0;
  return attr != NULL ? attr->floats : NULL;
}

NrTensor *
nr_node_get_tensor (const NrNode *node, const gchar *name)
{
  const NrAttr *attr = find_attr (node, name, NR_ATTR_TENSOR);

  return attr != NULL ? attr->t : NULL;
}

/* -- Inputs and outputs ------------------------------------------------------------------------------------------- */

NrTensor *
nr_node_in (const NrNode *node, guint i)
{
  return i < node->n_in ? node->in[i] : NULL;
}

gboolean
nr_node_set_out (NrNode *node, guint i, NrType type, guint rank, const gint64 *dims, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (i >= node->n_out || node->out[i] == NULL)
    return TRUE;

  if (! nr_tensor_set_shape (node->out[i], type, rank, dims, &local))
    return nr_node_error (node, error, local->code, "%s", local->message);

  return TRUE;
}

gboolean
nr_node_check_type (const NrNode *node, guint i, NrType type, GError **error)
{
  const NrTensor *tensor = nr_node_in (node, i);

  if (tensor == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "input %u is missing", i);

  if (tensor->shape.type != type)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input %u ('%s') is %s, only %s is supported",
                          i, tensor->name, nr_type_name (tensor->shape.type), nr_type_name (type));

  return TRUE;
}

gboolean
nr_node_const_ints (const NrNode *node, guint i, gint64 *values, gsize max, gsize *n, GError **error)
{
  const NrTensor *tensor = nr_node_in (node, i);

  if (tensor == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "input %u is missing", i);

  if (! tensor->is_constant)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                          "input %u ('%s') must be known when the network is loaded", i, tensor->name);

  if (tensor->shape.type != NR_TYPE_INT64 && tensor->shape.type != NR_TYPE_INT32)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input %u ('%s') is %s, not an integer",
                          i, tensor->name, nr_type_name (tensor->shape.type));

  if (tensor->n > max)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "input %u ('%s') has %" G_GSIZE_FORMAT " values, at most %" G_GSIZE_FORMAT " are supported",
                          i, tensor->name, tensor->n, max);

  for (gsize k = 0; k < tensor->n; k++)
    values[k] = tensor->shape.type == NR_TYPE_INT64 ? nr_tensor_i64 (tensor)[k] : ((const gint32 *) tensor->data)[k];

  *n = tensor->n;
  return TRUE;
}

/* -- Shapes ------------------------------------------------------------------------------------------------------- */

gboolean
nr_node_axis (const NrNode *node, gint64 axis, guint rank, guint *result, GError **error)
{
  if (axis < -(gint64) rank || axis >= (gint64) rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "axis %" G_GINT64_FORMAT " does not exist in %u dimensions", axis, rank);

  *result = (guint) (axis < 0 ? axis + (gint64) rank : axis);
  return TRUE;
}

gboolean
nr_node_broadcast (const NrNode *node, const NrShape *a, const NrShape *b, NrShape *result, GError **error)
{
  NrShape common = { .type = a->type, .rank = MAX (a->rank, b->rank) };

  for (guint i = 0; i < common.rank; i++)
    {
      /* Aligned at the innermost dimension. */
      gint64 da = i + a->rank < common.rank ? 1 : a->dims[i + a->rank - common.rank];
      gint64 db = i + b->rank < common.rank ? 1 : b->dims[i + b->rank - common.rank];

      if (da != db && da != 1 && db != 1)
        {
          g_autofree gchar *text_a = nr_shape_to_string (a);
          g_autofree gchar *text_b = nr_shape_to_string (b);

          return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%s and %s do not broadcast", text_a, text_b);
        }

      common.dims[i] = da == 1 ? db : da;
    }

  *result = common;
  return TRUE;
}
