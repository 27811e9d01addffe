/* Aligned memory that may be refused.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "aligned.h"

#include <stdlib.h>
#include <string.h>

gpointer
nr_aligned_try_alloc (gsize size)
{
  void *data = NULL;

  if (size > G_MAXSSIZE || posix_memalign (&data, NR_ALIGNMENT, nr_align (MAX (size, 1))) != 0)
    return NULL;

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
