/* LayerNormalization: all dimensions from the axis on get mean 0 and variance 1, then scale and bias. ONNX
 * LayerNormalization-17, float32. Scale and bias have as many elements as those dimensions; the second and third output are
 * mean and 1 / standard deviation.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

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
};
