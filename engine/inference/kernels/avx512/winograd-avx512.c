/* Transforms of Winograd F(6x6,3x3), AVX-512.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx512.h"
#include "../body/winograd.h"
#include "../winograd-weights.h"

void
nr_winograd_input_avx512 (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride)
{
  winograd_input_body (tiles, x, ld, ahead, v, stride);
}

void
nr_winograd_output_avx512 (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld)
{
  winograd_output_body (tiles, m, stride, epilogue, residual, y, ld);
}

void
nr_winograd_weights_avx512 (const float *g, float *u)
{
  winograd_weights_body (g, u);
}

void
nr_winograd_gradient_avx512 (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride)
{
  winograd_gradient_body (tiles, y, ld, w, stride);
}
