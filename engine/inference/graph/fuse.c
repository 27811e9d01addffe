/* Joins chains of nodes into one: what follows a convolution and looks at each element alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From a convolution on, as long as its result has one reader and is no output of the graph, the reader is taken in:
 * scales and shifts per channel into the weights (affine.c), an activation and the sum with another tensor of the same
 * shape into the epilogue. The convolution then stands where the last node taken in stood: all that it reads is there by
 * then. Convolutions are visited last to first, so that of two that are added the later one takes the sum in and the
 * earlier one stays early.
 */

#include "graph/affine.h"

typedef struct
{
  NrPlan     *plan;
  GHashTable *readers; /* NrTensor -> the only NrNode that reads it, or the plan: several, or an output */
} Fuser;

/* -- Readers ------------------------------------------------------------------------------------------------------ */

static void
find_readers (Fuser *fuser)
{
  NrPlan *plan = fuser->plan;

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      for (guint k = 0; k < node->n_in; k++)
        if (node->in[k] != NULL && ! node->in[k]->is_constant)
          g_hash_table_replace (fuser->readers, node->in[k],
                                g_hash_table_contains (fuser->readers, node->in[k]) ? (gpointer) plan : node);
    }

  for (guint i = 0; i < plan->model->outputs->len; i++)
    g_hash_table_replace (fuser->readers, plan->outputs[i], plan);
}

static NrNode *
only_reader (const Fuser *fuser, const NrTensor *tensor)
{
  gpointer reader = g_hash_table_lookup (fuser->readers, tensor);

  return reader == fuser->plan ? NULL : reader;
}

/* -- Activations -------------------------------------------------------------------------------------------------- */

static gboolean
scalar_bound (const NrNode *node, guint input, const gchar *attr, gfloat fallback, gfloat *bound)
{
  const NrTensor *tensor = nr_node_in (node, input);

  if (tensor == NULL)
    *bound = nr_node_get_float (node, attr, fallback);
  else if (tensor->is_constant && tensor->shape.type == NR_TYPE_FLOAT32 && tensor->n == 1)
    *bound = *nr_tensor_f32 (tensor);
  else
    return FALSE;

  return TRUE;
}

static gboolean
set_prelu (NrEpilogue *epilogue, const NrNode *node, const NrTensor *x)
{
  const NrTensor *slope = node->in[1];

  if (! slope->is_constant || slope->shape.type != NR_TYPE_FLOAT32 || ! nr_affine_is_per_channel (slope, &x->shape))
    return FALSE;

  if (slope->n == 1)
    {
      epilogue->activation = NR_ACT_LEAKY_RELU;
      epilogue->a          = *nr_tensor_f32 (slope);
    }
  else
    {
      epilogue->activation = NR_ACT_PRELU;
      epilogue->slope      = nr_tensor_f32 (slope);
    }

  return TRUE;
}

static gboolean
set_clip (NrEpilogue *epilogue, const NrNode *node)
{
  gfloat low, high;

  if (! scalar_bound (node, 1, "min", -G_MAXFLOAT, &low) || ! scalar_bound (node, 2, "max", G_MAXFLOAT, &high))
    return FALSE;

  epilogue->activation = NR_ACT_CLIP;
  epilogue->a          = low;
  epilogue->b          = high;
  return TRUE;
}

static gboolean
set_activation (NrEpilogue *epilogue, const NrNode *node, const NrTensor *x)
{
  const gchar *op = node->op->type;

  if (epilogue->activation != NR_ACT_NONE || node->in[0] != x)
    return FALSE;

  if (g_str_equal (op, "PRelu"))
    return set_prelu (epilogue, node, x);
  if (g_str_equal (op, "Clip"))
    return set_clip (epilogue, node);

  if (g_str_equal (op, "Relu"))
    {
      epilogue->activation = NR_ACT_RELU;
    }
  else if (g_str_equal (op, "LeakyRelu"))
    {
      epilogue->activation = NR_ACT_LEAKY_RELU;
      epilogue->a          = nr_node_get_float (node, "alpha", 0.01f);
    }

  return epilogue->activation != NR_ACT_NONE;
}

/* -- Chains ------------------------------------------------------------------------------------------------------- */

