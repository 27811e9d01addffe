/* Kernels that go down columns of several rows: bodies of nr_depthwise_row_* and nr_normalize_columns_*.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "../kernels.h"
#include "conv-panel.h"

#include <assert.h>

enum
{
  COLUMNS_VECTORS = 4 /* side by side: as many sums as the multipliers need to be busy */
};

/* One vector of outputs from column j on, where some taps reach beyond the row's ends. */
static inline NrVec
depthwise_edge (const NrTap *taps, size_t n_taps, ptrdiff_t width, ptrdiff_t j)
{
  NrVec sum = nr_vec_set1 (0.0f);

  for (size_t t = 0; t < n_taps; t++)
    {
      const ptrdiff_t first = j + taps[t].column;
      const ptrdiff_t begin = first < 0 ? -first : 0;
      const ptrdiff_t end   = width - first < NR_LANES ? width - first : NR_LANES;

      if (begin < end)
        sum = nr_vec_fma (nr_vec_set1 (taps[t].weight), nr_vec_load_part (taps[t].row + first, (unsigned) begin, (unsigned) end), sum);
    }

  return sum;
}

/* VECTORS of outputs from column j on, all taps within the row; a constant at each call. */
static inline __attribute__ ((always_inline)) void
depthwise_inside (const NrTap *taps, size_t n_taps, ptrdiff_t j, float *sums, int vectors)
{
  NrVec sum[COLUMNS_VECTORS];

#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    sum[v] = nr_vec_set1 (0.0f);

  for (size_t t = 0; t < n_taps; t++)
    {
      const float *row    = taps[t].row + j + taps[t].column;
      const NrVec  weight = nr_vec_set1 (taps[t].weight);

#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++)
        sum[v] = nr_vec_fma (weight, nr_vec_load (row + v * NR_LANES), sum[v]);
    }

#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    nr_vec_store (sums + v * NR_LANES, sum[v]);
}

static inline void
depthwise_row_body (const NrTap *taps, size_t n_taps, const NrTapRange *range, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y)
{
  float sums[COLUMNS_VECTORS * NR_LANES];

  for (size_t j = 0; j < n;)
    {
      const ptrdiff_t at    = (ptrdiff_t) j;
      size_t          count = NR_LANES;

      if (at >= range->low && at + COLUMNS_VECTORS * NR_LANES <= range->high)
        {
          depthwise_inside (taps, n_taps, at, sums, COLUMNS_VECTORS);
          count = COLUMNS_VECTORS * NR_LANES;
        }
      else if (at >= range->low && at + NR_LANES <= range->high)
        {
          depthwise_inside (taps, n_taps, at, sums, 1);
        }
      else
        {
          nr_vec_store (sums, depthwise_edge (taps, n_taps, range->width, at));
        }

      if (count > n - j)
        count = n - j;
      store_row_body (sums, count, epilogue, residual != NULL ? residual + j : NULL, y + j, 0);
      j += count;
    }
}

/* VECTORS side by side, which is a constant at each call. */
static inline __attribute__ ((always_inline)) void
normalize_vectors (float *x, size_t stride, size_t n_rows, float epsilon, const float *scale, const float *bias, int vectors)
{
  const NrVec per_row = nr_vec_set1 (1.0f / (float) n_rows);
  NrVec       mean[COLUMNS_VECTORS], inverse[COLUMNS_VECTORS];

#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    mean[v] = inverse[v] = nr_vec_set1 (0.0f);

  for (size_t i = 0; i < n_rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      mean[v] = nr_vec_add (mean[v], nr_vec_load (x + i * stride + v * NR_LANES));

#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    mean[v] = nr_vec_mul (mean[v], per_row);

  for (size_t i = 0; i < n_rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      {
        const NrVec apart = nr_vec_sub (nr_vec_load (x + i * stride + v * NR_LANES), mean[v]);

        inverse[v] = nr_vec_fma (apart, apart, inverse[v]);
      }

#pragma GCC unroll 4
  for (int v = 0; v < vectors; v++)
    inverse[v] = nr_vec_div (nr_vec_set1 (1.0f), nr_vec_sqrt (nr_vec_fma (inverse[v], per_row, nr_vec_set1 (epsilon))));

  for (size_t i = 0; i < n_rows; i++)
    {
      const NrVec factor = nr_vec_set1 (scale != NULL ? scale[i] : 1.0f);
      const NrVec shift  = nr_vec_set1 (bias != NULL ? bias[i] : 0.0f);

#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++)
        {
          float      *at    = x + i * stride + v * NR_LANES;
          const NrVec value = nr_vec_mul (nr_vec_sub (nr_vec_load (at), mean[v]), inverse[v]);

          nr_vec_store (at, nr_vec_fma (value, factor, shift));
        }
    }
}

static inline void
normalize_columns_body (float *x, size_t stride, size_t n_rows, size_t n, float epsilon, const float *scale, const float *bias)
{
  size_t j = 0;

  for (; j + COLUMNS_VECTORS * NR_LANES <= n; j += COLUMNS_VECTORS * NR_LANES)
    normalize_vectors (x + j, stride, n_rows, epsilon, scale, bias, COLUMNS_VECTORS);
  for (; j < n; j += NR_LANES)
    normalize_vectors (x + j, stride, n_rows, epsilon, scale, bias, 1);
}
