/* From the nodes of a plan, last to first, to those that make gradients.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "gradient/tape.h"

/* -- Nodes for one backward ----------------------------------------------------------------------------------------- */

/* What a node of the way back owns: the NrBackward and its arrays. */
typedef struct
{
  NrBackward       base;
  NrTensor       **out_gradient;
  NrTensor       **in_gradient;
  const NrTensor **in, **out;
} Backward;

static void
backward_free (gpointer data)
{
  Backward *backward = data;

  if (backward->base.free_params != NULL)
    backward->base.free_params (backward->base.params);
  g_free (backward->out_gradient);
  g_free (backward->in_gradient);
  g_free (backward->in);
  g_free (backward->out);
  g_free (backward);
}

void
nr_backward_keep_in (NrBackward *backward, guint i)
{
  if (i < backward->node->n_in)
    backward->in[i] = backward->node->in[i];
}

void
nr_backward_keep_out (NrBackward *backward, guint i)
{
  if (i < backward->node->n_out)
    backward->out[i] = backward->node->out[i];
}

static void
backward_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrBackward *backward = node->params;

  backward->node->op->backward (backward, kernels, begin, end, scratch);
}

static const NrOpClass backward_class = {
  .type = "Backward",
  .run  = backward_run,
};

static const NrOpClass backward_in_place_class = {
  .type     = "Backward",
  .run      = backward_run,
  .in_place = TRUE,
};

static const NrOpClass backward_view_class = {
  .type    = "Backward",
  .is_view = TRUE,
};

/* -- Tape ----------------------------------------------------------------------------------------------------------- */

NrTensor *
nr_tape_tensor (NrTape *tape, const NrTensor *like)
{
  g_autofree gchar *name   = g_strdup_printf ("gradient of %s", like->name);
  NrTensor         *tensor = nr_plan_add_tensor (tape->plan, name);

  nr_tensor_set_shape_like (tensor, like);
  return tensor;
}

NrTensor *
nr_tape_tensor_new (NrTape *tape, const NrNode *node, guint rank, const gint64 *dims, GError **error)
{
  g_autoptr (GError) local  = NULL;
  g_autofree gchar  *name   = g_strdup_printf ("backward of %s", node->name);
  NrTensor          *tensor = nr_plan_add_tensor (tape->plan, name);

  if (nr_tensor_set_shape (tensor, NR_TYPE_FLOAT32, rank, dims, &local))
    return tensor;

  nr_node_error (node, error, local->code, "%s", local->message);
  return NULL;
}

NrNode *
nr_tape_add (NrTape *tape, const NrNode *of, const NrOpClass *op, guint n_in, NrTensor *const *in, guint n_out, NrTensor *const *out)
{
  NrNode *node = g_new0 (NrNode, 1);

  node->name        = g_strdup (of->name);
  node->op          = op;
  node->opset       = of->opset;
  node->attrs       = of->attrs;
  node->plan        = tape->plan;
  node->n_in        = n_in;
  node->n_out       = n_out;
  node->in          = g_memdup2 (in, n_in * sizeof *in);
  node->out         = g_memdup2 (out, n_out * sizeof *out);
  node->is_backward = TRUE;
  g_ptr_array_add (tape->plan->nodes, node);
  return node;
}

/* The gradient of VALUE is GRADIENT more. */
static gboolean
add_gradient (NrTape *tape, const NrNode *node, const NrTensor *value, NrTensor *gradient, GError **error)
{
  NrTensor *before = g_hash_table_lookup (tape->gradients, value);

  if (before != NULL)
    {
      NrTensor *const in[] = { before, gradient };
      NrTensor       *sum  = nr_tape_tensor (tape, value);
      NrNode         *add  = nr_tape_add (tape, node, nr_op_lookup ("Add"), 2, in, 1, &sum);

      if (! nr_node_infer (add, error))
        return FALSE;
      gradient = sum;
    }

  g_hash_table_replace (tape->gradients, (gpointer) value, gradient);
  return TRUE;
}

