/* What the blur estimate looks at: the spectrum and the edges of a picture's luma.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "blur-blocks.h"
#include "clones.h"
#include "window.h"

enum
{
  BLOCK = NR_BLUR_BLOCK,
  HALF  = NR_BLUR_HALF,
  BATCH = 16 /* blocks that are looked at at a time */
};

static const gint    block_step   = 32;   /* at least so many pixels from block to block */
static const gint    max_blocks   = 200;
static const gdouble least_energy = 1e-6; /* a block's weight falls with the root of its variance, above this */
static const gint    edge_step    = 84;   /* about so many pixels between blocks whose edges are looked at */

typedef struct
{
  gfloat       window[BLOCK];
  gfloat       cosine[BLOCK][HALF], sine[BLOCK][HALF]; /* of a row */
  gfloat      *pixels; /* BATCH blocks of luma */
  gfloat      *power;  /* BATCH spectra */
  gdouble      weight[BATCH];
  gboolean     takes_edges[BATCH];
  NrEdgeWidths widths[BATCH];
} Transform;

/* The Fourier transform of ROW at HALF frequencies: TO_REAL + i TO_IMAGINARY. */
static void
transform_row (const Transform *transform, const gfloat *row, gfloat *restrict to_real, gfloat *restrict to_imaginary)
{
  memset (to_real, 0, HALF * sizeof (gfloat));
  memset (to_imaginary, 0, HALF * sizeof (gfloat));
  for (gint x = 0; x < BLOCK; x++)
    {
      const gfloat *cosine = transform->cosine[x];
      const gfloat *sine   = transform->sine[x];

      for (gint k = 0; k < HALF; k++)
        {
          to_real[k] += row[x] * cosine[k];
          to_imaginary[k] -= row[x] * sine[k];
        }
    }
}

/* Row K of the transform down the columns, from those of the rows; its squares into TO. */
NR_CLONES static void
transform_columns (const Transform *transform, gint k, gfloat (*real)[HALF], gfloat (*imaginary)[HALF], gfloat *restrict to)
{
  gfloat sum_real[HALF]      = { 0 };
  gfloat sum_imaginary[HALF] = { 0 };

  for (gint y = 0; y < BLOCK; y++)
    {
      const gint   turn   = k * y % BLOCK;
      const gint   folded = turn < HALF ? turn : BLOCK - turn;
      const gfloat cosine = transform->cosine[1][folded];
      const gfloat sine   = turn < HALF ? transform->sine[1][folded] : -transform->sine[1][folded];

      for (gint x = 0; x < HALF; x++)
        {
          sum_real[x] += cosine * real[y][x] + sine * imaginary[y][x];
          sum_imaginary[x] += cosine * imaginary[y][x] - sine * real[y][x];
        }
    }
  for (gint x = 0; x < HALF; x++)
    to[x] = (sum_real[x] * sum_real[x] + sum_imaginary[x] * sum_imaginary[x]) / (BLOCK * BLOCK);
}

/* NrRangeFunc: power spectra of blocks [begin, end), their weights and edges. */
static void
transform_blocks (gsize begin, gsize end, guint thread, gpointer data)
{
  Transform         *transform = data;
  g_autofree gfloat *memory    = g_new (gfloat, 2 * BLOCK * HALF);
  gfloat (*real)[HALF]         = (gpointer) memory;
  gfloat (*imaginary)[HALF]    = (gpointer) (memory + BLOCK * HALF);

  for (gsize i = begin; i < end; i++)
    {
      gfloat *pixels = transform->pixels + i * BLOCK * BLOCK;
      gdouble mean   = 0;
      gdouble square = 0;

      transform->widths[i] = (NrEdgeWidths) { 0 };
      if (transform->takes_edges[i])
        nr_edge_widths_add (&transform->widths[i], pixels, BLOCK);
      for (gint j = 0; j < BLOCK * BLOCK; j++)
        mean += pixels[j] / (BLOCK * BLOCK);
      for (gint j = 0; j < BLOCK * BLOCK; j++)
        {
          pixels[j] -= mean;
          square += pixels[j] * pixels[j] / (BLOCK * BLOCK);
          pixels[j] *= transform->window[j / BLOCK] * transform->window[j % BLOCK];
        }
      transform->weight[i] = 1 / sqrt (MAX (square, least_energy));
      for (gint y = 0; y < BLOCK; y++)
        transform_row (transform, pixels + y * BLOCK, real[y], imaginary[y]);
      for (gint k = 0; k < BLOCK; k++)
        transform_columns (transform, k, real, imaginary, transform->power + (i * BLOCK + k) * HALF);
    }
}

