/* Relu, 16 floats at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx512.h"

#include <immintrin.h>

void
nr_relu_avx512 (const float *x, float *y, size_t n)
{
  const __m512 zero = _mm512_setzero_ps ();
  size_t       i    = 0;

  /* max (0, x) with x second: a NaN stays a NaN, as in the portable version. */
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps (y + i, _mm512_max_ps (zero, _mm512_loadu_ps (x + i)));

  if (i < n)
    {
      __mmask16 rest = (__mmask16) ((1u << (n - i)) - 1u);

      _mm512_mask_storeu_ps (y + i, rest, _mm512_max_ps (zero, _mm512_maskz_loadu_ps (rest, x + i)));
    }
}
