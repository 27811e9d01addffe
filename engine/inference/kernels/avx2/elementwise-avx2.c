/* Element-wise kernels and reductions over rows, 8 floats at a time.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-avx2.h"
#include "../derivatives.h"

void
nr_fill_elementwise_avx2 (NrKernels *kernels)
{
  fill_elementwise (kernels);
  fill_derivatives (kernels);
}
