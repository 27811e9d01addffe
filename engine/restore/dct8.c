/* Orthonormal cosine transform (DCT-II) of 8 x 8 blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * X[k] = c(k) sum over n of x[n] cos ((2n + 1) k pi / 16), c(0) = sqrt (1/8), c(k) = 1/2. The cosine is even about the
 * block's middle for even k and odd for odd k, which halves the products. All 8 columns go at once, so that the
 * compiler turns every line into vector instructions.
 */

#include "dct8.h"

/* c(k) cos ((2n + 1) k pi / 16) for n = 0 to 3: rows k = 0, 2, 4, 6 and k = 1, 3, 5, 7. */
/* clang-format off */
static const gfloat even[4][4] = {
  { 0.35355339f,  0.35355339f,  0.35355339f,  0.35355339f },
  { 0.46193977f,  0.19134172f, -0.19134172f, -0.46193977f },
  { 0.35355339f, -0.35355339f, -0.35355339f,  0.35355339f },
  { 0.19134172f, -0.46193977f,  0.46193977f, -0.19134172f },
};
static const gfloat odd[4][4] = {
  { 0.49039264f,  0.41573481f,  0.27778512f,  0.09754516f },
  { 0.41573481f, -0.09754516f, -0.49039264f, -0.27778512f },
  { 0.27778512f, -0.49039264f,  0.09754516f,  0.41573481f },
  { 0.09754516f, -0.27778512f,  0.41573481f, -0.49039264f },
};
/* clang-format on */

static void
transpose (gfloat *restrict block)
{
  for (gint y = 0; y < 8; y++)
    for (gint x = y + 1; x < 8; x++)
      {
        const gfloat value = block[y * 8 + x];

        block[y * 8 + x] = block[x * 8 + y];
        block[x * 8 + y] = value;
      }
}

static inline void
columns_forward (gfloat *restrict block)
{
  gfloat sum[4][8], difference[4][8];

  for (gint n = 0; n < 4; n++)
    for (gint x = 0; x < 8; x++)
      {
        sum[n][x]        = block[n * 8 + x] + block[(7 - n) * 8 + x];
        difference[n][x] = block[n * 8 + x] - block[(7 - n) * 8 + x];
      }

  for (gint k = 0; k < 4; k++)
    for (gint x = 0; x < 8; x++)
      {
        block[2 * k * 8 + x] = even[k][0] * sum[0][x] + even[k][1] * sum[1][x] +
                               even[k][2] * sum[2][x] + even[k][3] * sum[3][x];
        block[(2 * k + 1) * 8 + x] = odd[k][0] * difference[0][x] + odd[k][1] * difference[1][x] +
                                     odd[k][2] * difference[2][x] + odd[k][3] * difference[3][x];
      }
}

static inline void
columns_inverse (gfloat *restrict block)
{
  gfloat sum[4][8], difference[4][8];

  for (gint n = 0; n < 4; n++)
    for (gint x = 0; x < 8; x++)
      {
        sum[n][x] = even[0][n] * block[x] + even[1][n] * block[2 * 8 + x] +
                    even[2][n] * block[4 * 8 + x] + even[3][n] * block[6 * 8 + x];
        difference[n][x] = odd[0][n] * block[8 + x] + odd[1][n] * block[3 * 8 + x] +
                           odd[2][n] * block[5 * 8 + x] + odd[3][n] * block[7 * 8 + x];
      }

  for (gint n = 0; n < 4; n++)
    for (gint x = 0; x < 8; x++)
      {
        block[n * 8 + x]       = sum[n][x] + difference[n][x];
        block[(7 - n) * 8 + x] = sum[n][x] - difference[n][x];
      }
}

void
nr_dct8_forward (gfloat *block)
{
  columns_forward (block);
  transpose (block);
  columns_forward (block);
}

void
nr_dct8_inverse (gfloat *block)
{
  columns_inverse (block);
  transpose (block);
  columns_inverse (block);
}
