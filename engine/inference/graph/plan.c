/* From a model and input shapes to nodes and tensors: shapes inferred in order, constants folded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/plan.h"
#include "graph/recognize.h"
#include "aligned.h"

/* What all folded tensors of a plan may take together: shape arithmetic is tiny, anything large is left to the run, where
 * the memory limit counts it. */
#define MAX_FOLDED_BYTES ((gsize) 64 << 20)

typedef struct
{
  NrPlan    *plan;
  NrTensor **values; /* for each value of the model: its tensor in this plan */
} Builder;

NrNode *
nr_plan_node (const NrPlan *plan, guint i)
{
  return g_ptr_array_index (plan->nodes, i);
}

NrTensor *
nr_plan_add_tensor (NrPlan *plan, const gchar *name)
{
  NrTensor *tensor = nr_tensor_new (name);

  g_ptr_array_add (plan->tensors, tensor);
  return tensor;
}

void
nr_node_free (NrNode *node)
{
  if (node->free_params != NULL)
    node->free_params (node->params);
  g_free (node->name);
  g_free (node->in);
  g_free (node->out);
  g_free (node);
}

gboolean
nr_node_is_view (const NrNode *node)
{
  for (guint i = 1; i < node->n_out; i++)
    if (node->out[i] != NULL)
      return FALSE;

  return node->op->is_view && node->out[0] != NULL;
}

/* -- Inputs ------------------------------------------------------------------------------------------------------- */

static gboolean
check_input (const NrModel *model, guint i, const NrShape *given, GError **error)
{
  const NrShape *wanted = nr_model_input_shape (model, i);
  gboolean       fits   = given->type == wanted->type && given->rank == wanted->rank;

  for (guint k = 0; fits && k < wanted->rank; k++)
    fits = wanted->dims[k] == -1 || wanted->dims[k] == given->dims[k];

  if (! fits)
    {
      g_autofree gchar *have = nr_shape_to_string (given);
      g_autofree gchar *want = nr_shape_to_string (wanted);

      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE, "input '%s' is %s, the network takes %s",
                   nr_model_input_name (model, i), have, want);
    }

  return fits;
}

void
nr_plan_add_input (NrPlan *plan, NrTensor *tensor)
{
  plan->inputs                   = g_renew (NrTensor *, plan->inputs, plan->n_inputs + 1);
  plan->inputs[plan->n_inputs++] = tensor;
}

void
nr_plan_add_output (NrPlan *plan, NrTensor *tensor)
{
  plan->outputs                    = g_renew (NrTensor *, plan->outputs, plan->n_outputs + 1);
  plan->outputs[plan->n_outputs++] = tensor;
}

static gboolean
add_inputs (Builder *builder, const NrShape *shapes, GError **error)
{
  NrPlan *plan = builder->plan;

  for (guint i = 0; i < plan->model->inputs->len; i++)
    {
      NrTensor *tensor;

      if (! check_input (plan->model, i, &shapes[i], error))
        return FALSE;

      tensor = nr_plan_add_tensor (plan, nr_model_input_name (plan->model, i));
      if (! nr_tensor_set_shape (tensor, shapes[i].type, shapes[i].rank, shapes[i].dims, error))
        return FALSE;

      nr_plan_add_input (plan, tensor);
      builder->values[g_array_index (plan->model->inputs, guint, i)] = tensor;
    }

  return TRUE;
}

/* A parameter is an initialiser whose values may change: to the plan it is one more input. */
static void
add_parameters (Builder *builder, const GArray *parameters)
{
  NrPlan *plan = builder->plan;

  for (guint i = 0; parameters != NULL && i < parameters->len; i++)
    {
      const guint     value   = g_array_index (parameters, guint, i);
      const NrTensor *initial = nr_model_value (plan->model, value);
      NrTensor       *tensor  = nr_plan_add_tensor (plan, initial->name);

      nr_tensor_set_shape_like (tensor, initial);
      nr_plan_add_input (plan, tensor);
      builder->values[value] = tensor;
    }
}

/* -- Nodes -------------------------------------------------------------------------------------------------------- */

static NrNode *
make_node (Builder *builder, const NrModelNode *template)
{
  NrPlan *plan = builder->plan;
  NrNode *node = g_new0 (NrNode, 1);

  node->name  = g_strdup (template->name);
  node->op    = template->op;
  node->opset = plan->model->opset;
  node->attrs = template->attrs;
  node->plan  = plan;
  node->n_in  = template->n_in;
  node->n_out = template->n_out;
  node->in    = g_new0 (NrTensor *, template->n_in);
  node->out   = g_new0 (NrTensor *, template->n_out);

  for (guint i = 0; i < template->n_in; i++)
    if (template->in[i] != NR_NO_VALUE)
      node->in[i] = builder->values[template->in[i]];

  for (guint i = 0; i < template->n_out; i++)
    if (template->out[i] != NR_NO_VALUE)
      {
        node->out[i]                      = nr_plan_add_tensor (plan, nr_model_value (plan->model, template->out[i])->name);
        builder->values[template->out[i]] = node->out[i];
      }

  return node;
}

