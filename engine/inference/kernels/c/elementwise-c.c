/* Element-wise kernels and reductions over rows, portable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"
#include "../derivatives.h"

void
nr_fill_elementwise_c (NrKernels *kernels)
{
  fill_elementwise (kernels);
  fill_derivatives (kernels);
}