/* residual + x, x + residual, or residual - x where x's sign can still be changed. */
static gboolean
set_residual (NrNode *convolution, const NrNode *node, const NrTensor *x, NrAffine *affine)
{
  NrEpilogue *epilogue = &convolution->epilogue;
  NrTensor   *other;

  if (epilogue->residual != NULL)
    return FALSE;

  if (g_str_equal (node->op->type, "Add"))
    other = node->in[node->in[0] == x ? 1 : 0];
  else if (g_str_equal (node->op->type, "Sub") && node->in[1] == x && affine != NULL)
    other = node->in[0];
  else
    return FALSE;

  if (! nr_tensor_has_shape_of (other, x))
    return FALSE;

  if (g_str_equal (node->op->type, "Sub"))
    nr_affine_negate (affine);
  epilogue->residual = other;
  return TRUE;
}

static gboolean
take_in (NrNode *convolution, const NrNode *node, NrAffine *affine)
{
  const NrTensor *x        = convolution->out[0];
  NrEpilogue     *epilogue = &convolution->epilogue;
  const gboolean  is_plain = epilogue->activation == NR_ACT_NONE && epilogue->residual == NULL && affine->key != NULL;

  if (is_plain && nr_affine_add (affine, node, x))
    return TRUE;

  if (! convolution->op->has_epilogue)
    return FALSE;

  if (set_residual (convolution, node, x, is_plain ? affine : NULL))
    return TRUE;

  /* After act (sum) + residual there is no room for a second activation: set_activation () refuses it. */
  if (! set_activation (epilogue, node, x))
    return FALSE;

  epilogue->residual_first = epilogue->residual != NULL;
  return TRUE;
}

/* The node taken in is gone: what it read, the convolution reads; its output is the convolution's. */
static void
replace (Fuser *fuser, NrNode *convolution, NrNode *node, guint *position)
{
  GPtrArray *nodes = fuser->plan->nodes;
  guint      at    = *position;

  for (guint i = 0; i < node->n_in; i++)
    if (g_hash_table_lookup (fuser->readers, node->in[i]) == node)
      g_hash_table_replace (fuser->readers, node->in[i], convolution);

  convolution->out[0] = node->out[0];
  while (g_ptr_array_index (nodes, at) != node)
    at++;

  nodes->pdata[*position] = NULL;
  nodes->pdata[at]        = convolution;
  *position               = at;
  nr_node_free (node);
}

static void
list_residual (NrNode *convolution)
{
  convolution->in = g_renew (NrTensor *, convolution->in, NR_CONV_RESIDUAL + 1);
  for (guint i = convolution->n_in; i < NR_CONV_RESIDUAL; i++)
    convolution->in[i] = NULL;

  convolution->in[NR_CONV_RESIDUAL] = convolution->epilogue.residual;
  convolution->n_in                 = NR_CONV_RESIDUAL + 1;
}

static gboolean
infer_again (NrNode *node, GError **error)
{
  if (node->free_params != NULL)
    node->free_params (node->params);

  node->params      = NULL;
  node->free_params = NULL;
  node->n_items     = 0;
  node->grain       = 0;
  node->scratch     = 0;
  node->n_macs      = 0;
  return nr_node_infer (node, error);
}

static gboolean
fuse_from (Fuser *fuser, NrNode *convolution, guint position, GError **error)
{
  NrAffine affine;
  NrNode  *node;
  guint    at      = position;
  gboolean success = TRUE;

  nr_affine_init (&affine, convolution);

  while ((node = only_reader (fuser, convolution->out[0])) != NULL && take_in (convolution, node, &affine))
    replace (fuser, convolution, node, &at);

  if (at != position)
    {
      if (convolution->epilogue.residual != NULL)
        list_residual (convolution);
      success = (affine.key == NULL || nr_affine_apply (&affine, convolution, error)) &&
                infer_again (convolution, error);
    }

  nr_affine_clear (&affine);
  return success;
}

static void
close_gaps (GPtrArray *nodes)
{
  guint n = 0;

  for (guint i = 0; i < nodes->len; i++)
    if (nodes->pdata[i] != NULL)
      nodes->pdata[n++] = nodes->pdata[i];

  /* Not g_ptr_array_set_size (): it would free what moved. */
  for (guint i = n; i < nodes->len; i++)
    nodes->pdata[i] = NULL;
  nodes->len = n;
}

gboolean
nr_plan_fuse (NrPlan *plan, GError **error)
{
  g_autoptr (GHashTable) readers = g_hash_table_new (NULL, NULL);
  Fuser                  fuser   = { plan, readers };
  gboolean               success = TRUE;

  find_readers (&fuser);
  for (guint i = plan->nodes->len; i-- > 0 && success;)
    {
      NrNode *node = nr_plan_node (plan, i);

      if (node != NULL && (node->op->has_epilogue || g_str_has_prefix (node->op->type, "Conv")))
        success = fuse_from (&fuser, node, i, error);
    }

  close_gaps (plan->nodes);
  return success;
}