gboolean
nr_node_infer (NrNode *node, GError **error)
{
  if (! node->op->infer (node, error))
    return FALSE;

  for (guint i = 0; i < node->n_out; i++)
    if (node->out[i] != NULL && node->out[i]->shape.type == NR_TYPE_UNDEFINED)
      return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "output %u is not supported", i);

  if (node->n_items == 0 && node->out[0] != NULL)
    node->n_items = node->out[0]->n;

  return TRUE;
}

/* -- Folding ------------------------------------------------------------------------------------------------------ */

static gboolean
can_fold (const NrNode *node)
{
  gsize bytes = node->scratch;

  if (node->op->prepare != NULL)
    return FALSE;

  for (guint i = 0; i < node->n_in && ! node->op->shapes_only; i++)
    if (node->in[i] != NULL && ! node->in[i]->is_constant)
      return FALSE;

  if (nr_node_is_view (node))
    return TRUE;

  for (guint i = 0; i < node->n_out; i++)
    if (node->out[i] != NULL && ! g_size_checked_add (&bytes, bytes, nr_tensor_bytes (node->out[i])))
      return FALSE;

  return bytes <= MAX_FOLDED_BYTES - node->plan->folded_bytes;
}

/* Runs a node at once; its outputs become constants with data of their own, or that of the constant they are a view of. */
static gboolean
fold (NrNode *node, GError **error)
{
  gpointer scratch;

  if (nr_node_is_view (node))
    {
      node->out[0]->data        = node->in[0]->data;
      node->out[0]->is_constant = TRUE;
      return TRUE;
    }

  scratch = nr_aligned_try_alloc (node->scratch);
  if (scratch == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes of scratch",
                          node->scratch);

  for (guint i = 0; i < node->n_out; i++)
    {
      NrTensor *out = node->out[i];

      if (out == NULL)
        continue;

      if (! nr_tensor_alloc (out, error))
        {
          nr_aligned_free (scratch);
          return FALSE;
        }

      out->is_constant = TRUE;
      node->plan->folded_bytes += nr_tensor_bytes (out);
    }

  if (node->n_items > 0)
    node->op->run (node, node->plan->kernels, 0, node->n_items, scratch);

  nr_aligned_free (scratch);
  return TRUE;
}

static gboolean
add_node (Builder *builder, const NrModelNode *template, GError **error)
{
  NrNode  *node    = make_node (builder, template);
  gboolean success = nr_node_infer (node, error);

  if (success && can_fold (node))
    {
      success = fold (node, error);
      nr_node_free (node);
    }
  else
    {
      g_ptr_array_add (builder->plan->nodes, node);
    }

  return success;
}

/* -- Dead nodes --------------------------------------------------------------------------------------------------- */

void
nr_plan_drop_dead (NrPlan *plan)
{
  g_autoptr (GHashTable) alive = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < plan->n_outputs; i++)
    g_hash_table_add (alive, plan->outputs[i]);

  for (guint i = plan->nodes->len; i-- > 0;)
    {
      NrNode  *node = nr_plan_node (plan, i);
      gboolean used = FALSE;

      for (guint k = 0; k < node->n_out; k++)
        used = used || g_hash_table_contains (alive, node->out[k]);

      for (guint k = 0; k < node->n_in && used; k++)
        g_hash_table_add (alive, node->in[k]);

      if (! used)
        g_ptr_array_remove_index (plan->nodes, i);
    }
}

/* -- The whole ---------------------------------------------------------------------------------------------------- */

static gboolean
build (NrPlan *plan, const NrShape *shapes, const GArray *parameters, GError **error)
{
  NrModel              *model   = plan->model;
  g_autofree NrTensor **values  = g_new0 (NrTensor *, model->values->len);
  Builder               builder = { .plan = plan, .values = values };

  for (guint i = 0; i < model->values->len; i++)
    if (nr_model_value (model, i)->is_constant)
      values[i] = nr_model_value (model, i);

  if (! add_inputs (&builder, shapes, error))
    return FALSE;
  add_parameters (&builder, parameters);

  for (guint i = 0; i < model->nodes->len; i++)
    if (! add_node (&builder, nr_model_node (model, i), error))
      return FALSE;

  for (guint i = 0; i < model->outputs->len; i++)
    nr_plan_add_output (plan, values[g_array_index (model->outputs, guint, i)]);

  return TRUE;
}

gboolean
nr_plan_prepare (NrPlan *plan, GError **error)
{
  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      if (node->op->prepare != NULL && ! node->op->prepare (node, plan->kernels, error))
        return FALSE;

      while (plan->before->len > 0)
        g_ptr_array_insert (plan->nodes, (gint) i++, g_ptr_array_steal_index (plan->before, 0));
    }

  return TRUE;
}

