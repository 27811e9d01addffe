/* Transforms of Winograd F(6x6,3x3): body of nr_winograd_*_avx2 and nr_winograd_*_avx512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A lane is a tile: patches are transformed along their rows while a vector still holds 8 columns (of one tile, or of two
 * with 16 lanes), then transposed so that a vector holds one column of all tiles.
 */

#pragma once

#include "../kernels.h"
#include "epilogue.h"

#include <assert.h>

enum
{
  TILE  = NR_WINOGRAD_TILE,
  PATCH = NR_WINOGRAD_PATCH
};

/* Of the patches of a group: all inside the plane; some beyond its left or right edge; any. Most groups of a picture have a
 * tile at an edge, and masks that change with the row cost as much as the transform. */
typedef enum
{
  WINOGRAD_INSIDE,
  WINOGRAD_COLUMNS,
  WINOGRAD_RAGGED
} WinogradEdges;

/* B^T d along one axis, points 0, 1, -1, 2, -2, 1/2, -1/2, infinity; the matrix stands in c/winograd-c.c. */
static inline __attribute__ ((always_inline)) void
winograd_input_1d (const NrVec d[PATCH], NrVec t[PATCH])
{
  const NrVec c21_4 = nr_vec_set1 (5.25f), c17_4 = nr_vec_set1 (-4.25f);
  const NrVec half = nr_vec_set1 (0.5f), quarter = nr_vec_set1 (0.25f), c5_4 = nr_vec_set1 (-1.25f);
  const NrVec two = nr_vec_set1 (2.0f), four = nr_vec_set1 (4.0f), five = nr_vec_set1 (-5.0f);
  const NrVec c5_2 = nr_vec_set1 (-2.5f);
  NrVec       even, odd;

  t[0] = nr_vec_fma (c21_4, nr_vec_sub (d[4], d[2]), nr_vec_sub (d[0], d[6]));
  t[7] = nr_vec_fma (c21_4, nr_vec_sub (d[3], d[5]), nr_vec_sub (d[7], d[1]));

  even = nr_vec_fma (c17_4, d[4], nr_vec_add (d[2], d[6]));
  odd  = nr_vec_fma (c17_4, d[3], nr_vec_add (d[1], d[5]));
  t[1] = nr_vec_add (even, odd);
  t[2] = nr_vec_sub (even, odd);

  even = nr_vec_fma (quarter, d[2], nr_vec_fma (c5_4, d[4], d[6]));
  odd  = nr_vec_fma (half, d[1], nr_vec_fma (c5_2, d[3], nr_vec_mul (two, d[5])));
  t[3] = nr_vec_add (even, odd);
  t[4] = nr_vec_sub (even, odd);

  even = nr_vec_fma (four, d[2], nr_vec_fma (five, d[4], d[6]));
  odd  = nr_vec_fma (two, d[1], nr_vec_fma (c5_2, d[3], nr_vec_mul (half, d[5])));
  t[5] = nr_vec_add (even, odd);
  t[6] = nr_vec_sub (even, odd);
}

/* A^T m along one axis. */
static inline __attribute__ ((always_inline)) void
winograd_output_1d (const NrVec m[PATCH], NrVec y[TILE])
{
  const NrVec sum1 = nr_vec_add (m[1], m[2]), difference1 = nr_vec_sub (m[1], m[2]);
  const NrVec sum2 = nr_vec_add (m[3], m[4]), difference2 = nr_vec_sub (m[3], m[4]);
  const NrVec sum3 = nr_vec_add (m[5], m[6]), difference3 = nr_vec_sub (m[5], m[6]);

  y[0] = nr_vec_add (nr_vec_add (m[0], sum1), nr_vec_add (sum2, sum3));
  y[1] = nr_vec_fma (nr_vec_set1 (2.0f), difference2, nr_vec_fma (nr_vec_set1 (0.5f), difference3, difference1));
  y[2] = nr_vec_fma (nr_vec_set1 (4.0f), sum2, nr_vec_fma (nr_vec_set1 (0.25f), sum3, sum1));
  y[3] = nr_vec_fma (nr_vec_set1 (8.0f), difference2, nr_vec_fma (nr_vec_set1 (0.125f), difference3, difference1));
  y[4] = nr_vec_fma (nr_vec_set1 (16.0f), sum2, nr_vec_fma (nr_vec_set1 (0.0625f), sum3, sum1));
  y[5] = nr_vec_fma (nr_vec_set1 (32.0f), difference2,
                     nr_vec_fma (nr_vec_set1 (0.03125f), difference3, nr_vec_add (difference1, m[7])));
}

#if defined(__AVX512F__)

