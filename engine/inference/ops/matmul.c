/* MatMul: products of matrices after NumPy: leading dimensions broadcast, vectors are rows or columns. ONNX MatMul-9 and
 * -13; float32.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast-sum.h"

enum
{
  BAND    = 64,    /* rows of y an item computes: fixed, so that the result does not depend on threads */
  COLUMNS = 512, /* of a single row, */
  LONG    = 64   /* which has at least so many */
};

typedef struct
{
  gint64 m, n, k;
  gint64 bands;                                /* of rows, or columns of a single row, of one product */
  guint  n_batch;                              /* leading dimensions of the result */
  gint64 batch[NR_MAX_RANK];                   /* their sizes */
  gint64 a_step[NR_MAX_RANK], b_step[NR_MAX_RANK]; /* elements between products, 0 where broadcast */
} MatMul;

/* A single row times a matrix waits for the matrix alone, which all threads bring faster than one. */
static gboolean
is_single_row (const MatMul *matmul)
{
  return matmul->m == 1 && matmul->n >= LONG;
}

static void
find_steps (const NrShape *batch, const NrShape *full, gint64 matrix, gint64 step[NR_MAX_RANK])
{
  const guint own = full->rank - 2;

  for (guint i = batch->rank; i-- > 0;)
    {
      const gint64 dim = i + own < batch->rank ? 1 : full->dims[i + own - batch->rank];

      step[i] = dim == 1 ? 0 : matrix;
      matrix *= dim;
    }
}

static gboolean
matmul_infer (NrNode *node, GError **error)
{
  if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error) ||
      ! nr_node_check_type (node, 1, NR_TYPE_FLOAT32, error))
    return FALSE;

  NrShape        a        = node->in[0]->shape;
  NrShape        b        = node->in[1]->shape;
  const gboolean a_vector = a.rank == 1;
  const gboolean b_vector = b.rank == 1;
  NrShape        a_batch, b_batch, batch;

  if (a.rank == 0 || b.rank == 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "a scalar has no product");

  if (a_vector)
    a = (NrShape) { .type = a.type, .rank = 2, .dims = { 1, a.dims[0] } };
  if (b_vector)
    b = (NrShape) { .type = b.type, .rank = 2, .dims = { b.dims[0], 1 } };

  a_batch = a;
  b_batch = b;
  a_batch.rank -= 2;
  b_batch.rank -= 2;
  if (! nr_node_broadcast (node, &a_batch, &b_batch, &batch, error))
    return FALSE;

  MatMul matmul = { .m = a.dims[a.rank - 2], .n = b.dims[b.rank - 1], .k = a.dims[a.rank - 1], .n_batch = batch.rank };

  if (b.dims[b.rank - 2] != matmul.k || MAX (MAX (matmul.m, matmul.n), matmul.k) > G_MAXINT32)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE,
                          "the inputs share dimensions of %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                          matmul.k, b.dims[b.rank - 2]);

  NrShape out = batch;
  gsize   n_products;

  if (! nr_shape_n_elements (&batch, &n_products))
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "too many products");
  if (! a_vector)
    out.dims[out.rank++] = matmul.m;
  if (! b_vector)
    out.dims[out.rank++] = matmul.n;
  if (! nr_node_set_out (node, 0, NR_TYPE_FLOAT32, out.rank, out.dims, error))
    return FALSE;

  for (guint i = 0; i < batch.rank; i++)
    matmul.batch[i] = batch.dims[i];
  find_steps (&batch, &a, matmul.m * matmul.k, matmul.a_step);
  find_steps (&batch, &b, matmul.k * matmul.n, matmul.b_step);
  matmul.bands = is_single_row (&matmul) ? (matmul.n + COLUMNS - 1) / COLUMNS : (matmul.m + BAND - 1) / BAND;

  node->params      = g_memdup2 (&matmul, sizeof matmul);
  node->free_params = g_free;
  node->n_items     = n_products * (gsize) matmul.bands;
  node->grain       = (gsize) CLAMP (100000 * matmul.bands / (matmul.m * matmul.n * matmul.k + 1), 1, 64);
  node->n_macs      = (guint64) node->out[0]->n * (guint64) matmul.k;

  return TRUE;
}

static void
multiply (const NrNode *node, const NrKernels *kernels, const MatMul *matmul, gint64 product, gint64 band)
{
  const gfloat *a = nr_tensor_f32 (node->in[0]);
  const gfloat *b = nr_tensor_f32 (node->in[1]);
  gfloat       *y = nr_tensor_f32 (node->out[0]) + product * matmul->m * matmul->n;

  for (guint i = matmul->n_batch; i-- > 0; product /= matmul->batch[i])
    {
      a += product % matmul->batch[i] * matmul->a_step[i];
      b += product % matmul->batch[i] * matmul->b_step[i];
    }

  if (is_single_row (matmul))
    {
      const gint64 first = band * COLUMNS;

      kernels->row_product (a, b + first, (gsize) matmul->n, (gsize) matmul->k, (gsize) MIN (COLUMNS, matmul->n - first),
                            y + first, FALSE);
      return;
    }

  const gint64 first = band * BAND;
  const gint64 rows  = MIN (BAND, matmul->m - first);

  y += first * matmul->n;
  if (matmul->k == 0)
    for (gint64 i = 0; i < rows * matmul->n; i++)
      y[i] = 0.0f;
  else if (matmul->n > 0)
    kernels->matrix_product (false, false, (gsize) rows, (gsize) matmul->n, (gsize) matmul->k,
                             1.0f, a + first * matmul->k, (gsize) matmul->k, b, (gsize) matmul->n,
                             0.0f, y, (gsize) matmul->n);
}

