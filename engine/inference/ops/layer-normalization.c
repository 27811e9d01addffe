/* LayerNormalization: all dimensions from the axis on get mean 0 and variance 1, then scale and bias. ONNX
 * LayerNormalization-17, float32. Scale and bias have as many elements as those dimensions; the second and third output are
 * mean and 1 / standard deviation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"

#include <math.h>

typedef struct
{
  gsize   n; /* elements of a row */
  gdouble epsilon;
  gfloat *zeros; /* in place of a bias left out */
} LayerParams;

static void
layer_params_free (gpointer data)
{
  LayerParams *params = data;

  g_free (params->zeros);
  g_free (params);
}

static gboolean
layer_normalization_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  LayerParams   *params = g_new0 (LayerParams, 1);
  gint64         dims[NR_MAX_RANK];
  guint          axis;

  params->n         = 1;
  params->epsilon   = nr_node_get_float (node, "epsilon", 1e-5f);
  node->params      = params;
  node->free_params = layer_params_free;

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_axis (node, nr_node_get_int (node, "axis", -1), in->rank, &axis, error))
    return FALSE;

  for (guint i = 0; i < in->rank; i++)
    {
      dims[i] = i < axis ? in->dims[i] : 1;
      if (i >= axis)
        params->n *= (gsize) in->dims[i];
    }

  for (guint i = 1; i < 3; i++)
    if (nr_node_in (node, i) != NULL)
      {
        if (! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
          return FALSE;
        if (node->in[i]->n != params->n)
          return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input %u ('%s') has %" G_GSIZE_FORMAT " values, only as many as are normalized (%" G_GSIZE_FORMAT ") are supported",
                                i, node->in[i]->name, node->in[i]->n, params->n);
      }

  if (nr_node_in (node, 2) == NULL)
    {
      params->zeros = g_try_new0 (gfloat, params->n);
      if (params->zeros == NULL && params->n > 0)
        return nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "no memory for %" G_GSIZE_FORMAT " values", params->n);
    }

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  if (node->in[0]->n > 0)
    node->n_items = node->in[0]->n / params->n;
  node->grain = 1 + 8192 / MAX (params->n, 1);

  return nr_node_set_out (node, 1, NR_TYPE_FLOAT32, in->rank, dims, error) &&
         nr_node_set_out (node, 2, NR_TYPE_FLOAT32, in->rank, dims, error);
}

