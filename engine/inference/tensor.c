/* Types, shapes and tensors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "tensor.h"
#include "aligned.h"

static const struct
{
  const gchar *name;
  gsize        size;
} types[] = {
  [NR_TYPE_UNDEFINED] = { "undefined", 0 },
  [NR_TYPE_FLOAT32]   = { "float32", 4 },
  [NR_TYPE_INT32]     = { "int32", 4 },
  [NR_TYPE_INT64]     = { "int64", 8 },
  [NR_TYPE_UINT8]     = { "uint8", 1 },
  [NR_TYPE_INT8]      = { "int8", 1 },
  [NR_TYPE_BOOL]      = { "bool", 1 },
};

gsize
nr_type_size (NrType type)
{
  g_return_val_if_fail (type < G_N_ELEMENTS (types), 0);

  return types[type].size;
}

const gchar *
nr_type_name (NrType type)
{
  g_return_val_if_fail (type < G_N_ELEMENTS (types), "undefined");

  return types[type].name;
}

/* Also refuses what cannot be addressed: more than G_MAXSSIZE bytes of 8 each. A dimension 0 makes 0 elements, but the
 * others must still be sane. */
gboolean
nr_shape_n_elements (const NrShape *shape, gsize *n_elements)
{
  gsize    n        = 1;
  gboolean is_empty = FALSE;

  for (guint i = 0; i < shape->rank; i++)
    {
      if (shape->dims[i] < 0)
        return FALSE;
      if (shape->dims[i] == 0)
        is_empty = TRUE;
      else if (! g_size_checked_mul (&n, n, (gsize) shape->dims[i]) || n > G_MAXSSIZE / 8)
        return FALSE;
    }

  *n_elements = is_empty ? 0 : n;
  return TRUE;
}

gchar *
nr_shape_to_string (const NrShape *shape)
{
  GString *text = g_string_new (nr_type_name (shape->type));

  g_string_append (text, " [");
  for (guint i = 0; i < shape->rank; i++)
    {
      g_string_append (text, i > 0 ? ", " : "");
      if (shape->dims[i] == -1)
        g_string_append_c (text, '?');
      else
        g_string_append_printf (text, "%" G_GINT64_FORMAT, shape->dims[i]);
    }
  g_string_append_c (text, ']');

  return g_string_free (text, FALSE);
}

NrTensor *
nr_tensor_new (const gchar *name)
{
  NrTensor *tensor = g_new0 (NrTensor, 1);

  tensor->name = g_strdup (name);
  return tensor;
}

void
nr_tensor_free (NrTensor *tensor)
{
  if (tensor == NULL)
    return;

  if (tensor->owns_data)
    nr_aligned_free (tensor->data);
  g_free (tensor->name);
  g_free (tensor);
}

gsize
nr_tensor_bytes (const NrTensor *tensor)
{
  return tensor->n * nr_type_size (tensor->shape.type);
}

gboolean
nr_tensor_alloc (NrTensor *tensor, GError **error)
{
  tensor->data = nr_aligned_try_alloc0 (nr_tensor_bytes (tensor));
  if (tensor->data == NULL)
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY,
                   "no memory for '%s' (%" G_GSIZE_FORMAT " bytes)", tensor->name, nr_tensor_bytes (tensor));
      return FALSE;
    }

  tensor->owns_data = TRUE;
  return TRUE;
}

gboolean
nr_tensor_set_shape (NrTensor *tensor, NrType type, guint rank, const gint64 *dims, GError **error)
{
  NrShape           shape = { .type = type, .rank = rank };
  gsize             n;
  g_autofree gchar *text = NULL;

  if (rank > NR_MAX_RANK)
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_UNSUPPORTED,
                   "'%s' would have %u dimensions, at most %d are supported", tensor->name, rank, NR_MAX_RANK);
      return FALSE;
    }

  for (guint i = 0; i < rank; i++)
    shape.dims[i] = dims[i];

  if (! nr_shape_n_elements (&shape, &n))
    {
      text = nr_shape_to_string (&shape);
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE,
                   "'%s' would be %s, which is not a possible size", tensor->name, text);
      return FALSE;
    }

  tensor->shape = shape;
  tensor->n     = n;
  return TRUE;
}

void
nr_tensor_set_shape_like (NrTensor *tensor, const NrTensor *other)
{
  tensor->shape = other->shape;
  tensor->n     = other->n;
}

gboolean
nr_tensor_has_shape_of (const NrTensor *a, const NrTensor *b)
{
  if (a->shape.type != b->shape.type || a->shape.rank != b->shape.rank)
    return FALSE;

  for (guint i = 0; i < a->shape.rank; i++)
    if (a->shape.dims[i] != b->shape.dims[i])
      return FALSE;

  return TRUE;
}
