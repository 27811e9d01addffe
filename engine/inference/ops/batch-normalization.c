/* BatchNormalization: y = (x - mean) scale / sqrt (var + epsilon) + bias, one of each a channel. Mean and variance are known
 * or, in training mode, those of the batch. ONNX BatchNormalization-9, -14, -15, float32, [N, C, ...].
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

#include <math.h>

typedef struct
{
  gsize    pictures, channels, plane; /* the input seen as [pictures, channels, plane] */
  gdouble  epsilon, momentum;
  gboolean is_training;
} BatchParams;

static gboolean
check_parameters (const NrNode *node, gint64 channels, GError **error)
{
  for (guint i = 1; i < 5; i++)
    {
      if (! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
        return FALSE;
      if ((gint64) node->in[i]->n != channels)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') has %" G_GSIZE_FORMAT " values for %" G_GINT64_FORMAT " channels",
                              i, node->in[i]->name, node->in[i]->n, channels);
    }

  return TRUE;
}

static gboolean
batch_normalization_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  BatchParams   *params = g_new0 (BatchParams, 1);
  gint64         channels;

  node->params        = params;
  node->free_params   = g_free;
  params->epsilon     = nr_node_get_float (node, "epsilon", 1e-5f);
  params->momentum    = nr_node_get_float (node, "momentum", 0.9f);
  params->is_training = nr_node_get_int (node, "training_mode", 0) != 0;

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (in->rank < 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input is a scalar");
  if (node->opset < 14 && (params->is_training || node->n_out > 1))
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "training mode of before opset 14 is not supported");
  if (! params->is_training && node->n_out > 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "%u outputs are asked for, which need training mode", node->n_out);

  channels = in->rank > 1 ? in->dims[1] : 1;
  if (! check_parameters (node, channels, error))
    return FALSE;

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  params->channels = (gsize) channels;
  params->pictures = in->rank > 1 ? (gsize) in->dims[0] : 1;
  params->plane    = node->in[0]->n / MAX (params->pictures * params->channels, 1);

  /* Statistics need a whole channel; otherwise items are elements. */
  if (params->is_training)
    {
      node->n_items = params->channels;
      node->grain   = 1;
    }

  return nr_node_set_out (node, 1, NR_TYPE_FLOAT32, 1, &channels, error) &&
         nr_node_set_out (node, 2, NR_TYPE_FLOAT32, 1, &channels, error);
}

/* -- Known statistics --------------------------------------------------------------------------------------------- */

/* Elements [begin, end), a piece of a plane at a time. */
static void
run_known (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end)
{
  const BatchParams *params = node->params;

  while (begin < end)
    {
      gsize   c     = begin / params->plane % params->channels;
      gsize   n     = MIN (params->plane - begin % params->plane, end - begin);
      gdouble scale = nr_tensor_f32 (node->in[1])[c] / sqrt (nr_tensor_f32 (node->in[4])[c] + params->epsilon);
      gdouble bias  = nr_tensor_f32 (node->in[2])[c] - nr_tensor_f32 (node->in[3])[c] * scale;

      kernels->unary[NR_UNARY_LINEAR](nr_tensor_f32 (node->in[0]) + begin, nr_tensor_f32 (node->out[0]) + begin, n,
                                      (gfloat) scale, (gfloat) bias);
      begin += n;
    }
}

/* -- Statistics of the batch -------------------------------------------------------------------------------------- */

/* Element at which channel C of picture I begins. */
static gsize
plane_start (const BatchParams *params, gsize i, gsize c)
{
  return (i * params->channels + c) * params->plane;
}

static void
find_statistics (const BatchParams *params, const NrKernels *kernels, const gfloat *x, gsize c, gdouble *mean, gdouble *variance)
{
  const gdouble n       = (gdouble) (params->pictures * params->plane);
  gdouble       sum     = 0.0;
  gdouble       squares = 0.0;

  for (gsize i = 0; i < params->pictures; i++)
    sum += kernels->row_sum (x + plane_start (params, i, c), params->plane);
  *mean = sum / n;

  for (gsize i = 0; i < params->pictures; i++)
    squares += kernels->row_sum_squares (x + plane_start (params, i, c), params->plane, (gfloat) *mean);
  *variance = squares / n;
}

/* A running value, given before (input I) and made now (output I - 2). */
static void
store_running (const NrNode *node, guint i, gsize c, gdouble now)
{
  const gdouble momentum = ((const BatchParams *) node->params)->momentum;

  if (node->n_out > i - 2 && node->out[i - 2] != NULL)
    nr_tensor_f32 (node->out[i - 2])[c] = (gfloat) (nr_tensor_f32 (node->in[i])[c] * momentum + now * (1.0 - momentum));
}

