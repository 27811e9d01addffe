/* Product of packed weights with rows in memory, epilogue and store: body of nr_product_store_avx2 and
 * nr_product_store_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "conv-panel.h"
#include "product.h"

/* Asks for the lines that will be written, and the residual's: the product takes as long as they need to come. */
static inline void
product_fetch (const NrRowTarget *targets, size_t n_targets, size_t n, size_t at)
{
  for (size_t i = 0; i < n_targets; i++)
    if (targets[i].y != NULL)
      for (size_t j = 0; j < n + 15; j += 16)
        {
          const size_t element = at + (j < n ? j : n - 1);

          _mm_prefetch ((const char *) (targets[i].y + element), _MM_HINT_T0);
          if (targets[i].residual != NULL)
            _mm_prefetch ((const char *) (targets[i].residual + element), _MM_HINT_T0);
        }
}

static inline __attribute__ ((always_inline)) void
product_store_body (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t n, size_t lanes, const NrRowTarget *targets, size_t at)
{
  _Alignas (64) float sums[NR_ROWS * NR_PANEL], mixed[2 * NR_PANEL];
  const size_t        positions = (n + lanes - 1) / lanes;
  const size_t        columns   = (positions + 15) / 16 * 16;

  assert (lanes >= 1 && lanes <= 2 && rows % lanes == 0 && n >= 1 && n <= lanes * NR_PANEL);

  product_fetch (targets, rows / lanes, n, at);
  product_body (a, rows, b, 0, offset, depth, rows, columns, sums, NR_PANEL, false, NULL, NULL);

  for (size_t i = 0; i < rows / lanes; i++)
    {
      const NrRowTarget *to  = &targets[i];
      const float       *sum = sums + i * lanes * NR_PANEL;

      if (to->y == NULL)
        continue;
      if (lanes == 2)
        {
          interleave_pair (sum, sum + NR_PANEL, positions, mixed);
          sum = mixed;
        }
      store_row_body (sum, n, &to->epilogue, to->residual != NULL ? to->residual + at : NULL, to->y + at, 0);
    }
}
