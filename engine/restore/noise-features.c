/* What the noise estimate looks at: statistics of flat blocks at three scales.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "noise-features.h"

enum
{
  N_SCALES   = 3,
  BLOCK      = 8,
  N_PIXELS   = BLOCK * BLOCK,
  MIN_USABLE = 32
};

/* Pixels at the ends of the 8-bit scale. */
static const gfloat black       = 0.5f;
static const gfloat white       = 254.5f;
static const guint  max_clipped = 8;

/* Ends of the groups of blocks, as shares of all. */
static const gdouble group_ends[] = { 0, 0.05, 0.15, 0.30, 0.50 };

enum
{
  N_GROUPS = G_N_ELEMENTS (group_ends) - 1
};

typedef struct
{
  gfloat mean;     /* of the channel; not used of a difference */
  gfloat variance; /* about a fitted plane */
  gfloat diagonal; /* mean square of the diagonal Haar details */
} Stats;

/* One block of one channel at one scale. */
typedef struct
{
  Stats    own, difference;
  gboolean is_usable;
} Block;

struct _NrNoiseBlocks
{
  GArray *blocks[3][N_SCALES]; /* Block */
  guint64 n_black[3], n_white[3], n_pixels[3];
  gdouble sum[3];
};

NrNoiseBlocks *
nr_noise_blocks_new (void)
{
  NrNoiseBlocks *blocks = g_new0 (NrNoiseBlocks, 1);

  for (guint c = 0; c < 3; c++)
    for (guint s = 0; s < N_SCALES; s++)
      blocks->blocks[c][s] = g_array_new (FALSE, FALSE, sizeof (Block));
  return blocks;
}

void
nr_noise_blocks_free (NrNoiseBlocks *blocks)
{
  for (guint c = 0; c < 3; c++)
    for (guint s = 0; s < N_SCALES; s++)
      g_array_unref (blocks->blocks[c][s]);
  g_free (blocks);
}

/* -- Collecting ---------------------------------------------------------------------------------------------------- */

/* Statistics of the block at FROM with rows STRIDE apart. The plane fitted is mean + a x + b y, x and y from -3.5 to
 * 3.5, whose three base functions are orthogonal: the sums of squares simply come off. */
static Stats
block_stats (const gfloat *from, gsize stride)
{
  static const gfloat slope_norm = 1.0f / (BLOCK * 42); /* sum of x^2 over the block */

  gfloat sum = 0, square = 0, along_x = 0, along_y = 0, diagonal = 0;
  gfloat center;

  /* Variances are computed about the first pixel, or bright flat blocks would lose them to rounding. */
  center = from[0];
  for (gint y = 0; y < BLOCK; y++)
    for (gint x = 0; x < BLOCK; x++)
      {
        const gfloat value = from[y * stride + x] - center;

        sum += value;
        square += value * value;
        along_x += value * (x - 3.5f);
        along_y += value * (y - 3.5f);
      }
  for (gint y = 0; y < BLOCK; y += 2)
    for (gint x = 0; x < BLOCK; x += 2)
      {
        const gfloat *at     = from + y * stride + x;
        const gfloat  detail = (at[0] - at[1] - at[stride] + at[stride + 1]) / 2;

        diagonal += detail * detail;
      }
  square -= sum * sum / N_PIXELS + (along_x * along_x + along_y * along_y) * slope_norm;
  return (Stats) {
    .mean     = center + sum / N_PIXELS,
    .variance = MAX (square, 0) / (N_PIXELS - 3),
    .diagonal = diagonal / (N_PIXELS / 4),
  };
}

static gboolean
is_usable (const gfloat *from, gsize stride)
{
  guint n_clipped = 0;

  for (gint y = 0; y < BLOCK; y++)
    for (gint x = 0; x < BLOCK; x++)
      n_clipped += from[y * stride + x] <= black || from[y * stride + x] >= white;
  return n_clipped <= max_clipped;
}

