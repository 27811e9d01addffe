/* Broadcasting after NumPy.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast.h"

void
nr_broadcast_init (NrBroadcast *broadcast, const NrShape *out, const NrShape *const *in, guint n_in)
{
  gsize running[NR_BROADCAST_MAX_IN];

  g_return_if_fail (n_in <= NR_BROADCAST_MAX_IN);

  memset (broadcast, 0, sizeof *broadcast);
  broadcast->n_in = n_in;
  for (guint k = 0; k < n_in; k++)
    running[k] = 1;

  /* From the innermost dimension outwards; the lists are turned around at the end. */
  for (guint i = 1; i <= out->rank; i++)
    {
      gsize    dim = (gsize) out->dims[out->rank - i];
      gsize    strides[NR_BROADCAST_MAX_IN];
      gboolean merged = FALSE;

      for (guint k = 0; k < n_in; k++)
        {
          gsize in_dim = i <= in[k]->rank ? (gsize) in[k]->dims[in[k]->rank - i] : 1;

          strides[k] = in_dim == 1 ? 0 : running[k];
          running[k] *= in_dim;
        }

      if (dim == 1)
        continue;

      if (broadcast->rank > 0)
        {
          guint last = broadcast->rank - 1;

          merged = TRUE;
          for (guint k = 0; k < n_in && merged; k++)
            merged = strides[k] == broadcast->strides[k][last] * broadcast->dims[last];
          if (merged)
            broadcast->dims[last] *= dim;
        }

      if (! merged)
        {
          for (guint k = 0; k < n_in; k++)
            broadcast->strides[k][broadcast->rank] = strides[k];
          broadcast->dims[broadcast->rank++] = dim;
        }
    }

  if (broadcast->rank == 0)
    broadcast->dims[broadcast->rank++] = 1;

  for (guint i = 0, j = broadcast->rank - 1; i < j; i++, j--)
    {
      gsize dim = broadcast->dims[i];

      broadcast->dims[i] = broadcast->dims[j];
      broadcast->dims[j] = dim;
      for (guint k = 0; k < n_in; k++)
        {
          gsize stride = broadcast->strides[k][i];

          broadcast->strides[k][i] = broadcast->strides[k][j];
          broadcast->strides[k][j] = stride;
        }
    }
}

void
nr_broadcast_rows (NrBroadcastRows *rows, const NrBroadcast *broadcast, gsize begin, gsize end)
{
  rows->broadcast = broadcast;
  rows->pos       = begin;
  rows->end       = end;
  for (guint k = 0; k < broadcast->n_in; k++)
    rows->step[k] = (gint) broadcast->strides[k][broadcast->rank - 1];
}

gboolean
nr_broadcast_next (NrBroadcastRows *rows)
{
  const NrBroadcast *b    = rows->broadcast;
  gsize              rest = rows->pos;
  gsize              column;

  if (rows->pos >= rows->end)
    return FALSE;

  column = rest % b->dims[b->rank - 1];
  rest /= b->dims[b->rank - 1];

  rows->out = rows->pos;
  rows->n   = MIN (b->dims[b->rank - 1] - column, rows->end - rows->pos);
  for (guint k = 0; k < b->n_in; k++)
    rows->in[k] = column * b->strides[k][b->rank - 1];

  for (guint i = b->rank - 1; i-- > 0;)
    {
      gsize index = rest % b->dims[i];

      rest /= b->dims[i];
      for (guint k = 0; k < b->n_in; k++)
        rows->in[k] += index * b->strides[k][i];
    }

  rows->pos += rows->n;
  return TRUE;
}

gboolean
nr_broadcast_init_node (NrBroadcast *broadcast, NrNode *node, guint n_in, NrType type, GError **error)
{
  const NrShape *shapes[NR_BROADCAST_MAX_IN];
  NrShape        common = node->in[0]->shape;

  for (guint i = 0; i < n_in; i++)
    {
      shapes[i] = &node->in[i]->shape;
      if (! nr_node_broadcast (node, &common, shapes[i], &common, error))
        return FALSE;
    }

  if (! nr_node_set_out (node, 0, type, common.rank, common.dims, error))
    return FALSE;

  nr_broadcast_init (broadcast, &node->out[0]->shape, shapes, n_in);
  return TRUE;
}