NrNode *
nr_plan_add_before (NrPlan *plan, const NrNode *node, const NrOpClass *op, NrTensor *in, gsize n, GError **error)
{
  NrNode            *before = g_new0 (NrNode, 1);
  NrTensor          *out    = nr_plan_add_tensor (plan, node->name);
  const gint64       dim    = (gint64) n;
  g_autoptr (GError) local  = NULL;

  before->name        = g_strdup (node->name);
  before->op          = op;
  before->opset       = node->opset;
  before->plan        = plan;
  before->is_backward = node->is_backward;
  before->n_in        = 1;
  before->n_out       = 1;
  before->in          = g_memdup2 (&in, sizeof in);
  before->out         = g_memdup2 (&out, sizeof out);
  g_ptr_array_add (plan->before, before);

  if (nr_tensor_set_shape (out, NR_TYPE_FLOAT32, 1, &dim, &local))
    return before;

  nr_node_error (node, error, local->code, "%s", local->message);
  return NULL;
}

NrPlan *
nr_plan_build (NrModel *model, const NrShape *shapes, const NrKernels *kernels, const GArray *parameters, GError **error)
{
  g_autoptr (NrPlan) plan = g_new0 (NrPlan, 1);

  plan->model           = nr_model_ref (model);
  plan->kernels         = kernels;
  plan->tensors         = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_tensor_free);
  plan->nodes           = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_node_free);
  plan->packed          = g_ptr_array_new_with_free_func (nr_aligned_free);
  plan->counted         = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  plan->input_bindings  = g_array_new (FALSE, FALSE, sizeof (NrBinding));
  plan->output_bindings = g_array_new (FALSE, FALSE, sizeof (NrBinding));
  plan->copies          = g_array_new (FALSE, FALSE, sizeof (NrBinding));
  plan->slots           = g_array_new (FALSE, FALSE, sizeof (NrSlot));
  plan->silent          = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_node_free);
  plan->before          = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_node_free);

  if (! build (plan, shapes, parameters, error))
    return NULL;

  nr_plan_drop_dead (plan);
  return g_steal_pointer (&plan);
}

NrPlan *
nr_plan_new (NrModel *model, const NrShape *shapes, const NrKernels *kernels, gboolean is_estimate, GError **error)
{
  g_autoptr (NrPlan) plan = nr_plan_build (model, shapes, kernels, NULL, error);

  if (plan == NULL)
    return NULL;

  plan->is_estimate = is_estimate;
  nr_plan_simplify (plan);
  if (! nr_plan_recognize (plan, error) || ! nr_plan_fuse (plan, error))
    return NULL;

  nr_plan_take_prologues (plan);
  nr_plan_lay_by_rows (plan);
  if (! nr_plan_prepare (plan, error) || ! nr_plan_lay_out (plan, error))
    return NULL;

  return g_steal_pointer (&plan);
}

void
nr_plan_free (NrPlan *plan)
{
  if (plan == NULL)
    return;

  g_ptr_array_unref (plan->nodes);
  g_ptr_array_unref (plan->silent);
  g_ptr_array_unref (plan->before);
  g_ptr_array_unref (plan->tensors);
  g_ptr_array_unref (plan->packed);
  g_hash_table_unref (plan->counted);
  g_array_unref (plan->input_bindings);
  g_array_unref (plan->output_bindings);
  g_array_unref (plan->copies);
  g_array_unref (plan->slots);
  g_free (plan->inputs);
  g_free (plan->outputs);
  nr_model_unref (plan->model);
  g_free (plan);
}

/* -- Packed weights ----------------------------------------------------------------------------------------------- */

static gpointer
make_packed (const NrNode *node, gsize size, NrPackFunc make, gpointer data, GError **error)
{
  gpointer packed = nr_aligned_try_alloc0 (size);

  if (packed == NULL)
    nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes of packed weights", size);
  else
    make (packed, node, data);

  return packed;
}

/* Stands for a block that an estimate does not make. */
static const gchar not_made[1];

const void *
nr_node_share (const NrNode   *node,
               const NrTensor *weights,
               const gchar    *key,
               gsize           size,
               NrPackFunc      make,
               gpointer        data,
               GError        **error)
{
  NrPlan           *plan   = node->plan;
  NrModel          *model  = plan->model;
  g_autofree gchar *name   = g_strdup_printf ("%p/%s", weights, key);
  gpointer          packed = NULL;

  if (g_hash_table_add (plan->counted, g_strdup (name)))
    plan->packed_bytes += nr_align (size);

  if (plan->is_estimate)
    return not_made;

  if (! weights->is_shared)
    {
      packed = make_packed (node, size, make, data, error);
      if (packed != NULL)
        g_ptr_array_add (plan->packed, packed);
      return packed;
    }

  g_mutex_lock (&model->lock);
  packed = g_hash_table_lookup (model->packed, name);
  if (packed == NULL)
    {
      packed = make_packed (node, size, make, data, error);
      if (packed != NULL)
        g_hash_table_insert (model->packed, g_steal_pointer (&name), packed);
    }
  g_mutex_unlock (&model->lock);

  return packed;
}
