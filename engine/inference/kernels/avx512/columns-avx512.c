/* Kernels that go down columns of several rows, AVX-512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx512.h"
#include "../body/columns.h"

void
nr_depthwise_row_avx512 (const NrTap *taps, size_t n_taps, const NrTapRange *range, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y)
{
  depthwise_row_body (taps, n_taps, range, n, epilogue, residual, y);
}

void
nr_normalize_columns_avx512 (float *x, size_t stride, size_t n_rows, size_t n, float epsilon, const float *scale, const float *bias)
{
  normalize_columns_body (x, stride, n_rows, n, epsilon, scale, bias);
}