/* The channel minus the mean of the other two. */
static void
make_difference (const NrPicture *window, guint channel, gfloat *difference)
{
  const gsize   plane = (gsize) window->width * window->height;
  const gfloat *own   = window->color + channel * plane;
  const gfloat *left  = window->color + (channel + 1) % 3 * plane;
  const gfloat *right = window->color + (channel + 2) % 3 * plane;

  for (gsize i = 0; i < plane; i++)
    difference[i] = own[i] - (left[i] + right[i]) / 2;
}

/* Adds all whole blocks of one channel; a block with a NaN is left out. */
static void
add_blocks (GArray *blocks, const gfloat *own, const gfloat *difference, gint width, gint height)
{
  for (gint y = 0; y + BLOCK <= height; y += BLOCK)
    for (gint x = 0; x + BLOCK <= width; x += BLOCK)
      {
        const gsize i     = (gsize) y * width + x;
        const Block block = { block_stats (own + i, width), block_stats (difference + i, width), is_usable (own + i, width) };

        if (isfinite (block.own.mean) && isfinite (block.difference.mean))
          g_array_append_val (blocks, block);
      }
}

/* Means of 2 x 2 pixels; PICTURE becomes half as large. */
static void
halve (NrPicture *picture)
{
  const gint width  = picture->width / 2;
  const gint height = picture->height / 2;

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < height; y++)
      {
        const gfloat *from = picture->color + ((gsize) c * picture->height + 2 * y) * picture->width;
        gfloat       *to   = picture->color + ((gsize) c * height + y) * width;

        /* Writing never passes reading: to <= from. */
        for (gint x = 0; x < width; x++)
          to[x] = (from[2 * x] + from[2 * x + 1] + from[2 * x + picture->width] + from[2 * x + 1 + picture->width]) / 4;
      }
  picture->width  = width;
  picture->height = height;
}

static void
count_pixels (NrNoiseBlocks *blocks, const NrPicture *window)
{
  const gsize plane = (gsize) window->width * window->height;

  for (guint c = 0; c < 3; c++)
    for (gsize i = 0; i < plane; i++)
      {
        const gfloat value = window->color[c * plane + i];

        if (! isfinite (value))
          continue;
        blocks->n_pixels[c]++;
        blocks->n_black[c] += value <= black;
        blocks->n_white[c] += value >= white;
        blocks->sum[c] += value;
      }
}

void
nr_noise_blocks_add (NrNoiseBlocks *blocks, NrPicture *window)
{
  g_autofree gfloat *difference = g_new (gfloat, (gsize) window->width * window->height);

  count_pixels (blocks, window);
  for (guint s = 0; s < N_SCALES; s++)
    {
      for (guint c = 0; c < 3; c++)
        {
          const gfloat *own = window->color + (gsize) c * window->width * window->height;

          make_difference (window, c, difference);
          add_blocks (blocks->blocks[c][s], own, difference, window->width, window->height);
        }
      halve (window);
    }
}

/* -- Features ------------------------------------------------------------------------------------------------------ */

static gint
compare_variance (gconstpointer a, gconstpointer b)
{
  const gfloat first  = ((const Stats *) a)->variance;
  const gfloat second = ((const Stats *) b)->variance;

  return (first > second) - (first < second);
}

static gint
compare_diagonal (gconstpointer a, gconstpointer b)
{
  const gfloat first  = ((const Stats *) a)->diagonal;
  const gfloat second = ((const Stats *) b)->diagonal;

  return (first > second) - (first < second);
}

static gfloat
root_log (gdouble square)
{
  return log (0.1 + sqrt (square));
}

