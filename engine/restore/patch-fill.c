/* Completion of one wide hole by patches, from coarse to fine.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "patch-fill.h"

#include "hole.h"
#include "membrane.h"
#include "patch-level.h"

#include <math.h>

enum
{
  DEEP         = 5,  /* a hole into which a square of this side fits is completed on the coarser level first */
  FIRST_ROUNDS = 4,  /* of search, from random matches on the coarsest level */
  ROUNDS       = 2,  /* of search before each vote */
  TOP_TURNS    = 12, /* of search and vote on the coarsest level, */
  TURNS        = 8,  /* on those between, */
  LAST_TURNS   = 4   /* on the finest */
};

/* How much the texture feature counts beside the colors. 0 makes the middle of textured holes smooth, above 4 edges
 * stop fitting. */
static const gfloat feature_weight = 2.0f;

/* A sketch is followed by so many levels: its shapes are seen at a quarter of the size. */
static const guint sketch_levels = 3;
/* Half side of the squares over which colors are averaged before they are compared with a sketch, at its coarsest level. */
static const gint sketch_radius = 2;
/* Of the votes. Patches that agree, as those do that grew from coarser levels, can be averaged. Those that follow a sketch
 * agree less, and their means would be streaks and smears; 0.05 to 0.1 tears edges apart. */
static const gfloat tolerances[] = { [NR_PATCH_ANY_GUESS] = 1.0f, [NR_PATCH_SKETCH] = 0.2f };

/* -- Texture feature ---------------------------------------------------------------------------------------------- */

/* Luminance-like mean of the planes. */
static gfloat
pixel_mean (const gfloat *planes, gint n_planes, gsize n_pixels, gsize at)
{
  gfloat sum = 0.0f;

  for (gint p = 0; p < n_planes; p++)
    sum += planes[p * n_pixels + at];

  return sum / n_planes;
}

typedef struct
{
  const gfloat *planes;
  gint          n_planes, width, height;
  const guint8 *is_hole;
  gfloat       *slope;
  gfloat       *feature;
  guint8       *is_unknown; /* 1: nothing but hole around the pixel */
} Texture;

static void
texture_slopes (gsize begin, gsize end, guint thread, gpointer data)
{
  const Texture *texture  = data;
  const gint     width    = texture->width;
  const gsize    n_pixels = (gsize) width * texture->height;

  for (gsize y = begin; y < end; y++)
    for (gint x = 0; x < width; x++)
      {
        const gsize  at    = y * width + x;
        const gsize  next  = x < width - 1 ? at + 1 : at;
        const gsize  under = y < (gsize) texture->height - 1 ? at + width : at;
        const gfloat here  = pixel_mean (texture->planes, texture->n_planes, n_pixels, at);
        const gfloat right = pixel_mean (texture->planes, texture->n_planes, n_pixels, next);
        const gfloat below = pixel_mean (texture->planes, texture->n_planes, n_pixels, under);

        texture->slope[at] = fabsf (right - here) + fabsf (below - here);
      }
}

/* Mean slope outside the hole in squares of 5 pixels. */
static void
texture_means (gsize begin, gsize end, guint thread, gpointer data)
{
  enum
  {
    RADIUS = 2
  };
  const Texture *texture = data;
  const gint     width   = texture->width;

  for (gint y = begin; y < (gint) end; y++)
    for (gint x = 0; x < width; x++)
      {
        const gsize at  = (gsize) y * width + x;
        gfloat      sum = 0.0f;
        gint        n   = 0;

        for (gint v = MAX (y - RADIUS, 0); v <= MIN (y + RADIUS, texture->height - 1); v++)
          for (gint u = MAX (x - RADIUS, 0); u <= MIN (x + RADIUS, width - 1); u++)
            if (! texture->is_hole[(gsize) v * width + u])
              {
                sum += texture->slope[(gsize) v * width + u];
                n++;
              }
        texture->feature[at]    = n > 0 ? sum / n : 0.0f;
        texture->is_unknown[at] = n == 0;
      }
}

/* The texture feature: mean slope around each pixel, strong where there is fine texture. Known outside the hole,
 * smooth inside. FALSE: cancelled. */
