/* Kernels: plain C functions over floats, in a portable version and one a CPU level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every slot has its portable version (kernels/c) first; avx2 and avx512 overwrite what they have (dispatch.c).
 * Kernels know neither GLib nor nodes: pointers, sizes, strides. No kernel allocates.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct NrKernels NrKernels;

/* c = 0, avx2 = 1, avx512 = 2, as NrCpuLevel; never more than the machine has. */
const NrKernels *nr_kernels_get (int level);
/* What this machine has, from CPUID and the operating system's state. */
int nr_kernels_best_level (void);

struct NrKernels
{
  int         level;
  const char *name;

  /* y[i] = max (x[i], 0); x == y allowed. */
  void (*relu) (const float *x, float *y, size_t n);
};