static Backward *
backward_new (const NrNode *node, NrTensor *const *out_gradient)
{
  Backward *backward = g_new0 (Backward, 1);

  backward->out_gradient = g_memdup2 (out_gradient, node->n_out * sizeof *out_gradient);
  backward->in_gradient  = g_new0 (NrTensor *, node->n_in);
  backward->in           = g_new0 (const NrTensor *, node->n_in);
  backward->out          = g_new0 (const NrTensor *, node->n_out);
  backward->base         = (NrBackward) { .node         = node,
                                          .out_gradient = backward->out_gradient,
                                          .in_gradient  = backward->in_gradient,
                                          .in           = backward->in,
                                          .out          = backward->out };
  return backward;
}

static void
append_some (GPtrArray *list, gconstpointer tensors, guint n)
{
  for (guint i = 0; i < n; i++)
    if (((NrTensor *const *) tensors)[i] != NULL)
      g_ptr_array_add (list, ((NrTensor *const *) tensors)[i]);
}

/* The node of the plan for a backward whose in_gradients are set. */
static gboolean
add_backward (NrTape *tape, const NrNode *node, Backward *backward, GError **error)
{
  g_autoptr (GPtrArray) in   = g_ptr_array_new ();
  g_autoptr (GPtrArray) out  = g_ptr_array_new ();
  NrBackward           *base = &backward->base;
  const NrOpClass *class     = &backward_class;
  NrNode *added;

  append_some (out, backward->in_gradient, node->n_in);
  base->n_items = ((NrTensor *) g_ptr_array_index (out, 0))->n;
  if (node->op->plan_backward != NULL && ! node->op->plan_backward (base, error))
    {
      backward_free (backward);
      return FALSE;
    }

  append_some (in, backward->out_gradient, node->n_out);
  append_some (in, backward->in, node->n_in);
  append_some (in, backward->out, node->n_out);

  if (base->is_view)
    class = &backward_view_class;
  else if (base->in_place && backward->out_gradient[0] != NULL)
    class = &backward_in_place_class;

  added              = nr_tape_add (tape, node, class, in->len, (NrTensor *const *) in->pdata, out->len, (NrTensor *const *) out->pdata);
  added->params      = backward;
  added->free_params = backward_free;
  added->n_items     = base->n_items;
  added->grain       = base->grain;
  added->scratch     = base->scratch;
  return TRUE;
}

/* For an operator with a backward: one for each input, or one for all. */
static gboolean
add_backwards (NrTape *tape, const NrNode *node, NrTensor *const *out_gradient, const gboolean *wanted, NrTensor **in_gradient, GError **error)
{
  Backward *together = NULL;

  for (guint i = 0; i < node->n_in; i++)
    {
      if (! wanted[i])
        continue;

      Backward *backward = together != NULL ? together : backward_new (node, out_gradient);

      backward->in_gradient[i] = in_gradient[i] = nr_tape_tensor (tape, node->in[i]);
      if (node->op->backward_together)
        together = backward;
      else if (! add_backward (tape, node, backward, error))
        return FALSE;
    }

  return together == NULL || add_backward (tape, node, together, error);
}

/* The gradient of a view is a view of the gradient. */
static void
add_view (NrTape *tape, const NrNode *node, NrTensor *out_gradient, NrTensor **in_gradient)
{
  in_gradient[0] = nr_tape_tensor (tape, node->in[0]);
  nr_tape_add (tape, node, &backward_view_class, 1, &out_gradient, 1, in_gradient);
}

