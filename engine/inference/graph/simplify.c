/* Drops nodes that hand their input on as it is: a Cast to the same type, a Pad by nothing, an Identity.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Exporters write them, and between a convolution and what could be fused into it they would be in the way.
 */

#include "graph/plan.h"

static gboolean
is_output (const NrPlan *plan, const NrTensor *tensor)
{
  for (guint i = 0; i < plan->model->outputs->len; i++)
    if (plan->outputs[i] == tensor)
      return TRUE;

  return FALSE;
}

static gboolean
changes_nothing (const NrNode *node)
{
  if (! node->is_part && ! nr_node_is_view (node))
    return FALSE;

  return nr_tensor_has_shape_of (node->in[0], node->out[0]);
}

void
nr_plan_simplify (NrPlan *plan)
{
  g_autoptr (GHashTable) same = g_hash_table_new (NULL, NULL); /* NrTensor -> the one it equals */

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      for (guint k = 0; k < node->n_in; k++)
        {
          NrTensor *other = g_hash_table_lookup (same, node->in[k]);

          if (other != NULL)
            node->in[k] = other;
        }

      if (changes_nothing (node) && ! is_output (plan, node->out[0]))
        g_hash_table_insert (same, node->out[0], node->in[0]);
    }

  nr_plan_drop_dead (plan);
}
