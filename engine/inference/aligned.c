/* Aligned memory that may be refused.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "aligned.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Large pages halve the time that walks over many planes spend on addresses; worth it from a few of them on. */
static const gsize large_page = 2 << 20;

gpointer
nr_aligned_try_alloc (gsize size)
{
  const gboolean is_large = size >= 4 * large_page;
  void          *data     = NULL;

  if (size > G_MAXSSIZE || posix_memalign (&data, is_large ? large_page : NR_ALIGNMENT, nr_align (MAX (size, 1))) != 0)
    return NULL;

  if (is_large)
    madvise (data, size, MADV_HUGEPAGE); /* a wish: without it everything works too */

  return data;
}

gpointer
nr_aligned_try_alloc0 (gsize size)
{
  gpointer data = nr_aligned_try_alloc (size);

  if (data != NULL)
    memset (data, 0, size);
  return data;
}

void
nr_aligned_free (gpointer data)
{
  free (data);
}
