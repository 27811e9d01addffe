/* GroupNormalization and InstanceNormalization (a group is one channel): each group of channels of each picture gets mean 0
 * and variance 1, then scale and bias. ONNX GroupNormalization-18 (scale and bias a group), -21 (a channel),
 * InstanceNormalization-6, -22, float32, [N, C, ...].
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

#include <math.h>

typedef struct
{
  gsize   groups;  /* of a picture */
  gsize   members; /* channels of a group */
  gsize   plane;   /* elements of a channel */
  gdouble epsilon;
} GroupParams;

static gboolean
check_parameter (const NrNode *node, guint i, gint64 n, GError **error)
{
  if (! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
    return FALSE;

  return (gint64) node->in[i]->n == n ||
         nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') has %" G_GSIZE_FORMAT " values, expected %" G_GINT64_FORMAT,
                        i, node->in[i]->name, node->in[i]->n, n);
}

static gboolean
infer (NrNode *node, gint64 groups, gint64 n_parameters, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  GroupParams   *params = g_new0 (GroupParams, 1);

  params->epsilon   = nr_node_get_float (node, "epsilon", 1e-5f);
  node->params      = params;
  node->free_params = g_free;

  if (! check_parameter (node, 1, n_parameters, error) || ! check_parameter (node, 2, n_parameters, error))
    return FALSE;

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  if (node->in[0]->n == 0)
    return TRUE;

  params->groups  = (gsize) groups;
  params->members = (gsize) (in->dims[1] / groups);
  params->plane   = node->in[0]->n / (gsize) (in->dims[0] * in->dims[1]);
  node->n_items   = (gsize) (in->dims[0] * groups);
  node->grain     = 1 + 16384 / (params->members * params->plane);
  return TRUE;
}

static gboolean
check_input (const NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;

  return node->in[0]->shape.rank >= 2 ||
         nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input has %u dimensions, at least 2 are needed", node->in[0]->shape.rank);
}

static gboolean
instance_normalization_infer (NrNode *node, GError **error)
{
  return check_input (node, error) && infer (node, MAX (node->in[0]->shape.dims[1], 1), node->in[0]->shape.dims[1], error);
}

static gboolean
group_normalization_infer (NrNode *node, GError **error)
{
  gint64 groups = nr_node_get_int (node, "num_groups", 0);

  if (! check_input (node, error))
    return FALSE;
  if (groups < 1 || node->in[0]->shape.dims[1] % groups != 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GINT64_FORMAT " channels cannot be cut in %" G_GINT64_FORMAT " groups",
                          node->in[0]->shape.dims[1], groups);

  return infer (node, groups, node->opset < 21 ? groups : node->in[0]->shape.dims[1], error);
}

