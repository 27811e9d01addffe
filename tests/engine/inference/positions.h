/* Positions in spaces of several axes, the last one fastest, for naive twins.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

static inline gsize
product (const gint64 *values, guint n)
{
  gsize result = 1;

  for (guint i = 0; i < n; i++)
    result *= (gsize) values[i];
  return result;
}

/* Index of position p in a space of n axes, or -1 when it is outside. */
static inline gint64
flat (const gint64 *p, const gint64 *size, guint n)
{
  gint64 index = 0;

  for (guint a = 0; a < n; a++)
    {
      if (p[a] < 0 || p[a] >= size[a])
        return -1;
      index = index * size[a] + p[a];
    }
  return index;
}

static inline void
unflat (gint64 index, const gint64 *size, guint n, gint64 *p)
{
  for (guint a = n; a-- > 0; index /= size[a])
    p[a] = index % size[a];
}
