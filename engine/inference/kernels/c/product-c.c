/* Product of packed weights with a panel, portable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"

#include <assert.h>
#include <string.h>

void
nr_product_at_c (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  assert (rows >= 1 && rows <= NR_ROWS && columns <= NR_PANEL);

  for (size_t i = 0; i < rows; i++)
    {
      float sum[NR_PANEL] = { 0.0f };

      for (size_t k = 0; k < depth; k++)
        for (size_t j = 0; j < columns; j++)
          sum[j] += a[k * rows + i] * b[offset[k] + (ptrdiff_t) j];

      memcpy (c + i * ldc, sum, columns * sizeof (float));
    }
}

/* Asking is a hint: the portable version does without. */
void
nr_product_ahead_c (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, const NrAhead *ahead)
{
  nr_product_c (a, b, ldb, depth, rows, columns, c, ldc, false);
}

void
nr_product_c (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate)
{
  assert (rows >= 1 && rows <= NR_ROWS && columns <= NR_PANEL);

  for (size_t i = 0; i < rows; i++)
    {
      float sum[NR_PANEL] = { 0.0f };

      if (accumulate)
        memcpy (sum, c + i * ldc, columns * sizeof (float));

      for (size_t k = 0; k < depth; k++)
        for (size_t j = 0; j < columns; j++)
          sum[j] += a[k * rows + i] * b[k * ldb + j];

      memcpy (c + i * ldc, sum, columns * sizeof (float));
    }
}

void
nr_product_stream_c (const float *a, const float *b, size_t ldb, const ptrdiff_t *offset, size_t gap, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  assert (rows >= 1 && rows <= NR_ROWS && columns <= NR_PANEL);

  for (size_t i = 0; i < rows; i++)
    {
      float sum[NR_PANEL] = { 0.0f };

      for (size_t k = 0; k < depth; k++)
        {
          const float *row = offset != NULL ? b + offset[k] : b + k * ldb;

          for (size_t j = 0; j < columns; j++)
            sum[j] += a[k * rows + i] * row[j / 16 * gap + j % 16];
        }

      memcpy (c + i * ldc, sum, columns * sizeof (float));
    }
}

void
nr_row_product_c (const float *a, const float *b, size_t ldb, size_t depth, size_t n, float *y, bool accumulate)
{
  if (! accumulate)
    memset (y, 0, n * sizeof (float));

  for (size_t k = 0; k < depth; k++)
    for (size_t j = 0; j < n; j++)
      y[j] += a[k] * b[k * ldb + j];
}

void
nr_product_outer_c (const float *a, size_t lda, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  assert (rows >= 1 && rows <= NR_ROWS && columns <= NR_PANEL);

  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < depth; k++)
      for (size_t j = 0; j < columns; j++)
        c[i * ldc + j] += a[k * lda + i] * b[k * ldb + j];
}

void
nr_product_store_c (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t n, size_t lanes, const NrRowTarget *targets, size_t at)
{
  float        sums[NR_ROWS * NR_PANEL], mixed[2 * NR_PANEL];
  const size_t positions = (n + lanes - 1) / lanes;

  assert (lanes >= 1 && lanes <= 2 && rows % lanes == 0 && n >= 1 && n <= lanes * NR_PANEL);

  nr_product_at_c (a, b, offset, depth, rows, (positions + 15) / 16 * 16, sums, NR_PANEL);
  for (size_t i = 0; i < rows / lanes; i++)
    {
      const NrRowTarget *to = &targets[i];

      if (to->y == NULL)
        continue;
      nr_interleave_c (sums + i * lanes * NR_PANEL, NR_PANEL, lanes, positions, mixed);
      nr_store_row_c (mixed, n, &to->epilogue, to->residual != NULL ? to->residual + at : NULL, to->y + at, 1, 0);
    }
}
