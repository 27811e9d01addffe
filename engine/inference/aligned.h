/* Aligned memory that may be refused.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

/* The alignment of the arena, of packed weights and of scratch, in bytes: a cache line, an AVX-512 vector. */
#define NR_ALIGNMENT 64

/* SIZE bytes (0 allowed), 64-byte aligned; NULL when there is no memory. Free with nr_aligned_free (). */
gpointer nr_aligned_try_alloc (gsize size);
gpointer nr_aligned_try_alloc0 (gsize size);
void     nr_aligned_free (gpointer data);

/* SIZE rounded up to the alignment; SIZE is at most G_MAXSSIZE. */
static inline gsize
nr_align (gsize size)
{
  return (size + NR_ALIGNMENT - 1) & ~(gsize) (NR_ALIGNMENT - 1);
}
