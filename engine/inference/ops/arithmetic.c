/* Arithmetic of two inputs (Min and Max: one or more) with broadcasting. ONNX Add, Sub, Mul, Div-7, -13, -14, Max, Min-8,
 * -12, -13, PRelu-9, -16; float32, and integers but for PRelu.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"
#include "integers.h"

/* -- Integers: wrap around as the specification's NumPy does -------------------------------------------------------- */

typedef gint64 (*IntegerFunction) (gint64 a, gint64 b);

static gint64
integer_add (gint64 a, gint64 b)
{
  return (gint64) ((guint64) a + (guint64) b);
}

static gint64
integer_sub (gint64 a, gint64 b)
{
  return (gint64) ((guint64) a - (guint64) b);
}

static gint64
integer_mul (gint64 a, gint64 b)
{
  return (gint64) ((guint64) a * (guint64) b);
}

/* Towards 0. Division by 0, which the specification leaves open, gives 0. */
static gint64
integer_div (gint64 a, gint64 b)
{
  if (b == 0)
    return 0;
  return b == -1 ? (gint64) (0 - (guint64) a) : a / b;
}

static gint64
integer_min (gint64 a, gint64 b)
{
  return MIN (a, b);
}

static gint64
integer_max (gint64 a, gint64 b)
{
  return MAX (a, b);
}

static const struct
{
  const gchar    *type;
  NrBinary        function;
  IntegerFunction integer; /* NULL: float32 only */
} rows[] = {
  { "Add", NR_BINARY_ADD, integer_add },
  { "Div", NR_BINARY_DIV, integer_div },
  { "Max", NR_BINARY_MAX, integer_max },
  { "Min", NR_BINARY_MIN, integer_min },
  { "Mul", NR_BINARY_MUL, integer_mul },
  { "PRelu", NR_BINARY_PRELU, NULL },
  { "Sub", NR_BINARY_SUB, integer_sub },
};

/* -- Operator ----------------------------------------------------------------------------------------------------- */

typedef struct
{
  NrBinary        function;
  IntegerFunction integer;
  NrBroadcast    *folds; /* n_in - 1, or 1: out = f (in[0], in[1]), then out = f (out, in[2]) and so on */
} ArithmeticParams;

static void
arithmetic_params_free (gpointer data)
{
  ArithmeticParams *params = data;

  g_free (params->folds);
  g_free (params);
}

static gboolean
arithmetic_infer (NrNode *node, GError **error)
{
  ArithmeticParams *params = g_new0 (ArithmeticParams, 1);
  NrShape           common = node->in[0]->shape;
  gsize             row    = 0;

  while (! g_str_equal (rows[row].type, node->op->type))
    row++;

  params->function  = rows[row].function;
  params->integer   = rows[row].integer;
  params->folds     = g_new0 (NrBroadcast, node->n_in);
  node->params      = params;
  node->free_params = arithmetic_params_free;

  for (guint i = 0; i < node->n_in; i++)
    {
      NrType type = node->in[0]->shape.type;

      if (! (params->integer != NULL && nr_type_is_integer (type)))
        type = NR_TYPE_FLOAT32;
      if (! nr_node_check_type (node, i, type, error) ||
          ! nr_node_broadcast (node, &common, &node->in[i]->shape, &common, error))
        return FALSE;
    }

  if (! nr_node_set_out (node, 0, common.type, common.rank, common.dims, error))
    return FALSE;

  for (guint i = 1; i < node->n_in; i++)
    nr_broadcast_init (&params->folds[i - 1], &common,
                       (const NrShape *[]) { i == 1 ? &node->in[0]->shape : &common, &node->in[i]->shape }, 2);

  return TRUE;
}

/* Only the slope repeats. */
static gboolean
prelu_infer (NrNode *node, GError **error)
{
  if (! arithmetic_infer (node, error))
    return FALSE;

  if (node->out[0]->n != node->in[0]->n || node->out[0]->shape.rank != node->in[0]->shape.rank)
    {
      g_autofree gchar *slope = nr_shape_to_string (&node->in[1]->shape);
      g_autofree gchar *input = nr_shape_to_string (&node->in[0]->shape);

      return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "slope %s does not broadcast to input %s", slope, input);
    }

  return TRUE;
}

