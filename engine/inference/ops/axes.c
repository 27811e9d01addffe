/* Lists of axes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "axes.h"

gboolean
nr_axes_read_list (const NrNode *node, gint since, guint i, guint rank, guint *axes, guint *n, GError **error)
{
  gint64        values[NR_MAX_RANK];
  const gint64 *list                 = values;
  gsize         n_values             = 0;
  gboolean      is_used[NR_MAX_RANK] = { FALSE };

  if (node->opset < since)
    list = nr_node_get_ints (node, "axes", &n_values);
  else if (nr_node_in (node, i) != NULL && ! nr_node_const_ints (node, i, values, NR_MAX_RANK, &n_values, error))
    return FALSE;

  if (n_values > rank)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GSIZE_FORMAT " axes are listed for %u dimensions", n_values, rank);

  for (gsize k = 0; k < n_values; k++)
    {
      if (! nr_node_axis (node, list[k], rank, &axes[k], error))
        return FALSE;
      if (is_used[axes[k]])
        return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "axis %u is listed twice", axes[k]);
      is_used[axes[k]] = TRUE;
    }

  *n = (guint) n_values;
  return TRUE;
}

gboolean
nr_axes_read (const NrNode *node, gint since, guint i, guint rank, gboolean *is_axis, guint *n, GError **error)
{
  guint axes[NR_MAX_RANK];

  for (guint k = 0; k < NR_MAX_RANK; k++)
    is_axis[k] = FALSE;

  if (! nr_axes_read_list (node, since, i, rank, axes, n, error))
    return FALSE;

  for (guint k = 0; k < *n; k++)
    is_axis[axes[k]] = TRUE;
  return TRUE;
}
