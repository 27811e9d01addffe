/* Pow: y = x^e with broadcasting; y has the type of x. ONNX Pow-7, -12, -13, -15; float32 and integers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"
#include "integers.h"

#include <math.h>

static gboolean
pow_infer (NrNode *node, GError **error)
{
  NrBroadcast *broadcast = g_new0 (NrBroadcast, 1);

  node->params      = broadcast;
  node->free_params = g_free;

  for (guint i = 0; i < 2; i++)
    if (! nr_type_is_integer (node->in[i]->shape.type) && ! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
      return FALSE;

  return nr_broadcast_init_node (broadcast, node, 2, node->in[0]->shape.type, error);
}

/* A row of float32 with one exponent: squares and roots are what normalizations are made of. */
static void
pow_row (const NrKernels *kernels, const gfloat *x, gfloat exponent, gfloat *y, gsize n, gint step)
{
  if (exponent == 2.0f)
    kernels->binary[NR_BINARY_MUL](x, x, y, n, step, step);
  else if (exponent == 1.0f)
    kernels->binary[NR_BINARY_MUL](x, &exponent, y, n, step, 0);
  else if (exponent == 0.5f && step == 1)
    kernels->unary[NR_UNARY_SQRT](x, y, n, 0.0f, 0.0f);
  else
    for (gsize i = 0; i < n; i++)
      y[i] = powf (x[i * step], exponent);
}

static void
pow_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrTensor *x = node->in[0];
  const NrTensor *e = node->in[1];
  NrTensor       *y = node->out[0];
  NrBroadcastRows r;

  for (nr_broadcast_rows (&r, node->params, begin, end); nr_broadcast_next (&r);)
    if (y->shape.type == NR_TYPE_FLOAT32 && r.step[1] == 0)
      pow_row (kernels, nr_tensor_f32 (x) + r.in[0], (gfloat) nr_number_get (e, r.in[1]), nr_tensor_f32 (y) + r.out, r.n,
               r.step[0]);
    else
      for (gsize i = 0; i < r.n; i++)
        {
          gdouble power = pow (nr_number_get (x, r.in[0] + i * r.step[0]), nr_number_get (e, r.in[1] + i * r.step[1]));

          if (y->shape.type == NR_TYPE_FLOAT32)
            nr_tensor_f32 (y)[r.out + i] = (gfloat) power;
          else
            nr_integer_set (y, r.out + i, nr_integer_from_double (power));
        }
}

/* e x^(e - 1). v: x, e. */
static void
local_base (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      const gfloat x = v[0][i * step[0]], e = v[1][i * step[1]];

      d[i] = gy[i] * e * (e == 2.0f ? x : powf (x, e - 1.0f));
    }
}

/* x^e ln x, 0 where x is 0. v: y, x. */
static void
local_exponent (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      const gfloat x = v[1][i * step[1]];

      d[i] = x == 0.0f ? 0.0f : gy[i] * v[0][i] * logf (x);
    }
}

static gboolean
pow_plan_backward (NrBackward *backward, GError **error)
{
  if (! nr_node_check_type (backward->node, 1, NR_TYPE_FLOAT32, error))
    return FALSE;

  if (nr_backward_wanted (backward) == 0)
    nr_broadcast_sum_plan (backward, local_base, 2, (NrOperand[]) { 0, 1 });
  else
    nr_broadcast_sum_plan (backward, local_exponent, 2, (NrOperand[]) { NR_OPERAND_OUT, 0 });
  return TRUE;
}

const NrOpClass nr_op_pow = {
  .type     = "Pow",
  .min_in   = 2,
  .max_in   = 2,
  .min_out  = 1,
  .max_out  = 1,
  .infer    = pow_infer,
  .run      = pow_run,
  .in_place = TRUE,

  .plan_backward = pow_plan_backward,
  .backward      = nr_broadcast_sum_backward,
};
