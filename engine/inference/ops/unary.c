/* Element-wise functions of one input, y[i] = f (x[i]), that have a vector kernel. ONNX Abs, Ceil, Elu, Erf, Exp, Floor,
 * Gelu-20, HardSigmoid, HardSwish-14, LeakyRelu, Log, Mish-18, Neg, Reciprocal, Round-11, Selu, Sigmoid, Softplus, Sqrt,
 * Tanh; float32, any shape; Abs and Neg take integers too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

/* The kernel of each operator, its attributes (NULL: none) and their defaults. */
static const struct
{
  const gchar *type;
  NrUnary      function;
  const gchar *a_name;
  gfloat       a;
  const gchar *b_name;
  gfloat       b;
} rows[] = {
  { "Abs", NR_UNARY_ABS },
  { "Ceil", NR_UNARY_CEIL },
  { "Elu", NR_UNARY_ELU, "alpha", 1.0f, NULL, 1.0f },
  { "Erf", NR_UNARY_ERF },
  { "Exp", NR_UNARY_EXP },
  { "Floor", NR_UNARY_FLOOR },
  { "Gelu", NR_UNARY_GELU },
  { "HardSigmoid", NR_UNARY_HARD_SIGMOID, "alpha", 0.2f, "beta", 0.5f },
  { "HardSwish", NR_UNARY_HARD_SWISH },
  { "LeakyRelu", NR_UNARY_LEAKY_RELU, "alpha", 0.01f },
  { "Log", NR_UNARY_LOG },
  { "Mish", NR_UNARY_MISH },
  { "Neg", NR_UNARY_NEG },
  { "Reciprocal", NR_UNARY_RECIPROCAL },
  { "Round", NR_UNARY_ROUND },
  { "Selu", NR_UNARY_ELU, "alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f },
  { "Sigmoid", NR_UNARY_SIGMOID },
  { "Softplus", NR_UNARY_SOFTPLUS },
  { "Sqrt", NR_UNARY_SQRT },
  { "Tanh", NR_UNARY_TANH },
};

typedef struct
{
  NrUnary function;
  gfloat  a, b;
} UnaryParams;

/* Function and parameters from the node's row; the output like the input. */
static UnaryParams *
unary_params (NrNode *node)
{
  UnaryParams *params = g_new0 (UnaryParams, 1);
  gsize        i      = 0;

  while (! g_str_equal (rows[i].type, node->op->type))
    i++;

  params->function = rows[i].function;
  params->a        = rows[i].a_name != NULL ? nr_node_get_float (node, rows[i].a_name, rows[i].a) : rows[i].a;
  params->b        = rows[i].b_name != NULL ? nr_node_get_float (node, rows[i].b_name, rows[i].b) : rows[i].b;

  node->params      = params;
  node->free_params = g_free;
  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return params;
}

static gboolean
unary_infer (NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  unary_params (node);
  return TRUE;
}

/* Abs and Neg. */
static gboolean
signed_infer (NrNode *node, GError **error)
{
  if (! nr_type_is_integer (node->in[0]->shape.type) && ! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  unary_params (node);
  return TRUE;
}

/* gamma (alpha e^x - alpha) below 0, gamma x above: Elu's kernel with two factors. */
static gboolean
selu_infer (NrNode *node, GError **error)
{
  UnaryParams *params;

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  params = unary_params (node);
  params->a *= params->b;
  return TRUE;
}

static gboolean
gelu_infer (NrNode *node, GError **error)
{
  const gchar *approximate = nr_node_get_string (node, "approximate", "none");

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  if (g_str_equal (approximate, "tanh"))
    unary_params (node)->function = NR_UNARY_GELU_TANH;
  else if (g_str_equal (approximate, "none"))
    unary_params (node);
  else
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                          "approximate is '%s', expected 'none' or 'tanh'", approximate);

  return TRUE;
}

static void
unary_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const UnaryParams *params = node->params;

  if (node->in[0]->shape.type == NR_TYPE_FLOAT32)
    kernels->unary[params->function](nr_tensor_f32 (node->in[0]) + begin, nr_tensor_f32 (node->out[0]) + begin,
                                     end - begin, params->a, params->b);
  else
    for (gsize i = begin; i < end; i++)
      {
        gint64 x = nr_integer_get (node->in[0], i);

        /* Unsigned: the most negative number has no counterpart and stays. */
        nr_integer_set (node->out[0], i,
                        params->function == NR_UNARY_NEG || x < 0 ? (gint64) (0 - (guint64) x) : x);
      }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Whether the derivative is made of y and not of x (NrKernels.chain). */
static gboolean
derives_from_output (const UnaryParams *params)
{
  switch (params->function)
    {
    case NR_UNARY_EXP:
    case NR_UNARY_RECIPROCAL:
    case NR_UNARY_SIGMOID:
    case NR_UNARY_SQRT:
    case NR_UNARY_TANH:
      return TRUE;
    case NR_UNARY_LEAKY_RELU:
      return params->a >= 0.0f;
    default:
      return FALSE;
    }
}

static gboolean
unary_plan_backward (NrBackward *backward, GError **error)
{
  if (derives_from_output (backward->node->params))
    nr_backward_keep_out (backward, 0);
  else
    nr_backward_keep_in (backward, 0);
  backward->in_place = TRUE;
  return TRUE;
}

static void
unary_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const UnaryParams *params = backward->node->params;
  const NrTensor    *value  = derives_from_output (params) ? backward->out[0] : backward->in[0];

  kernels->chain[params->function](nr_tensor_f32 (value) + begin, nr_tensor_f32 (backward->out_gradient[0]) + begin,
                                   nr_tensor_f32 (backward->in_gradient[0]) + begin, end - begin, params->a, params->b);
}