static Transform *
transform_new (void)
{
  Transform *transform = g_new0 (Transform, 1);
  gdouble    square    = 0;

  for (gint x = 0; x < BLOCK; x++)
    {
      transform->window[x] = 0.5 - 0.5 * cos (2 * G_PI * x / (BLOCK - 1));
      square += transform->window[x] * transform->window[x] / BLOCK;
      for (gint k = 0; k < HALF; k++)
        {
          transform->cosine[x][k] = cos (2 * G_PI * (x * k % BLOCK) / BLOCK);
          transform->sine[x][k]   = sin (2 * G_PI * (x * k % BLOCK) / BLOCK);
        }
    }
  for (gint x = 0; x < BLOCK; x++)
    transform->window[x] /= sqrt (square);
  transform->pixels = g_new (gfloat, BATCH * BLOCK * BLOCK);
  transform->power  = g_new (gfloat, BATCH * BLOCK * HALF);
  return transform;
}

static void
transform_free (Transform *transform)
{
  g_free (transform->pixels);
  g_free (transform->power);
  g_free (transform);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Transform, transform_free)

/* Blocks along an axis: the first one's place, their distance and number. */
typedef struct
{
  gint start, step, n;
} Grid;

static Grid
grid_along (gint size, gint step)
{
  const gint room = size - BLOCK;

  if (room <= 0)
    return (Grid) { room / 2, step, 1 };
  return (Grid) { room % step / 2, step, room / step + 1 };
}

static gboolean
read_luma (const NrSource *source, gint x, gint y, gfloat *luma, GError **error)
{
  const NrRect          rect   = { x, y, BLOCK, BLOCK };
  const gsize           plane  = BLOCK * BLOCK;
  g_autoptr (NrPicture) pixels = nr_window_read (source, &rect, 0, 1, error);

  if (! pixels)
    return FALSE;
  for (gsize i = 0; i < plane; i++)
    luma[i] = (pixels->color[i] + pixels->color[plane + i] + pixels->color[2 * plane + i]) / 3;
  return TRUE;
}

static void
add_widths (NrEdgeWidths *sum, const NrEdgeWidths *widths)
{
  for (gint r = 0; r < NR_BLUR_N_RATIOS; r++)
    for (gint i = 0; i < NR_BLUR_EDGE_STEPS; i++)
      sum->count[r][i] += widths->count[r][i];
}

NrBlurEvidence *
nr_blur_blocks_read (const NrSource *source, NrPool *pool, GCancellable *cancellable, GError **error)
{
  g_autoptr (Transform)      transform = transform_new ();
  g_autofree NrBlurEvidence *evidence  = g_new0 (NrBlurEvidence, 1);
  NrEdgeWidths               widths    = { 0 };
  gdouble                    total     = 0;
  gint                       step      = block_step;
  gint                       stride;
  Grid                       across, down;

  do
    {
      across = grid_along (source->width, step);
      down   = grid_along (source->height, step);
      step += 8;
    }
  while (across.n * down.n > max_blocks);
  stride = MAX (1, edge_step / across.step);

  for (gint first = 0; first < across.n * down.n; first += BATCH)
    {
      const gint n = MIN (BATCH, across.n * down.n - first);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      for (gint i = 0; i < n; i++)
        {
          const gint x = (first + i) % across.n;
          const gint y = (first + i) / across.n;

          transform->takes_edges[i] = x % stride == 0 && y % stride == 0;
          if (! read_luma (source, across.start + x * across.step, down.start + y * down.step, transform->pixels + i * BLOCK * BLOCK, error))
            return NULL;
        }
      nr_pool_for (pool, n, 1, transform_blocks, transform, NULL, NULL);
      for (gint i = 0; i < n; i++)
        {
          total += transform->weight[i];
          for (gint j = 0; j < BLOCK * HALF; j++)
            evidence->power[j] += transform->weight[i] * transform->power[i * BLOCK * HALF + j];
          add_widths (&widths, &transform->widths[i]);
        }
    }
  for (gint j = 0; j < BLOCK * HALF; j++)
    evidence->power[j] /= total;
  nr_edge_widths_quantiles (&widths, evidence->edges);
  return g_steal_pointer (&evidence);
}
