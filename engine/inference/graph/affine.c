/* A scale and a shift a channel, taken into a convolution's weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/affine.h"

#include <math.h>
#include <string.h>

/* -- Which channel ------------------------------------------------------------------------------------------------ */

/* Weights of Conv are [channels, ...], of ConvTranspose [inputs, channels / groups, ...]. */
static gsize
n_channels (const NrNode *convolution)
{
  const NrShape *weights = &convolution->in[1]->shape;

  if (g_str_equal (convolution->op->type, "Conv"))
    return weights->dims[0];

  return weights->dims[1] * nr_node_get_int (convolution, "group", 1);
}

/* The channel that element I of the weights contributes to. */
static gsize
channel_of (const NrNode *convolution, gsize i)
{
  const NrTensor *weights = convolution->in[1];
  gsize           n_rows, per_filter, groups;

  if (g_str_equal (convolution->op->type, "Conv"))
    return i / (weights->n / weights->shape.dims[0]);

  n_rows     = weights->shape.dims[0];
  groups     = nr_node_get_int (convolution, "group", 1);
  per_filter = weights->n / n_rows / weights->shape.dims[1];

  /* Input channel i / ... lies in a group, whose outputs stand side by side. */
  return (i / (weights->n / n_rows)) / (n_rows / groups) * weights->shape.dims[1] +
         i / per_filter % weights->shape.dims[1];
}

/* -- Gathering ---------------------------------------------------------------------------------------------------- */

static gboolean
is_known (const NrTensor *tensor)
{
  return tensor != NULL && tensor->is_constant && tensor->shape.type == NR_TYPE_FLOAT32;
}

static void
note (NrAffine *affine, const NrTensor *tensor)
{
  g_string_append_printf (affine->key, " %p", tensor);
  if (tensor != NULL)
    affine->is_shared = affine->is_shared && tensor->is_shared;
}

gboolean
nr_affine_init (NrAffine *affine, const NrNode *convolution)
{
  const NrTensor *bias = nr_node_in (convolution, 2);

  memset (affine, 0, sizeof *affine);

  if (! g_str_equal (convolution->op->type, "Conv") && ! g_str_equal (convolution->op->type, "ConvTranspose"))
    return FALSE;

  if (! is_known (convolution->in[1]) || (bias != NULL && ! is_known (bias)) || convolution->in[1]->n == 0)
    return FALSE;

  affine->n         = n_channels (convolution);
  affine->scale     = g_new (gdouble, affine->n);
  affine->shift     = g_new0 (gdouble, affine->n);
  affine->is_shared = TRUE;
  affine->key       = g_string_new (NULL);
  note (affine, convolution->in[1]);
  note (affine, bias);

  for (gsize c = 0; c < affine->n; c++)
    affine->scale[c] = 1.0;

  return TRUE;
}

void
nr_affine_clear (NrAffine *affine)
{
  g_free (affine->scale);
  g_free (affine->shift);
  if (affine->key != NULL)
    g_string_free (affine->key, TRUE);
}

gboolean
nr_affine_is_per_channel (const NrTensor *tensor, const NrShape *shape)
{
  const guint rank = tensor->shape.rank;

  if (rank > shape->rank)
    return FALSE;

  for (guint i = 0; i < rank; i++)
    {
      const gboolean is_channel = i + shape->rank - rank == 1;

      if (tensor->shape.dims[i] != 1 && ! (is_channel && tensor->shape.dims[i] == shape->dims[1]))
        return FALSE;
    }

  return TRUE;
}

static gdouble
channel_value (const NrTensor *tensor, gsize c)
{
  return nr_tensor_f32 (tensor)[tensor->n == 1 ? 0 : c];
}

static gboolean
add_batch_norm (NrAffine *affine, const NrNode *node)
{
  const gfloat epsilon = nr_node_get_float (node, "epsilon", 1e-5f);

  if (node->n_in != 5 || node->n_out != 1 || nr_node_get_int (node, "training_mode", 0) != 0)
    return FALSE;

  for (guint i = 1; i < 5; i++)
    if (! is_known (node->in[i]) || node->in[i]->n != affine->n)
      return FALSE;

  for (gsize c = 0; c < affine->n; c++)
    {
      const gdouble scale = channel_value (node->in[1], c) / sqrt (channel_value (node->in[4], c) + epsilon);

      affine->scale[c] *= scale;
      affine->shift[c] = (affine->shift[c] - channel_value (node->in[3], c)) * scale + channel_value (node->in[2], c);
    }

  g_string_append_printf (affine->key, " bn %a", epsilon);
  for (guint i = 1; i < 5; i++)
    note (affine, node->in[i]);
  return TRUE;
}

