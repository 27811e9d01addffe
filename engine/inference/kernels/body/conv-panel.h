/* Panels of a convolution: body of nr_pack_panel_* and nr_store_row_*.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "../kernels-c.h"
#include "epilogue.h"

#include <assert.h>
#include <string.h>

/* Positions of a panel that follow one another in one row of the grid. */
typedef struct
{
  size_t x, y, z; /* position of the first */
  size_t column;  /* of the panel */
  size_t n;
} PanelRun;

static inline size_t
panel_find_runs (const NrGrid *grid, size_t position, size_t n, PanelRun *runs)
{
  const size_t width  = grid->axis[2].positions;
  const size_t height = grid->axis[1].positions;
  size_t       n_runs = 0;
  size_t       x      = position % width;
  size_t       y      = position / width % height;
  size_t       z      = position / width / height;

  for (size_t done = 0; done < n; n_runs++)
    {
      const size_t length = width - x < n - done ? width - x : n - done;

      runs[n_runs] = (PanelRun) { x, y, z, done, length };
      done += length;
      x = 0;
      if (++y == height)
        {
          y = 0;
          z++;
        }
    }

  return n_runs;
}

/* to[j] = row[first + j * step], j < n; 0 outside [0, width). What lies AHEAD floats further is fetched. */
static inline __attribute__ ((always_inline)) void
copy_row_body (const float *row, ptrdiff_t first, ptrdiff_t step, ptrdiff_t width, ptrdiff_t n, size_t ahead, float *to)
{
  /* Columns [begin, end) lie inside. */
  ptrdiff_t begin = first < 0 ? (-first + step - 1) / step : 0;
  ptrdiff_t end   = first < width ? (width - first + step - 1) / step : 0;
  ptrdiff_t j;

  begin = begin > n ? n : begin;
  end   = end > n ? n : end;
  end   = end < begin ? begin : end;

  for (j = 0; j < begin; j++)
    to[j] = 0.0f;

  if (step == 1)
    {
      const float *from = row + first;

      for (; j + NR_LANES <= end; j += NR_LANES)
        {
          if (ahead > 0)
            _mm_prefetch ((const char *) (from + j + ahead), _MM_HINT_T0);
          nr_vec_store (to + j, nr_vec_load (from + j));
        }
      if (j < end)
        nr_vec_store_part (to + j, nr_vec_load_part (from + j, 0, (unsigned) (end - j)), (unsigned) (end - j));
      j = end;
    }
  else if (step == 2)
    {
      /* Two whole vectors are read: both must lie inside. */
      for (; j + NR_LANES <= end && first + 2 * (j + NR_LANES) <= width; j += NR_LANES)
        {
          const float *from = row + first + 2 * j;

          if (ahead > 0)
            {
              _mm_prefetch ((const char *) (from + ahead), _MM_HINT_T0);
              _mm_prefetch ((const char *) (from + ahead + NR_LANES), _MM_HINT_T0);
            }
          nr_vec_store (to + j, nr_vec_even (nr_vec_load (from), nr_vec_load (from + NR_LANES)));
        }
    }

  for (; j < end; j++)
    to[j] = row[first + j * step];
  for (; j < n; j++)
    to[j] = 0.0f;
}

static inline void
split_rows_body (const float *rows, size_t stride, size_t n_rows, size_t n, size_t step, float *to, size_t ld, size_t split)
{
  if (step > 2)
    {
      nr_split_rows_c (rows, stride, n_rows, n, step, to, ld, split);
      return;
    }

  for (size_t r = 0; r < n_rows; r++, rows += stride, to += ld)
    for (size_t i = 0; i < n; i += step * NR_LANES)
      {
        const unsigned rest = (unsigned) (n - i < step * NR_LANES ? n - i : step * NR_LANES);
        const unsigned low  = rest < NR_LANES ? rest : NR_LANES;
        const NrVec    a    = nr_vec_load_part (rows + i, 0, low);

        if (step == 1)
          {
            nr_vec_store_part (to + i, a, low);
            continue;
          }

        const NrVec b = nr_vec_load_part (rows + i + low, 0, rest - low);

        nr_vec_store_part (to + i / 2, nr_vec_even (a, b), (rest + 1) / 2);
        nr_vec_store_part (to + split + i / 2, nr_vec_odd (a, b), rest / 2);
      }
}

