/* NumPy's .npy files: see npy.h. Format: numpy.lib.format, "A simple file format for NumPy arrays".
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "npy.h"

#include <string.h>

static const struct
{
  const gchar *descr;
  NrType       type;
} types[] = {
  { "<f4", NR_TYPE_FLOAT32 },
  { "<i8", NR_TYPE_INT64 },
  { "<i4", NR_TYPE_INT32 },
  { "|i1", NR_TYPE_INT8 },
  { "|u1", NR_TYPE_UINT8 },
  { "|b1", NR_TYPE_BOOL },
};

static gboolean
npy_error (GError **error, const gchar *path, const gchar *what)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot read '%s': %s", path, what);
  return FALSE;
}

/* The value of KEY in the header's Python dictionary, NULL if it is not there. */
static const gchar *
find_value (const gchar *header, const gchar *key)
{
  g_autofree gchar *quoted = g_strdup_printf ("'%s':", key);
  const gchar      *found  = strstr (header, quoted);

  if (found == NULL)
    return NULL;
  found += strlen (quoted);
  return found + strspn (found, " ");
}

/* "(1, 3, 64, 64)", "(5,)" or "()" */
static gboolean
parse_shape (const gchar *text, NrShape *shape)
{
  shape->rank = 0;
  if (*text++ != '(')
    return FALSE;

  for (;;)
    {
      gchar *end;

      text += strspn (text, " ,");
      if (*text == ')')
        return TRUE;
      if (shape->rank == NR_MAX_RANK || ! g_ascii_isdigit (*text))
        return FALSE;
      shape->dims[shape->rank++] = g_ascii_strtoll (text, &end, 10);
      text                       = end;
    }
}

static gboolean
parse_header (const gchar *path, const gchar *header, NrShape *shape, gboolean *is_double, GError **error)
{
  const gchar *descr = find_value (header, "descr");
  const gchar *order = find_value (header, "fortran_order");
  const gchar *dims  = find_value (header, "shape");

  if (descr == NULL || order == NULL || dims == NULL)
    return npy_error (error, path, "its .npy header is damaged");
  if (! g_str_has_prefix (order, "False"))
    return npy_error (error, path, "it is in Fortran order, save it with numpy.ascontiguousarray");
  if (! parse_shape (dims, shape))
    return npy_error (error, path, "its shape cannot be read or has more than 8 dimensions");

  *is_double  = g_str_has_prefix (descr, "'<f8'");
  shape->type = *is_double ? NR_TYPE_FLOAT32 : NR_TYPE_UNDEFINED;
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (strncmp (descr + 1, types[i].descr, 3) == 0)
      shape->type = types[i].type;

  if (shape->type == NR_TYPE_UNDEFINED)
    return npy_error (error, path, "its element type is not float, int64, int32, int8, uint8 or bool");

  return TRUE;
}

/* The start of the elements in CONTENT and the header as a string; NULL when the file is too short for its header. */
static const gchar *
split_file (const gchar *content, gsize length, gchar **header)
{
  const guint8 *bytes = (const guint8 *) content;
  gsize         start, size;

  if (length < 12 || memcmp (content, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
    return NULL;

  start = bytes[6] == 1 ? 10 : 12;
  size  = bytes[8] | (gsize) bytes[9] << 8;
  if (bytes[6] > 1)
    size |= (gsize) bytes[10] << 16 | (gsize) bytes[11] << 24;
  if (size > length - start)
    return NULL;

  *header = g_strndup (content + start, size);
  return content + start + size;
}

void *
nr_npy_read (const gchar *path, NrShape *shape, GError **error)
{
  g_autofree gchar *content = NULL, *header = NULL;
  const gchar      *elements;
  gsize             length, n, size;
  gboolean          is_double;
  float            *narrow;

  if (! g_file_get_contents (path, &content, &length, error))
    return NULL;

  elements = split_file (content, length, &header);
  if (elements == NULL)
    {
      npy_error (error, path, "it is not a .npy file");
      return NULL;
    }
  if (! parse_header (path, header, shape, &is_double, error))
    return NULL;

  size = is_double ? sizeof (double) : nr_type_size (shape->type);
  if (! nr_shape_n_elements (shape, &n) || n > (gsize) (content + length - elements) / size)
    {
      npy_error (error, path, "it is shorter than its shape says");
      return NULL;
    }
  if (! is_double)
    return g_memdup2 (elements, MAX (n * size, 1));

  narrow = g_new (float, MAX (n, 1));
  for (gsize i = 0; i < n; i++)
    {
      double value;

      memcpy (&value, elements + i * sizeof value, sizeof value);
      narrow[i] = (float) value;
    }
  return narrow;
}

gboolean
nr_npy_write (const gchar *path, const NrShape *shape, const void *data, GError **error)
{
  g_autoptr (GString) file  = g_string_new ("\x93NUMPY\x01");
  const gchar        *descr = NULL;
  gsize               n, header;

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].type == shape->type)
      descr = types[i].descr;
  g_return_val_if_fail (descr && nr_shape_n_elements (shape, &n), FALSE);

  g_string_append_len (file, "\0\0\0", 3);
  g_string_append_printf (file, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (guint i = 0; i < shape->rank; i++)
    g_string_append_printf (file, "%" G_GINT64_FORMAT ", ", shape->dims[i]);
  g_string_append (file, "), }");
  while ((file->len + 1) % 64)
    g_string_append_c (file, ' ');
  g_string_append_c (file, '\n');

  header       = file->len - 10;
  file->str[8] = (gchar) (header & 0xff);
  file->str[9] = (gchar) (header >> 8);
  g_string_append_len (file, data, n * nr_type_size (shape->type));

  return g_file_set_contents (path, file->str, file->len, error);
}