/* -- Classes ------------------------------------------------------------------------------------------------------ */

static const NrAttrSpec alpha_attrs[]        = { { "alpha", NR_ATTR_FLOAT }, { NULL } };
static const NrAttrSpec gelu_attrs[]         = { { "approximate", NR_ATTR_STRING }, { NULL } };
static const NrAttrSpec hard_sigmoid_attrs[] = { { "alpha", NR_ATTR_FLOAT }, { "beta", NR_ATTR_FLOAT }, { NULL } };
static const NrAttrSpec selu_attrs[]         = { { "alpha", NR_ATTR_FLOAT }, { "gamma", NR_ATTR_FLOAT }, { NULL } };

const NrOpClass nr_op_abs = {
  .type     = "Abs",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = signed_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_ceil = {
  .type     = "Ceil",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_elu = {
  .type     = "Elu",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = alpha_attrs,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_erf = {
  .type     = "Erf",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_exp = {
  .type     = "Exp",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_floor = {
  .type     = "Floor",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_gelu = {
  .type        = "Gelu",
  .since_opset = 20,
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .attrs       = gelu_attrs,
  .infer       = gelu_infer,
  .run         = unary_run,
  .in_place    = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_hard_sigmoid = {
  .type     = "HardSigmoid",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = hard_sigmoid_attrs,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_hard_swish = {
  .type        = "HardSwish",
  .since_opset = 14,
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = unary_infer,
  .run         = unary_run,
  .in_place    = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_leaky_relu = {
  .type     = "LeakyRelu",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = alpha_attrs,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_log = {
  .type     = "Log",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_mish = {
  .type        = "Mish",
  .since_opset = 18,
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = unary_infer,
  .run         = unary_run,
  .in_place    = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_neg = {
  .type     = "Neg",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = signed_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_reciprocal = {
  .type     = "Reciprocal",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_round = {
  .type        = "Round",
  .since_opset = 11,
  .min_in      = 1,
  .max_in      = 1,
  .min_out     = 1,
  .max_out     = 1,
  .infer       = unary_infer,
  .run         = unary_run,
  .in_place    = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_selu = {
  .type     = "Selu",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = selu_attrs,
  .infer    = selu_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_sigmoid = {
  .type     = "Sigmoid",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_softplus = {
  .type     = "Softplus",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_sqrt = {
  .type     = "Sqrt",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};

const NrOpClass nr_op_tanh = {
  .type     = "Tanh",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = unary_infer,
  .run      = unary_run,
  .in_place = TRUE,

  .plan_backward = unary_plan_backward,
  .backward      = unary_backward,
};
