/* Non-local means of a picture in memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The loops over pixels are inside those over offsets: for one offset the differences of all patches of a block are box
 * sums of one plane of squared differences, and everything is rows of additions that the compiler vectorizes.
 */

#include <string.h>

#include "nl-means-filter.h"
#include "window.h"

enum
{
  BLOCK_WIDTH  = 128,
  BLOCK_HEIGHT = 32,
  N_CHANNELS   = 3
};

/* Three planes with a mirrored margin. */
typedef struct
{
  gfloat *planes;
  gsize   stride, plane;
  gint    margin;
} Padded;

typedef struct
{
  const NrNlMeans *rules;
  Padded           guide, source;
  NrPicture       *output;
  gfloat         **scratch; /* by thread */
  gint             blocks_x;
} Run;

/* A block's scratch planes. All have the stride BLOCK_WIDTH + 4 patch. */
typedef struct
{
  gfloat *squares, *rows, *weights, *share;
  gfloat *sums[N_CHANNELS], *total;
  gsize   stride;
} Scratch;

gint
nr_nl_means_reach (const NrNlMeans *rules)
{
  return rules->search + 2 * rules->patch;
}

static gsize
scratch_plane (const NrNlMeans *rules)
{
  return (gsize) (BLOCK_WIDTH + 4 * rules->patch) * (BLOCK_HEIGHT + 4 * rules->patch);
}

static Scratch
scratch_cut (const NrNlMeans *rules, gfloat *memory)
{
  const gsize plane = scratch_plane (rules);

  return (Scratch) {
    .squares = memory,
    .rows    = memory + plane,
    .weights = memory + 2 * plane,
    .share   = memory + 3 * plane,
    .sums    = { memory + 4 * plane, memory + 5 * plane, memory + 6 * plane },
    .total   = memory + 7 * plane,
    .stride  = BLOCK_WIDTH + 4 * rules->patch,
  };
}

static Padded
padded_new (const NrPicture *picture, gint margin)
{
  Padded           padded  = { .stride = picture->width + 2 * margin, .margin = margin };
  const gint       height  = picture->height + 2 * margin;
  g_autofree gint *columns = g_new (gint, padded.stride);

  padded.plane  = padded.stride * height;
  padded.planes = g_new (gfloat, N_CHANNELS * padded.plane);
  for (gsize x = 0; x < padded.stride; x++)
    columns[x] = nr_window_mirror ((gint) x - margin, picture->width);
  for (gint c = 0; c < N_CHANNELS; c++)
    for (gint y = 0; y < height; y++)
      {
        const gint    row  = nr_window_mirror (y - margin, picture->height);
        const gfloat *from = picture->color + ((gsize) c * picture->height + row) * picture->width;
        gfloat       *to   = padded.planes + c * padded.plane + y * padded.stride;

        for (gsize x = 0; x < padded.stride; x++)
          to[x] = from[columns[x]];
      }
  return padded;
}

/* Channel C at (x, y) of the picture. */
static const gfloat *
padded_at (const Padded *padded, gint c, gint x, gint y)
{
  return padded->planes + c * padded->plane + (y + padded->margin) * padded->stride + x + padded->margin;
}

/* Squared differences over the three channels of WIDTH x HEIGHT pixels from (x, y) and as many OFFSET floats away. */
static void
square_differences (const Padded *guide, gint x, gint y, gssize offset, gint width, gint height, const Scratch *scratch)
{
  for (gint j = 0; j < height; j++)
    {
      const gfloat *restrict a = padded_at (guide, 0, x, y + j);
      const gfloat *restrict b = padded_at (guide, 1, x, y + j);
      const gfloat *restrict d = padded_at (guide, 2, x, y + j);
      gfloat *restrict to      = scratch->squares + j * scratch->stride;

      for (gint i = 0; i < width; i++)
        {
          const gfloat da = a[i] - a[i + offset];
          const gfloat db = b[i] - b[i + offset];
          const gfloat dd = d[i] - d[i + offset];

          to[i] = da * da + db * db + dd * dd;
        }
    }
}

/* Sums over (2 RADIUS + 1)^2 pixels: WIDTH x HEIGHT of them from a plane that is 2 RADIUS larger in both directions.
 * ROWS is scratch for sums along rows. */
static void
box_sums (const gfloat *restrict from, gfloat *restrict rows, gfloat *restrict to, gsize stride, gint radius, gint width, gint height)
{
  for (gint y = 0; y < height + 2 * radius; y++)
    {
      const gfloat *restrict in = from + y * stride;
      gfloat *restrict out      = rows + y * stride;

      memcpy (out, in, width * sizeof (gfloat));
      for (gint k = 1; k <= 2 * radius; k++)
        for (gint x = 0; x < width; x++)
          out[x] += in[x + k];
    }
  for (gint y = 0; y < height; y++)
    {
      gfloat *restrict out = to + y * stride;

      memcpy (out, rows + y * stride, width * sizeof (gfloat));
      for (gint k = 1; k <= 2 * radius; k++)
        {
          const gfloat *restrict in = rows + (y + k) * stride;

          for (gint x = 0; x < width; x++)
            out[x] += in[x];
        }
    }
}

