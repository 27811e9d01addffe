/* Bridging: thin and scattered holes are continued along the structures that run into them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "bridge.h"

#include "dct8.h"
#include "hole.h"
#include "membrane.h"

#include <math.h>
#include <string.h>

enum
{
  BLOCK       = 8,  /* pixels a side */
  STEP        = 2,  /* pixels from block to block; the grid shifts from round to round, or 0.4 dB are lost */
  STRIPE_ROWS = 16, /* rows of blocks that one thread takes at once; their pixels overlap the next stripe's only */
  WIDE        = 5   /* a hole into which a square of this side fits is bridged on the coarser level first */
};

/* Thresholds of the first round on the coarsest level and on those with a start from a coarser one, and of the last. */
static const gfloat first_threshold[2] = { 0.3f, 0.2f };
static const gfloat last_threshold     = 0.008f;
static const gint   n_rounds           = 30;
/* Each round goes this much further than its estimate, which saves a third of the rounds. */
static const gfloat overshoot = 1.6f;

typedef struct
{
  gfloat       *planes; /* decorrelated while shrinking */
  gint          n_planes, width, height;
  const guint8 *active; /* 1: pixel to be found on this level */
  gint          n_columns, n_rows; /* of blocks */
  gfloat       *sum;    /* n_planes planes and one of the numbers of blocks */
  gfloat        threshold;
  gint          shift_x, shift_y; /* of the grid of blocks */
  gint          first_stripe; /* 0: even stripes, 1: odd ones */
} Level;

/* Orthonormal, so that one threshold serves all planes: luminance-like, red - blue, green - magenta. */
static void
decorrelate (gfloat *planes, gsize n_pixels)
{
  gfloat *r = planes, *g = planes + n_pixels, *b = planes + 2 * n_pixels;

  for (gsize i = 0; i < n_pixels; i++)
    {
      const gfloat red = r[i], green = g[i], blue = b[i];

      r[i] = (red + green + blue) * 0.57735027f;
      g[i] = (red - blue) * 0.70710678f;
      b[i] = (red - 2.0f * green + blue) * 0.40824829f;
    }
}

static void
correlate (gfloat *planes, gsize n_pixels)
{
  gfloat *r = planes, *g = planes + n_pixels, *b = planes + 2 * n_pixels;

  for (gsize i = 0; i < n_pixels; i++)
    {
      const gfloat luma = r[i] * 0.57735027f, red_blue = g[i] * 0.70710678f, green = b[i] * 0.40824829f;

      r[i] = luma + red_blue + green;
      g[i] = luma - 2.0f * green;
      b[i] = luma - red_blue + green;
    }
}

/* Enough for every shift. */
static inline gint
n_blocks (gint length)
{
  return (length - BLOCK + STEP - 1) / STEP + 2;
}

/* Position of block I along a side of LENGTH pixels; the first begins and the last ends with the picture. */
static inline gint
block_position (gint i, gint shift, gint length)
{
  return CLAMP (i * STEP - shift, 0, length - BLOCK);
}

static gboolean
block_has_active (const guint8 *active, gint width, gint x, gint y)
{
  for (gint v = 0; v < BLOCK; v++)
    if (memchr (active + (gsize) (y + v) * width + x, 1, BLOCK) != NULL)
      return TRUE;

  return FALSE;
}

/* Sets coefficients below the threshold to 0, but not the mean. */
static void
shrink_block (gfloat *block, gfloat threshold)
{
  const gfloat mean = block[0];

  for (gint i = 0; i < BLOCK * BLOCK; i++)
    block[i] = fabsf (block[i]) > threshold ? block[i] : 0.0f;
  block[0] = mean;
}

/* Adds the block's estimate to the sums. All blocks count the same: weights by sparsity cost 0.1 dB. */
static void
shrink_at (const Level *level, gint x, gint y)
{
  const gsize n_pixels = (gsize) level->width * level->height;
  const gsize origin   = (gsize) y * level->width + x;
  gfloat     *count    = level->sum + level->n_planes * n_pixels + origin;
  gfloat      block[BLOCK * BLOCK] __attribute__ ((aligned (16)));

  for (gint p = 0; p < level->n_planes; p++)
    {
      const gfloat *from = level->planes + p * n_pixels + origin;
      gfloat       *to   = level->sum + p * n_pixels + origin;

      for (gint v = 0; v < BLOCK; v++)
        memcpy (block + v * BLOCK, from + (gsize) v * level->width, BLOCK * sizeof (gfloat));
      nr_dct8_forward (block);
      shrink_block (block, level->threshold);
      nr_dct8_inverse (block);
      for (gint v = 0; v < BLOCK; v++)
        for (gint u = 0; u < BLOCK; u++)
          to[(gsize) v * level->width + u] += block[v * BLOCK + u];
    }

  for (gint v = 0; v < BLOCK; v++)
    for (gint u = 0; u < BLOCK; u++)
      count[(gsize) v * level->width + u] += 1.0f;
}

static void
shrink_stripes (gsize begin, gsize end, guint thread, gpointer data)
{
  const Level *level = data;

  for (gsize i = begin; i < end; i++)
    {
      const gint first = (2 * i + level->first_stripe) * STRIPE_ROWS;

      for (gint row = first; row < MIN (first + STRIPE_ROWS, level->n_rows); row++)
        for (gint column = 0; column < level->n_columns; column++)
          {
            const gint x = block_position (column, level->shift_x, level->width);
            const gint y = block_position (row, level->shift_y, level->height);

            if (block_has_active (level->active, level->width, x, y))
              shrink_at (level, x, y);
          }
    }
}

