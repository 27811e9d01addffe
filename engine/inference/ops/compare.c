/* Comparisons and logic of two inputs with broadcasting, and Not. ONNX Equal-7 to -19, Greater, Less-9, -13,
 * GreaterOrEqual, LessOrEqual-12, -16 (float32, integers; Equal bool too) and And, Or, Xor-7, Not-1 (bool). The output is
 * bool, one byte of 0 or 1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast.h"
#include "integers.h"

typedef enum
{
  RELATION_EQUAL,
  RELATION_GREATER,
  RELATION_GREATER_OR_EQUAL,
  RELATION_LESS,
  RELATION_LESS_OR_EQUAL,
  RELATION_AND,
  RELATION_OR,
  RELATION_XOR
} Relation;

static const struct
{
  const gchar *type;
  Relation     relation;
} rows[] = {
  { "And", RELATION_AND },
  { "Equal", RELATION_EQUAL },
  { "Greater", RELATION_GREATER },
  { "GreaterOrEqual", RELATION_GREATER_OR_EQUAL },
  { "Less", RELATION_LESS },
  { "LessOrEqual", RELATION_LESS_OR_EQUAL },
  { "Or", RELATION_OR },
  { "Xor", RELATION_XOR },
};

typedef struct
{
  Relation    relation;
  NrBroadcast broadcast;
} CompareParams;

static gboolean
compare_infer (NrNode *node, GError **error)
{
  CompareParams *params = g_new0 (CompareParams, 1);
  NrType         type   = node->in[0]->shape.type;
  gsize          row    = 0;

  while (! g_str_equal (rows[row].type, node->op->type))
    row++;

  params->relation  = rows[row].relation;
  node->params      = params;
  node->free_params = g_free;

  if (params->relation >= RELATION_AND)
    type = NR_TYPE_BOOL;
  else if (type == NR_TYPE_BOOL && params->relation != RELATION_EQUAL)
    type = NR_TYPE_FLOAT32;

  return nr_node_check_type (node, 0, type, error) && nr_node_check_type (node, 1, type, error) &&
         nr_broadcast_init_node (&params->broadcast, node, 2, NR_TYPE_BOOL, error);
}

static gboolean
holds (Relation relation, gboolean is_less, gboolean is_equal, gboolean is_greater)
{
  switch (relation)
    {
    case RELATION_EQUAL:
      return is_equal;
    case RELATION_GREATER:
      return is_greater;
    case RELATION_GREATER_OR_EQUAL:
      return is_greater || is_equal;
    case RELATION_LESS:
      return is_less;
    case RELATION_LESS_OR_EQUAL:
      return is_less || is_equal;
    default:
      g_return_val_if_reached (FALSE);
    }
}

static gboolean
compare_floats (Relation relation, gfloat a, gfloat b)
{
  return holds (relation, a < b, a == b, a > b);
}

static gboolean
compare_integers (Relation relation, gint64 a, gint64 b)
{
  switch (relation)
    {
    case RELATION_AND:
      return a && b;
    case RELATION_OR:
      return a || b;
    case RELATION_XOR:
      return a != b;
    default:
      return holds (relation, a < b, a == b, a > b);
    }
}

static void
compare_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const CompareParams *params = node->params;
  const NrTensor      *a      = node->in[0];
  const NrTensor      *b      = node->in[1];
  guint8              *y      = node->out[0]->data;
  NrBroadcastRows      r;

  for (nr_broadcast_rows (&r, &params->broadcast, begin, end); nr_broadcast_next (&r);)
    for (gsize i = 0; i < r.n; i++)
      {
        gsize ia = r.in[0] + i * r.step[0];
        gsize ib = r.in[1] + i * r.step[1];

        y[r.out + i] = a->shape.type == NR_TYPE_FLOAT32
                           ? compare_floats (params->relation, nr_tensor_f32 (a)[ia], nr_tensor_f32 (b)[ib])
                           : compare_integers (params->relation, nr_integer_get (a, ia), nr_integer_get (b, ib));
      }
}

static gboolean
not_infer (NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_BOOL, error))
    return FALSE;

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return TRUE;
}

static void
not_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const guint8 *x = node->in[0]->data;
  guint8       *y = node->out[0]->data;

  for (gsize i = begin; i < end; i++)
    y[i] = ! x[i];
}

const NrOpClass nr_op_and = {
  .type    = "And",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_equal = {
  .type    = "Equal",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_greater = {
  .type    = "Greater",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_greater_or_equal = {
  .type        = "GreaterOrEqual",
  .since_opset = 12,
  .min_in      = 2,
  .max_in      = 2,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = compare_infer,
  .run         = compare_run,
};

const NrOpClass nr_op_less = {
  .type    = "Less",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_less_or_equal = {
  .type        = "LessOrEqual",
  .since_opset = 12,
  .min_in      = 2,
  .max_in      = 2,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = compare_infer,
  .run         = compare_run,
};

const NrOpClass nr_op_or = {
  .type    = "Or",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_xor = {
  .type    = "Xor",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = compare_infer,
  .run     = compare_run,
};

const NrOpClass nr_op_not = {
  .type     = "Not",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = not_infer,
  .run      = not_run,
  .in_place = TRUE,
};