static gboolean
differentiate_node (NrTape *tape, NrNode *node, GError **error)
{
  g_autofree NrTensor **out_gradient = g_new0 (NrTensor *, node->n_out);
  g_autofree NrTensor **in_gradient  = g_new0 (NrTensor *, node->n_in);
  g_autofree gboolean  *wanted       = g_new0 (gboolean, node->n_in);
  gboolean              is_reached = FALSE, is_wanted = FALSE;

  for (guint i = 0; i < node->n_out; i++)
    {
      out_gradient[i] = node->out[i] != NULL ? g_hash_table_lookup (tape->gradients, node->out[i]) : NULL;
      is_reached      = is_reached || out_gradient[i] != NULL;
    }

  for (guint i = 0; i < node->n_in; i++)
    {
      wanted[i] = node->in[i] != NULL && g_hash_table_contains (tape->wanted, node->in[i]);
      is_wanted = is_wanted || wanted[i];
    }

  if (! is_reached || ! is_wanted)
    return TRUE;

  if (nr_node_is_view (node) && wanted[0])
    add_view (tape, node, out_gradient[0], in_gradient);
  else if (node->op->differentiate != NULL)
    {
      if (! node->op->differentiate (tape, node, out_gradient, wanted, in_gradient, error))
        return FALSE;
    }
  else if (node->op->backward == NULL && node->op->plan_backward == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "the operator has no gradient, so that what lies before it cannot be trained");
  else if (! add_backwards (tape, node, out_gradient, wanted, in_gradient, error))
    return FALSE;

  for (guint i = 0; i < node->n_in; i++)
    if (in_gradient[i] != NULL && ! add_gradient (tape, node, node->in[i], in_gradient[i], error))
      return FALSE;

  return TRUE;
}

/* What depends on something wanted is wanted, as far as it is made of floats. */
static void
spread_wanted (NrTape *tape)
{
  for (guint i = 0; i < tape->plan->nodes->len; i++)
    {
      NrNode  *node      = nr_plan_node (tape->plan, i);
      gboolean is_wanted = FALSE;

      for (guint k = 0; k < node->n_in && ! is_wanted; k++)
        is_wanted = g_hash_table_contains (tape->wanted, node->in[k]);

      for (guint k = 0; k < node->n_out && is_wanted; k++)
        if (node->out[k] != NULL && node->out[k]->shape.type == NR_TYPE_FLOAT32)
          g_hash_table_add (tape->wanted, node->out[k]);
    }
}

static gboolean
add_seeds (NrTape *tape, NrTensor **seeds, GError **error)
{
  NrPlan *plan = tape->plan;

  for (guint i = 0; i < plan->n_outputs; i++)
    {
      const NrTensor *output   = plan->outputs[i];
      const NrNode    nameless = { .name = output->name, .opset = plan->model->opset };

      seeds[i] = NULL;
      if (! g_hash_table_contains (tape->wanted, output))
        continue;

      seeds[i] = nr_tape_tensor (tape, output);
      nr_plan_add_input (plan, seeds[i]);
      if (! add_gradient (tape, &nameless, output, seeds[i], error))
        return FALSE;
    }

  return TRUE;
}

gboolean
nr_tape_differentiate (NrPlan *plan, const gboolean *wanted, NrTensor **seeds, NrTensor **gradients, GError **error)
{
  g_autoptr (GHashTable) set      = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) found    = g_hash_table_new (NULL, NULL);
  NrTape                 tape     = { .plan = plan, .wanted = set, .gradients = found };
  const guint            n_inputs = plan->n_inputs;
  const guint            n_nodes  = plan->nodes->len;

  for (guint i = 0; i < n_inputs; i++)
    if (wanted[i])
      g_hash_table_add (set, plan->inputs[i]);

  spread_wanted (&tape);
  if (! add_seeds (&tape, seeds, error))
    return FALSE;

  for (guint i = n_nodes; i-- > 0;)
    if (! differentiate_node (&tape, nr_plan_node (plan, i), error))
      return FALSE;

  for (guint i = 0; i < n_inputs; i++)
    gradients[i] = wanted[i] ? g_hash_table_lookup (found, plan->inputs[i]) : NULL;

  return TRUE;
}
