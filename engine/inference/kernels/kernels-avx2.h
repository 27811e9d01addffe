/* Kernels for AVX2 with FMA: the contract of each stands at its slot in kernels.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "kernels.h"

void nr_relu_avx2 (const float *x, float *y, size_t n);