/* Ten features of STATS, which are sorted; the groups' means / 255 go to MEANS unless NULL. The new end of FEATURES. */
static gfloat *
add_features (Stats *stats, guint n, gfloat *features, gfloat *means)
{
  qsort (stats, n, sizeof (Stats), compare_variance);
  for (guint g = 0; g < N_GROUPS; g++)
    {
      const guint begin = group_ends[g] * n;
      const guint end   = MAX ((guint) (group_ends[g + 1] * n), begin + 1);
      gdouble     mean = 0, variance = 0, diagonal = 0;

      for (guint i = begin; i < end; i++)
        {
          mean += stats[i].mean;
          variance += stats[i].variance;
          diagonal += stats[i].diagonal;
        }
      *features++ = root_log (variance / (end - begin));
      *features++ = root_log (diagonal / (end - begin));
      if (means)
        means[g] = mean / (end - begin) / 255;
    }

  qsort (stats, n, sizeof (Stats), compare_diagonal);
  *features++ = root_log (stats[(guint) (0.05 * n)].diagonal);
  *features++ = root_log (stats[(guint) (0.25 * n)].diagonal);
  return features;
}

/* The statistics of the blocks that count, of the channel or of the difference. */
static Stats *
pick_stats (const GArray *blocks, gboolean is_difference, guint *n, gfloat *usable_share)
{
  Stats *stats    = g_new (Stats, blocks->len);
  guint  n_usable = 0;

  for (guint i = 0; i < blocks->len; i++)
    n_usable += g_array_index (blocks, Block, i).is_usable;

  *n = 0;
  for (guint i = 0; i < blocks->len; i++)
    {
      const Block *block = &g_array_index (blocks, Block, i);

      if (block->is_usable || n_usable < MIN_USABLE)
        stats[(*n)++] = is_difference ? block->difference : block->own;
    }
  *usable_share = *n / (gfloat) blocks->len;
  return stats;
}

gboolean
nr_noise_blocks_features (const NrNoiseBlocks *blocks, guint channel, gfloat features[NR_NOISE_N_FEATURES])
{
  gfloat *end = features;
  gfloat  tail[N_GROUPS + 1];
  gdouble n_pixels = blocks->n_pixels[channel];

  if (blocks->blocks[channel][0]->len == 0)
    return FALSE;

  for (guint s = 0; s < N_SCALES; s++)
    for (guint is_difference = 0; is_difference < 2; is_difference++)
      {
        const GArray     *all   = blocks->blocks[channel][s];
        g_autofree Stats *stats = NULL;
        gfloat            share;
        guint             n;

        if (all->len == 0) /* a picture below 32 pixels: as if the noise were the same at the next scale */
          {
            memcpy (end, end - 20, 10 * sizeof (gfloat));
            end += 10;
            continue;
          }
        stats = pick_stats (all, is_difference, &n, &share);
        end   = add_features (stats, n, end, s == 0 && ! is_difference ? tail : NULL);
        if (s == 0)
          tail[N_GROUPS] = share;
      }

  memcpy (end, tail, sizeof (tail));
  end += G_N_ELEMENTS (tail);
  *end++ = blocks->n_black[channel] / n_pixels;
  *end++ = blocks->n_white[channel] / n_pixels;
  *end++ = blocks->sum[channel] / n_pixels / 255;
  g_assert (end == features + NR_NOISE_N_FEATURES);
  return TRUE;
}

/* Where in the features the variance of the blocks at 5-15 % and of their finest details stand, at full size; where those of
 * the difference to the other channels come, and those of the next size. */
enum
{
  FLAT_VARIANCE = 2,
  FLAT_DIAGONAL = 3,
  DIFFERENCE    = 10,
  NEXT_SIZE     = 20
};

void
nr_noise_grain (const gfloat features[NR_NOISE_N_FEATURES], gdouble grain[NR_NOISE_N_GRAIN])
{
  for (guint i = 0; i < 2; i++)
    {
      const gfloat *from = features + i * DIFFERENCE;

      grain[3 * i]     = from[FLAT_VARIANCE] - from[FLAT_DIAGONAL];
      grain[3 * i + 1] = from[FLAT_VARIANCE + NEXT_SIZE] - from[FLAT_VARIANCE];
      grain[3 * i + 2] = from[FLAT_VARIANCE + 2 * NEXT_SIZE] - from[FLAT_VARIANCE + NEXT_SIZE];
    }
  grain[6] = features[DIFFERENCE + FLAT_VARIANCE] - features[FLAT_VARIANCE];
}