static gboolean
find_texture (NrFillJob    *job,
              const gfloat *planes,
              gint          n_planes,
              gint          width,
              gint          height,
              const guint8 *is_hole,
              gfloat       *feature)
{
  const gsize        n_pixels   = (gsize) width * height;
  const gsize        grain      = 16 + 16384 / width;
  g_autofree gfloat *slope      = g_new (gfloat, n_pixels);
  g_autofree guint8 *is_unknown = g_new (guint8, n_pixels);
  Texture            texture    = { planes, n_planes, width, height, is_hole, slope, feature, is_unknown };

  return nr_fill_job_for (job, 0.0, height, grain, texture_slopes, &texture) &&
         nr_fill_job_for (job, 0.0, height, grain, texture_means, &texture) &&
         nr_membrane_fill (job, feature, 1, width, height, is_unknown);
}

/* -- Seams -------------------------------------------------------------------------------------------------------- */

/* Around the hole the vote and the picture differ a little; that difference, continued smoothly into the hole, is
 * taken off the vote there: gradients of the patches with the colors of the border (Perez et al. 2003, section 3). */
static gboolean
level_colors (NrFillJob *job, NrPatchLevel *level, gint n_planes)
{
  const gsize        n_pixels   = (gsize) level->width * level->height;
  g_autofree gfloat *difference = g_new0 (gfloat, n_planes * n_pixels);
  g_autofree guint8 *is_unknown = g_new (guint8, n_pixels);
  g_autofree guint8 *is_near    = g_new0 (guint8, n_pixels);

  for (gint i = 0; i < level->n_targets; i++)
    is_near[level->targets[i]] = 1;

  for (gsize i = 0; i < n_pixels; i++)
    {
      is_unknown[i] = level->is_hole[i] || ! is_near[i];
      if (! is_unknown[i])
        {
          const NrPatchPixel off = level->color[i] - nr_patch_vote_at (level, i);

          for (gint p = 0; p < n_planes; p++)
            difference[p * n_pixels + i] = off[p];
        }
    }

  if (! nr_membrane_fill (job, difference, n_planes, level->width, level->height, is_unknown))
    return FALSE;

  for (gsize i = 0; i < n_pixels; i++)
    if (level->is_hole[i])
      for (gint p = 0; p < n_planes; p++)
        level->color[i][p] += difference[p * n_pixels + i];

  return TRUE;
}

/* -- Pyramid ------------------------------------------------------------------------------------------------------ */

/* Search and vote in turn until the patches agree. */
static gboolean
complete_level (NrFillJob *job, NrPatchLevel *level, gint n_turns, guint seed)
{
  for (gint i = 0; i < n_turns; i++)
    if (! nr_patch_search (job, level, ROUNDS, seed + ROUNDS * i) ||
        ! nr_patch_vote (job, level))
      return FALSE;

  return TRUE;
}

typedef struct
{
  const NrPatchLevel *level;
  NrPatchPixel       *soft;
} Soften;

static void
soften_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Soften       *soften = data;
  const NrPatchLevel *level  = soften->level;

  for (gint y = begin; y < (gint) end; y++)
    for (gint x = 0; x < level->width; x++)
      {
        NrPatchPixel sum = { 0 };
        gint         n   = 0;

        for (gint v = MAX (y - sketch_radius, 0); v <= MIN (y + sketch_radius, level->height - 1); v++)
          for (gint u = MAX (x - sketch_radius, 0); u <= MIN (x + sketch_radius, level->width - 1); u++, n++)
            sum += level->color[(gsize) v * level->width + u];
        soften->soft[(gsize) y * level->width + x] = sum / (gfloat) n;
      }
}

/* The first search on a level whose hole holds a sketch: what looks like it without fine detail. Compared with the picture
 * as it is, a sketch is most like what is smooth. */
static gboolean
search_by_sketch (NrFillJob *job, NrPatchLevel *level, guint seed)
{
  const gsize   n_pixels = (gsize) level->width * level->height;
  NrPatchPixel *color    = level->color;
  Soften        soften   = { level, g_aligned_alloc (n_pixels, sizeof (NrPatchPixel), 64) };
  gboolean      is_done  = nr_fill_job_for (job, 0.0, level->height, 1 + 1024 / level->width, soften_rows, &soften);

  level->color = soften.soft;
  is_done      = is_done && nr_patch_search (job, level, FIRST_ROUNDS, seed);
  level->color = color;
  g_aligned_free (soften.soft);
  return is_done;
}

static gboolean
first_search (NrFillJob *job, NrPatchLevel *level, NrPatchGuess guess, guint seed)
{
  return guess == NR_PATCH_SKETCH ? search_by_sketch (job, level, seed) : nr_patch_search (job, level, FIRST_ROUNDS, seed);
}

