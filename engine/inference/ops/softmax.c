/* Softmax: e^x over its sum. ONNX Softmax-1, -11 (along all dimensions from the axis on, default 1) and -13 (along one axis,
 * default -1), float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

enum
{
  COLUMNS = 256 /* softmaxes side by side, when they do not run along the innermost dimension */
};

/* The input seen as [outer, n, inner]. */
typedef struct
{
  gsize n, inner;
} SoftmaxParams;

static gboolean
softmax_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  SoftmaxParams *params = g_new0 (SoftmaxParams, 1);
  guint          axis;

  node->params      = params;
  node->free_params = g_free;

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_axis (node, nr_node_get_int (node, "axis", node->opset < 13 ? 1 : -1), in->rank, &axis, error))
    return FALSE;

  params->n     = (gsize) in->dims[axis];
  params->inner = 1;
  for (guint i = axis + 1; i < in->rank; i++)
    *(node->opset < 13 ? &params->n : &params->inner) *= (gsize) in->dims[i];

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / params->n;
  node->grain   = 1 + 4096 / MAX (params->n, 1);
  node->scratch = params->inner > 1 ? 2 * COLUMNS * sizeof (gfloat) : 0;
  return TRUE;
}

static void
softmax_row (const NrKernels *kernels, const gfloat *x, gfloat *y, gsize n)
{
  gdouble sum = kernels->row_exp_sum (x, y, n, kernels->row_max (x, n));

  kernels->unary[NR_UNARY_LINEAR](y, y, n, (gfloat) (1.0 / sum), 0.0f);
}

/* WIDTH neighbouring columns of n elements, STRIDE apart. */
static void
softmax_columns (const NrKernels *kernels, const gfloat *x, gfloat *y, gsize n, gsize width, gsize stride, gfloat *scratch)
{
  gfloat *most = scratch, *sum = scratch + COLUMNS;

  memcpy (most, x, width * sizeof (gfloat));
  memset (sum, 0, width * sizeof (gfloat));
  for (gsize i = 1; i < n; i++)
    kernels->binary[NR_BINARY_MAX](most, x + i * stride, most, width, 1, 1);

  for (gsize i = 0; i < n; i++)
    {
      gfloat *row = y + i * stride;

      kernels->binary[NR_BINARY_SUB](x + i * stride, most, row, width, 1, 1);
      kernels->unary[NR_UNARY_EXP](row, row, width, 0.0f, 0.0f);
      kernels->binary[NR_BINARY_ADD](sum, row, sum, width, 1, 1);
    }

  kernels->unary[NR_UNARY_RECIPROCAL](sum, sum, width, 0.0f, 0.0f);
  for (gsize i = 0; i < n; i++)
    kernels->binary[NR_BINARY_MUL](y + i * stride, sum, y + i * stride, width, 1, 1);
}

/* Softmaxes [begin, end), counted along the outer and inner dimensions. */
static void
softmax_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const SoftmaxParams *params = node->params;
  const gfloat        *x      = nr_tensor_f32 (node->in[0]);
  gfloat              *y      = nr_tensor_f32 (node->out[0]);

  for (gsize i = begin, width; i < end; i += width)
    {
      gsize column = i % params->inner;
      gsize start  = i / params->inner * params->n * params->inner + column;

      width = 1;
      if (params->inner == 1)
        {
          softmax_row (kernels, x + start, y + start, params->n);
        }
      else
        {
          width = MIN (MIN (params->inner - column, end - i), COLUMNS);
          softmax_columns (kernels, x + start, y + start, params->n, width, params->inner, scratch);
        }
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Items are softmaxes, as in the run. */
static gboolean
softmax_plan_backward (NrBackward *backward, GError **error)
{
  const SoftmaxParams *params = backward->node->params;

  nr_backward_keep_out (backward, 0);
  backward->in_place = TRUE;
  backward->n_items  = backward->node->in[0]->n / MAX (params->n, 1);
  backward->grain    = 1 + 4096 / MAX (params->n, 1);
  backward->scratch  = COLUMNS * sizeof (gdouble);
  return TRUE;
}

/* dx = y (dy - sum of y dy), for WIDTH neighbouring columns of n elements, STRIDE apart. */
static void
columns_backward (const gfloat *y, const gfloat *dy, gfloat *dx, gsize n, gsize width, gsize stride, gdouble *sum)
{
  for (gsize c = 0; c < width; c++)
    sum[c] = 0.0;

  for (gsize i = 0; i < n; i++)
    for (gsize c = 0; c < width; c++)
      sum[c] += (gdouble) y[i * stride + c] * dy[i * stride + c];

  for (gsize i = 0; i < n; i++)
    for (gsize c = 0; c < width; c++)
      dx[i * stride + c] = (gfloat) (y[i * stride + c] * (dy[i * stride + c] - sum[c]));
}

static void
softmax_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const SoftmaxParams *params = backward->node->params;

  for (gsize i = begin, width; i < end; i += width)
    {
      const gsize column = i % params->inner;
      const gsize start  = i / params->inner * params->n * params->inner + column;

      width = MIN (MIN (params->inner - column, end - i), COLUMNS);
      columns_backward (nr_tensor_f32 (backward->out[0]) + start, nr_tensor_f32 (backward->out_gradient[0]) + start,
                        nr_tensor_f32 (backward->in_gradient[0]) + start, params->n, width, params->inner, scratch);
    }
}

static const NrAttrSpec softmax_attrs[] = { { "axis", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_softmax = {
  .type     = "Softmax",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = softmax_attrs,
  .infer    = softmax_infer,
  .run      = softmax_run,
  .in_place = TRUE,

  .plan_backward = softmax_plan_backward,
  .backward      = softmax_backward,
};
