/* Kernels for AVX2 with FMA: the contract of each stands at its slot in kernels.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "kernels.h"

void nr_relu_avx2 (const float *x, float *y, size_t n);
void nr_product_avx2 (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns,
                      float *c, size_t ldc, bool accumulate);
void nr_pack_panel_avx2 (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n,
                         size_t columns, float *b);
void nr_store_row_avx2 (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual,
                        float *y, size_t step);
void nr_winograd_fetch_avx2 (const NrWinogradTile *tiles, const float *plane, bool outputs);
void nr_winograd_input_avx2 (const NrWinogradTile *tiles, const float *x, size_t ld, float *v, size_t stride);
void nr_winograd_output_avx2 (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue,
                              const float *residual, float *y, size_t ld);

/* Fills the element-wise and row slots. */
void nr_fill_elementwise_avx2 (NrKernels *kernels);
