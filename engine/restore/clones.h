/* Loops over pixels that are worth wider vectors than the compiler may take for granted.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

/* Before a function: it is compiled for several instruction sets, and the loader takes the one that fits the processor. The
 * results are the same (-ffp-contract=off). Such a function is never inlined: it should be a loop. */
#if defined(__x86_64__) && defined(__gnu_linux__)
#define NR_CLONES __attribute__ ((target_clones ("default", "avx2", "avx512f")))
#else
#define NR_CLONES
#endif
