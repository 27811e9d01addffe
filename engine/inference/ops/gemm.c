/* Gemm: y = alpha A B + beta C, A and B optionally transposed. ONNX Gemm-9, -11, -13; float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"

enum
{
  BAND = 64 /* rows of y an item computes: fixed, so that the result does not depend on threads */
};

typedef struct
{
  gboolean trans_a, trans_b;
  gfloat   alpha, beta;
  gint64   m, n, k;
  gint64   c_row, c_column; /* strides of C, 0 where it is broadcast */
} Gemm;

/* C must broadcast to m x n in one direction. */
static gboolean
read_c (NrNode *node, Gemm *gemm, GError **error)
{
  const NrTensor *c = nr_node_in (node, 2);

  if (c == NULL)
    return TRUE;
  if (! nr_node_check_type (node, 2, NR_TYPE_FLOAT32, error))
    return FALSE;

  const gint64 rows    = c->shape.rank >= 2 ? c->shape.dims[c->shape.rank - 2] : 1;
  const gint64 columns = c->shape.rank >= 1 ? c->shape.dims[c->shape.rank - 1] : 1;

  if (c->shape.rank > 2 || (rows != 1 && rows != gemm->m) || (columns != 1 && columns != gemm->n))
    {
      g_autofree gchar *text = nr_shape_to_string (&c->shape);

      return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                            "C is %s, which does not broadcast to %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT,
                            text, gemm->m, gemm->n);
    }

  gemm->c_row    = rows == 1 ? 0 : columns;
  gemm->c_column = columns == 1 ? 0 : 1;
  return TRUE;
}

static gboolean
gemm_infer (NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_check_type (node, 1, NR_TYPE_FLOAT32, error))
    return FALSE;

  const NrShape *a = &node->in[0]->shape;
  const NrShape *b = &node->in[1]->shape;

  if (a->rank != 2 || b->rank != 2)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "A has %u and B %u dimensions, both need 2", a->rank, b->rank);

  Gemm gemm = { .trans_a = nr_node_get_int (node, "transA", 0) != 0,
                .trans_b = nr_node_get_int (node, "transB", 0) != 0,
                .alpha   = nr_node_get_float (node, "alpha", 1.0f),
                .beta    = nr_node_get_float (node, "beta", 1.0f) };

  gemm.m = a->dims[gemm.trans_a ? 1 : 0];
  gemm.k = a->dims[gemm.trans_a ? 0 : 1];
  gemm.n = b->dims[gemm.trans_b ? 0 : 1];

  if (b->dims[gemm.trans_b ? 1 : 0] != gemm.k || MAX (MAX (gemm.m, gemm.n), gemm.k) > G_MAXINT32)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "A and B share dimensions of %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                          gemm.k, b->dims[gemm.trans_b ? 1 : 0]);
  if (! read_c (node, &gemm, error) ||
      ! nr_node_set_out (node, 0, NR_TYPE_FLOAT32, 2, (gint64[]) { gemm.m, gemm.n }, error))
    return FALSE;

  node->params      = g_memdup2 (&gemm, sizeof gemm);
  node->free_params = g_free;
  node->n_items     = (gsize) ((gemm.m + BAND - 1) / BAND);
  node->grain       = 1;
  node->n_macs      = (guint64) node->out[0]->n * (guint64) gemm.k;

  return TRUE;
}

static void
fill_c (const Gemm *gemm, const NrTensor *c, gint64 row, gfloat *y)
{
  const gfloat *from = c != NULL ? nr_tensor_f32 (c) + row * gemm->c_row : NULL;

  for (gint64 j = 0; j < gemm->n; j++)
    y[j] = from != NULL ? gemm->beta * from[j * gemm->c_column] : 0.0f;
}

