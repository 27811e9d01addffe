/* The vote: colors of the hole from the matches of the patches over it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "patch-level.h"

#include <math.h>

typedef struct
{
  NrPatchLevel *level;
  gdouble       variance;
} Weigh;

/* weight = trust exp (-cost / 2 sigma^2), sigma^2 being the mean cost times the tolerance. Never 0, so that sums of weights
 * are not. */
static void
weigh_targets (gsize begin, gsize end, guint thread, gpointer data)
{
  const Weigh  *weigh = data;
  NrPatchLevel *level = weigh->level;

  for (gsize i = begin; i < end; i++)
    {
      const gint   target = level->targets[i];
      const gfloat worse  = level->cost[i] / (2.0 * weigh->variance);

      level->weight[target] = level->trust[target] * expf (-MIN (worse, 60.0f)) + 1e-30f;
    }
}

static gboolean
weigh_level (NrFillJob *job, NrPatchLevel *level)
{
  Weigh   weigh = { level, 0.0 };
  gdouble sum   = 0.0;

  for (gint i = 0; i < level->n_targets; i++)
    sum += level->cost[i];
  weigh.variance = level->tolerance * sum / level->n_targets + 1e-9;

  return nr_fill_job_for (job, 0.0, level->n_targets, 16384, weigh_targets, &weigh);
}

NrPatchPixel
nr_patch_vote_at (const NrPatchLevel *level, gint at)
{
  const gint   width = level->width;
  const gint   x     = at % width;
  const gint   y     = at / width;
  NrPatchPixel sum   = { 0 };
  gfloat       total = 0.0f;

  for (gint v = MAX (y - NR_PATCH_RADIUS, 0); v <= MIN (y + NR_PATCH_RADIUS, level->height - 1); v++)
    for (gint u = MAX (x - NR_PATCH_RADIUS, 0); u <= MIN (x + NR_PATCH_RADIUS, width - 1); u++)
      {
        const gint   target = v * width + u;
        const gfloat weight = level->weight[target];

        if (weight > 0.0f)
          {
            sum += weight * level->color[level->match[target] + at - target];
            total += weight;
          }
      }

  return sum / total;
}

/* In place: source patches hold no pixel of the hole, so nothing that is read is written. */
static void
vote_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  NrPatchLevel *level = data;

  for (gsize i = begin * level->width; i < end * level->width; i++)
    if (level->is_hole[i])
      level->color[i] = nr_patch_vote_at (level, i);
}

gboolean
nr_patch_vote (NrFillJob *job, NrPatchLevel *level)
{
  return weigh_level (job, level) &&
         nr_fill_job_for (job, level->n_targets, level->height, 8 + 8192 / level->width, vote_rows, level);
}
