/* Product of packed weights with a panel: body of nr_product_avx2 and nr_product_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "../kernels.h"
#include "vector.h"

#include <assert.h>
#include <string.h>

enum
{
  /* Accumulators that fit: 8 x 3 of 32 registers, 4 x 3 of 16. */
  PRODUCT_ROWS    = NR_LANES == 16 ? 8 : 4,
  PRODUCT_VECTORS = 3,

  PRODUCT_STREAM = 4096 /* floats: how far ahead weights are asked for that come from memory */
};

/* ROWS and VECTORS are constants at each call: the sums live in registers. offset NULL: rows of b are ldb apart. place:
 * where the vectors of a row are, and that weights further on are asked for; a constant NULL: side by side. Where there
 * are few sums, odd k have their own: a multiply-add waits 4 cycles for the one before it, and two can start in each. n_ahead
 * lines are asked for, a constant 0 where there are none. They come one by one: a struct that is written piece by piece and
 * read as a whole has to wait until the stores before it are through, which is an eighth of a product. */
static inline __attribute__ ((always_inline)) void
product_tile (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, float *c, size_t ldc, bool accumulate, const float *ahead, const ptrdiff_t *lines, size_t n_ahead, int rows, int vectors, const ptrdiff_t *place)
{
  const int chains = rows * vectors <= (place != NULL && NR_LANES == 16 ? 8 : 4) ? 2 : 1;
  NrVec     sum[2][PRODUCT_ROWS][PRODUCT_VECTORS];
  ptrdiff_t at[PRODUCT_VECTORS];

#pragma GCC unroll 3
  for (int j = 0; j < vectors; j++)
    at[j] = place != NULL ? place[j] : j * NR_LANES;

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

        if (place != NULL && (chain == 1 || chains == 1))
          _mm_prefetch ((const char *) (a + PRODUCT_STREAM), _MM_HINT_T1);
        if (k < n_ahead)
          _mm_prefetch ((const char *) (ahead + lines[k]), _MM_HINT_T1);

#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++)
          column[j] = nr_vec_load (row + at[j]);

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
product_rows (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, size_t rows, float *c, size_t ldc, bool accumulate, const float *ahead, const ptrdiff_t *lines, size_t n_ahead, int vectors, const ptrdiff_t *place)
{
  switch (rows)
    {
    case 1:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 1, vectors, place);
      break;
    case 2:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 2, vectors, place);
      break;
    case 3:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 3, vectors, place);
      break;
    case 4:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 4, vectors, place);
      break;
#if defined(__AVX512F__)
    case 5:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 5, vectors, place);
      break;
    case 6:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 6, vectors, place);
      break;
    case 7:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 7, vectors, place);
      break;
    case 8:
      product_tile (a, lda, b, ldb, offset, depth, c, ldc, accumulate, ahead, lines, n_ahead, 8, vectors, place);
      break;
#endif
    default:
      assert (! "rows");
    }
}

static inline __attribute__ ((always_inline)) void
product_body (const float *a, size_t lda, const float *b, size_t ldb, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate, const NrAhead *ahead, const ptrdiff_t *place)
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

        const ptrdiff_t *from = place != NULL ? place + j / NR_LANES : NULL;

        if (width == 3 * NR_LANES)
          product_rows (a + i, lda, b + (place != NULL ? 0 : j), ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 3, from);
        else if (width == 2 * NR_LANES)
          product_rows (a + i, lda, b + (place != NULL ? 0 : j), ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 2, from);
        else
          product_rows (a + i, lda, b + (place != NULL ? 0 : j), ldb, offset, depth, n, to, ldc, accumulate, base, lines, n_ahead, 1, from);

        lines += n_ahead < depth ? n_ahead : depth;
        n_ahead -= n_ahead < depth ? n_ahead : depth;
      }
}

/* Columns 16 j to 16 j + 15 lie gap floats apart; weights are asked for. */
static inline __attribute__ ((always_inline)) void
product_stream_body (const float *a, const float *b, size_t ldb, const ptrdiff_t *offset, size_t gap, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  ptrdiff_t place[NR_PANEL / NR_LANES];

  for (size_t i = 0; i < NR_PANEL / NR_LANES; i++)
    place[i] = (ptrdiff_t) (i * NR_LANES / 16 * gap + i * NR_LANES % 16);

  if (offset != NULL)
    product_body (a, rows, b, 0, offset, depth, rows, columns, c, ldc, false, NULL, place);
  else
    product_body (a, rows, b, ldb, NULL, depth, rows, columns, c, ldc, false, NULL, place);
}

/* y[j] (+)= sum of N rows of b, N a constant. The rows after them are asked for: each begins in another page, which the
 * processor does not do by itself. */
static inline __attribute__ ((always_inline)) void
row_product_of (const float *a, const float *b, size_t ldb, size_t n_rows, size_t n, float *y, bool accumulate)
{
  for (size_t j = 0; j < n; j += NR_LANES)
    {
      const unsigned rest = (unsigned) (n - j < NR_LANES ? n - j : NR_LANES);
      const bool     full = rest == NR_LANES;
      NrVec          sum  = nr_vec_set1 (0.0f);

      if (accumulate)
        sum = full ? nr_vec_load (y + j) : nr_vec_load_part (y + j, 0, rest);

#pragma GCC unroll 8
      for (size_t k = 0; k < n_rows; k++)
        {
          const float *row = b + k * ldb + j;

          _mm_prefetch ((const char *) (row + n_rows * ldb), _MM_HINT_T0);
          sum = nr_vec_fma (nr_vec_set1 (a[k]), full ? nr_vec_load (row) : nr_vec_load_part (row, 0, rest), sum);
        }

      if (full)
        nr_vec_store (y + j, sum);
      else
        nr_vec_store_part (y + j, sum, rest);
    }
}

static inline void
row_product_body (const float *a, const float *b, size_t ldb, size_t depth, size_t n, float *y, bool accumulate)
{
  enum
  {
    AT_ONCE = 8
  };
  size_t k = 0;

  if (depth == 0 && ! accumulate)
    memset (y, 0, n * sizeof (float));

  for (; k + AT_ONCE <= depth; k += AT_ONCE)
    row_product_of (a + k, b + k * ldb, ldb, AT_ONCE, n, y, accumulate || k > 0);
  for (; k < depth; k++)
    row_product_of (a + k, b + k * ldb, ldb, 1, n, y, accumulate || k > 0);
}
