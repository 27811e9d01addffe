/* Element-wise kernels and reductions over rows, 16 floats at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx512.h"
#include "../derivatives.h"

void
nr_fill_elementwise_avx512 (NrKernels *kernels)
{
  fill_elementwise (kernels);
  fill_derivatives (kernels);
}
