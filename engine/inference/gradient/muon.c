/* Muon: each matrix moves by its momentum made orthogonal. Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein, Muon: an
 * optimizer for hidden layers in neural networks, 2024.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Newton-Schulz iteration X <- (a + b XX' + c (XX')^2) X brings all singular values of X near 1. The matrices in brackets are
 * polynomials of the first XX', so they are multiplied among themselves, on the shorter side of X, and meet X only once.
 */

#include "nr-gradient.h"

#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* The authors': steep at 0, so that five iterations raise small singular values, too; values end between 0.7 and 1.2. */
static const gfloat coefficients[] = { 3.4445f, -4.7750f, 2.0315f };

enum
{
  ITERATIONS = 5
};

typedef struct
{
  gsize   rows, columns;
  gfloat *momentum; /* rows x columns, as the next */
  gfloat *direction, *update;
  gfloat *gram, *factor, *product, *spare; /* squares of the shorter side */
} Matrix;

struct _NrMuon
{
  NrMuonOptions    options;
  const NrKernels *kernels;
  guint            n_matrices;
  Matrix          *matrices;
};

static gsize
shorter (const Matrix *matrix)
{
  return MIN (matrix->rows, matrix->columns);
}

static Matrix
describe (const NrShape *shape)
{
  Matrix matrix = { .rows = shape->dims[0], .columns = 1 };

  for (guint i = 1; i < shape->rank; i++)
    matrix.columns *= shape->dims[i];
  return matrix;
}

NrMuon *
nr_muon_new (const NrMuonOptions *options, guint n_matrices, const NrShape *const *shapes)
{
  NrMuon *muon = g_new0 (NrMuon, 1);

  muon->options    = *options;
  muon->kernels    = nr_kernels_get (nr_cpu_level ());
  muon->n_matrices = n_matrices;
  muon->matrices   = g_new0 (Matrix, n_matrices);
  for (guint i = 0; i < n_matrices; i++)
    {
      Matrix *matrix = &muon->matrices[i];
      gsize   n, side;

      *matrix = describe (shapes[i]);
      n       = matrix->rows * matrix->columns;
      side    = shorter (matrix);

      matrix->momentum  = g_new0 (gfloat, n);
      matrix->direction = g_new (gfloat, n);
      matrix->update    = g_new (gfloat, n);
      matrix->gram      = g_new (gfloat, side * side);
      matrix->factor    = g_new (gfloat, side * side);
      matrix->product   = g_new (gfloat, side * side);
      matrix->spare     = g_new (gfloat, side * side);
    }
  return muon;
}

void
nr_muon_free (NrMuon *muon)
{
  if (muon == NULL)
    return;

  for (guint i = 0; i < muon->n_matrices; i++)
    {
      Matrix *matrix = &muon->matrices[i];

      g_free (matrix->momentum);
      g_free (matrix->direction);
      g_free (matrix->update);
      g_free (matrix->gram);
      g_free (matrix->factor);
      g_free (matrix->product);
      g_free (matrix->spare);
    }
  g_free (muon->matrices);
  g_free (muon);
}

/* Nesterov's momentum, of length 1; FALSE where it is 0. */
static gboolean
find_direction (const NrMuon *muon, Matrix *matrix, const gfloat *gradient)
{
  const gsize  n       = matrix->rows * matrix->columns;
  const gfloat beta    = (gfloat) muon->options.momentum;
  gdouble      squares = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      matrix->momentum[i]  = beta * matrix->momentum[i] + gradient[i];
      matrix->direction[i] = gradient[i] + beta * matrix->momentum[i];
    }
  squares = muon->kernels->row_sum_squares (matrix->direction, n, 0.0f);
  if (! (squares > 0.0))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    matrix->direction[i] *= (gfloat) (1.0 / sqrt (squares));
  return TRUE;
}

/* Y = A B, all of SIDE x SIDE. */
static void
multiply (const NrMuon *muon, gsize side, const gfloat *a, const gfloat *b, gfloat *y)
{
  muon->kernels->matrix_product (FALSE, FALSE, side, side, side, 1.0f, a, side, b, side, 0.0f, y, side);
}

/* Matrix->product: what the direction is to be multiplied with so that its singular values are near 1. */
static void
find_product (const NrMuon *muon, Matrix *matrix)
{
  const gsize    side    = shorter (matrix);
  const gboolean is_wide = matrix->rows <= matrix->columns;

  muon->kernels->matrix_product (! is_wide, is_wide, side, side, MAX (matrix->rows, matrix->columns), 1.0f, matrix->direction,
                                 matrix->columns, matrix->direction, matrix->columns, 0.0f, matrix->gram, side);
  for (guint k = 0; k < ITERATIONS; k++)
    {
      multiply (muon, side, matrix->gram, matrix->gram, matrix->spare);
      for (gsize i = 0; i < side * side; i++)
        matrix->factor[i] = coefficients[1] * matrix->gram[i] + coefficients[2] * matrix->spare[i];
      for (gsize i = 0; i < side; i++)
        matrix->factor[i * (side + 1)] += coefficients[0];

      if (k == 0)
        {
          memcpy (matrix->product, matrix->factor, side * side * sizeof (gfloat));
        }
      else
        {
          gfloat *before = matrix->product;

          multiply (muon, side, matrix->factor, before, matrix->spare);
          matrix->product = matrix->spare;
          matrix->spare   = before;
        }
      if (k + 1 < ITERATIONS)
        {
          multiply (muon, side, matrix->factor, matrix->gram, matrix->spare);
          multiply (muon, side, matrix->spare, matrix->factor, matrix->gram);
        }
    }
}

static void
step_matrix (const NrMuon *muon, Matrix *matrix, gfloat *values, const gfloat *gradient)
{
  const gsize  n    = matrix->rows * matrix->columns;
  const gsize  side = shorter (matrix);
  const gfloat rate = (gfloat) (muon->options.learning_rate * sqrt (MAX (1.0, matrix->rows / (gdouble) matrix->columns)));

  if (! find_direction (muon, matrix, gradient))
    return;
  find_product (muon, matrix);
  if (matrix->rows <= matrix->columns)
    muon->kernels->matrix_product (FALSE, FALSE, matrix->rows, matrix->columns, side, 1.0f, matrix->product, side,
                                   matrix->direction, matrix->columns, 0.0f, matrix->update, matrix->columns);
  else
    muon->kernels->matrix_product (FALSE, FALSE, matrix->rows, matrix->columns, side, 1.0f, matrix->direction, matrix->columns,
                                   matrix->product, side, 0.0f, matrix->update, matrix->columns);
  for (gsize i = 0; i < n; i++)
    values[i] -= rate * matrix->update[i];
}

typedef struct
{
  NrMuon              *muon;
  gfloat *const       *values;
  const gfloat *const *gradients;
} Step;

static void
step_matrices (gsize begin, gsize end, guint thread, gpointer data)
{
  const Step *step = data;

  for (gsize i = begin; i < end; i++)
    step_matrix (step->muon, &step->muon->matrices[i], step->values[i], step->gradients[i]);
}

void
nr_muon_step (NrMuon *muon, NrPool *pool, gfloat *const *values, const gfloat *const *gradients)
{
  Step step = { muon, values, gradients };

  nr_pool_for (pool, muon->n_matrices, 1, step_matrices, &step, NULL, NULL);
}
