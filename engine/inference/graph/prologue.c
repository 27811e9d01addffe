/* Lets a 1x1 convolution take in what stands before it: its input is copied piece by piece into the cache anyway.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Taken in are a normalization over channels and a product with a tensor of the same shape or of one value a channel, if
 * the convolution is the only one that reads their result. It then reads their inputs.
 */

#include "graph/affine.h"
#include "graph/recognize.h"

static const gint64 max_channels = 4096; /* of which 48 pixels are copied at once: well within what an item may take */

static gboolean
is_pointwise (const NrNode *node)
{
  const NrTensor *x, *w;
  const gint64   *values;
  gsize           n;

  if (! g_str_equal (node->op->type, "Conv"))
    return FALSE;

  x = node->in[0];
  w = node->in[1];
  if (x->is_constant || ! w->is_constant || w->shape.rank != x->shape.rank || x->shape.rank < 3 ||
      w->shape.dims[1] != x->shape.dims[1] || x->shape.dims[1] > max_channels)
    return FALSE;

  for (guint i = 2; i < w->shape.rank; i++)
    if (w->shape.dims[i] != 1 || node->out[0]->shape.dims[i] != x->shape.dims[i])
      return FALSE;

  values = nr_node_get_ints (node, "strides", &n);
  for (gsize i = 0; i < n; i++)
    if (values[i] != 1)
      return FALSE;

  values = nr_node_get_ints (node, "pads", &n);
  for (gsize i = 0; i < n; i++)
    if (values[i] != 0)
      return FALSE;

  return TRUE;
}

/* Whether FACTOR has one value for each batch entry and channel of X. */
static gboolean
is_channel_factor (const NrTensor *factor, const NrTensor *x)
{
  if (factor->shape.rank != x->shape.rank || factor->shape.dims[0] != x->shape.dims[0] || factor->shape.dims[1] != x->shape.dims[1])
    return FALSE;

  return factor->n == (gsize) (x->shape.dims[0] * x->shape.dims[1]);
}

/* Sets the product of X with another tensor as the prologue; FALSE if the node before is none. */
static gboolean
take_product (NrNode *convolution, const NrNode *before)
{
  const NrTensor *out = before->out[0];

  if (! g_str_equal (before->op->type, "Mul") || out->shape.type != NR_TYPE_FLOAT32)
    return FALSE;

  for (guint i = 0; i < 2; i++)
    {
      NrTensor *x = before->in[i], *factor = before->in[1 - i];

      if (x->is_constant || ! nr_tensor_has_shape_of (x, out))
        continue;
      if (! nr_tensor_has_shape_of (factor, out) && ! is_channel_factor (factor, out))
        continue;

      convolution->prologue = (NrPrologue) {
        .kind = nr_tensor_has_shape_of (factor, out) ? NR_PROLOGUE_MULTIPLY : NR_PROLOGUE_SCALE,
      };
      convolution->in[0]                = x;
      convolution->in[NR_CONV_PROLOGUE] = factor;
      return TRUE;
    }

  return FALSE;
}

static gboolean
take_normalization (NrNode *convolution, const NrNode *before)
{
  if (before->op != &nr_op_channel_normalization)
    return FALSE;

  convolution->prologue = (NrPrologue) {
    .kind    = NR_PROLOGUE_NORMALIZE,
    .epsilon = nr_channel_normalization_epsilon (before),
    .scale   = before->in[1] != NULL ? nr_tensor_f32 (before->in[1]) : NULL,
    .bias    = before->in[2] != NULL ? nr_tensor_f32 (before->in[2]) : NULL,
  };
  convolution->in[0] = before->in[0];
  return TRUE;
}

/* Room for all that may stand behind x, weights and bias. */
static void
make_room (NrNode *convolution)
{
  convolution->in = g_renew (NrTensor *, convolution->in, NR_CONV_N_IN);
  for (guint i = convolution->n_in; i < NR_CONV_N_IN; i++)
    convolution->in[i] = NULL;
  convolution->n_in = NR_CONV_N_IN;
}

void
nr_plan_take_prologues (NrPlan *plan)
{
  g_autoptr (GHashTable) makers  = g_hash_table_new (NULL, NULL); /* NrTensor -> NrNode */
  g_autoptr (GHashTable) n_reads = g_hash_table_new (NULL, NULL); /* NrTensor -> number */

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      g_hash_table_insert (makers, node->out[0], node);
      for (guint k = 0; k < node->n_in; k++)
        g_hash_table_insert (n_reads, node->in[k], GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (n_reads, node->in[k])) + 1));
    }
  for (guint i = 0; i < plan->model->outputs->len; i++)
    g_hash_table_insert (n_reads, plan->outputs[i], GUINT_TO_POINTER (2));

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);
      NrNode *before;

      if (! is_pointwise (node) || GPOINTER_TO_UINT (g_hash_table_lookup (n_reads, node->in[0])) != 1)
        continue;

      before = g_hash_table_lookup (makers, node->in[0]);
      if (before != NULL)
        {
          make_room (node);
          if (! take_normalization (node, before))
            take_product (node, before);
        }
    }

  nr_plan_drop_dead (plan);
}
