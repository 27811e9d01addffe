/* PatchMatch search over one level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every round reads the matches of the round before and writes new ones (Jacobi), and random numbers are hashes of
 * seed, round and place: so targets may be searched in any order by any number of threads, with the same result.
 */

#include "patch-level.h"

#include <math.h>

typedef struct
{
  NrPatchLevel *level;
  guint         seed;
  gint          jump; /* how far away the neighbours are that propagate */
} Round;

/* A good mix of 32 bits (the finaliser of MurmurHash3). */
static inline guint32
mix (guint32 value)
{
  value ^= value >> 16;
  value *= 0x85ebca6bu;
  value ^= value >> 13;
  value *= 0xc2b2ae35u;
  value ^= value >> 16;

  return value;
}

/* A whole number from low to high, both included. */
static inline gint
random_between (guint32 bits, gint low, gint high)
{
  return low + (gint) (((guint64) bits * (guint32) (high - low + 1)) >> 32);
}

/* Squared distance of two patches, or anything from LIMIT on if it is not below LIMIT. */
static inline gfloat
patch_distance (const NrPatchLevel *level, gint a, gint b, gfloat limit)
{
  const gint          corner = NR_PATCH_RADIUS * level->width + NR_PATCH_RADIUS;
  const NrPatchPixel *p      = level->color + a - corner;
  const NrPatchPixel *q      = level->color + b - corner;
  gfloat              total  = 0.0f;

  for (gint y = 0; y < NR_PATCH_SIZE && total < limit; y++)
    {
      NrPatchPixel sum = { 0 };

      for (gint x = 0; x < NR_PATCH_SIZE; x++)
        {
          const NrPatchPixel difference = p[x] - q[x];

          sum += difference * difference;
        }
      total += sum[0] + sum[1] + sum[2] + sum[3];
      p += level->width;
      q += level->width;
    }

  return total;
}

/* Any source centre: tries at random, then the next one in order. */
static gint
random_source (const NrPatchLevel *level, guint32 bits)
{
  const gint n_pixels = level->width * level->height;
  gint       at       = 0;

  for (gint i = 0; i < 32; i++)
    {
      bits = mix (bits + 0x9e3779b9u);
      at   = random_between (bits, 0, n_pixels - 1);
      if (level->is_source[at])
        return at;
    }
  while (! level->is_source[at])
    at = (at + 1) % n_pixels;

  return at;
}

typedef struct
{
  NrPatchLevel       *level;
  const NrPatchLevel *coarse; /* or NULL */
  guint               seed;
} Start;

/* The match that the coarse level has for TARGET, at this level's size; -1: none, or no source here. */
static gint
coarse_source (const NrPatchLevel *level, const NrPatchLevel *coarse, gint target)
{
  const gint x        = target % level->width;
  const gint y        = target / level->width;
  const gint coarse_x = CLAMP (x / 2, NR_PATCH_RADIUS, coarse->width - 1 - NR_PATCH_RADIUS);
  const gint coarse_y = CLAMP (y / 2, NR_PATCH_RADIUS, coarse->height - 1 - NR_PATCH_RADIUS);
  const gint match    = coarse->match[coarse_y * coarse->width + coarse_x];
  gint       u, v;

  if (match < 0)
    return -1;
  u = x + 2 * (match % coarse->width - coarse_x);
  v = y + 2 * (match / coarse->width - coarse_y);
  if (u < 0 || v < 0 || u >= level->width || v >= level->height || ! level->is_source[v * level->width + u])
    return -1;

  return v * level->width + u;
}

static void
start_targets (gsize begin, gsize end, guint thread, gpointer data)
{
  const Start  *start = data;
  NrPatchLevel *level = start->level;

  for (gsize i = begin; i < end; i++)
    {
      const gint target = level->targets[i];
      gint       source = -1;

      if (start->coarse != NULL)
        source = coarse_source (level, start->coarse, target);
      if (source < 0)
        source = random_source (level, mix (start->seed) ^ mix (i));
      level->match[target] = source;
      level->cost[i]       = 0.0f;
    }
}

gboolean
nr_patch_search_init (NrFillJob *job, NrPatchLevel *level, const NrPatchLevel *coarse, guint seed)
{
  Start start = { level, coarse, seed };

  return nr_fill_job_for (job, 0.0, level->n_targets, 16384, start_targets, &start);
}

static inline void
try_source (const NrPatchLevel *level, gint target, gint x, gint y, gint *best, gfloat *best_cost)
{
  gint   source;
  gfloat cost;

  if (x < 0 || y < 0 || x >= level->width || y >= level->height)
    return;
  source = y * level->width + x;
  if (! level->is_source[source] || source == *best)
    return;

  cost = patch_distance (level, target, source, *best_cost);
  if (cost < *best_cost)
    {
      *best      = source;
      *best_cost = cost;
    }
}

static void
search_target (const Round *round, gint i)
{
  static const gint step_x[4] = { -1, 1, 0, 0 };
  static const gint step_y[4] = { 0, 0, -1, 1 };
  NrPatchLevel     *level     = round->level;
  const gint        width     = level->width;
  const gint        target    = level->targets[i];
  const gint        x         = target % width;
  const gint        y         = target / width;
  gint              best      = level->match[target];
  gfloat            cost      = patch_distance (level, target, best, INFINITY);
  guint32           bits      = mix (round->seed ^ mix (target));

  for (gint k = 0; k < 4; k++)
    {
      const gint u = x + step_x[k] * round->jump;
      const gint v = y + step_y[k] * round->jump;
      gint       match;

      if (u < 0 || v < 0 || u >= width || v >= level->height)
        continue;
      match = level->match[v * width + u];
      if (match >= 0)
        try_source (level, target, match % width + x - u, match / width + y - v, &best, &cost);
    }

  for (gint reach = MAX (width, level->height); reach >= 1; reach /= 2)
    {
      const gint best_x = best % width;
      const gint best_y = best / width;
      gint       u, v;

      bits = mix (bits + 0x9e3779b9u);
      u    = random_between (bits, MAX (best_x - reach, 0), MIN (best_x + reach, width - 1));
      bits = mix (bits + 0x9e3779b9u);
      v    = random_between (bits, MAX (best_y - reach, 0), MIN (best_y + reach, level->height - 1));
      try_source (level, target, u, v, &best, &cost);
    }

  level->new_match[target] = best;
  level->cost[i]           = cost;
}

static void
search_targets (gsize begin, gsize end, guint thread, gpointer data)
{
  for (gsize i = begin; i < end; i++)
    search_target (data, i);
}

gboolean
nr_patch_search (NrFillJob *job, NrPatchLevel *level, gint n_rounds, guint seed)
{
  for (gint i = 0; i < n_rounds; i++)
    {
      /* Neighbours near and far in turn: a good match crosses the hole in a few rounds. */
      Round round = { level, mix (seed + i), 1 << (2 * (i % 3)) };
      gint *swap;

      if (! nr_fill_job_for (job, level->n_targets, level->n_targets, 1024, search_targets, &round))
        return FALSE;
      swap             = level->match;
      level->match     = level->new_match;
      level->new_match = swap;
    }

  return TRUE;
}