/* Channels [begin, end). */
static void
run_training (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end)
{
  const BatchParams *params = node->params;
  const gfloat      *x      = nr_tensor_f32 (node->in[0]);

  for (gsize c = begin; c < end; c++)
    {
      gdouble mean, variance, scale, bias;

      find_statistics (params, kernels, x, c, &mean, &variance);
      scale = nr_tensor_f32 (node->in[1])[c] / sqrt (variance + params->epsilon);
      bias  = nr_tensor_f32 (node->in[2])[c] - mean * scale;
      store_running (node, 3, c, mean);
      store_running (node, 4, c, variance);

      for (gsize i = 0; i < params->pictures; i++)
        {
          const gsize start = plane_start (params, i, c);

          kernels->unary[NR_UNARY_LINEAR](x + start, nr_tensor_f32 (node->out[0]) + start, params->plane, (gfloat) scale, (gfloat) bias);
        }
    }
}

static void
batch_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const BatchParams *params = node->params;

  if (params->is_training)
    run_training (node, kernels, begin, end);
  else
    run_known (node, kernels, begin, end);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* With known statistics the gradient of x does not depend on x. */
static gboolean
reads_input (const NrBackward *backward)
{
  const BatchParams *params = backward->node->params;

  return params->is_training || backward->in_gradient[1] != NULL;
}

/* All gradients of a channel at once; items are channels. The batch's statistics are found again rather than kept. */
static gboolean
batch_normalization_plan_backward (NrBackward *backward, GError **error)
{
  const BatchParams *params = backward->node->params;

  if (backward->in_gradient[3] != NULL || backward->in_gradient[4] != NULL || backward->out_gradient[0] == NULL)
    return nr_node_error (backward->node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                          "only x, scale and bias have a gradient, mean and variance have none");

  if (reads_input (backward))
    nr_backward_keep_in (backward, 0);
  nr_backward_keep_in (backward, 1);
  for (guint i = 3; i < 5 && ! params->is_training; i++)
    nr_backward_keep_in (backward, i);
  backward->in_place = backward->in_gradient[0] != NULL;
  backward->n_items  = params->channels;
  backward->grain    = 1;
  return TRUE;
}

/* With z = (x - mean) / deviation and n elements a channel:
 *   d bias = sum of dy, d scale = sum of dy z
 *   d x = scale / deviation (dy - (d bias + z d scale) / n), without the sums if the statistics are known. */
static void
channel_backward (const NrBackward *backward, const NrKernels *kernels, gsize c)
{
  const BatchParams *params = backward->node->params;
  const gfloat      *x      = backward->in[0] != NULL ? nr_tensor_f32 (backward->in[0]) : NULL;
  const gfloat      *dy     = nr_tensor_f32 (backward->out_gradient[0]);
  const gdouble      n      = (gdouble) (params->pictures * params->plane);
  gdouble            sum = 0.0, product = 0.0, mean, variance, inverse, factor;

  if (params->is_training)
    {
      find_statistics (params, kernels, x, c, &mean, &variance);
    }
  else
    {
      mean     = nr_tensor_f32 (backward->in[3])[c];
      variance = nr_tensor_f32 (backward->in[4])[c];
    }
  inverse = 1.0 / sqrt (variance + params->epsilon);
  factor  = nr_tensor_f32 (backward->in[1])[c] * inverse;

  for (gsize i = 0; i < params->pictures; i++)
    {
      const gsize start = plane_start (params, i, c);

      sum += kernels->row_sum (dy + start, params->plane);
      if (x != NULL)
        product += kernels->row_dot (x + start, dy + start, params->plane, (gfloat) mean);
    }

  if (backward->in_gradient[1] != NULL)
    nr_tensor_f32 (backward->in_gradient[1])[c] = (gfloat) (product * inverse);
  if (backward->in_gradient[2] != NULL)
    nr_tensor_f32 (backward->in_gradient[2])[c] = (gfloat) sum;

  for (gsize i = 0; i < params->pictures && backward->in_gradient[0] != NULL; i++)
    {
      const gsize start = plane_start (params, i, c);
      gfloat     *dx    = nr_tensor_f32 (backward->in_gradient[0]) + start;

      if (params->is_training)
        kernels->row_combine (dy + start, x + start, dx, params->plane, (gfloat) factor,
                              (gfloat) (-factor * inverse * inverse * product / n), (gfloat) mean, (gfloat) (-factor * sum / n));
      else
        kernels->unary[NR_UNARY_LINEAR](dy + start, dx, params->plane, (gfloat) factor, 0.0f);
    }
}

static void
batch_normalization_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  for (gsize c = begin; c < end; c++)
    channel_backward (backward, kernels, c);
}

static const NrAttrSpec batch_normalization_attrs[] = {
  { "epsilon", NR_ATTR_FLOAT }, { "momentum", NR_ATTR_FLOAT }, { "training_mode", NR_ATTR_INT }, { NULL }
};

const NrOpClass nr_op_batch_normalization = {
  .type     = "BatchNormalization",
  .min_in   = 5,
  .max_in   = 5,
  .min_out  = 1,
  .max_out  = 3,
  .attrs    = batch_normalization_attrs,
  .infer    = batch_normalization_infer,
  .run      = batch_normalization_run,
  .in_place = TRUE,

  .plan_backward     = batch_normalization_plan_backward,
  .backward          = batch_normalization_backward,
  .backward_together = TRUE,
};