/* x op constant, in the order in which they stand. */
static gboolean
add_arithmetic (NrAffine *affine, const NrNode *node, const NrTensor *x)
{
  const gchar    *op       = node->op->type;
  const gboolean  is_first = node->in[0] == x;
  const NrTensor *constant = node->in[is_first ? 1 : 0];

  if (! is_known (constant) || ! nr_affine_is_per_channel (constant, &x->shape) ||
      (constant->n != 1 && constant->n != affine->n) || (g_str_equal (op, "Div") && ! is_first))
    return FALSE;

  for (gsize c = 0; c < affine->n; c++)
    {
      const gdouble value = channel_value (constant, c);
      const gdouble scale = g_str_equal (op, "Mul") ? value : g_str_equal (op, "Div") ? 1.0 / value
                                                                                      : 1.0;

      if (g_str_equal (op, "Sub") && ! is_first)
        {
          affine->scale[c] = -affine->scale[c];
          affine->shift[c] = value - affine->shift[c];
          continue;
        }

      affine->scale[c] *= scale;
      affine->shift[c] *= scale;
      if (g_str_equal (op, "Add"))
        affine->shift[c] += value;
      else if (g_str_equal (op, "Sub"))
        affine->shift[c] -= value;
    }

  g_string_append_printf (affine->key, " %s%d", op, is_first);
  note (affine, constant);
  return TRUE;
}

gboolean
nr_affine_add (NrAffine *affine, const NrNode *node, const NrTensor *x)
{
  const gchar *op = node->op->type;

  if (affine->key == NULL)
    return FALSE;

  if (g_str_equal (op, "BatchNormalization"))
    return node->in[0] == x && add_batch_norm (affine, node);

  if (g_str_equal (op, "Add") || g_str_equal (op, "Sub") || g_str_equal (op, "Mul") || g_str_equal (op, "Div"))
    return add_arithmetic (affine, node, x);

  return FALSE;
}

void
nr_affine_negate (NrAffine *affine)
{
  for (gsize c = 0; c < affine->n; c++)
    {
      affine->scale[c] = -affine->scale[c];
      affine->shift[c] = -affine->shift[c];
    }

  g_string_append (affine->key, " negate");
}

/* -- Taking in ---------------------------------------------------------------------------------------------------- */

typedef struct
{
  const NrAffine *affine;
  const NrNode   *convolution;
} Change;

static NrTensor *
new_constant (const gchar *name, guint rank, const gint64 *dims, gboolean is_shared, GError **error)
{
  g_autoptr (NrTensor) tensor = nr_tensor_new (name);

  if (! nr_tensor_set_shape (tensor, NR_TYPE_FLOAT32, rank, dims, error) || ! nr_tensor_alloc (tensor, error))
    return NULL;

  tensor->is_constant = TRUE;
  tensor->is_shared   = is_shared;
  return g_steal_pointer (&tensor);
}

static NrTensor *
make_weights (gpointer data, GError **error)
{
  const Change   *change  = data;
  const NrTensor *old     = change->convolution->in[1];
  NrTensor       *weights = new_constant (old->name, old->shape.rank, old->shape.dims, change->affine->is_shared, error);

  for (gsize i = 0; weights != NULL && i < old->n; i++)
    nr_tensor_f32 (weights)[i] =
        (gfloat) (nr_tensor_f32 (old)[i] * change->affine->scale[channel_of (change->convolution, i)]);

  return weights;
}

static NrTensor *
make_bias (gpointer data, GError **error)
{
  const Change   *change = data;
  const NrAffine *affine = change->affine;
  const NrTensor *old    = nr_node_in (change->convolution, 2);
  const gint64    n      = affine->n;
  NrTensor       *bias   = new_constant (change->convolution->in[1]->name, 1, &n, affine->is_shared, error);

  for (gsize c = 0; bias != NULL && c < affine->n; c++)
    nr_tensor_f32 (bias)[c] = (gfloat) ((old != NULL ? nr_tensor_f32 (old)[c] * affine->scale[c] : 0.0) + affine->shift[c]);

  return bias;
}

static NrTensor *
derive (Change *change, const gchar *what, NrDeriveFunc make, GError **error)
{
  NrPlan           *plan = change->convolution->plan;
  g_autofree gchar *key  = g_strconcat (what, change->affine->key->str, NULL);
  NrTensor         *tensor;

  if (change->affine->is_shared)
    return nr_model_derive (plan->model, key, make, change, error);

  tensor = make (change, error);
  if (tensor != NULL)
    g_ptr_array_add (plan->tensors, tensor);
  return tensor;
}

static gboolean
is_all (const gdouble *values, gsize n, gdouble value)
{
  for (gsize i = 0; i < n; i++)
    if (values[i] != value)
      return FALSE;

  return TRUE;
}

gboolean
nr_affine_apply (NrAffine *affine, NrNode *convolution, GError **error)
{
  Change    change  = { affine, convolution };
  NrTensor *weights = convolution->in[1];
  NrTensor *bias;

  if (is_all (affine->scale, affine->n, 1.0) && is_all (affine->shift, affine->n, 0.0))
    return TRUE;

  bias = derive (&change, "bias", make_bias, error);
  if (bias != NULL && ! is_all (affine->scale, affine->n, 1.0))
    weights = derive (&change, "weights", make_weights, error);
  if (bias == NULL || weights == NULL)
    return FALSE;

  convolution->in    = g_renew (NrTensor *, convolution->in, MAX (convolution->n_in, 3));
  convolution->n_in  = MAX (convolution->n_in, 3);
  convolution->in[1] = weights;
  convolution->in[2] = bias;
  return TRUE;
}
