/* One level of the patch pyramid: memory, halving, which patches there are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "patch-level.h"

#include "hole.h"

#include <math.h>
#include <string.h>

NrPatchLevel *
nr_patch_level_new (gint width, gint height)
{
  const gsize   n_pixels = (gsize) width * height;
  NrPatchLevel *level    = g_new0 (NrPatchLevel, 1);

  level->width      = width;
  level->height     = height;
  level->color      = g_aligned_alloc (n_pixels, sizeof (NrPatchPixel), 64);
  level->is_hole    = g_new (guint8, n_pixels);
  level->is_unclean = g_new (guint8, n_pixels);
  level->is_source  = g_new (guint8, n_pixels);
  level->trust      = g_new (gfloat, n_pixels);
  level->targets    = g_new (gint, n_pixels);
  level->match      = g_new (gint, n_pixels);
  level->new_match  = g_new (gint, n_pixels);
  level->cost       = g_new (gfloat, n_pixels);
  level->weight     = g_new (gfloat, n_pixels);

  return level;
}

void
nr_patch_level_free (NrPatchLevel *level)
{
  g_aligned_free (level->color);
  g_free (level->is_hole);
  g_free (level->is_unclean);
  g_free (level->is_source);
  g_free (level->trust);
  g_free (level->targets);
  g_free (level->match);
  g_free (level->new_match);
  g_free (level->cost);
  g_free (level->weight);
  g_free (level);
}

NrPatchLevel *
nr_patch_level_shrink (const NrPatchLevel *level)
{
  const gint    width  = (level->width + 1) / 2;
  const gint    height = (level->height + 1) / 2;
  NrPatchLevel *coarse = nr_patch_level_new (width, height);

  coarse->tolerance = level->tolerance;
  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      {
        const gsize  to    = (gsize) y * width + x;
        NrPatchPixel known = { 0 }, all = { 0 };
        gint         n_known = 0, n = 0;
        guint8       unclean = 0;

        for (gint v = 2 * y; v < MIN (2 * y + 2, level->height); v++)
          for (gint u = 2 * x; u < MIN (2 * x + 2, level->width); u++)
            {
              const gsize from = (gsize) v * level->width + u;

              all += level->color[from];
              n++;
              unclean |= level->is_unclean[from];
              if (! level->is_hole[from])
                {
                  known += level->color[from];
                  n_known++;
                }
            }
        coarse->color[to]      = n_known > 0 ? known / (gfloat) n_known : all / (gfloat) n;
        coarse->is_hole[to]    = n_known == 0;
        coarse->is_unclean[to] = unclean;
      }

  return coarse;
}

typedef struct
{
  const guint8 *is_set;
  gint          width, height;
  guint8       *rows;     /* 1: something set in the 7 pixels of the row around the pixel */
  guint8       *has_some; /* 1: something set in the patch around the pixel, which lies in the picture */
} Marks;

static void
mark_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Marks *marks = data;
  const gsize  width = marks->width;

  for (gsize y = begin; y < end; y++)
    for (gsize x = NR_PATCH_RADIUS; x < width - NR_PATCH_RADIUS; x++)
      marks->rows[y * width + x] = memchr (marks->is_set + y * width + x - NR_PATCH_RADIUS, 1, NR_PATCH_SIZE) != NULL;
}

static void
mark_columns (gsize begin, gsize end, guint thread, gpointer data)
{
  const Marks *marks = data;
  const gint   width = marks->width;

  for (gint y = begin; y < (gint) end; y++)
    {
      guint8 *has_some = marks->has_some + (gsize) y * width;

      memset (has_some, 0, width);
      if (y < NR_PATCH_RADIUS || y >= marks->height - NR_PATCH_RADIUS)
        continue;
      for (gint v = y - NR_PATCH_RADIUS; v <= y + NR_PATCH_RADIUS; v++)
        for (gint x = NR_PATCH_RADIUS; x < width - NR_PATCH_RADIUS; x++)
          has_some[x] |= marks->rows[(gsize) v * width + x];
    }
}

/* Which patches hold a pixel with is_set 1. FALSE: cancelled. */
static gboolean
mark_patches (NrFillJob *job, const guint8 *is_set, gint width, gint height, guint8 *has_some)
{
  g_autofree guint8 *rows  = g_new (guint8, (gsize) width * height);
  Marks              marks = { is_set, width, height, rows, has_some };
  const gsize        grain = 16 + 65536 / width;

  return nr_fill_job_for (job, 0.0, height, grain, mark_rows, &marks) &&
         nr_fill_job_for (job, 0.0, height, grain, mark_columns, &marks);
}

static gboolean
find_sources (NrFillJob *job, NrPatchLevel *level, gboolean *any)
{
  const gint width  = level->width;
  const gint height = level->height;

  *any = FALSE;
  if (! mark_patches (job, level->is_unclean, width, height, level->is_source))
    return FALSE;

  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      {
        guint8        *is_source = level->is_source + (gsize) y * width + x;
        const gboolean is_whole  = x >= NR_PATCH_RADIUS && x < width - NR_PATCH_RADIUS &&
                                  y >= NR_PATCH_RADIUS && y < height - NR_PATCH_RADIUS;

        *is_source = is_whole && ! *is_source;
        *any |= *is_source;
      }

  return TRUE;
}

static gboolean
find_targets (NrFillJob *job, NrPatchLevel *level)
{
  const gsize        n_pixels  = (gsize) level->width * level->height;
  g_autofree guint8 *is_target = g_new (guint8, n_pixels);

  if (! mark_patches (job, level->is_hole, level->width, level->height, is_target))
    return FALSE;

  level->n_targets = 0;
  for (gsize i = 0; i < n_pixels; i++)
    {
      level->match[i]     = -1;
      level->new_match[i] = -1;
      level->weight[i]    = 0.0f;
      if (is_target[i])
        level->targets[level->n_targets++] = i;
    }

  return TRUE;
}

/* Distance to confidence: 1 outside the hole, Wexler's 1.3 less with each pixel inside. */
static void
trust_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const NrPatchLevel *level = data;

  for (gsize i = begin * level->width; i < end * level->width; i++)
    level->trust[i] = level->is_hole[i] ? powf (1.3f, -level->trust[i]) : 1.0f;
}

gboolean
nr_patch_level_prepare (NrFillJob *job, NrPatchLevel *level, gboolean *has_source)
{
  /* From this depth on all patches are equally in the dark. */
  const gfloat       deepest  = 40.0f;
  const gsize        n_pixels = (gsize) level->width * level->height;
  g_autofree guint8 *is_known = g_new (guint8, n_pixels);

  for (gsize i = 0; i < n_pixels; i++)
    is_known[i] = ! level->is_hole[i];

  return nr_hole_distance (job, is_known, level->width, level->height, deepest, level->trust) &&
         nr_fill_job_for (job, 0.0, level->height, 16 + 16384 / level->width, trust_rows, level) &&
         find_targets (job, level) &&
         find_sources (job, level, has_source);
}
