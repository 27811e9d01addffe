/* Product of packed weights with a panel: body of nr_product_avx2 and nr_product_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "../kernels.h"
#include "vector.h"

#include <assert.h>

enum
{
  /* Accumulators that fit: 8 x 3 of 32 registers, 4 x 3 of 16. */
  PRODUCT_ROWS    = NR_LANES == 16 ? 8 : 4,
  PRODUCT_VECTORS = 3
};

/* ROWS and VECTORS are constants at each call: the sums live in registers. offset NULL: rows of b are ldb apart. Where there
 * are few sums, odd k have their own: a multiply-add waits 4 cycles for the one before it, and two can start in each. n_ahead
 * lines are asked for, a constant 0 where there are none. They come one by one: a struct that is written piece by piece and
 * read as a whole has to wait until the stores before it are through, which is an eighth of a product. */
static inline __attribute__ ((always_inline)) void
product_tile (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, float *c, size_t ldc, bool accumulate, const float *ahead, const ptrdiff_t *lines, size_t n_ahead, int rows, int vectors)
{
  const int chains = rows * vectors <= 4 ? 2 : 1;
  NrVec     sum[2][PRODUCT_ROWS][PRODUCT_VECTORS];

#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++)
      {
        sum[0][i][j] = accumulate ? nr_vec_load (c + (size_t) i * ldc + j * NR_LANES) : nr_vec_set1 (0.0f);
        sum[1][i][j] = nr_vec_set1 (0.0f);
      }

  for (size_t k = 0; k < depth;)
#pragma GCC unroll 2
    for (int chain = 0; chain < chains && k < depth; chain++, k++, a += lda)
      {
        const float *row = offset != NULL ? b + offset[k] : b + k * ldb;
        NrVec        column[PRODUCT_VECTORS];

        if (k < n_ahead)
          _mm_prefetch ((const char *) (ahead + lines[k]), _MM_HINT_T1);

#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++)
          column[j] = nr_vec_load (row + j * NR_LANES);

#pragma GCC unroll 8
        for (int i = 0; i < rows; i++)
          {
            NrVec weight = nr_vec_set1 (a[i]);

#pragma GCC unroll 3
            for (int j = 0; j < vectors; j++)
              sum[chain][i][j] = nr_vec_fma (weight, column[j], sum[chain][i][j]);
          }
      }

#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
    for (int j = 0; j < vectors; j++)
      nr_vec_store (c + (size_t) i * ldc + j * NR_LANES,
                    chains == 2 ? nr_vec_add (sum[0][i][j], sum[1][i][j]) : sum[0][i][j]);
}

static inline __attribute__ ((always_inline)) void
product_rows (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, size_t rows, float *c, size_t ldc, bool accumulate, const float *ahead, const ptrdiff_t *lines, size_t n_ahead, int vectors)
{
  switch (rows)
    {
    case 1:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 1, vectors);
      break;
    case 2:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 2, vectors);
      break;
    case 3:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 3, vectors);
      break;
    case 4:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 4, vectors);
      break;
#if defined(__AVX512F__)
    case 5:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 5, vectors);
      break;
    case 6:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 6, vectors);
      break;
    case 7:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 7, vectors);
      break;
    case 8:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 8, vectors);
      break;
#endif
    default:
      assert (! "rows");
    }
}

static inline __attribute__ ((always_inline)) void
product_body (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate, const NrAhead *ahead)
{
  /* 16, 32, 48 columns are 1, 2, 3 vectors of 16 lanes or 2, 2 x 2, 2 x 3 of 8. */
  const size_t width = NR_LANES == 16 ? columns : columns == 48 ? 24
                                                                : 16;

  const float     *base    = ahead != NULL ? ahead->base : NULL;
  const ptrdiff_t *lines   = ahead != NULL ? ahead->offset : NULL;
  size_t           n_ahead = ahead != NULL ? ahead->n : 0;

  assert (rows >= 1 && rows <= NR_ROWS && columns >= 16 && columns <= NR_PANEL && columns % 16 == 0);

  for (size_t i = 0; i < rows; i += PRODUCT_ROWS)
    for (size_t j = 0; j < columns; j += width)
      {
        const size_t n  = rows - i < PRODUCT_ROWS ? rows - i : PRODUCT_ROWS;
        float       *to = c + i * ldc + j;

        if (width == 3 * NR_LANES)
          product_rows (a + i, lda, b + j, ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 3);
        else if (width == 2 * NR_LANES)
          product_rows (a + i, lda, b + j, ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 2);
        else
          product_rows (a + i, lda, b + j, ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 1);

        lines += n_ahead < depth ? n_ahead : depth;
        n_ahead -= n_ahead < depth ? n_ahead : depth;
      }
}