/* Groups [begin, end): a group is contiguous. */
static void
group_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const GroupParams *params    = node->params;
  const gsize        n         = params->members * params->plane;
  const gboolean     per_group = node->in[1]->n == params->groups;

  for (gsize i = begin; i < end; i++)
    {
      const gfloat *x        = nr_tensor_f32 (node->in[0]) + i * n;
      gfloat       *y        = nr_tensor_f32 (node->out[0]) + i * n;
      gsize         group    = i % params->groups;
      gdouble       mean     = kernels->row_sum (x, n) / (gdouble) n;
      gdouble       variance = kernels->row_sum_squares (x, n, (gfloat) mean) / (gdouble) n;
      gdouble       inverse  = 1.0 / sqrt (variance + params->epsilon);

      for (gsize m = 0; m < params->members; m++)
        {
          gsize   k     = per_group ? group : group * params->members + m;
          gdouble scale = nr_tensor_f32 (node->in[1])[k] * inverse;

          kernels->unary[NR_UNARY_LINEAR](x + m * params->plane, y + m * params->plane, params->plane, (gfloat) scale,
                                          (gfloat) (nr_tensor_f32 (node->in[2])[k] - mean * scale));
        }
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* All gradients of a group of channels at once, over all pictures; statistics are found again rather than kept. */
static gboolean
group_normalization_plan_backward (NrBackward *backward, GError **error)
{
  const GroupParams *params = backward->node->params;

  nr_backward_keep_in (backward, 0);
  nr_backward_keep_in (backward, 1);
  backward->n_items = params->groups;
  backward->grain   = 1;
  backward->scratch = 2 * params->members * sizeof (gdouble);
  return TRUE;
}

/* With z = (x - mean) / deviation, g = scale dy and n elements a group:
 *   d x = (g - (sum of g + z sum of g z) / n) / deviation
 * Adds to SUMS and PRODUCTS, one a member, the sums of dy and of dy z. */
static void
group_backward (const NrBackward *backward, const NrKernels *kernels, gsize group, gsize picture, gdouble *sums, gdouble *products)
{
  const GroupParams *params    = backward->node->params;
  const gsize        plane     = params->plane;
  const gsize        start     = (picture * params->groups + group) * params->members * plane;
  const gfloat      *x         = nr_tensor_f32 (backward->in[0]) + start;
  const gfloat      *dy        = nr_tensor_f32 (backward->out_gradient[0]) + start;
  const gdouble      n         = (gdouble) (params->members * plane);
  const gboolean     per_group = backward->node->in[1]->n == params->groups;
  const gfloat      *scale     = nr_tensor_f32 (backward->in[1]) + (per_group ? group : group * params->members);
  const gdouble      mean      = kernels->row_sum (x, params->members * plane) / n;
  const gdouble      variance  = kernels->row_sum_squares (x, params->members * plane, (gfloat) mean) / n;
  const gdouble      inverse   = 1.0 / sqrt (variance + params->epsilon);
  gdouble            sum = 0.0, product = 0.0;

  for (gsize m = 0; m < params->members; m++)
    {
      const gdouble of_dy  = kernels->row_sum (dy + m * plane, plane);
      const gdouble of_dyz = kernels->row_dot (x + m * plane, dy + m * plane, plane, (gfloat) mean) * inverse;

      sums[m] += of_dy;
      products[m] += of_dyz;
      sum += scale[per_group ? 0 : m] * of_dy;
      product += scale[per_group ? 0 : m] * of_dyz;
    }

  for (gsize m = 0; m < params->members && backward->in_gradient[0] != NULL; m++)
    kernels->row_combine (dy + m * plane, x + m * plane, nr_tensor_f32 (backward->in_gradient[0]) + start + m * plane, plane,
                          (gfloat) (scale[per_group ? 0 : m] * inverse), (gfloat) (-inverse * inverse * product / n),
                          (gfloat) mean, (gfloat) (-inverse * sum / n));
}

/* Stores SUMS, one a member, as the gradient of scale or bias; TARGET may be NULL. */
static void
store_sums (const NrBackward *backward, gsize group, const gdouble *sums, NrTensor *target)
{
  const GroupParams *params    = backward->node->params;
  const gboolean     per_group = backward->node->in[1]->n == params->groups;
  gdouble            total     = 0.0;

  for (gsize m = 0; m < params->members && target != NULL; m++)
    {
      total += sums[m];
      if (! per_group)
        nr_tensor_f32 (target)[group * params->members + m] = (gfloat) sums[m];
    }

  if (per_group && target != NULL)
    nr_tensor_f32 (target)[group] = (gfloat) total;
}

static void
group_normalization_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const GroupParams *params   = backward->node->params;
  const gsize        pictures = backward->node->in[0]->n / (params->groups * params->members * params->plane);
  gdouble           *sums     = scratch;
  gdouble           *products = sums + params->members;

  for (gsize group = begin; group < end; group++)
    {
      memset (sums, 0, 2 * params->members * sizeof (gdouble));
      for (gsize picture = 0; picture < pictures; picture++)
        group_backward (backward, kernels, group, picture, sums, products);

      store_sums (backward, group, products, backward->in_gradient[1]);
      store_sums (backward, group, sums, backward->in_gradient[2]);
    }
}

static const NrAttrSpec group_normalization_attrs[] = {
  { "epsilon", NR_ATTR_FLOAT }, { "num_groups", NR_ATTR_INT }, { "stash_type", NR_ATTR_INT }, { NULL }
};
static const NrAttrSpec instance_normalization_attrs[] = { { "epsilon", NR_ATTR_FLOAT }, { NULL } };

const NrOpClass nr_op_group_normalization = {
  .type        = "GroupNormalization",
  .since_opset = 18,
  .min_in      = 3,
  .max_in      = 3,
  .min_out     = 1,
  .max_out     = 1,
  .attrs       = group_normalization_attrs,
  .infer       = group_normalization_infer,
  .run         = group_normalization_run,
  .in_place    = TRUE,

  .plan_backward     = group_normalization_plan_backward,
  .backward          = group_normalization_backward,
  .backward_together = TRUE,
};

const NrOpClass nr_op_instance_normalization = {
  .type     = "InstanceNormalization",
  .min_in   = 3,
  .max_in   = 3,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = instance_normalization_attrs,
  .infer    = instance_normalization_infer,
  .run      = group_normalization_run,
  .in_place = TRUE,

  .plan_backward     = group_normalization_plan_backward,
  .backward          = group_normalization_backward,
  .backward_together = TRUE,
};
