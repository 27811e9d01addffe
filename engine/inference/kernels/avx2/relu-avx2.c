/* Relu, 8 floats at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx2.h"

#include <immintrin.h>

void
nr_relu_avx2 (const float *x, float *y, size_t n)
{
  const __m256 zero = _mm256_setzero_ps ();
  size_t       i    = 0;

  /* max (0, x) with x second: a NaN stays a NaN, as in the portable version. */
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps (y + i, _mm256_max_ps (zero, _mm256_loadu_ps (x + i)));

  for (; i < n; i++)
    y[i] = x[i] < 0.0f ? 0.0f : x[i];
}