static void
gemm_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const Gemm   *gemm = node->params;
  const gfloat *a    = nr_tensor_f32 (node->in[0]);

  for (gsize item = begin; item < end; item++)
    {
      const gint64 first = (gint64) item * BAND;
      const gint64 rows  = MIN (BAND, gemm->m - first);
      gfloat      *y     = nr_tensor_f32 (node->out[0]) + first * gemm->n;

      for (gint64 i = 0; i < rows; i++)
        fill_c (gemm, nr_node_in (node, 2), first + i, y + i * gemm->n);

      if (gemm->k > 0 && gemm->n > 0)
        kernels->matrix_product (gemm->trans_a, gemm->trans_b, (gsize) rows, (gsize) gemm->n, (gsize) gemm->k, gemm->alpha,
                                 gemm->trans_a ? a + first : a + first * gemm->k,
                                 (gsize) (gemm->trans_a ? gemm->m : gemm->k),
                                 nr_tensor_f32 (node->in[1]), (gsize) (gemm->trans_b ? gemm->k : gemm->n),
                                 1.0f, y, (gsize) gemm->n);
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* beta. */
static void
local_c (const NrNode *node, const NrKernels *kernels, const gfloat *gy, const gfloat *const *v, const gint *step, gfloat *d, gsize n)
{
  kernels->unary[NR_UNARY_LINEAR](gy, d, n, ((const Gemm *) node->params)->beta, 0.0f);
}

/* Rows of the gradient of A or B as it is stored. */
static gint64
stored_rows (const Gemm *gemm, guint input)
{
  if (input == 0)
    return gemm->trans_a ? gemm->k : gemm->m;
  return gemm->trans_b ? gemm->n : gemm->k;
}

/* Items are bands of rows, as in the forward product. */
static gboolean
gemm_plan_backward (NrBackward *backward, GError **error)
{
  const Gemm *gemm  = backward->node->params;
  const guint input = nr_backward_wanted (backward);

  if (input == 2)
    {
      nr_broadcast_sum_plan (backward, gemm->beta == 1.0f ? NULL : local_c, 0, NULL);
      return TRUE;
    }

  nr_backward_keep_in (backward, 1 - input);
  backward->n_items = (gsize) ((stored_rows (gemm, input) + BAND - 1) / BAND);
  backward->grain   = 1;
  return TRUE;
}

/* ROWS rows of the gradient of A or B from row FIRST on. With op (A) m x k, op (B) k x n and dY m x n: d op (A) = alpha dY
 * op (B)^T, d op (B) = alpha op (A)^T dY; where the input is stored transposed, so are these products. */
static void
gemm_band (const NrBackward *backward, const NrKernels *kernels, guint input, gint64 first, gint64 rows)
{
  const Gemm   *g      = backward->node->params;
  const gint64  width  = (gint64) backward->node->in[input]->n / stored_rows (g, input);
  const gint64  depth  = input == 0 ? g->n : g->m;
  const gint64  lda    = g->trans_a ? g->m : g->k;
  const gint64  ldb    = g->trans_b ? g->k : g->n;
  const gfloat *dy     = nr_tensor_f32 (backward->out_gradient[0]);
  const gfloat *z      = nr_tensor_f32 (backward->in[1 - input]); /* B for A, A for B */
  gfloat       *target = nr_tensor_f32 (backward->in_gradient[input]) + first * width;

  if (depth == 0)
    memset (target, 0, (gsize) (rows * width) * sizeof (gfloat));
  else if (input == 0 && ! g->trans_a)
    kernels->matrix_product (false, ! g->trans_b, (gsize) rows, (gsize) width, (gsize) depth, g->alpha,
                             dy + first * g->n, (gsize) g->n, z, (gsize) ldb, 0.0f, target, (gsize) width);
  else if (input == 0)
    kernels->matrix_product (g->trans_b, true, (gsize) rows, (gsize) width, (gsize) depth, g->alpha,
                             g->trans_b ? z + first : z + first * ldb, (gsize) ldb, dy, (gsize) g->n, 0.0f, target, (gsize) width);
  else if (! g->trans_b)
    kernels->matrix_product (! g->trans_a, false, (gsize) rows, (gsize) width, (gsize) depth, g->alpha,
                             g->trans_a ? z + first * lda : z + first, (gsize) lda, dy, (gsize) g->n, 0.0f, target, (gsize) width);
  else
    kernels->matrix_product (true, g->trans_a, (gsize) rows, (gsize) width, (gsize) depth, g->alpha,
                             dy + first, (gsize) g->n, z, (gsize) lda, 0.0f, target, (gsize) width);
}

static void
gemm_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const guint  input = nr_backward_wanted (backward);
  const gint64 rows  = stored_rows (backward->node->params, MIN (input, 1));

  if (input == 2)
    {
      nr_broadcast_sum_backward (backward, kernels, begin, end, scratch);
      return;
    }

  for (gint64 band = (gint64) begin; band < (gint64) end; band++)
    gemm_band (backward, kernels, input, band * BAND, MIN (BAND, rows - band * BAND));
}

static const NrAttrSpec attrs[] = {
  { "alpha", NR_ATTR_FLOAT },
  { "beta", NR_ATTR_FLOAT },
  { "transA", NR_ATTR_INT },
  { "transB", NR_ATTR_INT },
  { NULL }
};

const NrOpClass nr_op_gemm = {
  .type    = "Gemm",
  .min_in  = 2,
  .max_in  = 3,
  .min_out = 1,
  .max_out = 1,
  .attrs   = attrs,
  .infer   = gemm_infer,
  .run     = gemm_run,

  .plan_backward = gemm_plan_backward,
  .backward      = gemm_backward,
};
