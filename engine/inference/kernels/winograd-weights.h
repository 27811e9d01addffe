/* Weights of Winograd F(6x6,3x3): one body for every CPU level, in loops that the compiler vectorises. The same bytes at all
 * levels, for packed weights are shared between sessions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "kernels.h"

/* G g along one axis, 16 kernels; with points p and -p sums and differences serve both. */
static inline void
winograd_weights_1d (const double g[3][NR_WINOGRAD_TILES], double u[NR_WINOGRAD_PATCH][NR_WINOGRAD_TILES])
{
  for (int i = 0; i < NR_WINOGRAD_TILES; i++)
    {
      const double even1 = -2.0 / 9.0 * (g[0][i] + g[2][i]), odd1 = -2.0 / 9.0 * g[1][i];
      const double even2 = 1.0 / 90.0 * g[0][i] + 2.0 / 45.0 * g[2][i], odd2 = 1.0 / 45.0 * g[1][i];
      const double even3 = 32.0 / 45.0 * g[0][i] + 8.0 / 45.0 * g[2][i], odd3 = 16.0 / 45.0 * g[1][i];

      u[0][i] = g[0][i];
      u[1][i] = even1 + odd1;
      u[2][i] = even1 - odd1;
      u[3][i] = even2 + odd2;
      u[4][i] = even2 - odd2;
      u[5][i] = even3 + odd3;
      u[6][i] = even3 - odd3;
      u[7][i] = g[2][i];
    }
}

static inline void
winograd_weights_body (const float *g, float *u)
{
  _Alignas (64) double half[NR_WINOGRAD_PATCH][3][NR_WINOGRAD_TILES]; /* G g */

  for (int c = 0; c < 3; c++)
    {
      _Alignas (64) double column[3][NR_WINOGRAD_TILES], t[NR_WINOGRAD_PATCH][NR_WINOGRAD_TILES];

      for (int r = 0; r < 3; r++)
        for (int i = 0; i < NR_WINOGRAD_TILES; i++)
          column[r][i] = (double) g[(r * 3 + c) * NR_WINOGRAD_TILES + i];
      winograd_weights_1d (column, t);
      for (int r = 0; r < NR_WINOGRAD_PATCH; r++)
        for (int i = 0; i < NR_WINOGRAD_TILES; i++)
          half[r][c][i] = t[r][i];
    }

  for (int r = 0; r < NR_WINOGRAD_PATCH; r++)
    {
      _Alignas (64) double t[NR_WINOGRAD_PATCH][NR_WINOGRAD_TILES];

      winograd_weights_1d (half[r], t);
      for (int c = 0; c < NR_WINOGRAD_PATCH; c++)
        for (int i = 0; i < NR_WINOGRAD_TILES; i++)
          u[(r * NR_WINOGRAD_PATCH + c) * NR_WINOGRAD_TILES + i] = (float) t[c][i];
    }
}
