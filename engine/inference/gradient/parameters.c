/* Which initialisers of a model are trained.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "gradient/parameters.h"

/* Operators and the inputs of theirs that are weights, as bits. */
static const struct
{
  const gchar *type;
  guint        inputs;
} weights[] = {
  { "Add", 1 << 0 | 1 << 1 },
  { "BatchNormalization", 1 << 1 | 1 << 2 },
  { "Conv", 1 << 1 | 1 << 2 },
  { "ConvTranspose", 1 << 1 | 1 << 2 },
  { "Gemm", 1 << 1 | 1 << 2 },
  { "GroupNormalization", 1 << 1 | 1 << 2 },
  { "InstanceNormalization", 1 << 1 | 1 << 2 },
  { "LayerNormalization", 1 << 1 | 1 << 2 },
  { "MatMul", 1 << 0 | 1 << 1 },
  { "Mul", 1 << 0 | 1 << 1 },
  { "PRelu", 1 << 1 },
  { "Sub", 1 << 0 | 1 << 1 },
};

static guint
weight_inputs (const gchar *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (weights); i++)
    if (g_str_equal (weights[i].type, type))
      return weights[i].inputs;

  return 0;
}

/* A number that is added or multiplied is part of the formula, not of what was learned. */
static gboolean
is_formula (const NrModelNode *node, const NrTensor *value)
{
  const gchar *type = node->op->type;

  return value->n <= 1 && (g_str_equal (type, "Add") || g_str_equal (type, "Sub") || g_str_equal (type, "Mul"));
}

GArray *
nr_parameters_find (const NrModel *model)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GArray                *found;

  if (model->parameters != NULL)
    return g_array_ref (model->parameters);

  found = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < model->nodes->len; i++)
    {
      const NrModelNode *node   = nr_model_node (model, i);
      const guint        inputs = weight_inputs (node->op->type);

      for (guint k = 0; k < MIN (node->n_in, 8); k++)
        {
          const NrTensor *value = node->in[k] != NR_NO_VALUE ? nr_model_value (model, node->in[k]) : NULL;

          if (value != NULL && (inputs >> k & 1) != 0 && value->is_constant && value->shape.type == NR_TYPE_FLOAT32 &&
              value->n > 0 && ! is_formula (node, value) && g_hash_table_add (seen, GUINT_TO_POINTER (node->in[k])))
            g_array_append_val (found, node->in[k]);
        }
    }

  return found;
}
