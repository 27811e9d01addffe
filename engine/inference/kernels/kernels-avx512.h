/* Kernels for AVX-512 (F, DQ, BW, VL): the contract of each stands at its slot in kernels.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "kernels.h"

void nr_relu_avx512 (const float *x, float *y, size_t n);
void nr_depthwise_row_avx512 (const NrTap *taps, size_t n_taps, const NrTapRange *range, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y);
void nr_normalize_columns_avx512 (float *x, size_t stride, size_t n_rows, size_t n, float epsilon, const float *scale, const float *bias);
void nr_product_store_avx512 (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t n, size_t lanes, const NrRowTarget *targets, size_t at);
void nr_product_avx512 (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate);
void nr_product_ahead_avx512 (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, const NrAhead *ahead);
void nr_pack_panel_avx512 (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n, size_t columns, float *b);
void nr_store_row_avx512 (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t step, size_t ahead);
void nr_winograd_input_avx512 (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride);
void nr_winograd_output_avx512 (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld);

/* Fills the element-wise and row slots. */
void nr_fill_elementwise_avx512 (NrKernels *kernels);
void nr_product_stream_avx512 (const float *a, const float *b, size_t ldb, const ptrdiff_t *offset, size_t gap, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);
void nr_row_product_avx512 (const float *a, const float *b, size_t ldb, size_t depth, size_t n, float *y, bool accumulate);
void nr_product_at_avx512 (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);
void nr_copy_row_avx512 (const float *row, ptrdiff_t first, ptrdiff_t step, ptrdiff_t width, ptrdiff_t n, size_t ahead, float *to);
void nr_copy_windows_avx512 (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride);
void nr_split_rows_avx512 (const float *rows, size_t stride, size_t n_rows, size_t n, size_t step, float *to, size_t ld, size_t split);
void nr_interleave_avx512 (const float *rows, size_t stride, size_t n_rows, size_t n, float *to);
void nr_product_outer_avx512 (const float *a, size_t lda, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);
void nr_transpose_rows_avx512 (const float *rows, size_t stride, size_t n, float *to, size_t ld);
void nr_winograd_weights_avx512 (const float *g, float *u);
void nr_winograd_gradient_avx512 (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride);
