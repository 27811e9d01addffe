/* Recognizes layer norm over channels.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *   mean = ReduceMean (x), c = x - mean, y = c / Sqrt (ReduceMean (c c) + epsilon) [* scale [+ bias]]
 *
 * c c may be a Pow by 2, and the c above the line another node than the one below. Found from the division upwards. Nodes
 * that nobody reads any more are dropped.
 */

#include "graph/recognize.h"
#include "graph/affine.h"

typedef struct
{
  NrPlan     *plan;
  GHashTable *makers;  /* NrTensor -> NrNode */
  GHashTable *readers; /* NrTensor -> the only NrNode that reads it, or the plan */
} Finder;

static NrNode *
maker_of (const Finder *finder, const NrTensor *tensor, const gchar *op)
{
  NrNode *node = tensor != NULL ? g_hash_table_lookup (finder->makers, tensor) : NULL;

  return node != NULL && g_str_equal (node->op->type, op) ? node : NULL;
}

static gboolean
is_scalar (const NrTensor *tensor, gfloat *value)
{
  if (! tensor->is_constant || tensor->n != 1 || tensor->shape.type != NR_TYPE_FLOAT32)
    return FALSE;

  *value = *nr_tensor_f32 (tensor);
  return TRUE;
}

/* ReduceMean over channels of what has the shape of a picture; [N, 1, H, W] tells that by itself. */
static const NrTensor *
mean_of (const Finder *finder, const NrTensor *tensor)
{
  const NrNode *node = maker_of (finder, tensor, "ReduceMean");

  if (node == NULL)
    return NULL;

  const NrShape *in = &node->in[0]->shape, *out = &tensor->shape;

  if (in->type != NR_TYPE_FLOAT32 || in->rank < 3 || out->rank != in->rank || in->dims[1] < 2 || node->in[0]->n == 0)
    return NULL;
  for (guint i = 0; i < in->rank; i++)
    if (out->dims[i] != (i == 1 ? 1 : in->dims[i]))
      return NULL;

  return node->in[0];
}

/* x of x - mean over channels of x. */
static NrTensor *
centered_of (const Finder *finder, const NrTensor *tensor)
{
  const NrNode *node = maker_of (finder, tensor, "Sub");

  return node != NULL && mean_of (finder, node->in[1]) == node->in[0] ? node->in[0] : NULL;
}

/* c of c c. */
static const NrTensor *
root_of (const Finder *finder, const NrTensor *tensor)
{
  const NrNode *node = maker_of (finder, tensor, "Mul");
  gfloat        exponent;

  if (node != NULL)
    return node->in[0] == node->in[1] ? node->in[0] : NULL;

  node = maker_of (finder, tensor, "Pow");
  return node != NULL && is_scalar (node->in[1], &exponent) && exponent == 2.0f ? node->in[0] : NULL;
}

/* x of Sqrt (variance over channels of x + epsilon). */
static NrTensor *
deviation_of (const Finder *finder, const NrTensor *tensor, gfloat *epsilon)
{
  const NrNode   *root = maker_of (finder, tensor, "Sqrt");
  const NrNode   *sum  = root != NULL ? maker_of (finder, root->in[0], "Add") : NULL;
  const NrTensor *squares;

  if (sum == NULL)
    return NULL;

  if (is_scalar (sum->in[1], epsilon))
    squares = mean_of (finder, sum->in[0]);
  else if (is_scalar (sum->in[0], epsilon))
    squares = mean_of (finder, sum->in[1]);
  else
    return NULL;

  return squares != NULL && *epsilon > 0.0f ? centered_of (finder, root_of (finder, squares)) : NULL;
}

static NrNode *
only_reader (const Finder *finder, const NrTensor *tensor, const gchar *op)
{
  gpointer reader = g_hash_table_lookup (finder->readers, tensor);

  return reader != NULL && reader != finder->plan && g_str_equal (((NrNode *) reader)->op->type, op) ? reader : NULL;
}

