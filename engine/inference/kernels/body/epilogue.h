/* Activation of a vector of sums, after NrRowEpilogue.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "../kernels.h"
#include "vector.h"

/* Operand order keeps a NaN a NaN, as in the portable version. */
static inline __attribute__ ((always_inline)) NrVec
nr_vec_activate (NrVec v, NrRowActivation activation, NrVec a, NrVec b)
{
  switch (activation)
    {
    case NR_ROW_LINEAR:
      break;
    case NR_ROW_RELU:
      return nr_vec_max (nr_vec_set1 (0.0f), v);
    case NR_ROW_SLOPE:
      return nr_vec_slope (v, a);
    case NR_ROW_CLIP:
      return nr_vec_min (b, nr_vec_max (a, v));
    }

  return v;
}
