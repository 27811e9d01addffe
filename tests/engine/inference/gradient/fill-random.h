/* Reproducible random tensors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

/* Numbers from LOW to HIGH, the same in each run. */
static inline void
fill_random (gfloat *x, gsize n, gdouble low, gdouble high, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) g_rand_double_range (random, low, high);
}
