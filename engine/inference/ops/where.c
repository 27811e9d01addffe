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

/* One body for each element size. */
#define DEFINE_SELECT(name, type)                                                                                 \
  static void                                                                                                     \
  name (const guint8 *condition, const void *x_data, const void *z_data, void *y_data, gsize n, const gint *step) \
  {                                                                                                               \
    const type *x = x_data;                                                                                       \
    const type *z = z_data;                                                                                       \
    type       *y = y_data;                                                                                       \
                                                                                                                  \
    if (step[0] && step[1] && step[2])                                                                            \
      for (gsize i = 0; i < n; i++)                                                                               \
        y[i] = condition[i] ? x[i] : z[i];                                                                        \
    else                                                                                                          \
      for (gsize i = 0; i < n; i++)                                                                               \
        y[i] = condition[step[0] ? i : 0] ? x[step[1] ? i : 0] : z[step[2] ? i : 0];                              \
  }

DEFINE_SELECT (select_8, guint8)
DEFINE_SELECT (select_32, guint32)
DEFINE_SELECT (select_64, guint64)
#undef DEFINE_SELECT

static void
where_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const gsize     size = nr_type_size (node->out[0]->shape.type);
  NrBroadcastRows r;

  for (nr_broadcast_rows (&r, node->params, begin, end); nr_broadcast_next (&r);)
    {
      const guint8 *condition = (const guint8 *) node->in[0]->data + r.in[0];
      const guint8 *x         = (const guint8 *) node->in[1]->data + r.in[1] * size;
      const guint8 *z         = (const guint8 *) node->in[2]->data + r.in[2] * size;
      guint8       *y         = (guint8 *) node->out[0]->data + r.out * size;

      if (size == 4)
        select_32 (condition, x, z, y, r.n, r.step);
      else if (size == 8)
        select_64 (condition, x, z, y, r.n, r.step);
      else
        select_8 (condition, x, z, y, r.n, r.step);
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
