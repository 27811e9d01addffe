/* LpNormalization: x over its norm (p 1 or 2) along an axis; all zeros stay zeros. ONNX LpNormalization-1, -22, float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

#include <math.h>

enum
{
  COLUMNS = 256 /* norms side by side, when they do not run along the innermost dimension */
};

/* The input seen as [outer, n, inner]. */
typedef struct
{
  gsize    n, inner;
  gboolean is_l1;
} LpParams;

static gboolean
lp_normalization_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  gint64         p      = nr_node_get_int (node, "p", 2);
  LpParams      *params = g_new0 (LpParams, 1);
  guint          axis;

  node->params      = params;
  node->free_params = g_free;

  if (p != 1 && p != 2)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "p is %" G_GINT64_FORMAT ", expected 1 or 2", p);
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_axis (node, nr_node_get_int (node, "axis", -1), in->rank, &axis, error))
    return FALSE;

  params->is_l1 = p == 1;
  params->n     = (gsize) in->dims[axis];
  params->inner = 1;
  for (guint i = axis + 1; i < in->rank; i++)
    params->inner *= (gsize) in->dims[i];

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / params->n;
  node->grain   = 1 + 4096 / MAX (params->n, 1);
  node->scratch = COLUMNS * sizeof (gdouble);
  return TRUE;
}

/* WIDTH neighbouring columns of n elements, STRIDE apart. */
static void
normalize_columns (const LpParams *params, const gfloat *x, gfloat *y, gsize width, gdouble *norms)
{
  const gsize stride = params->inner;

  for (gsize c = 0; c < width; c++)
    norms[c] = 0.0;

  for (gsize k = 0; k < params->n; k++)
    if (params->is_l1)
      for (gsize c = 0; c < width; c++)
        norms[c] += fabs (x[k * stride + c]);
    else
      for (gsize c = 0; c < width; c++)
        norms[c] += (gdouble) x[k * stride + c] * x[k * stride + c];

  for (gsize c = 0; c < width; c++)
    {
      gdouble norm = params->is_l1 ? norms[c] : sqrt (norms[c]);

      norms[c] = norm > 0.0 ? 1.0 / norm : norm; /* a NaN stays one */
    }

  for (gsize k = 0; k < params->n; k++)
    for (gsize c = 0; c < width; c++)
      y[k * stride + c] = (gfloat) (x[k * stride + c] * norms[c]);
}

/* Norms [begin, end), counted along the outer and inner dimensions. */
static void
lp_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const LpParams *params = node->params;

  for (gsize i = begin, width; i < end; i += width)
    {
      gsize column = i % params->inner;
      gsize start  = i / params->inner * params->n * params->inner + column;

      width = MIN (MIN (params->inner - column, end - i), COLUMNS);
      normalize_columns (params, nr_tensor_f32 (node->in[0]) + start, nr_tensor_f32 (node->out[0]) + start, width, scratch);
    }
}

static const NrAttrSpec lp_normalization_attrs[] = { { "axis", NR_ATTR_INT }, { "p", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_lp_normalization = {
  .type     = "LpNormalization",
  .min_in   = 1,
  .max_in   = 1,
  .min_out  = 1,
  .max_out  = 1,
  .attrs    = lp_normalization_attrs,
  .infer    = lp_normalization_infer,
  .run      = lp_normalization_run,
  .in_place = TRUE,
};
