/* Orthonormal cosine transform (DCT-II) of 8 x 8 blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * X[k] = c(k) sum over n of x[n] cos ((2n + 1) k pi / 16), c(0) = sqrt (1/8), c(k) = 1/2. The cosine is even about the
 * block's middle for even k and odd for odd k, which halves the products. Four columns go at once.
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

typedef gfloat Four __attribute__ ((vector_size (16)));

/* Row y, columns 4 half to 4 half + 3. */
#define AT(block, y, half) ((block)[2 * (y) + (half)])

static inline void
transpose_quarter (Four *a, Four *b, Four *c, Four *d)
{
  const Four ab_low  = __builtin_shufflevector (*a, *b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector (*a, *b, 2, 6, 3, 7);
  const Four cd_low  = __builtin_shufflevector (*c, *d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector (*c, *d, 2, 6, 3, 7);

  *a = __builtin_shufflevector (ab_low, cd_low, 0, 1, 4, 5);
  *b = __builtin_shufflevector (ab_low, cd_low, 2, 3, 6, 7);
  *c = __builtin_shufflevector (ab_high, cd_high, 0, 1, 4, 5);
  *d = __builtin_shufflevector (ab_high, cd_high, 2, 3, 6, 7);
}

static inline void
transpose (Four *block)
{
  for (gint top = 0; top < 8; top += 4)
    for (gint half = 0; half < 2; half++)
      transpose_quarter (&AT (block, top, half), &AT (block, top + 1, half),
                         &AT (block, top + 2, half), &AT (block, top + 3, half));
  for (gint y = 0; y < 4; y++)
    {
      const Four swap = AT (block, y, 1);

      AT (block, y, 1)     = AT (block, y + 4, 0);
      AT (block, y + 4, 0) = swap;
    }
}

static inline void
columns_forward (Four *block)
{
  for (gint half = 0; half < 2; half++)
    {
      Four sum[4], difference[4];

      for (gint n = 0; n < 4; n++)
        {
          sum[n]        = AT (block, n, half) + AT (block, 7 - n, half);
          difference[n] = AT (block, n, half) - AT (block, 7 - n, half);
        }
      for (gint k = 0; k < 4; k++)
        {
          AT (block, 2 * k, half) = even[k][0] * sum[0] + even[k][1] * sum[1] +
                                    even[k][2] * sum[2] + even[k][3] * sum[3];
          AT (block, 2 * k + 1, half) = odd[k][0] * difference[0] + odd[k][1] * difference[1] +
                                        odd[k][2] * difference[2] + odd[k][3] * difference[3];
        }
    }
}

static inline void
columns_inverse (Four *block)
{
  for (gint half = 0; half < 2; half++)
    {
      Four sum[4], difference[4];

      for (gint n = 0; n < 4; n++)
        {
          sum[n] = even[0][n] * AT (block, 0, half) + even[1][n] * AT (block, 2, half) +
                   even[2][n] * AT (block, 4, half) + even[3][n] * AT (block, 6, half);
          difference[n] = odd[0][n] * AT (block, 1, half) + odd[1][n] * AT (block, 3, half) +
                          odd[2][n] * AT (block, 5, half) + odd[3][n] * AT (block, 7, half);
        }
      for (gint n = 0; n < 4; n++)
        {
          AT (block, n, half)     = sum[n] + difference[n];
          AT (block, 7 - n, half) = sum[n] - difference[n];
        }
    }
}

#undef AT

void
nr_dct8_forward (gfloat *block)
{
  Four *rows = (Four *) block;

  columns_forward (rows);
  transpose (rows);
  columns_forward (rows);
}

void
nr_dct8_inverse (gfloat *block)
{
  Four *rows = (Four *) block;

  columns_inverse (rows);
  transpose (rows);
  columns_inverse (rows);
}