/* Vector q of 8 holds tiles winograd_tile (q) and that + 4, 8 columns each: with this order the transposed vectors have
 * their tiles in order. */
static inline int
winograd_tile (int q)
{
  return q < 4 ? q : q + 4;
}

static inline __attribute__ ((always_inline)) NrVec
winograd_load (const NrWinogradTile *tiles, int q, const float *x, size_t ld, int row, WinogradEdges edges)
{
  const NrWinogradTile *low  = &tiles[winograd_tile (q)];
  const NrWinogradTile *high = low + 4;
  const float          *a    = x + low->in + (ptrdiff_t) ((size_t) row * ld);
  const float          *b    = x + high->in + (ptrdiff_t) ((size_t) row * ld);
  __m256                first, second;

  if (edges == WINOGRAD_INSIDE)
    {
      first  = _mm256_loadu_ps (a);
      second = _mm256_loadu_ps (b);
    }
  else if (edges == WINOGRAD_COLUMNS)
    {
      first  = _mm256_maskz_loadu_ps (low->in_cols, a);
      second = _mm256_maskz_loadu_ps (high->in_cols, b);
    }
  else
    {
      first  = _mm256_maskz_loadu_ps (low->in_rows >> row & 1 ? low->in_cols : 0, a);
      second = _mm256_maskz_loadu_ps (high->in_rows >> row & 1 ? high->in_cols : 0, b);
    }

  return _mm512_insertf32x8 (_mm512_castps256_ps512 (first), second, 1);
}

static inline __attribute__ ((always_inline)) NrVec
winograd_load_row (const NrWinogradTile *tiles, int q, const float *y, ptrdiff_t row_offset)
{
  const int low = winograd_tile (q), high = low + 4;

  return _mm512_insertf32x8 (_mm512_castps256_ps512 (_mm256_maskz_loadu_ps (tiles[low].out_cols, y + tiles[low].out + row_offset)),
                             _mm256_maskz_loadu_ps (tiles[high].out_cols, y + tiles[high].out + row_offset), 1);
}

static inline __attribute__ ((always_inline)) void
winograd_store_row (const NrWinogradTile *tiles, int q, float *y, ptrdiff_t row_offset, NrVec v)
{
  const int low = winograd_tile (q), high = low + 4;

  _mm256_mask_storeu_ps (y + tiles[low].out + row_offset, tiles[low].out_cols, _mm512_castps512_ps256 (v));
  _mm256_mask_storeu_ps (y + tiles[high].out + row_offset, tiles[high].out_cols, _mm512_extractf32x8_ps (v, 1));
}

/* 4 x 4 within each 128-bit lane. */
static inline __attribute__ ((always_inline)) void
winograd_transpose_lanes (NrVec v[4])
{
  const __m512d a = _mm512_castps_pd (_mm512_unpacklo_ps (v[0], v[1])), b = _mm512_castps_pd (_mm512_unpackhi_ps (v[0], v[1]));
  const __m512d c = _mm512_castps_pd (_mm512_unpacklo_ps (v[2], v[3])), d = _mm512_castps_pd (_mm512_unpackhi_ps (v[2], v[3]));

  v[0] = _mm512_castpd_ps (_mm512_unpacklo_pd (a, c));
  v[1] = _mm512_castpd_ps (_mm512_unpackhi_pd (a, c));
  v[2] = _mm512_castpd_ps (_mm512_unpacklo_pd (b, d));
  v[3] = _mm512_castpd_ps (_mm512_unpackhi_pd (b, d));
}

/* Vectors of tiles to vectors of columns. */
static inline __attribute__ ((always_inline)) void
winograd_gather (NrVec v[PATCH])
{
  winograd_transpose_lanes (v);
  winograd_transpose_lanes (v + 4);
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++)
    {
      const NrVec low = v[c], high = v[c + 4];

      v[c]     = _mm512_shuffle_f32x4 (low, high, 0x88);
      v[c + 4] = _mm512_shuffle_f32x4 (low, high, 0xdd);
    }
}

