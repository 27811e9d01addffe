/* 16 rows side by side: body of nr_transpose_rows_avx2 and nr_transpose_rows_avx512. 8 x 8 in 256-bit registers at both levels:
 * the loads and stores, not the shuffles, take the time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <immintrin.h>
#include <stddef.h>

/* to[j * ld + i] = rows[i * stride + j], i, j < 8. */
static inline __attribute__ ((always_inline)) void
transpose_8x8 (const float *rows, size_t stride, float *to, size_t ld)
{
  __m256 v[8], t[8];

#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    v[i] = _mm256_loadu_ps (rows + (size_t) i * stride);

#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2)
    {
      t[i]     = _mm256_unpacklo_ps (v[i], v[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps (v[i], v[i + 1]);
    }

#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4)
    {
      v[i]     = _mm256_shuffle_ps (t[i], t[i + 2], 0x44);
      v[i + 1] = _mm256_shuffle_ps (t[i], t[i + 2], 0xee);
      v[i + 2] = _mm256_shuffle_ps (t[i + 1], t[i + 3], 0x44);
      v[i + 3] = _mm256_shuffle_ps (t[i + 1], t[i + 3], 0xee);
    }

#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
    {
      _mm256_storeu_ps (to + (size_t) i * ld, _mm256_permute2f128_ps (v[i], v[i + 4], 0x20));
      _mm256_storeu_ps (to + (size_t) (i + 4) * ld, _mm256_permute2f128_ps (v[i], v[i + 4], 0x31));
    }
}

static inline void
transpose_rows_body (const float *rows, size_t stride, size_t n, float *to, size_t ld)
{
  size_t j = 0;

  for (; j + 8 <= n; j += 8)
    {
      transpose_8x8 (rows + j, stride, to + j * ld, ld);
      transpose_8x8 (rows + 8 * stride + j, stride, to + j * ld + 8, ld);
    }

  for (; j < n; j++)
    for (size_t i = 0; i < 16; i++)
      to[j * ld + i] = rows[i * stride + j];
}