static void
fold (const NrKernels        *kernels,
      const ArithmeticParams *params,
      const NrBroadcast      *broadcast,
      const NrTensor         *a,
      const NrTensor         *b,
      NrTensor               *y,
      gsize                   begin,
      gsize                   end)
{
  NrBroadcastRows r;

  for (nr_broadcast_rows (&r, broadcast, begin, end); nr_broadcast_next (&r);)
    if (y->shape.type == NR_TYPE_FLOAT32)
      kernels->binary[params->function](nr_tensor_f32 (a) + r.in[0], nr_tensor_f32 (b) + r.in[1],
                                        nr_tensor_f32 (y) + r.out, r.n, r.step[0], r.step[1]);
    else
      for (gsize i = 0; i < r.n; i++)
        nr_integer_set (y, r.out + i,
                        params->integer (nr_integer_get (a, r.in[0] + i * r.step[0]),
                                         nr_integer_get (b, r.in[1] + i * r.step[1])));
}

static void
arithmetic_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ArithmeticParams *params = node->params;
  NrTensor               *y      = node->out[0];

  if (node->n_in == 1)
    {
      gsize size = nr_type_size (y->shape.type);

      memmove ((guint8 *) y->data + begin * size, (const guint8 *) node->in[0]->data + begin * size, (end - begin) * size);
      return;
    }

  for (guint i = 1; i < node->n_in; i++)
    fold (kernels, params, &params->folds[i - 1], i == 1 ? node->in[0] : y, node->in[i], y, begin, end);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

static void
local_negative (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  kernels->unary[NR_UNARY_NEG](gy, d, n, 0.0f, 0.0f);
}

/* v: the other factor. */
static void
local_product (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  kernels->binary[NR_BINARY_MUL](gy, v[0], d, n, 1, step[0]);
}

/* v: the divisor. */
static void
local_dividend (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  kernels->binary[NR_BINARY_DIV](gy, v[0], d, n, 1, step[0]);
}

/* y = a / b, dy / db = -y / b. v: y, b. */
static void
local_divisor (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    d[i] = -gy[i] * v[0][i] / v[1][i * step[1]];
}

/* Min and Max. v: the input, y. Inputs that are equal all get the gradient. */
static void
local_chosen (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    d[i] = v[0][i * step[0]] == v[1][i] ? gy[i] : 0.0f;
}

/* v: x, slope. */
static void
local_prelu_x (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    d[i] = v[0][i] > 0.0f ? gy[i] : gy[i] * v[1][i * step[1]];
}

/* v: x. */
static void
local_prelu_slope (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    d[i] = v[0][i] < 0.0f ? gy[i] * v[0][i] : 0.0f;
}

static gboolean
arithmetic_plan_backward (NrBackward *backward, GError **error)
{
  const ArithmeticParams *params = backward->node->params;
  const guint             i      = nr_backward_wanted (backward);

  if (params->function == NR_BINARY_ADD || (params->function == NR_BINARY_SUB && i == 0))
    nr_broadcast_sum_plan (backward, NULL, 0, NULL);
  else if (params->function == NR_BINARY_SUB)
    nr_broadcast_sum_plan (backward, local_negative, 0, NULL);
  else if (params->function == NR_BINARY_MUL)
    nr_broadcast_sum_plan (backward, local_product, 1, (NrOperand[]) { 1 - (NrOperand) i });
  else if (params->function == NR_BINARY_DIV && i == 0)
    nr_broadcast_sum_plan (backward, local_dividend, 1, (NrOperand[]) { 1 });
  else if (params->function == NR_BINARY_DIV)
    nr_broadcast_sum_plan (backward, local_divisor, 2, (NrOperand[]) { NR_OPERAND_OUT, 1 });
  else if (params->function == NR_BINARY_PRELU && i == 0)
    nr_broadcast_sum_plan (backward, local_prelu_x, 2, (NrOperand[]) { 0, 1 });
  else if (params->function == NR_BINARY_PRELU)
    nr_broadcast_sum_plan (backward, local_prelu_slope, 1, (NrOperand[]) { 0 });
  else
    nr_broadcast_sum_plan (backward, local_chosen, 2, (NrOperand[]) { (NrOperand) i, NR_OPERAND_OUT });

  return TRUE;
}

/* -- Classes ------------------------------------------------------------------------------------------------------ */

const NrOpClass nr_op_add = {
  .type     = "Add",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_div = {
  .type     = "Div",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_max = {
  .type     = "Max",
  .min_in   = 1,
  .max_in   = G_MAXUINT,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_min = {
  .type     = "Min",
  .min_in   = 1,
  .max_in   = G_MAXUINT,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_mul = {
  .type     = "Mul",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_prelu = {
  .type     = "PRelu",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = prelu_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};

const NrOpClass nr_op_sub = {
  .type     = "Sub",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = arithmetic_infer,
  .run      = arithmetic_run,
  .in_place = TRUE,

  .plan_backward = arithmetic_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};