/* The constant of NODE, one for each channel of X, which is its other input. */
static NrTensor *
constant_per_channel (const NrNode *node, const NrTensor *x)
{
  NrTensor *other = node->in[node->in[0] == x ? 1 : 0];

  return other->is_constant && other->shape.type == NR_TYPE_FLOAT32 && other->n == (gsize) x->shape.dims[1] &&
                 nr_affine_is_per_channel (other, &x->shape)
             ? other
             : NULL;
}

/* Takes NODE, which makes Y, further by a scale and a bias; returns the last node taken. */
static NrNode *
take_affine (const Finder *finder, NrNode *node, NrTensor **scale, NrTensor **bias)
{
  NrNode *next = only_reader (finder, node->out[0], "Mul");

  if (next == NULL || (*scale = constant_per_channel (next, node->out[0])) == NULL)
    return node; /* of the same shape: a scale of more dimensions is none per channel */

  node = next;
  next = only_reader (finder, node->out[0], "Add");
  if (next == NULL || (*bias = constant_per_channel (next, node->out[0])) == NULL)
    return node;

  return next;
}

/* Puts the one node in the place of LAST. */
static gboolean
replace (Finder *finder, NrNode *last, NrTensor *x, gfloat epsilon, NrTensor *scale, NrTensor *bias, GError **error)
{
  NrNode *node = g_new0 (NrNode, 1);
  guint   at;

  node->name   = g_strdup (last->name);
  node->op     = &nr_op_channel_normalization;
  node->opset  = last->opset;
  node->plan   = finder->plan;
  node->n_in   = 3;
  node->in     = g_new0 (NrTensor *, 3);
  node->in[0]  = x;
  node->in[1]  = scale;
  node->in[2]  = bias;
  node->n_out  = 1;
  node->out    = g_new0 (NrTensor *, 1);
  node->out[0] = last->out[0];
  g_hash_table_replace (finder->makers, node->out[0], node);

  g_ptr_array_find (finder->plan->nodes, last, &at);
  finder->plan->nodes->pdata[at] = node;
  nr_node_free (last);

  return nr_channel_normalization_init (node, epsilon, error);
}

static void
index_tensors (Finder *finder)
{
  NrPlan *plan = finder->plan;

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      for (guint k = 0; k < node->n_out; k++)
        if (node->out[k] != NULL)
          g_hash_table_insert (finder->makers, node->out[k], node);
      for (guint k = 0; k < node->n_in; k++)
        if (node->in[k] != NULL)
          g_hash_table_replace (finder->readers, node->in[k],
                                g_hash_table_contains (finder->readers, node->in[k]) ? (gpointer) plan : node);
    }

  for (guint i = 0; i < plan->model->outputs->len; i++)
    g_hash_table_replace (finder->readers, plan->outputs[i], plan);
}

gboolean
nr_plan_recognize (NrPlan *plan, GError **error)
{
  g_autoptr (GHashTable) makers  = g_hash_table_new (NULL, NULL);
  g_autoptr (GHashTable) readers = g_hash_table_new (NULL, NULL);
  Finder                 finder  = { plan, makers, readers };

  index_tensors (&finder);

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode   *node  = nr_plan_node (plan, i);
      NrTensor *scale = NULL, *bias = NULL, *x;
      gfloat    epsilon;

      /* Where the divisor is read elsewhere too, its nodes stay anyhow. */
      if (! g_str_equal (node->op->type, "Div") || only_reader (&finder, node->in[1], "Div") == NULL)
        continue;

      x = deviation_of (&finder, node->in[1], &epsilon);
      if (x == NULL || centered_of (&finder, node->in[0]) != x || ! nr_tensor_has_shape_of (x, node->out[0]))
        continue;

      node = take_affine (&finder, node, &scale, &bias);
      if (! replace (&finder, node, x, epsilon, scale, bias, error))
        return FALSE;
    }

  nr_plan_drop_dead (plan);
  return TRUE;
}