static void
make_weights (gfloat *weights, gsize stride, gint width, gint height, gfloat scale, gfloat start)
{
  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      {
        /* 1 - (d2 - floor) / (16 h2), within 0 and 1 */
        gfloat w = start - scale * weights[y * stride + x];

        w = w < 1 ? w : 1;
        w = w > 0 ? w : 0;
        w *= w;
        w *= w;
        w *= w;
        weights[y * stride + x] = w * w;
      }
}

/* Adds the pixels OFFSET floats away from a block's, each with its share. */
static void
accumulate (const Padded *source, gint x, gint y, gssize offset, gint width, gint height, const Scratch *scratch)
{
  for (gint j = 0; j < height; j++)
    {
      const gsize row                = j * scratch->stride;
      const gfloat *restrict share   = scratch->share + row;
      const gfloat *restrict from[3] = { padded_at (source, 0, x, y + j) + offset,
                                         padded_at (source, 1, x, y + j) + offset,
                                         padded_at (source, 2, x, y + j) + offset };
      gfloat *restrict total         = scratch->total + row;
      gfloat *restrict r             = scratch->sums[0] + row;
      gfloat *restrict g             = scratch->sums[1] + row;
      gfloat *restrict b             = scratch->sums[2] + row;

      for (gint i = 0; i < width; i++)
        {
          total[i] += share[i];
          r[i] += share[i] * from[0][i];
          g[i] += share[i] * from[1][i];
          b[i] += share[i] * from[2][i];
        }
    }
}

static void
filter_block (const Run *run, gint x, gint y, gfloat *memory)
{
  const NrNlMeans *rules   = run->rules;
  const gint       patch   = rules->patch;
  const gint       width   = MIN (BLOCK_WIDTH, run->output->width - x);
  const gint       height  = MIN (BLOCK_HEIGHT, run->output->height - y);
  const gsize      plane   = (gsize) run->output->width * run->output->height;
  const Scratch    scratch = scratch_cut (rules, memory);
  const gfloat     scale   = 1 / (16 * rules->h2 * N_CHANNELS * (2 * patch + 1) * (2 * patch + 1));
  const gfloat     start   = 1 + rules->floor / (16 * rules->h2);

  memset (scratch.sums[0], 0, (N_CHANNELS + 1) * scratch_plane (rules) * sizeof (gfloat));
  for (gint dy = -rules->search; dy <= rules->search; dy++)
    for (gint dx = -rules->search; dx <= rules->search; dx++)
      {
        const gssize offset = dy * (gssize) run->guide.stride + dx;

        square_differences (&run->guide, x - 2 * patch, y - 2 * patch, offset, width + 4 * patch, height + 4 * patch, &scratch);
        box_sums (scratch.squares, scratch.rows, scratch.weights, scratch.stride, patch, width + 2 * patch, height + 2 * patch);
        make_weights (scratch.weights, scratch.stride, width + 2 * patch, height + 2 * patch, scale, start);
        box_sums (scratch.weights, scratch.rows, scratch.share, scratch.stride, patch, width, height);
        accumulate (&run->source, x, y, offset, width, height, &scratch);
      }

  for (gint c = 0; c < N_CHANNELS; c++)
    for (gint j = 0; j < height; j++)
      for (gint i = 0; i < width; i++)
        {
          const gsize at = j * scratch.stride + i;

          /* Never 0: a patch is like itself. */
          run->output->color[c * plane + (gsize) (y + j) * run->output->width + x + i] = scratch.sums[c][at] / scratch.total[at];
        }
}

static void
filter_blocks (gsize begin, gsize end, guint thread, gpointer data)
{
  const Run *run = data;

  for (gsize i = begin; i < end; i++)
    filter_block (run, i % run->blocks_x * BLOCK_WIDTH, i / run->blocks_x * BLOCK_HEIGHT, run->scratch[thread]);
}

gboolean
nr_nl_means (const NrNlMeans *rules,
             const NrPicture *guide,
             const NrPicture *source,
             NrPicture       *output,
             NrFilterWork    *work,
             GError         **error)
{
  const gint          margin    = nr_nl_means_reach (rules);
  const gint          blocks_x  = (output->width + BLOCK_WIDTH - 1) / BLOCK_WIDTH;
  const gint          blocks_y  = (output->height + BLOCK_HEIGHT - 1) / BLOCK_HEIGHT;
  const guint         n_threads = nr_filter_n_threads (work);
  const gsize         n_scratch = 8 * scratch_plane (rules);
  g_autofree gfloat  *memory    = g_new (gfloat, n_threads * n_scratch);
  g_autofree gfloat **scratch   = g_new (gfloat *, n_threads);
  Run                 run       = { .rules = rules, .output = output, .scratch = scratch, .blocks_x = blocks_x };
  gboolean            is_done;

  for (guint i = 0; i < n_threads; i++)
    scratch[i] = memory + i * n_scratch;
  run.guide  = padded_new (guide, margin);
  run.source = guide == source ? run.guide : padded_new (source, margin);

  is_done = nr_filter_for (work, 1, (gsize) blocks_x * blocks_y, filter_blocks, &run, error);

  g_free (run.guide.planes);
  if (guide != source)
    g_free (run.source.planes);
  return is_done;
}

guint64
nr_nl_means_memory (const NrNlMeans *rules, gint width, gint height, guint n_threads)
{
  const guint64 margin = 2 * nr_nl_means_reach (rules);

  return (2 * N_CHANNELS * (width + margin) * (height + margin) + 8 * n_threads * scratch_plane (rules)) * sizeof (gfloat);
}
