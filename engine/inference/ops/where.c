/* Where: y = x where the condition holds, otherwise z, with broadcasting. ONNX Where-9, -16, any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast.h"

static gboolean
where_infer (NrNode *node, GError **error)
{
  NrBroadcast *broadcast = g_new0 (NrBroadcast, 1);
  NrType       type      = node->in[1]->shape.type;

  node->params      = broadcast;
  node->free_params = g_free;

  return nr_node_check_type (node, 0, NR_TYPE_BOOL, error) && nr_node_check_type (node, 2, type, error) &&
         nr_broadcast_init_node (broadcast, node, 3, type, error);
}

static void
where_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const guint8   *condition = node->in[0]->data;
  const guint8   *x         = node->in[1]->data;
  const guint8   *z         = node->in[2]->data;
  guint8         *y         = node->out[0]->data;
  gsize           size      = nr_type_size (node->out[0]->shape.type);
  NrBroadcastRows r;

  for (nr_broadcast_rows (&r, node->params, begin, end); nr_broadcast_next (&r);)
    for (gsize i = 0; i < r.n; i++)
      {
        const guint8 *from = condition[r.in[0] + i * r.step[0]] ? x + (r.in[1] + i * r.step[1]) * size
                                                                : z + (r.in[2] + i * r.step[2]) * size;

        memcpy (y + (r.out + i) * size, from, size);
      }
}

const NrOpClass nr_op_where = {
  .type    = "Where",
  .min_in  = 3,
  .max_in  = 3,
  .min_out = 1,
  .max_out = 1,
  .infer   = where_infer,
  .run     = where_run,
};
