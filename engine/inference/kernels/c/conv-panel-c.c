/* Panels of a convolution: filled from the input, stored to the output. Portable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"

#include <assert.h>

void
nr_pack_panel_c (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n, size_t columns, float *b)
{
  const NrGridAxis *depth  = &grid->axis[0];
  const NrGridAxis *height = &grid->axis[1];
  const NrGridAxis *width  = &grid->axis[2];

  assert (n <= columns && columns <= NR_PANEL);

  for (size_t k = k0; k < k1; k++, b += columns)
    {
      const float *plane = x + k / grid->n_taps * grid->in_plane;
      size_t       tap   = k % grid->n_taps;
      ptrdiff_t    dz    = depth->offset[tap / (width->n_taps * height->n_taps)];
      ptrdiff_t    dy    = height->offset[tap / width->n_taps % height->n_taps];
      ptrdiff_t    dx    = width->offset[tap % width->n_taps];

      for (size_t j = 0; j < columns; j++)
        {
          size_t q = position + j;
          /* A negative coordinate becomes a huge one: one comparison tells both sides. */
          size_t ix = q % width->positions * width->step + (size_t) dx;
          size_t iy = q / width->positions % height->positions * height->step + (size_t) dy;
          size_t iz = q / (width->positions * height->positions) * depth->step + (size_t) dz;

          b[j] = j < n && ix < width->input && iy < height->input && iz < depth->input
                     ? plane[(iz * height->input + iy) * width->input + ix]
                     : 0.0f;
        }
    }
}

void
nr_copy_row_c (const float *row, ptrdiff_t first, ptrdiff_t step, ptrdiff_t width, ptrdiff_t n, size_t ahead, float *to)
{
  for (ptrdiff_t j = 0; j < n; j++)
    {
      const ptrdiff_t x = first + j * step;

      to[j] = x >= 0 && x < width ? row[x] : 0.0f;
    }
}

void
nr_copy_windows_c (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride)
{
  for (size_t i = 0; i < n_windows; i++)
    for (size_t r = 0; r < n_rows; r++)
      for (size_t j = 0; j < width; j++)
        to[i * stride + r * width + j] = plane[offset[i] + (ptrdiff_t) (r * row + j)];
}

void
nr_split_rows_c (const float *rows, size_t stride, size_t n_rows, size_t n, size_t step, float *to, size_t ld, size_t split)
{
  for (size_t r = 0; r < n_rows; r++)
    for (size_t i = 0; i < n; i++)
      to[r * ld + i % step * split + i / step] = rows[r * stride + i];
}

void
nr_interleave_c (const float *rows, size_t stride, size_t n_rows, size_t n, float *to)
{
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < n_rows; i++)
      to[j * n_rows + i] = rows[i * stride + j];
}

void
nr_store_row_c (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t step, size_t ahead)
{
  for (size_t i = 0; i < n; i++)
    {
      float value = sum[i] + epilogue->bias;

      if (residual != NULL && epilogue->residual_first)
        value += residual[i * step];

      /* Written so that a NaN stays a NaN. */
      switch (epilogue->activation)
        {
        case NR_ROW_LINEAR:
          break;
        case NR_ROW_RELU:
          value = value < 0.0f ? 0.0f : value;
          break;
        case NR_ROW_SLOPE:
          value = value < 0.0f ? epilogue->a * value : value;
          break;
        case NR_ROW_CLIP:
          value = value < epilogue->a ? epilogue->a : value;
          value = value > epilogue->b ? epilogue->b : value;
          break;
        }

      if (residual != NULL && ! epilogue->residual_first)
        value += residual[i * step];

      y[i * step] = value;
    }
}

void
nr_transpose_rows_c (const float *rows, size_t stride, size_t n, float *to, size_t ld)
{
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < 16; i++)
      to[j * ld + i] = rows[i * stride + j];
}