static void
matmul_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const MatMul *matmul = node->params;

  for (gsize item = begin; item < end; item++)
    multiply (node, kernels, matmul, (gint64) item / matmul->bands, (gint64) item % matmul->bands);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Rows of one matrix of the input. */
static gint64
matrix_rows (const MatMul *matmul, guint input)
{
  return input == 0 ? matmul->m : matmul->k;
}

static gint64
matrix_size (const MatMul *matmul, guint input)
{
  return input == 0 ? matmul->m * matmul->k : matmul->k * matmul->n;
}

static gint64
count_products (const MatMul *matmul)
{
  gint64 n = 1;

  for (guint i = 0; i < matmul->n_batch; i++)
    n *= matmul->batch[i];
  return n;
}

/* Where the matrix of product PRODUCT begins in an input. */
static gint64
matrix_start (const MatMul *matmul, const gint64 *step, gint64 product)
{
  gint64 start = 0;

  for (guint i = matmul->n_batch; i-- > 0; product /= matmul->batch[i])
    start += product % matmul->batch[i] * step[i];
  return start;
}

/* Items are bands of rows of the input's matrices. */
static gboolean
matmul_plan_backward (NrBackward *backward, GError **error)
{
  const MatMul *matmul = backward->node->params;
  const guint   input  = nr_backward_wanted (backward);
  const gint64  size   = matrix_size (matmul, input);
  const gint64  bands  = (matrix_rows (matmul, input) + BAND - 1) / BAND;

  nr_backward_keep_in (backward, 1 - input);
  backward->n_items = size > 0 ? backward->node->in[input]->n / (gsize) size * (gsize) bands : 0;
  backward->grain   = (gsize) CLAMP (100000 / (MIN (matrix_rows (matmul, input), BAND) * matmul->n * matmul->k + 1), 1, 64);
  return TRUE;
}

/* Adds (or, for the first, writes) what one product gives to ROWS rows of an input's matrix from its row FIRST on:
 * dA = dY B^T, dB = A^T dY. */
static void
add_product (const NrBackward *backward, const NrKernels *kernels, guint input, gint64 product, gint64 first, gint64 rows, gboolean is_first, gfloat *target)
{
  const MatMul *p     = backward->node->params;
  const gfloat *dy    = nr_tensor_f32 (backward->out_gradient[0]) + product * p->m * p->n;
  const gfloat *other = nr_tensor_f32 (backward->in[1 - input]) + matrix_start (p, input == 0 ? p->b_step : p->a_step, product);
  const gfloat  beta  = is_first ? 0.0f : 1.0f;

  if (input == 0 && p->n > 0)
    kernels->matrix_product (false, true, (gsize) rows, (gsize) p->k, (gsize) p->n, 1.0f, dy + first * p->n, (gsize) p->n,
                             other, (gsize) p->n, beta, target, (gsize) p->k);
  else if (input == 1 && p->m > 0)
    kernels->matrix_product (true, false, (gsize) rows, (gsize) p->n, (gsize) p->m, 1.0f, other + first, (gsize) p->k,
                             dy, (gsize) p->n, beta, target, (gsize) p->n);
}

/* A matrix that is broadcast takes part in several products. */
static void
matmul_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const MatMul  *matmul     = backward->node->params;
  const guint    input      = nr_backward_wanted (backward);
  const gint64  *step       = input == 0 ? matmul->a_step : matmul->b_step;
  const gint64   size       = matrix_size (matmul, input);
  const gint64   bands      = (matrix_rows (matmul, input) + BAND - 1) / BAND;
  const gint64   n_products = count_products (matmul);
  const gboolean is_single  = (gint64) backward->node->in[input]->n == n_products * size;

  for (gint64 item = (gint64) begin; item < (gint64) end; item++)
    {
      const gint64 start    = item / bands * size;
      const gint64 first    = item % bands * BAND;
      const gint64 rows     = MIN (BAND, matrix_rows (matmul, input) - first);
      const gint64 width    = size / matrix_rows (matmul, input);
      gfloat      *target   = nr_tensor_f32 (backward->in_gradient[input]) + start + first * width;
      gboolean     is_first = TRUE;

      memset (target, 0, (gsize) (rows * width) * sizeof (gfloat));
      for (gint64 p = is_single ? item / bands : 0; p < (is_single ? item / bands + 1 : n_products); p++)
        if (is_single || matrix_start (matmul, step, p) == start)
          {
            add_product (backward, kernels, input, p, first, rows, is_first, target);
            is_first = FALSE;
          }
    }
}

const NrOpClass nr_op_matmul = {
  .type    = "MatMul",
  .min_in  = 2,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .infer   = matmul_infer,
  .run     = matmul_run,

  .plan_backward = matmul_plan_backward,
  .backward      = matmul_backward,
};