/* The hole takes the mean of the blocks' estimates; the sums are zero again afterwards. */
static void
update_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Level *level    = data;
  const gsize  n_pixels = (gsize) level->width * level->height;
  const gsize  first    = begin * level->width;
  const gsize  last     = end * level->width;

  for (gint p = 0; p < level->n_planes; p++)
    {
      gfloat       *value = level->planes + p * n_pixels;
      gfloat       *sum   = level->sum + p * n_pixels;
      const gfloat *count = level->sum + level->n_planes * n_pixels;

      for (gsize i = first; i < last; i++)
        if (level->active[i])
          value[i] += overshoot * (sum[i] / count[i] - value[i]);
      memset (sum + first, 0, (last - first) * sizeof (gfloat));
    }
  memset (level->sum + level->n_planes * n_pixels + first, 0, (last - first) * sizeof (gfloat));
}

/* About how many blocks of a round have an active pixel, from squares of their size that do not overlap. */
static gsize
count_blocks (const guint8 *active, gint width, gint height)
{
  gsize n = 0;

  for (gint y = 0; y <= height - BLOCK; y += BLOCK)
    for (gint x = 0; x <= width - BLOCK; x += BLOCK)
      n += block_has_active (active, width, x, y);

  return n * (BLOCK / STEP) * (BLOCK / STEP);
}

static gboolean
shrink_level (NrFillJob *job, Level *level, gboolean has_start)
{
  const gsize   n_pixels  = (gsize) level->width * level->height;
  const gint    n_stripes = (level->n_rows + STRIPE_ROWS - 1) / STRIPE_ROWS;
  const gsize   n_active  = count_blocks (level->active, level->width, level->height);
  const gdouble work      = n_active * 0.5;
  const gsize   grain     = n_active < 4096 ? n_stripes : 1; /* a round of 1 ms is not worth waking threads */
  const gfloat  fall      = last_threshold / first_threshold[has_start];
  gboolean      done      = TRUE;

  level->sum = g_new0 (gfloat, (level->n_planes + 1) * n_pixels);
  if (level->n_planes == 3)
    decorrelate (level->planes, n_pixels);

  for (gint i = 0; i < n_rounds && done; i++)
    {
      level->threshold = first_threshold[has_start] * powf (fall, (gfloat) i / (n_rounds - 1));
      level->shift_x   = i % STEP;
      level->shift_y   = i / STEP % STEP;
      for (level->first_stripe = 0; level->first_stripe < 2 && done; level->first_stripe++)
        done = nr_fill_job_for (job, work, (n_stripes + 1 - level->first_stripe) / 2, grain, shrink_stripes, level);
      if (done)
        done = nr_fill_job_for (job, 0.0, level->height, 16 + 65536 / level->width, update_rows, level);
    }

  if (level->n_planes == 3)
    correlate (level->planes, n_pixels);
  g_free (level->sum);

  return done;
}

/* Starts the hole from the level of half the size, itself bridged. */
static gboolean
start_from_coarse (NrFillJob *job, gfloat *planes, gint n_planes, gint width, gint height, const guint8 *is_unknown)
{
  const gint         coarse_width      = (width + 1) / 2;
  const gint         coarse_height     = (height + 1) / 2;
  const gsize        n_coarse_pixels   = (gsize) coarse_width * coarse_height;
  g_autofree gfloat *coarse            = g_new (gfloat, n_planes * n_coarse_pixels);
  g_autofree guint8 *coarse_is_unknown = g_new (guint8, n_coarse_pixels);
  g_autofree guint8 *skip              = g_new0 (guint8, n_coarse_pixels);

  nr_membrane_shrink (planes, n_planes, width, height, is_unknown, coarse, coarse_is_unknown);
  if (! nr_bridge_fill (job, coarse, n_planes, coarse_width, coarse_height, coarse_is_unknown, skip))
    return FALSE;
  nr_membrane_enlarge (coarse, n_planes, width, height, is_unknown, planes);

  return TRUE;
}

gboolean
nr_bridge_fill (NrFillJob    *job,
                gfloat       *planes,
                gint          n_planes,
                gint          width,
                gint          height,
                const guint8 *is_unknown,
                const guint8 *skip)
{
  const gsize        n_pixels  = (gsize) width * height;
  const gboolean     is_small  = MIN (width, height) < BLOCK;
  const gboolean     has_start = ! is_small && nr_hole_has_square (is_unknown, width, height, WIDE);
  g_autofree guint8 *active    = g_new (guint8, n_pixels);
  Level              level     = { 0 };

  if (has_start ? ! start_from_coarse (job, planes, n_planes, width, height, is_unknown)
                : ! nr_membrane_fill (job, planes, n_planes, width, height, is_unknown))
    return FALSE;
  if (is_small)
    return TRUE;

  for (gsize i = 0; i < n_pixels; i++)
    active[i] = is_unknown[i] && ! skip[i];
  level.planes    = planes;
  level.n_planes  = n_planes;
  level.width     = width;
  level.height    = height;
  level.active    = active;
  level.n_columns = n_blocks (width);
  level.n_rows    = n_blocks (height);

  return shrink_level (job, &level, has_start);
}

gdouble
nr_bridge_work (gint width, gint height, const guint8 *is_unknown, const guint8 *skip)
{
  const gsize        n_pixels = (gsize) width * height;
  g_autofree guint8 *active   = g_new (guint8, n_pixels);

  if (MIN (width, height) < BLOCK)
    return 0.0;
  for (gsize i = 0; i < n_pixels; i++)
    active[i] = is_unknown[i] && ! skip[i];

  /* The levels below have a third of the finest one's blocks together. */
  return count_blocks (active, width, height) * 4.0 / 3.0 * n_rounds;
}
