/* GlobalAveragePool and GlobalMaxPool: mean or largest of each plane. ONNX versions 1 to 22, float32, [N, C, ...] to
 * [N, C, 1, ...].
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

static gboolean
global_pool_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gint64         dims[NR_MAX_RANK];

  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (in->rank < 2)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input has %u dimensions, at least 2 are needed", in->rank);

  for (guint i = 0; i < in->rank; i++)
    dims[i] = i < 2 ? in->dims[i] : 1;
  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error))
    return FALSE;

  /* Items are planes. */
  node->grain = 1 + (node->in[0]->n > 0 ? 16384 * node->out[0]->n / node->in[0]->n : 0);
  return TRUE;
}

static void
global_average_pool_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  gsize n = node->in[0]->n / node->out[0]->n;

  for (gsize i = begin; i < end; i++)
    nr_tensor_f32 (node->out[0])[i] = (gfloat) (kernels->row_sum (nr_tensor_f32 (node->in[0]) + i * n, n) / (gdouble) n);
}

static void
global_max_pool_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  gsize n = node->in[0]->n / node->out[0]->n;

  for (gsize i = begin; i < end; i++)
    nr_tensor_f32 (node->out[0])[i] = kernels->row_max (nr_tensor_f32 (node->in[0]) + i * n, n);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Items are planes. */
static gboolean
global_average_pool_plan_backward (NrBackward *backward, GError **error)
{
  backward->n_items = backward->node->out[0]->n;
  backward->grain   = backward->node->grain;
  return TRUE;
}

static void
global_average_pool_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const gsize n = backward->node->in[0]->n / backward->node->out[0]->n;

  for (gsize i = begin; i < end; i++)
    {
      const gfloat share = nr_tensor_f32 (backward->out_gradient[0])[i] / (gfloat) n;
      gfloat      *dx    = nr_tensor_f32 (backward->in_gradient[0]) + i * n;

      for (gsize k = 0; k < n; k++)
        dx[k] = share;
    }
}

static gboolean
global_max_pool_plan_backward (NrBackward *backward, GError **error)
{
  nr_backward_keep_in (backward, 0);
  return global_average_pool_plan_backward (backward, error);
}

/* The first of the largest elements gets the gradient. */
static void
global_max_pool_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const gsize n = backward->node->in[0]->n / backward->node->out[0]->n;

  for (gsize i = begin; i < end; i++)
    {
      const gfloat *x    = nr_tensor_f32 (backward->in[0]) + i * n;
      gfloat       *dx   = nr_tensor_f32 (backward->in_gradient[0]) + i * n;
      gsize         best = 0;

      for (gsize k = 1; k < n; k++)
        if (x[k] > x[best])
          best = k;

      memset (dx, 0, n * sizeof (gfloat));
      dx[best] = nr_tensor_f32 (backward->out_gradient[0])[i];
    }
}

const NrOpClass nr_op_global_average_pool = {
  .type    = "GlobalAveragePool",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .infer   = global_pool_infer,
  .run     = global_average_pool_run,

  .plan_backward = global_average_pool_plan_backward,
  .backward      = global_average_pool_backward,
};

const NrOpClass nr_op_global_max_pool = {
  .type    = "GlobalMaxPool",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .infer   = global_pool_infer,
  .run     = global_max_pool_run,

  .plan_backward = global_max_pool_plan_backward,
  .backward      = global_max_pool_backward,
};
