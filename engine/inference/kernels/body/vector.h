/* One vector of floats at the width of the including file's flags, and what the kernel bodies do with it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A kernel body in this folder is written once over NrVec; avx2/ and avx512/ compile it each.
 */

#pragma once

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)

enum
{
  NR_LANES = 16
};

typedef __m512 NrVec;

static inline NrVec
nr_vec_load (const float *p)
{
  return _mm512_loadu_ps (p);
}

static inline void
nr_vec_store (float *p, NrVec v)
{
  _mm512_storeu_ps (p, v);
}

/* Lanes [begin, end) of memory, 0 in the others, which are not touched. */
static inline NrVec
nr_vec_load_part (const float *p, unsigned begin, unsigned end)
{
  return _mm512_maskz_loadu_ps ((__mmask16) ((1u << end) - (1u << begin)), p);
}

/* Stores the first n lanes. */
static inline void
nr_vec_store_part (float *p, NrVec v, unsigned n)
{
  _mm512_mask_storeu_ps (p, (__mmask16) ((1u << n) - 1u), v);
}

static inline NrVec
nr_vec_set1 (float value)
{
  return _mm512_set1_ps (value);
}

static inline NrVec
nr_vec_add (NrVec a, NrVec b)
{
  return _mm512_add_ps (a, b);
}

static inline NrVec
nr_vec_sub (NrVec a, NrVec b)
{
  return _mm512_sub_ps (a, b);
}

static inline NrVec
nr_vec_mul (NrVec a, NrVec b)
{
  return _mm512_mul_ps (a, b);
}

static inline NrVec
nr_vec_div (NrVec a, NrVec b)
{
  return _mm512_div_ps (a, b);
}

static inline NrVec
nr_vec_sqrt (NrVec a)
{
  return _mm512_sqrt_ps (a);
}

/* a b + c */
static inline NrVec
nr_vec_fma (NrVec a, NrVec b, NrVec c)
{
  return _mm512_fmadd_ps (a, b, c);
}

/* The second operand where either is NaN. */
static inline NrVec
nr_vec_max (NrVec a, NrVec b)
{
  return _mm512_max_ps (a, b);
}

static inline NrVec
nr_vec_min (NrVec a, NrVec b)
{
  return _mm512_min_ps (a, b);
}

/* slope v where v < 0, else v */
static inline NrVec
nr_vec_slope (NrVec v, NrVec slope)
{
  return _mm512_mask_mul_ps (v, _mm512_cmp_ps_mask (v, _mm512_setzero_ps (), _CMP_LT_OQ), v, slope);
}

/* The elements of even, odd index of a, b in order. */
static inline NrVec
nr_vec_even (NrVec a, NrVec b)
{
  return _mm512_permutex2var_ps (a, _mm512_setr_epi32 (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}

static inline NrVec
nr_vec_odd (NrVec a, NrVec b)
{
  return _mm512_permutex2var_ps (a, _mm512_setr_epi32 (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b);
}

/* a0 b0 a1 b1 ...: the first and the second half. */
static inline NrVec
nr_vec_zip_low (NrVec a, NrVec b)
{
  return _mm512_permutex2var_ps (a, _mm512_setr_epi32 (0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}

static inline NrVec
nr_vec_zip_high (NrVec a, NrVec b)
{
  return _mm512_permutex2var_ps (a, _mm512_setr_epi32 (8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}

#else

enum
{
  NR_LANES = 8
};

typedef __m256 NrVec;

static inline NrVec
nr_vec_load (const float *p)
{
  return _mm256_loadu_ps (p);
}

static inline void
nr_vec_store (float *p, NrVec v)
{
  _mm256_storeu_ps (p, v);
}

/* -1 in lanes [begin, end) */
static inline __m256i
nr_vec_mask (unsigned begin, unsigned end)
{
  const __m256i lane = _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7);

  return _mm256_andnot_si256 (_mm256_cmpgt_epi32 (_mm256_set1_epi32 ((int) begin), lane),
                              _mm256_cmpgt_epi32 (_mm256_set1_epi32 ((int) end), lane));
}

static inline NrVec
nr_vec_load_part (const float *p, unsigned begin, unsigned end)
{
  return _mm256_maskload_ps (p, nr_vec_mask (begin, end));
}

static inline void
nr_vec_store_part (float *p, NrVec v, unsigned n)
{
  _mm256_maskstore_ps (p, nr_vec_mask (0, n), v);
}

static inline NrVec
nr_vec_set1 (float value)
{
  return _mm256_set1_ps (value);
}

static inline NrVec
nr_vec_add (NrVec a, NrVec b)
{
  return _mm256_add_ps (a, b);
}

static inline NrVec
nr_vec_sub (NrVec a, NrVec b)
{
  return _mm256_sub_ps (a, b);
}

static inline NrVec
nr_vec_mul (NrVec a, NrVec b)
{
  return _mm256_mul_ps (a, b);
}

static inline NrVec
nr_vec_div (NrVec a, NrVec b)
{
  return _mm256_div_ps (a, b);
}

static inline NrVec
nr_vec_sqrt (NrVec a)
{
  return _mm256_sqrt_ps (a);
}

static inline NrVec
nr_vec_fma (NrVec a, NrVec b, NrVec c)
{
  return _mm256_fmadd_ps (a, b, c);
}

static inline NrVec
nr_vec_max (NrVec a, NrVec b)
{
  return _mm256_max_ps (a, b);
}

static inline NrVec
nr_vec_min (NrVec a, NrVec b)
{
  return _mm256_min_ps (a, b);
}

static inline NrVec
nr_vec_slope (NrVec v, NrVec slope)
{
  return _mm256_blendv_ps (v, _mm256_mul_ps (v, slope), _mm256_cmp_ps (v, _mm256_setzero_ps (), _CMP_LT_OQ));
}

/* 64-bit quarters 0, 2, 1, 3: undoes what in-lane shuffles do to the order. */
static inline NrVec
nr_vec_mend (NrVec v)
{
  return _mm256_castpd_ps (_mm256_permute4x64_pd (_mm256_castps_pd (v), 0xd8));
}

static inline NrVec
nr_vec_even (NrVec a, NrVec b)
{
  return nr_vec_mend (_mm256_shuffle_ps (a, b, 0x88));
}

static inline NrVec
nr_vec_odd (NrVec a, NrVec b)
{
  return nr_vec_mend (_mm256_shuffle_ps (a, b, 0xdd));
}

static inline NrVec
nr_vec_zip_low (NrVec a, NrVec b)
{
  return _mm256_permute2f128_ps (_mm256_unpacklo_ps (a, b), _mm256_unpackhi_ps (a, b), 0x20);
}

static inline NrVec
nr_vec_zip_high (NrVec a, NrVec b)
{
  return _mm256_permute2f128_ps (_mm256_unpacklo_ps (a, b), _mm256_unpackhi_ps (a, b), 0x31);
}

#endif