/* LEVELS from fine to coarse. The first matches of the coarsest are found by the guess that the hole holds, those of
 * the others come from the level before. */
static gboolean
complete_pyramid (NrFillJob *job, GPtrArray *levels, NrPatchGuess guess, guint seed)
{
  const gint    n_levels = levels->len;
  NrPatchLevel *coarser  = NULL;

  for (gint i = n_levels - 1; i >= 0; i--)
    {
      NrPatchLevel *level      = g_ptr_array_index (levels, i);
      const guint   level_seed = seed + 1000 * (i + 1);
      const gint    n_turns    = i == 0 ? LAST_TURNS : coarser == NULL ? TOP_TURNS
                                                                       : TURNS;

      if (! nr_patch_search_init (job, level, coarser, level_seed) ||
          (coarser == NULL && ! first_search (job, level, guess, level_seed + 500)) ||
          ! nr_patch_vote (job, level) ||
          ! complete_level (job, level, n_turns, level_seed))
        return FALSE;
      coarser = level;
    }

  return TRUE;
}

static NrPatchLevel *
finest_level (NrFillJob    *job,
              const gfloat *planes,
              gint          n_planes,
              gint          width,
              gint          height,
              const guint8 *is_hole,
              const guint8 *is_unclean)
{
  const gsize              n_pixels = (gsize) width * height;
  g_autoptr (NrPatchLevel) level    = nr_patch_level_new (width, height);
  g_autofree gfloat       *feature  = g_new (gfloat, n_pixels);

  if (! find_texture (job, planes, n_planes, width, height, is_hole, feature))
    return NULL;

  for (gsize i = 0; i < n_pixels; i++)
    {
      level->color[i] = (NrPatchPixel) { 0 };
      for (gint p = 0; p < n_planes; p++)
        level->color[i][p] = planes[p * n_pixels + i];
      level->color[i][3]   = feature_weight * feature[i];
      level->is_hole[i]    = is_hole[i];
      level->is_unclean[i] = is_unclean[i];
    }

  return g_steal_pointer (&level);
}

/* The levels from fine to coarse; none where there is no source patch. FALSE: cancelled. */
static gboolean
build_pyramid (NrFillJob *job, NrPatchLevel *finest, guint max_levels, GPtrArray *levels)
{
  NrPatchLevel *level      = finest;
  gboolean      has_source = FALSE;

  for (;;)
    {
      g_ptr_array_add (levels, level);
      if (! nr_patch_level_prepare (job, level, &has_source))
        return FALSE;
      if (! has_source || level->n_targets == 0)
        {
          g_ptr_array_set_size (levels, levels->len - 1);
          return TRUE;
        }
      if (levels->len == max_levels || MIN (level->width, level->height) < 4 * NR_PATCH_SIZE ||
          ! nr_hole_has_square (level->is_hole, level->width, level->height, DEEP))
        return TRUE;
      level = nr_patch_level_shrink (level);
    }
}

gboolean
nr_patch_fill (NrFillJob    *job,
               gfloat       *planes,
               gint          n_planes,
               gint          width,
               gint          height,
               const guint8 *is_hole,
               const guint8 *is_unclean,
               NrPatchGuess  guess,
               guint         seed)
{
  const gsize           n_pixels = (gsize) width * height;
  g_autoptr (GPtrArray) levels   = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_patch_level_free);
  NrPatchLevel         *finest   = finest_level (job, planes, n_planes, width, height, is_hole, is_unclean);

  if (finest == NULL)
    return FALSE;
  finest->tolerance = tolerances[guess];
  if (! build_pyramid (job, finest, guess == NR_PATCH_SKETCH ? sketch_levels : G_MAXUINT, levels))
    return FALSE;
  if (levels->len == 0)
    return TRUE;

  if (! complete_pyramid (job, levels, guess, seed) || ! level_colors (job, finest, n_planes))
    return FALSE;

  for (gsize i = 0; i < n_pixels; i++)
    if (is_hole[i])
      for (gint p = 0; p < n_planes; p++)
        planes[p * n_pixels + i] = finest->color[i][p];

  return TRUE;
}

gdouble
nr_patch_fill_work (gint width, gint height, const guint8 *is_hole)
{
  /* A third for the coarser levels together, whose targets are a quarter each time. */
  const gdouble turns = LAST_TURNS + TURNS / 3.0;
  gsize         n     = 0;

  for (gsize i = 0; i < (gsize) width * height; i++)
    n += is_hole[i];

  return n * turns * (ROUNDS + 1);
}