/* Vectors of columns to vectors of tiles. */
static inline __attribute__ ((always_inline)) void
winograd_scatter (NrVec v[PATCH])
{
  const __m512i low_lanes  = _mm512_setr_epi32 (0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i high_lanes = _mm512_setr_epi32 (8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);

#pragma GCC unroll 4
  for (int c = 0; c < 4; c++)
    {
      const NrVec low = v[c], high = v[c + 4];

      v[c]     = _mm512_permutex2var_ps (low, low_lanes, high);
      v[c + 4] = _mm512_permutex2var_ps (low, high_lanes, high);
    }
  winograd_transpose_lanes (v);
  winograd_transpose_lanes (v + 4);
}

#else

/* -1 in the lanes of the bits of BITS. */
static inline __attribute__ ((always_inline)) __m256i
winograd_mask (uint8_t bits)
{
  const __m256i bit = _mm256_setr_epi32 (1, 2, 4, 8, 16, 32, 64, 128);

  return _mm256_cmpeq_epi32 (_mm256_and_si256 (_mm256_set1_epi32 (bits), bit), bit);
}

static inline __attribute__ ((always_inline)) NrVec
winograd_load (const NrWinogradTile *tiles, int q, const float *x, size_t ld, int row, WinogradEdges edges)
{
  const float *a = x + tiles[q].in + (ptrdiff_t) ((size_t) row * ld);

  if (edges == WINOGRAD_INSIDE)
    return _mm256_loadu_ps (a);

  if (edges == WINOGRAD_RAGGED && ! (tiles[q].in_rows >> row & 1))
    return _mm256_setzero_ps ();

  return _mm256_maskload_ps (a, winograd_mask (tiles[q].in_cols));
}

static inline __attribute__ ((always_inline)) NrVec
winograd_load_row (const NrWinogradTile *tiles, int q, const float *y, ptrdiff_t row_offset)
{
  return _mm256_maskload_ps (y + tiles[q].out + row_offset, winograd_mask (tiles[q].out_cols));
}

static inline __attribute__ ((always_inline)) void
winograd_store_row (const NrWinogradTile *tiles, int q, float *y, ptrdiff_t row_offset, NrVec v)
{
  const uint8_t whole = (1u << TILE) - 1u;
  float        *to    = y + tiles[q].out + row_offset;

  if (tiles[q].out_cols == 0)
    return;

  /* A masked store costs some processors 10 times these two. */
  if (tiles[q].out_cols == whole)
    {
      _mm_storeu_ps (to, _mm256_castps256_ps128 (v));
      _mm_storel_pi ((__m64 *) (to + 4), _mm256_extractf128_ps (v, 1));
    }
  else
    _mm256_maskstore_ps (to, winograd_mask (tiles[q].out_cols), v);
}

/* 4 x 4 within each 128-bit lane. */
static inline __attribute__ ((always_inline)) void
winograd_transpose_lanes (NrVec v[4])
{
  const __m256d a = _mm256_castps_pd (_mm256_unpacklo_ps (v[0], v[1])), b = _mm256_castps_pd (_mm256_unpackhi_ps (v[0], v[1]));
  const __m256d c = _mm256_castps_pd (_mm256_unpacklo_ps (v[2], v[3])), d = _mm256_castps_pd (_mm256_unpackhi_ps (v[2], v[3]));

  v[0] = _mm256_castpd_ps (_mm256_unpacklo_pd (a, c));
  v[1] = _mm256_castpd_ps (_mm256_unpackhi_pd (a, c));
  v[2] = _mm256_castpd_ps (_mm256_unpacklo_pd (b, d));
  v[3] = _mm256_castpd_ps (_mm256_unpackhi_pd (b, d));
}

static inline __attribute__ ((always_inline)) void
winograd_gather (NrVec v[PATCH])
{
  winograd_transpose_lanes (v);
  winograd_transpose_lanes (v + 4);
#pragma GCC unroll 4
  for (int c = 0; c < 4; c++)
    {
      const NrVec low = v[c], high = v[c + 4];

      v[c]     = _mm256_permute2f128_ps (low, high, 0x20);
      v[c + 4] = _mm256_permute2f128_ps (low, high, 0x31);
    }
}

/* Transposing 8 x 8 twice is the identity. */
static inline __attribute__ ((always_inline)) void
winograd_scatter (NrVec v[PATCH])
{
  winograd_gather (v);
}

#endif

/* Asks for a patch, or for two of AVX-512. */
static inline __attribute__ ((always_inline)) void
winograd_ask (const NrWinogradTile *tiles, int q, const float *x, size_t ld)
{
#pragma GCC unroll 8
  for (int r = 0; r < PATCH; r++)
    {
      const float *row = x + (ptrdiff_t) ((size_t) r * ld);

#if defined(__AVX512F__)
      _mm_prefetch ((const char *) (row + tiles[winograd_tile (q)].in), _MM_HINT_T0);
      _mm_prefetch ((const char *) (row + tiles[winograd_tile (q) + 4].in), _MM_HINT_T0);
#else
      _mm_prefetch ((const char *) (row + tiles[q].in), _MM_HINT_T0);
#endif
    }
}

static inline WinogradEdges
winograd_edges (const NrWinogradTile *tiles)
{
  unsigned rows = 0xff, columns = 0xff;

  for (int t = 0; t < NR_LANES; t++)
    {
      rows &= tiles[t].in_rows;
      columns &= tiles[t].in_cols;
    }

  return rows != 0xff ? WINOGRAD_RAGGED : columns != 0xff ? WINOGRAD_COLUMNS
                                                          : WINOGRAD_INSIDE;
}

/* NR_LANES tiles. */
static inline __attribute__ ((always_inline)) void
winograd_input_group (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride, WinogradEdges edges)
{
  _Alignas (64) float half[PATCH][PATCH][NR_LANES]; /* B^T d: row, tile(s), columns */

  for (int q = 0; q < PATCH; q++)
    {
      NrVec d[PATCH], t[PATCH];

      if (ahead != 0 && q % 2 == 0) /* every other tile of 24 bytes meets every cache line */
        winograd_ask (tiles, q, x + ahead, ld);
#pragma GCC unroll 8
      for (int r = 0; r < PATCH; r++)
        d[r] = winograd_load (tiles, q, x, ld, r, edges);
      winograd_input_1d (d, t);
#pragma GCC unroll 8
      for (int r = 0; r < PATCH; r++)
        nr_vec_store (half[r][q], t[r]);
    }

  for (int r = 0; r < PATCH; r++)
    {
      NrVec d[PATCH], t[PATCH];

#pragma GCC unroll 8
      for (int c = 0; c < PATCH; c++)
        d[c] = nr_vec_load (half[r][c]);
      winograd_gather (d);
      winograd_input_1d (d, t);
#pragma GCC unroll 8
      for (int c = 0; c < PATCH; c++)
        nr_vec_store (v + (size_t) (r * PATCH + c) * stride, t[c]);
    }
}

static inline void
winograd_input_body (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride)
{
  for (int t = 0; t < NR_WINOGRAD_TILES; t += NR_LANES)
    switch (winograd_edges (tiles + t))
      {
      case WINOGRAD_INSIDE:
        winograd_input_group (tiles + t, x, ld, ahead, v + t, stride, WINOGRAD_INSIDE);
        break;
      case WINOGRAD_COLUMNS:
        winograd_input_group (tiles + t, x, ld, ahead, v + t, stride, WINOGRAD_COLUMNS);
        break;
      case WINOGRAD_RAGGED:
        winograd_input_group (tiles + t, x, ld, ahead, v + t, stride, WINOGRAD_RAGGED);
        break;
      }
}

static inline bool
winograd_all_have (const NrWinogradTile *tiles, int row)
{
  for (int t = 0; t < NR_LANES; t++)
    if (row >= tiles[t].out_rows)
      return false;

  return true;
}

/* NR_LANES tiles. */
static inline __attribute__ ((always_inline)) void
winograd_output_group (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld)
{
  const NrVec bias         = nr_vec_set1 (epilogue->bias);
  const NrVec a            = nr_vec_set1 (epilogue->a);
  const NrVec b            = nr_vec_set1 (epilogue->b);
  const bool  has_residual = residual != NULL;

  _Alignas (64) float half[TILE][PATCH][NR_LANES]; /* A^T M: row, column, tiles */
  NrWinogradTile      rest[NR_LANES]; /* the tiles, without columns where they have no row */

  for (int c = 0; c < PATCH; c++)
    {
      NrVec column[PATCH], t[TILE];

#pragma GCC unroll 8
      for (int r = 0; r < PATCH; r++)
        column[r] = nr_vec_load (m + (size_t) (r * PATCH + c) * stride);
      winograd_output_1d (column, t);
#pragma GCC unroll 6
      for (int r = 0; r < TILE; r++)
        nr_vec_store (half[r][c], t[r]);
    }

  for (int r = 0; r < TILE; r++)
    {
      const ptrdiff_t offset = (ptrdiff_t) ((size_t) r * ld);
      NrVec           row[PATCH], out[PATCH];

      if (! winograd_all_have (tiles, r))
        {
          for (int t = 0; t < NR_LANES; t++)
            {
              rest[t] = tiles[t];
              if (r >= tiles[t].out_rows)
                rest[t].out_cols = 0;
            }
          tiles = rest;
        }

#pragma GCC unroll 8
      for (int c = 0; c < PATCH; c++)
        row[c] = nr_vec_load (half[r][c]);
      winograd_output_1d (row, out);
#pragma GCC unroll 6
      for (int c = 0; c < TILE; c++)
        {
          out[c] = nr_vec_add (out[c], bias);
          if (! has_residual || ! epilogue->residual_first)
            out[c] = nr_vec_activate (out[c], epilogue->activation, a, b);
        }
      out[6] = out[5]; /* columns beyond the tile are never stored */
      out[7] = out[5];
      winograd_scatter (out);

      /* All of the residual before the first store: it may lie where the outputs go, and a load next to what a masked store
       * has not yet written waits for it. */
      if (has_residual)
        {
#pragma GCC unroll 8
          for (int q = 0; q < PATCH; q++)
            {
              out[q] = nr_vec_add (out[q], winograd_load_row (tiles, q, residual, offset));
              if (epilogue->residual_first)
                out[q] = nr_vec_activate (out[q], epilogue->activation, a, b);
            }
        }

#pragma GCC unroll 8
      for (int q = 0; q < PATCH; q++)
        winograd_store_row (tiles, q, y, offset, out[q]);
    }
}

static inline void
winograd_output_body (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld)
{
  for (int t = 0; t < NR_WINOGRAD_TILES; t += NR_LANES)
    winograd_output_group (tiles + t, m + t, stride, epilogue, residual, y, ld);
}

/* A y along one axis. */
static inline __attribute__ ((always_inline)) void
winograd_gradient_1d (const NrVec y[TILE], NrVec w[PATCH])
{
  NrVec even, odd;

  w[0] = y[0];
  w[7] = y[5];

  even = nr_vec_add (y[0], nr_vec_add (y[2], y[4]));
  odd  = nr_vec_add (y[1], nr_vec_add (y[3], y[5]));
  w[1] = nr_vec_add (even, odd);
  w[2] = nr_vec_sub (even, odd);

  even = nr_vec_fma (nr_vec_set1 (16.0f), y[4], nr_vec_fma (nr_vec_set1 (4.0f), y[2], y[0]));
  odd  = nr_vec_fma (nr_vec_set1 (32.0f), y[5], nr_vec_fma (nr_vec_set1 (8.0f), y[3], nr_vec_mul (nr_vec_set1 (2.0f), y[1])));
  w[3] = nr_vec_add (even, odd);
  w[4] = nr_vec_sub (even, odd);

  even = nr_vec_fma (nr_vec_set1 (0.0625f), y[4], nr_vec_fma (nr_vec_set1 (0.25f), y[2], y[0]));
  odd  = nr_vec_fma (nr_vec_set1 (0.03125f), y[5], nr_vec_fma (nr_vec_set1 (0.125f), y[3], nr_vec_mul (nr_vec_set1 (0.5f), y[1])));
  w[5] = nr_vec_add (even, odd);
  w[6] = nr_vec_sub (even, odd);
}

/* NR_LANES tiles. */
static inline __attribute__ ((always_inline)) void
winograd_gradient_group (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride)
{
  _Alignas (64) float   half[PATCH][PATCH][NR_LANES]; /* A Y: row, tile(s), columns */
  NrWinogradTile        rest[TILE][NR_LANES];         /* the tiles, without columns where they have no row */
  const NrWinogradTile *rows[TILE];

  for (int r = 0; r < TILE; r++)
    {
      rows[r] = tiles;
      if (winograd_all_have (tiles, r))
        continue;

      for (int t = 0; t < NR_LANES; t++)
        {
          rest[r][t] = tiles[t];
          if (r >= tiles[t].out_rows)
            rest[r][t].out_cols = 0;
        }
      rows[r] = rest[r];
    }

  for (int q = 0; q < PATCH; q++)
    {
      NrVec d[TILE], t[PATCH];

#pragma GCC unroll 6
      for (int r = 0; r < TILE; r++)
        d[r] = winograd_load_row (rows[r], q, y, (ptrdiff_t) ((size_t) r * ld));
      winograd_gradient_1d (d, t);
#pragma GCC unroll 8
      for (int r = 0; r < PATCH; r++)
        nr_vec_store (half[r][q], t[r]);
    }

  for (int r = 0; r < PATCH; r++)
    {
      NrVec d[PATCH], t[PATCH];

#pragma GCC unroll 8
      for (int c = 0; c < PATCH; c++)
        d[c] = nr_vec_load (half[r][c]);
      winograd_gather (d); /* columns beyond the tile are zero */
      winograd_gradient_1d (d, t);
#pragma GCC unroll 8
      for (int c = 0; c < PATCH; c++)
        nr_vec_store (w + (size_t) (r * PATCH + c) * stride, t[c]);
    }
}

static inline void
winograd_gradient_body (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride)
{
  for (int t = 0; t < NR_WINOGRAD_TILES; t += NR_LANES)
    winograd_gradient_group (tiles + t, y, ld, w + t, stride);
}
