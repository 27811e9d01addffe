/* Which activations lie row by row instead of plane by plane.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A convolution works its way down the picture, over all channels at once. Plane by plane (NCHW) a few rows of 64 channels
 * are 64 places, often a power of two apart, so that they push each other out of the caches; row by row (N, height,
 * channels, width) they are one place that is read from its beginning to its end. So what only convolutions write and read
 * lies by rows. Graph inputs and outputs, and what any other operator sees, stay as ONNX has them.
 */

#include "graph/plan.h"

/* What the pass finds out about a tensor. */
typedef enum
{
  MADE   = 1 << 0, /* a node that can write rows makes it */
  BARRED = 1 << 1 /* somebody needs planes */
} Finding;

static guint
finding_of (GHashTable *findings, const NrTensor *tensor)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (findings, tensor));
}

static void
add_finding (GHashTable *findings, NrTensor *tensor, guint finding)
{
  if (tensor != NULL)
    g_hash_table_replace (findings, tensor, GUINT_TO_POINTER (finding_of (findings, tensor) | finding));
}

static void
visit (GHashTable *findings, const NrNode *node)
{
  const gboolean takes_rows = node->op->takes_rows != NULL && node->op->takes_rows (node);

  for (guint i = 0; i < node->n_out; i++)
    add_finding (findings, node->out[i], takes_rows && i == 0 ? MADE : BARRED);

  for (guint i = 0; i < node->n_in; i++)
    if (! takes_rows || (i != 0 && (i != NR_CONV_RESIDUAL || node->epilogue.residual == NULL)))
      add_finding (findings, node->in[i], BARRED);
}

/* A residual and what it is added to are stored with one offset. Returns whether anything was found. */
static gboolean
bar_with_residual (GHashTable *findings, const NrNode *node)
{
  NrTensor *residual = node->epilogue.residual;

  if (residual == NULL)
    return FALSE;

  const gboolean out_lies = finding_of (findings, node->out[0]) == MADE;
  const gboolean lies     = finding_of (findings, residual) == MADE;

  if (out_lies == lies)
    return FALSE;

  add_finding (findings, out_lies ? node->out[0] : residual, BARRED);
  return TRUE;
}

void
nr_plan_lay_by_rows (NrPlan *plan)
{
  g_autoptr (GHashTable) findings = g_hash_table_new (NULL, NULL);
  gboolean               is_new   = TRUE;

  for (guint i = 0; i < plan->nodes->len; i++)
    visit (findings, nr_plan_node (plan, i));
  for (guint i = 0; i < plan->model->outputs->len; i++)
    add_finding (findings, plan->outputs[i], BARRED);

  while (is_new)
    {
      is_new = FALSE;
      for (guint i = 0; i < plan->nodes->len; i++)
        is_new = bar_with_residual (findings, nr_plan_node (plan, i)) || is_new;
    }

  for (guint i = 0; i < plan->tensors->len; i++)
    {
      NrTensor *tensor = g_ptr_array_index (plan->tensors, i);

      tensor->is_by_rows = finding_of (findings, tensor) == MADE;
    }
}