/* WIDTH is a constant where it matters: a row is then a few moves without a branch. */
static inline __attribute__ ((always_inline)) void
copy_windows_of (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride)
{
  for (size_t i = 0; i < n_windows; i++)
    {
      const float *from = plane + offset[i];
      float       *at   = to + i * stride;

      for (size_t r = 0; r < n_rows; r++, from += row, at += width)
        {
          size_t j = 0;

          for (; j + NR_LANES <= width; j += NR_LANES)
            nr_vec_store (at + j, nr_vec_load (from + j));
          for (; j + 8 <= width; j += 8)
            memcpy (at + j, from + j, 8 * sizeof (float));
          for (; j + 4 <= width; j += 4)
            memcpy (at + j, from + j, 4 * sizeof (float));
          for (; j < width; j++)
            at[j] = from[j];
        }
    }
}

static inline void
copy_windows_body (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride)
{
  switch (width)
    {
    case 4:
      copy_windows_of (plane, row, offset, n_windows, n_rows, 4, to, stride);
      break;
    case 8:
      copy_windows_of (plane, row, offset, n_windows, n_rows, 8, to, stride);
      break;
    case 16:
      copy_windows_of (plane, row, offset, n_windows, n_rows, 16, to, stride);
      break;
    default:
      copy_windows_of (plane, row, offset, n_windows, n_rows, width, to, stride);
    }
}

static inline void
interleave_pair (const float *a, const float *b, size_t n, float *to)
{
  size_t j = 0;

  for (; j + NR_LANES <= n; j += NR_LANES)
    {
      const NrVec even = nr_vec_load (a + j), odd = nr_vec_load (b + j);

      nr_vec_store (to + 2 * j, nr_vec_zip_low (even, odd));
      nr_vec_store (to + 2 * j + NR_LANES, nr_vec_zip_high (even, odd));
    }

  for (; j < n; j++)
    {
      to[2 * j]     = a[j];
      to[2 * j + 1] = b[j];
    }
}

/* Zips twice: a0 c0 a1 c1 ... with b0 d0 b1 d1 ... is a0 b0 c0 d0 a1 ... */
static inline void
interleave_four (const float *rows, size_t stride, size_t n, float *to)
{
  size_t j = 0;

  for (; j + NR_LANES <= n; j += NR_LANES)
    {
      const NrVec a = nr_vec_load (rows + j), b = nr_vec_load (rows + stride + j);
      const NrVec c = nr_vec_load (rows + 2 * stride + j), d = nr_vec_load (rows + 3 * stride + j);
      const NrVec even_low = nr_vec_zip_low (a, c), even_high = nr_vec_zip_high (a, c);
      const NrVec odd_low = nr_vec_zip_low (b, d), odd_high = nr_vec_zip_high (b, d);

      nr_vec_store (to + 4 * j, nr_vec_zip_low (even_low, odd_low));
      nr_vec_store (to + 4 * j + NR_LANES, nr_vec_zip_high (even_low, odd_low));
      nr_vec_store (to + 4 * j + 2 * NR_LANES, nr_vec_zip_low (even_high, odd_high));
      nr_vec_store (to + 4 * j + 3 * NR_LANES, nr_vec_zip_high (even_high, odd_high));
    }

  for (; j < n; j++)
    for (size_t i = 0; i < 4; i++)
      to[4 * j + i] = rows[i * stride + j];
}

