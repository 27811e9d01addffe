/* Times each node of a network, for whoever looks for what to make faster.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: profile-network MODEL.onnx ROUNDS HEIGHT WIDTH
 *
 * Plans the network for one batch entry of random pixels (open channels: 3), runs it ROUNDS times on one thread and
 * prints a line a node, in the order in which they run: operator, method, shapes in and out, the fastest time, its share of
 * all and GFLOP/s of the direct convolution. NR_CPU_LEVEL lowers the level.
 */

#include "aligned.h"
#include "graph/plan.h"
#include "ops/conv-plan.h"

#include <stdio.h>
#include <stdlib.h>

static const gchar *
method (const NrNode *node)
{
  static const gchar *const names[] = { "undecided", "band", "depthwise", "panel", "plane", "winograd" };

  if (! g_str_has_prefix (node->op->type, "Conv"))
    return "";
  return names[((const NrConvPlan *) node->params)->method];
}

/* Memory for everything: nobody else's. */
static void
place (NrPlan *plan)
{
  GRand *rand = g_rand_new_with_seed (1);

  nr_plan_place (plan, nr_aligned_try_alloc (plan->arena_bytes));
  for (guint i = 0; i < plan->model->inputs->len; i++)
    {
      gfloat *data = nr_aligned_try_alloc (nr_tensor_bytes (plan->inputs[i]));

      for (gsize k = 0; k < plan->inputs[i]->n; k++)
        data[k] = (gfloat) g_rand_double (rand);
      for (guint b = 0; b < plan->input_bindings->len; b++)
        {
          NrBinding *binding = &g_array_index (plan->input_bindings, NrBinding, b);

          if (binding->index == i)
            binding->tensor->data = (guint8 *) data + binding->offset;
        }
    }

  for (guint i = 0; i < plan->model->outputs->len; i++)
    {
      guint8 *data = nr_aligned_try_alloc (nr_tensor_bytes (plan->outputs[i]));

      for (guint b = 0; b < plan->output_bindings->len; b++)
        {
          NrBinding *binding = &g_array_index (plan->output_bindings, NrBinding, b);

          if (binding->index == i)
            binding->tensor->data = data + binding->offset;
        }
    }

  g_rand_free (rand);
}

static void
run (const NrPlan *plan, gdouble *fastest)
{
  gpointer scratch = nr_aligned_try_alloc (plan->scratch_bytes + 64);

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      const NrNode *node  = nr_plan_node (plan, i);
      const gint64  start = g_get_monotonic_time ();

      node->op->run (node, plan->kernels, 0, node->n_items, scratch);
      fastest[i] = MIN (fastest[i], (gdouble) (g_get_monotonic_time () - start) / 1000.0);
    }

  nr_aligned_free (scratch);
}

static void
show (const NrPlan *plan, const gdouble *fastest)
{
  gdouble all = 0.0;

  for (guint i = 0; i < plan->nodes->len; i++)
    all += fastest[i];

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      const NrNode     *node = nr_plan_node (plan, i);
      g_autofree gchar *in   = nr_shape_to_string (&node->in[0]->shape);
      g_autofree gchar *with = node->n_in > 1 && node->in[1] != NULL ? nr_shape_to_string (&node->in[1]->shape) : g_strdup ("");
      g_autofree gchar *out  = nr_shape_to_string (&node->out[0]->shape);

      printf ("%-16s %-8s %-18s %-16s %-18s %8.3f ms %5.1f%% %7.1f GFLOP/s\n", node->op->type, method (node), in, with, out,
              fastest[i], 100.0 * fastest[i] / all, 2e-6 * node->n_macs / fastest[i]);
    }
  printf ("%.3f ms, %.1f MiB of activations, %.1f MiB of scratch a thread, %.1f MiB of packed weights\n", all,
          plan->arena_bytes / 1048576.0, plan->scratch_bytes / 1048576.0, plan->packed_bytes / 1048576.0);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = NULL;
  g_autoptr (NrPlan)  plan  = NULL;
  g_autofree gdouble *times = NULL;
  NrShape             shapes[8];

  if (argc != 5)
    {
      fprintf (stderr, "usage: profile-network MODEL.onnx ROUNDS HEIGHT WIDTH\n");
      return 2;
    }

  model = nr_model_load (argv[1], &error);
  for (guint i = 0; model != NULL && i < MIN (nr_model_n_inputs (model), G_N_ELEMENTS (shapes)); i++)
    {
      const gint64 dims[] = { 1, 3, atoi (argv[3]), atoi (argv[4]) };

      shapes[i] = *nr_model_input_shape (model, i);
      for (guint k = 0; k < MIN (shapes[i].rank, G_N_ELEMENTS (dims)); k++)
        if (shapes[i].dims[k] < 0 || k >= 2)
          shapes[i].dims[k] = dims[k];
    }

  if (model != NULL)
    plan = nr_plan_new (model, shapes, nr_kernels_get (nr_cpu_level ()), FALSE, &error);
  if (plan == NULL)
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }

  place (plan);
  times = g_new (gdouble, plan->nodes->len);
  for (guint i = 0; i < plan->nodes->len; i++)
    times[i] = G_MAXDOUBLE;
  for (gint round = 0; round < MAX (atoi (argv[2]), 1); round++)
    run (plan, times);

  show (plan, times);
  return 0;
}
