/* Transforms of Winograd F(6x6,3x3), portable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"
#include "../winograd-weights.h"

enum
{
  TILE  = NR_WINOGRAD_TILE,
  PATCH = NR_WINOGRAD_PATCH
};

// clang-format off
/* B^T: polynomials through the points 0, 1, -1, 2, -2, 1/2, -1/2, infinity. */
static const float input_matrix[PATCH][PATCH] = {
  { 1.0f,  0.0f, -5.25f,  0.0f,   5.25f,  0.0f,  -1.0f, 0.0f },
  { 0.0f,  1.0f,  1.0f,  -4.25f, -4.25f,  1.0f,   1.0f, 0.0f },
  { 0.0f, -1.0f,  1.0f,   4.25f, -4.25f, -1.0f,   1.0f, 0.0f },
  { 0.0f,  0.5f,  0.25f, -2.5f,  -1.25f,  2.0f,   1.0f, 0.0f },
  { 0.0f, -0.5f,  0.25f,  2.5f,  -1.25f, -2.0f,   1.0f, 0.0f },
  { 0.0f,  2.0f,  4.0f,  -2.5f,  -5.0f,   0.5f,   1.0f, 0.0f },
  { 0.0f, -2.0f,  4.0f,   2.5f,  -5.0f,  -0.5f,   1.0f, 0.0f },
  { 0.0f, -1.0f,  0.0f,   5.25f,  0.0f,  -5.25f,  0.0f, 1.0f },
};

/* A^T: row i holds the i-th powers of the points. */
static const float output_matrix[TILE][PATCH] = {
  { 1.0f, 1.0f,  1.0f,  1.0f,   1.0f, 1.0f,      1.0f,     0.0f },
  { 0.0f, 1.0f, -1.0f,  2.0f,  -2.0f, 0.5f,     -0.5f,     0.0f },
  { 0.0f, 1.0f,  1.0f,  4.0f,   4.0f, 0.25f,     0.25f,    0.0f },
  { 0.0f, 1.0f, -1.0f,  8.0f,  -8.0f, 0.125f,   -0.125f,   0.0f },
  { 0.0f, 1.0f,  1.0f, 16.0f,  16.0f, 0.0625f,   0.0625f,  0.0f },
  { 0.0f, 1.0f, -1.0f, 32.0f, -32.0f, 0.03125f, -0.03125f, 1.0f },
};
// clang-format on

void
nr_winograd_input_c (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride)
{
  for (size_t t = 0; t < NR_WINOGRAD_TILES; t++)
    {
      float half[PATCH][PATCH] = { { 0.0f } }; /* B^T d */

      for (size_t r = 0; r < PATCH; r++)
        for (size_t k = 0; k < PATCH; k++)
          for (size_t c = 0; c < PATCH; c++)
            if ((tiles[t].in_rows >> k & 1) && (tiles[t].in_cols >> c & 1))
              half[r][c] += input_matrix[r][k] * x[tiles[t].in + (ptrdiff_t) (k * ld + c)];

      for (size_t r = 0; r < PATCH; r++)
        for (size_t c = 0; c < PATCH; c++)
          {
            float sum = 0.0f;

            for (size_t k = 0; k < PATCH; k++)
              sum += input_matrix[c][k] * half[r][k];
            v[(r * PATCH + c) * stride + t] = sum;
          }
    }
}

void
nr_winograd_output_c (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld)
{
  for (size_t t = 0; t < NR_WINOGRAD_TILES; t++)
    {
      float half[TILE][PATCH] = { { 0.0f } }; /* A^T M */

      for (size_t r = 0; r < TILE; r++)
        for (size_t k = 0; k < PATCH; k++)
          for (size_t c = 0; c < PATCH; c++)
            half[r][c] += output_matrix[r][k] * m[(k * PATCH + c) * stride + t];

      for (size_t r = 0; r < tiles[t].out_rows; r++)
        {
          ptrdiff_t at        = tiles[t].out + (ptrdiff_t) (r * ld);
          float     row[TILE] = { 0.0f };

          for (size_t c = 0; c < TILE; c++)
            for (size_t k = 0; k < PATCH; k++)
              row[c] += output_matrix[c][k] * half[r][k];

          nr_store_row_c (row, (size_t) __builtin_popcount (tiles[t].out_cols), epilogue, residual != NULL ? residual + at : NULL, y + at, 1, 0);
        }
    }
}

void
nr_winograd_weights_c (const float *g, float *u)
{
  winograd_weights_body (g, u);
}

void
nr_winograd_gradient_c (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride)
{
  for (size_t t = 0; t < NR_WINOGRAD_TILES; t++)
    {
      float half[PATCH][TILE] = { { 0.0f } }; /* A Y */

      for (size_t k = 0; k < tiles[t].out_rows; k++)
        for (size_t r = 0; r < PATCH; r++)
          for (size_t c = 0; c < TILE; c++)
            if (tiles[t].out_cols >> c & 1)
              half[r][c] += output_matrix[k][r] * y[tiles[t].out + (ptrdiff_t) (k * ld + c)];

      for (size_t r = 0; r < PATCH; r++)
        for (size_t c = 0; c < PATCH; c++)
          {
            float sum = 0.0f;

            for (size_t k = 0; k < TILE; k++)
              sum += output_matrix[k][c] * half[r][k];
            w[(r * PATCH + c) * stride + t] = sum;
          }
    }
}