static inline void
interleave_body (const float *rows, size_t stride, size_t n_rows, size_t n, float *to)
{
  if (n_rows == 2)
    interleave_pair (rows, rows + stride, n, to);
  else if (n_rows == 4)
    interleave_four (rows, stride, n, to);
  else
    nr_interleave_c (rows, stride, n_rows, n, to);
}

static inline void
pack_panel_body (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n, size_t columns, float *b)
{
  const NrGridAxis *depth  = &grid->axis[0];
  const NrGridAxis *height = &grid->axis[1];
  const NrGridAxis *width  = &grid->axis[2];
  PanelRun          runs[NR_PANEL];

  if (k0 == k1) /* a part without taps */
    return;

  const size_t n_runs  = panel_find_runs (grid, position, n, runs);
  size_t       channel = k0 / grid->n_taps;
  size_t       tx      = k0 % grid->n_taps % width->n_taps;
  size_t       ty      = k0 % grid->n_taps / width->n_taps % height->n_taps;
  size_t       tz      = k0 % grid->n_taps / width->n_taps / height->n_taps;

  assert (n <= columns && columns <= NR_PANEL);

  for (size_t k = k0; k < k1; k++, b += columns)
    {
      const float *plane = x + channel * grid->in_plane;

      for (size_t r = 0; r < n_runs; r++)
        {
          const PanelRun *run = &runs[r];
          const size_t    iz  = run->z * depth->step + (size_t) depth->offset[tz];
          const size_t    iy  = run->y * height->step + (size_t) height->offset[ty];
          const ptrdiff_t ix  = (ptrdiff_t) (run->x * width->step) + width->offset[tx];
          const float    *row = plane + (iz * height->input + iy) * width->input;

          /* A negative coordinate becomes a huge one: one comparison tells both sides. */
          if (iy >= height->input || iz >= depth->input)
            memset (b + run->column, 0, run->n * sizeof (float));
          else
            copy_row_body (row, ix, (ptrdiff_t) width->step, (ptrdiff_t) width->input, (ptrdiff_t) run->n, 0, b + run->column);
        }
      for (size_t j = n; j < columns; j++)
        b[j] = 0.0f;

      if (++tx == width->n_taps)
        {
          tx = 0;
          if (++ty == height->n_taps)
            {
              ty = 0;
              if (++tz == depth->n_taps)
                {
                  tz = 0;
                  channel++;
                }
            }
        }
    }
}

static inline __attribute__ ((always_inline)) NrVec
row_epilogue (NrVec v, const NrRowEpilogue *epilogue, NrVec residual, bool has_residual)
{
  v = nr_vec_add (v, nr_vec_set1 (epilogue->bias));
  if (has_residual && epilogue->residual_first)
    v = nr_vec_add (v, residual);
  v = nr_vec_activate (v, epilogue->activation, nr_vec_set1 (epilogue->a), nr_vec_set1 (epilogue->b));
  if (has_residual && ! epilogue->residual_first)
    v = nr_vec_add (v, residual);

  return v;
}

static inline void
store_row_body (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ahead)
{
  const bool  has_residual = residual != NULL;
  const NrVec none         = nr_vec_set1 (0.0f);
  size_t      i            = 0;

  for (; i + NR_LANES <= n; i += NR_LANES)
    {
      if (ahead > 0)
        _mm_prefetch ((const char *) (y + i + ahead), _MM_HINT_T0);
      if (ahead > 0 && has_residual)
        _mm_prefetch ((const char *) (residual + i + ahead), _MM_HINT_T0);
      nr_vec_store (y + i, row_epilogue (nr_vec_load (sum + i), epilogue,
                                         has_residual ? nr_vec_load (residual + i) : none, has_residual));
    }

  if (i < n)
    {
      const unsigned rest = (unsigned) (n - i);

      nr_vec_store_part (y + i,
                         row_epilogue (nr_vec_load_part (sum + i, 0, rest), epilogue,
                                       has_residual ? nr_vec_load_part (residual + i, 0, rest) : none, has_residual),
                         rest);
    }
}
