/* Running nodes: pieces to all threads, progress, cancelling.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/execute.h"

typedef struct
{
  const NrExecution *execution;
  const NrNode      *node;
  gdouble            total_cost;
  gdouble            cost_done; /* of the nodes before */
  gdouble            cost;      /* of this node */
  gint64             reported;  /* when, in microseconds */
} Run;

enum
{
  REPORT_INTERVAL = 20000,  /* microseconds between reports of progress */
  MIN_ELEMENTS    = 8192,   /* element-wise work below this is not worth a second thread */
  MAX_PIECE_COST  = 8000000 /* multiply-adds in a piece: some milliseconds, so that cancelling is quick */
};

/* What a node costs, in multiply-adds: a guess for progress and for cutting work, elements moved count as some. */
static gdouble
node_cost (const NrNode *node)
{
  return node->n_macs + 4.0 * (node->out[0] != NULL ? node->out[0]->n : 0) + 1000.0;
}

static void
run_range (gsize begin, gsize end, guint thread, gpointer data)
{
  const Run    *run     = data;
  const NrPlan *plan    = run->execution->plan;
  guint8       *scratch = run->execution->scratch;

  run->node->op->run (run->node, plan->kernels, begin, end, scratch + thread * plan->scratch_bytes);
}

static gboolean
tick (gsize n_done, gpointer data)
{
  Run               *run       = data;
  const NrExecution *execution = run->execution;
  gint64             now;

  if (g_cancellable_is_cancelled (execution->cancellable))
    return FALSE;

  if (execution->progress == NULL)
    return TRUE;

  now = g_get_monotonic_time ();
  if (now - run->reported >= REPORT_INTERVAL)
    {
      gdouble done = run->cost_done + run->cost * n_done / run->node->n_items;

      run->reported = now;
      execution->progress (done / run->total_cost, execution->progress_data);
    }

  return TRUE;
}

/* Pieces: small enough that all threads stay busy to the end and cancelling is quick, not smaller than is worth it. */
static gsize
piece_size (const NrNode *node, guint threads, gdouble cost)
{
  const gboolean is_element_wise = node->grain == 0 && node->out[0] != NULL && node->n_items == node->out[0]->n;
  const gsize    least           = is_element_wise ? MIN_ELEMENTS : MAX (node->grain, 1);
  const gdouble  balanced        = (gdouble) node->n_items / (threads * 8.0);
  const gdouble  quick           = node->n_items * (MAX_PIECE_COST / cost);

  return MAX (least, (gsize) MIN (balanced, quick));
}

static gboolean
run_node (Run *run, const NrNode *node)
{
  NrPool *pool = run->execution->pool;

  run->node = node;
  run->cost = node_cost (node);

  if (node->n_items > 0 &&
      ! nr_pool_for (pool, node->n_items, piece_size (node, nr_pool_n_threads (pool), run->cost), run_range, run, tick, run))
    return FALSE;

  run->cost_done += run->cost;
  return TRUE;
}

gboolean
nr_execute (const NrExecution *execution, guint first, guint last, GError **error)
{
  Run run = { .execution = execution, .reported = g_get_monotonic_time () };

  for (guint i = first; i < last && execution->progress != NULL; i++)
    run.total_cost += node_cost (nr_plan_node (execution->plan, i));

  for (guint i = first; i < last; i++)
    if (! run_node (&run, nr_plan_node (execution->plan, i)))
      {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the run was cancelled");
        return FALSE;
      }

  return TRUE;
}
