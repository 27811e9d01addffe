/* Panels of a convolution, AVX2 with FMA.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx2.h"
#include "../kernels-c.h"
#include "../body/conv-panel.h"
#include "../body/transpose.h"

void
nr_pack_panel_avx2 (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n, size_t columns, float *b)
{
  pack_panel_body (grid, x, k0, k1, position, n, columns, b);
}

void
nr_copy_row_avx2 (const float *row, ptrdiff_t first, ptrdiff_t step, ptrdiff_t width, ptrdiff_t n, size_t ahead, float *to)
{
  copy_row_body (row, first, step, width, n, ahead, to);
}

void
nr_copy_windows_avx2 (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride)
{
  copy_windows_body (plane, row, offset, n_windows, n_rows, width, to, stride);
}

void
nr_split_rows_avx2 (const float *rows, size_t stride, size_t n_rows, size_t n, size_t step, float *to, size_t ld, size_t split)
{
  split_rows_body (rows, stride, n_rows, n, step, to, ld, split);
}

void
nr_interleave_avx2 (const float *rows, size_t stride, size_t n_rows, size_t n, float *to)
{
  interleave_body (rows, stride, n_rows, n, to);
}

void
nr_store_row_avx2 (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t step, size_t ahead)
{
  if (step == 1)
    store_row_body (sum, n, epilogue, residual, y, ahead);
  else
    nr_store_row_c (sum, n, epilogue, residual, y, step, ahead);
}

void
nr_transpose_rows_avx2 (const float *rows, size_t stride, size_t n, float *to, size_t ld)
{
  transpose_rows_body (rows, stride, n, to, ld);
}
