/* Kernels that go down columns of several rows, portable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"

#include <math.h>

void
nr_depthwise_row_c (const NrTap *taps, size_t n_taps, const NrTapRange *range, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y)
{
  for (size_t j = 0; j < n; j++)
    {
      float sum = 0.0f;

      for (size_t t = 0; t < n_taps; t++)
        {
          const ptrdiff_t at = (ptrdiff_t) j + taps[t].column;

          if (at >= 0 && at < range->width)
            sum += taps[t].weight * taps[t].row[at];
        }

      nr_store_row_c (&sum, 1, epilogue, residual != NULL ? residual + j : NULL, y + j, 1, 0);
    }
}

void
nr_normalize_columns_c (float *x, size_t stride, size_t n_rows, size_t n, float epsilon, const float *scale, const float *bias)
{
  for (size_t j = 0; j < n; j++)
    {
      float mean = 0.0f, squares = 0.0f;

      for (size_t i = 0; i < n_rows; i++)
        mean += x[i * stride + j];
      mean /= (float) n_rows;

      for (size_t i = 0; i < n_rows; i++)
        squares += (x[i * stride + j] - mean) * (x[i * stride + j] - mean);

      const float inverse = 1.0f / sqrtf (squares / (float) n_rows + epsilon);

      for (size_t i = 0; i < n_rows; i++)
        x[i * stride + j] = (x[i * stride + j] - mean) * inverse * (scale != NULL ? scale[i] : 1.0f) +
                            (bias != NULL ? bias[i] : 0.0f);
    }
}