/* -- Noise by brightness ------------------------------------------------------------------------------------------- */

/* Blocks that a step must have. */
static const guint min_blocks = 40;
/* Of them, the one at this share of those ordered by their finest details. */
static const gdouble step_share = 0.25;
/* What is added to mean squares: less than rounding to 8 bits leaves counts as equal. */
static const gdouble rounding    = 0.1;
static const gdouble least_ratio = 0.6, most_ratio = 1.6;
/* White noise measures so different at most: networks leave visible noise in smooth places that are told a few percent less. */
static const gdouble same_ratio = 0.1;

static gint
compare_floats (gconstpointer a, gconstpointer b)
{
  const gfloat first  = *(const gfloat *) a;
  const gfloat second = *(const gfloat *) b;

  return (first > second) - (first < second);
}

/* Mean square of the finest details of each step's blocks; 0 where there are too few. N_IN gets their number. */
static void
find_steps (const NrNoiseBlocks *blocks, gdouble square[NR_NOISE_N_STEPS], guint n_in[NR_NOISE_N_STEPS])
{
  const guint n = blocks->blocks[0][0]->len;
  GArray     *steps[NR_NOISE_N_STEPS];

  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    steps[s] = g_array_new (FALSE, FALSE, sizeof (gfloat));
  for (guint i = 0; i < n; i++)
    {
      gfloat   mean = 0, diagonal = 0;
      gboolean usable = TRUE;

      for (guint c = 0; c < 3; c++)
        {
          const Block *block = &g_array_index (blocks->blocks[c][0], Block, i);

          mean += block->own.mean / 3;
          diagonal += block->own.diagonal / 3;
          usable = usable && block->is_usable;
        }
      if (usable)
        g_array_append_val (steps[CLAMP ((gint) (mean * NR_NOISE_N_STEPS / 256), 0, NR_NOISE_N_STEPS - 1)], diagonal);
    }
  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    {
      n_in[s]   = steps[s]->len;
      square[s] = 0;
      if (n_in[s] >= min_blocks)
        {
          g_array_sort (steps[s], compare_floats);
          square[s] = rounding + g_array_index (steps[s], gfloat, (guint) (step_share * n_in[s]));
        }
      g_array_unref (steps[s]);
    }
}

/* The nearest step to S that has blocks. */
static guint
nearest_step (const gdouble square[NR_NOISE_N_STEPS], gint s)
{
  for (gint distance = 0; distance < NR_NOISE_N_STEPS; distance++)
    {
      if (s - distance >= 0 && square[s - distance] > 0)
        return s - distance;
      if (s + distance < NR_NOISE_N_STEPS && square[s + distance] > 0)
        return s + distance;
    }
  return s;
}

static gboolean
is_same (const gfloat curve[NR_NOISE_N_STEPS])
{
  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    if (fabs (curve[s] - 1) > same_ratio)
      return FALSE;
  return TRUE;
}

void
nr_noise_blocks_curve (const NrNoiseBlocks *blocks, gfloat curve[NR_NOISE_N_STEPS])
{
  gdouble square[NR_NOISE_N_STEPS];
  gdouble filled[NR_NOISE_N_STEPS];
  guint   n_in[NR_NOISE_N_STEPS];
  gdouble mean = 0, n = 0;

  find_steps (blocks, square, n_in);
  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    if (square[s] > 0)
      {
        mean += n_in[s] * square[s];
        n += n_in[s];
      }
  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    filled[s] = n > 0 ? square[nearest_step (square, s)] * n / mean : 1;
  for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
    {
      const gdouble smooth = (filled[s > 0 ? s - 1 : s] + 2 * filled[s] + filled[s + 1 < NR_NOISE_N_STEPS ? s + 1 : s]) / 4;

      curve[s] = CLAMP (sqrt (smooth), least_ratio, most_ratio);
    }
  if (is_same (curve))
    for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
      curve[s] = 1;
}
