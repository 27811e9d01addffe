/* Product of packed weights with a panel, AVX2 with FMA.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx2.h"
#include "../body/product-store.h"

void
nr_product_avx2 (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate)
{
  product_body (a, rows, b, ldb, NULL, depth, rows, columns, c, ldc, accumulate, NULL, NULL);
}

void
nr_product_ahead_avx2 (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, const NrAhead *ahead)
{
  product_body (a, rows, b, ldb, NULL, depth, rows, columns, c, ldc, false, ahead, NULL);
}

void
nr_product_at_avx2 (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  product_body (a, rows, b, 0, offset, depth, rows, columns, c, ldc, false, NULL, NULL);
}

void
nr_product_stream_avx2 (const float *a, const float *b, size_t ldb, const ptrdiff_t *offset, size_t gap, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  product_stream_body (a, b, ldb, offset, gap, depth, rows, columns, c, ldc);
}

void
nr_row_product_avx2 (const float *a, const float *b, size_t ldb, size_t depth, size_t n, float *y, bool accumulate)
{
  row_product_body (a, b, ldb, depth, n, y, accumulate);
}

void
nr_product_outer_avx2 (const float *a, size_t lda, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc)
{
  product_body (a, lda, b, ldb, NULL, depth, rows, columns, c, ldc, true, NULL, NULL);
}

void
nr_product_store_avx2 (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t n, size_t lanes, const NrRowTarget *targets, size_t at)
{
  product_store_body (a, b, offset, depth, rows, n, lanes, targets, at);
}
