/* What the programs that run a model for tests in other languages take and print.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"

#include <string.h>

static inline NrCpuLevel
parse_level (const gchar *name)
{
  for (NrCpuLevel level = NR_CPU_C; level <= NR_CPU_AVX512; level++)
    if (g_str_equal (name, nr_cpu_level_name (level)))
      return level;

  g_error ("no such level: %s", name);
}

/* The file's float32 elements, as many as SHAPE has; the caller frees them. */
static inline gchar *
read_file (const gchar *path, const NrShape *shape)
{
  gchar *content = NULL;
  gsize  size, n;

  g_assert_true (g_file_get_contents (path, &content, &size, NULL));
  g_assert_true (nr_shape_n_elements (shape, &n));
  g_assert_cmpuint (size, ==, n * sizeof (gfloat));
  return content;
}

/* "1x3x64x64:path": the shape, and the file's content. A scalar is ":path". */
static inline gchar *
read_input (const gchar *argument, NrShape *shape)
{
  const gchar      *colon = strchr (argument, ':');
  g_auto (GStrv)    dims  = NULL;
  g_autofree gchar *text  = NULL;

  g_assert_nonnull (colon);
  text   = g_strndup (argument, colon - argument);
  dims   = g_strsplit (text, "x", -1);
  *shape = (NrShape) { NR_TYPE_FLOAT32, g_strv_length (dims), { 0 } };
  for (guint i = 0; i < shape->rank; i++)
    shape->dims[i] = g_ascii_strtoll (dims[i], NULL, 10);

  return read_file (colon + 1, shape);
}

/* "1x3x64x64" and the end of the line. */
static inline void
print_shape (const NrShape *shape)
{
  for (guint i = 0; i < shape->rank; i++)
    g_print ("%s%" G_GINT64_FORMAT, i > 0 ? "x" : "", shape->dims[i]);
  g_print ("\n");
}
