/* Topological order of a model's nodes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model.h"

enum
{
  NEW,
  OPEN,
  DONE
};

typedef struct
{
  NrModel   *model;
  guint     *producer; /* for each value: the node that makes it + 1, 0: none */
  guint8    *state;    /* for each node */
  GArray    *stack;    /* Frame: depth first without recursion, for a file may chain millions of nodes */
  GPtrArray *sorted;
} Sorter;

typedef struct
{
  guint node;
  guint next_input;
} Frame;

static void
push (Sorter *sorter, guint node)
{
  Frame frame = { .node = node };

  sorter->state[node] = OPEN;
  g_array_append_val (sorter->stack, frame);
}

/* Visits what NODE reads from, then NODE. */
static gboolean
visit (Sorter *sorter, guint root, GError **error)
{
  push (sorter, root);

  while (sorter->stack->len > 0)
    {
      Frame       *frame = &g_array_index (sorter->stack, Frame, sorter->stack->len - 1);
      NrModelNode *node  = nr_model_node (sorter->model, frame->node);
      guint        value, producer;

      if (frame->next_input == node->n_in)
        {
          sorter->state[frame->node] = DONE;
          g_ptr_array_add (sorter->sorted, node);
          g_array_set_size (sorter->stack, sorter->stack->len - 1);
          continue;
        }

      value    = node->in[frame->next_input++];
      producer = value == NR_NO_VALUE ? 0 : sorter->producer[value];
      if (producer == 0 || sorter->state[producer - 1] == DONE)
        continue;

      if (sorter->state[producer - 1] == OPEN)
        {
          g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_FILE,
                       "node '%s' (%s): it depends on its own output", node->name, node->op->type);
          return FALSE;
        }

      push (sorter, producer - 1);
    }

  return TRUE;
}

gboolean
nr_model_sort (NrModel *model, GError **error)
{
  const guint n_nodes = model->nodes->len;
  Sorter      sorter  = { .model = model };
  gboolean    success = TRUE;

  sorter.producer = g_new0 (guint, model->values->len);
  sorter.state    = g_new0 (guint8, n_nodes);
  sorter.stack    = g_array_new (FALSE, FALSE, sizeof (Frame));
  sorter.sorted   = g_ptr_array_new ();

  for (guint i = 0; i < n_nodes; i++)
    for (guint k = 0; k < nr_model_node (model, i)->n_out; k++)
      if (nr_model_node (model, i)->out[k] != NR_NO_VALUE)
        sorter.producer[nr_model_node (model, i)->out[k]] = i + 1;

  for (guint i = 0; i < n_nodes && success; i++)
    if (sorter.state[i] == NEW)
      success = visit (&sorter, i, error);

  if (success)
    for (guint i = 0; i < n_nodes; i++)
      model->nodes->pdata[i] = g_ptr_array_index (sorter.sorted, i);

  g_free (sorter.producer);
  g_free (sorter.state);
  g_array_unref (sorter.stack);
  g_ptr_array_unref (sorter.sorted);
  return success;
}