/* Rows [begin, end). */
static void
layer_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const LayerParams *params = node->params;
  const gsize        n      = params->n;
  const gfloat      *bias   = nr_node_in (node, 2) != NULL ? nr_tensor_f32 (node->in[2]) : params->zeros;

  for (gsize i = begin; i < end; i++)
    {
      const gfloat *x        = nr_tensor_f32 (node->in[0]) + i * n;
      gfloat        mean     = (gfloat) (kernels->row_sum (x, n) / (gdouble) n);
      gdouble       variance = kernels->row_sum_squares (x, n, mean) / (gdouble) n;
      gfloat        inverse  = (gfloat) (1.0 / sqrt (variance + params->epsilon));

      kernels->row_normalize (x, nr_tensor_f32 (node->in[1]), bias, nr_tensor_f32 (node->out[0]) + i * n, n, mean, inverse);
      if (node->n_out > 1 && node->out[1] != NULL)
        nr_tensor_f32 (node->out[1])[i] = mean;
      if (node->n_out > 2 && node->out[2] != NULL)
        nr_tensor_f32 (node->out[2])[i] = inverse;
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

enum
{
  COLUMNS = 512 /* of the gradients of scale and bias in one item */
};

typedef struct
{
  gdouble mean, inverse;
} RowStatistics;

static RowStatistics
find_statistics (const LayerParams *params, const NrKernels *kernels, const gfloat *x)
{
  const gdouble mean     = kernels->row_sum (x, params->n) / (gdouble) params->n;
  const gdouble variance = kernels->row_sum_squares (x, params->n, (gfloat) mean) / (gdouble) params->n;

  return (RowStatistics) { mean, 1.0 / sqrt (variance + params->epsilon) };
}

/* Items are rows for x, columns in blocks for scale and bias. */
static gboolean
layer_normalization_plan_backward (NrBackward *backward, GError **error)
{
  const NrNode      *node   = backward->node;
  const LayerParams *params = node->params;
  const guint        input  = nr_backward_wanted (backward);

  if (backward->out_gradient[0] == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "mean and deviation have no gradient");

  if (input < 2)
    nr_backward_keep_in (backward, 0);
  if (input == 0)
    {
      nr_backward_keep_in (backward, 1);
      backward->n_items = node->in[0]->n / MAX (params->n, 1);
      backward->grain   = 1 + 8192 / MAX (params->n, 1);
      backward->scratch = params->n * sizeof (gfloat);
    }
  else
    {
      backward->n_items = (params->n + COLUMNS - 1) / COLUMNS;
      backward->grain   = 1;
      backward->scratch = COLUMNS * sizeof (gdouble);
    }
  return TRUE;
}

/* With z = (x - mean) / deviation and g = scale dy: d x = (g - (sum of g + z sum of g z) / n) / deviation. */
static void
row_backward (const NrBackward *backward, const NrKernels *kernels, gsize row, gfloat *g)
{
  const LayerParams  *params = backward->node->params;
  const gsize         n      = params->n;
  const gfloat       *x      = nr_tensor_f32 (backward->in[0]) + row * n;
  const RowStatistics s      = find_statistics (params, kernels, x);
  gdouble             sum, product;

  kernels->binary[NR_BINARY_MUL](nr_tensor_f32 (backward->out_gradient[0]) + row * n, nr_tensor_f32 (backward->in[1]), g, n, 1, 1);
  sum     = kernels->row_sum (g, n);
  product = kernels->row_dot (x, g, n, (gfloat) s.mean) * s.inverse;
  kernels->row_combine (g, x, nr_tensor_f32 (backward->in_gradient[0]) + row * n, n, (gfloat) s.inverse,
                        (gfloat) (-s.inverse * s.inverse * product / (gdouble) n), (gfloat) s.mean,
                        (gfloat) (-s.inverse * sum / (gdouble) n));
}

/* Sums over all rows of dy z (scale) or dy (bias), for N columns from FIRST on. */
static void
columns_backward (const NrBackward *backward, const NrKernels *kernels, gboolean is_scale, gsize first, gsize n, gdouble *sum, gfloat *target)
{
  const LayerParams *params = backward->node->params;
  const gsize        n_rows = backward->node->in[0]->n / params->n;

  memset (sum, 0, n * sizeof *sum);
  for (gsize row = 0; row < n_rows; row++)
    {
      const gfloat *dy = nr_tensor_f32 (backward->out_gradient[0]) + row * params->n + first;

      if (is_scale)
        {
          const gfloat       *x = nr_tensor_f32 (backward->in[0]) + row * params->n;
          const RowStatistics s = find_statistics (params, kernels, x);

          for (gsize i = 0; i < n; i++)
            sum[i] += dy[i] * ((x[first + i] - s.mean) * s.inverse);
        }
      else
        {
          for (gsize i = 0; i < n; i++)
            sum[i] += dy[i];
        }
    }

  for (gsize i = 0; i < n; i++)
    target[i] = (gfloat) sum[i];
}

static void
layer_normalization_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const LayerParams *params = backward->node->params;
  const guint        input  = nr_backward_wanted (backward);

  for (gsize i = begin; i < end; i++)
    if (input == 0)
      row_backward (backward, kernels, i, scratch);
    else
      columns_backward (backward, kernels, input == 1, i * COLUMNS, MIN (COLUMNS, params->n - i * COLUMNS), scratch,
                        nr_tensor_f32 (backward->in_gradient[input]) + i * COLUMNS);
}

static const NrAttrSpec layer_normalization_attrs[] = {
  { "axis", NR_ATTR_INT }, { "epsilon", NR_ATTR_FLOAT }, { "stash_type", NR_ATTR_INT }, { NULL }
};

const NrOpClass nr_op_layer_normalization = {
  .type        = "LayerNormalization",
  .since_opset = 17,
  .min_in      = 2,
  .max_in      = 3,
  .min_out     = 1,
  .max_out     = 3,
  .attrs       = layer_normalization_attrs,
  .infer       = layer_normalization_infer,
  .run         = layer_normalization_run,
  .in_place    = TRUE,

  .plan_backward = layer_normalization_plan_backward,
  .backward      = layer_normalization_backward,
};
