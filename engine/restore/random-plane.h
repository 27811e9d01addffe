/* Random numbers that depend on where and when they stand, not on the order in which they are drawn: so any number of
 * threads, and any block of a picture, gets the same.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

/* The finalizer of SplitMix64 (Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014): 64 bits that look
 * independent for neighbouring KEYs. */
static inline guint64
nr_random_bits (guint64 key)
{
  key += 0x9e3779b97f4a7c15u;
  key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
  key = (key ^ key >> 27) * 0x94d049bb133111ebu;
  return key ^ key >> 31;
}

/* One of the numbers that belong to SEED's stream STREAM. */
static inline guint64
nr_random_key (guint seed, guint stream)
{
  return nr_random_bits ((guint64) seed << 32 | stream);
}

/* Uniform in [0, 1). */
static inline gfloat
nr_random_uniform (guint64 key)
{
  return (nr_random_bits (key) >> 40) * 0x1p-24f;
}

/* Mean 0, variance 1, nearly normal: the sum of four uniform numbers, within +- 3.46. */
static inline gfloat
nr_random_normal (guint64 key)
{
  const guint64 bits = nr_random_bits (key);
  const gint    sum  = (gint) (bits & 0xffff) + (gint) (bits >> 16 & 0xffff) + (gint) (bits >> 32 & 0xffff) + (gint) (bits >> 48);

  return (sum - 131070) * (1 / 37837.2f);
}
