/* Running a network over a tile plan.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "deliver.h"
#include "tile-run.h"
#include "window.h"

/* One tile's share of the job's progress. */
typedef struct
{
  NrJob  *job;
  gdouble first, share;
} TileProgress;

static void
tile_progress (gdouble fraction, gpointer data)
{
  const TileProgress *progress = data;

  nr_job_progress (progress->job, progress->first + progress->share * fraction);
}

/* The part of WINDOW that lies inside SOURCE, in the window's own pixels. */
static NrRect
known_part (const NrSource *source, const NrRect *window)
{
  const gint left = MAX (-window->x, 0);
  const gint top  = MAX (-window->y, 0);

  return (NrRect) {
    left,
    top,
    MIN (window->width, source->width - window->x) - left,
    MIN (window->height, source->height - window->y) - top,
  };
}

/* Runs one tile; its window's result, scale times as large, or NULL. */
static NrPicture *
run_tile (const NrTileRun *run, NrJob *job, const NrTile *tile, TileProgress *progress, GError **error)
{
  const NrRect          known  = known_part (job->source, &tile->window);
  g_autoptr (NrPicture) input  = NULL;
  g_autoptr (NrPicture) output = NULL;

  if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
    return NULL;
  input = nr_window_read (job->source, &tile->window, run->low, run->high, error);
  if (! input)
    return NULL;
  output = nr_window_picture_new (input->width * run->scale, input->height * run->scale, 3, FALSE, FALSE, error);
  if (! output || ! run->func (run->data, input, &known, output, tile_progress, progress, job->cancellable, error))
    return NULL;
  return g_steal_pointer (&output);
}

/* -- Blending ------------------------------------------------------------------------------------------------------
 *
 * Networks with a global operation give neighbouring tiles slightly different answers. Around a handover at h the
 * answers are mixed with a ramp r(x) that rises from 0 at h - overlap to 1 at h + overlap; window i gets the weight
 * r_i - r_(i+1), so that the weights of all windows add up to 1 even where three of them meet. A strip as wide as the
 * region holds the sums of one row of tiles. */

typedef struct
{
  NrPicture *sums; /* region's width, rows of one row of tiles with both zones; scaled */
  gint       y;    /* first row, in source pixels: where the row of tiles' zone begins */
} Strip;

/* Smooth step from 0 to 1 within OVERLAP of HANDOVER. */
static gdouble
ramp (gdouble x, gint handover, gint overlap)
{
  const gdouble t = CLAMP ((x - handover + overlap) / (2.0 * overlap), 0, 1);

  return t * t * (3 - 2 * t);
}

/* Weight of the result pixel at X (source pixels, fractions allowed) in a window with CORE handovers. */
static gdouble
blend_weight (const NrTileAxis *axis, gint core_begin, gint core_end, gdouble x)
{
  const gdouble left  = core_begin > axis->begin ? ramp (x, core_begin, axis->overlap) : 1;
  const gdouble right = core_end < axis->end ? ramp (x, core_end, axis->overlap) : 0;

  return left - right;
}

static gfloat *
blend_weights (const NrTileAxis *axis, gint core_begin, gint core_end, gint zone_begin, gint zone_length, gint scale)
{
  gfloat *weights = g_new (gfloat, (gsize) zone_length * scale);

  for (gint i = 0; i < zone_length * scale; i++)
    weights[i] = blend_weight (axis, core_begin, core_end, zone_begin + (i + 0.5) / scale);
  return weights;
}

static void
add_to_strip (const NrTileRun *run, const NrTile *tile, const NrPicture *output, Strip *strip)
{
  const gint         scale    = run->scale;
  const gint         width    = tile->zone.width * scale;
  const gint         height   = tile->zone.height * scale;
  const gint         from_x   = (tile->zone.x - tile->window.x) * scale;
  const gint         from_y   = (tile->zone.y - tile->window.y) * scale;
  const gint         to_x     = (tile->zone.x - run->plan.x.begin) * scale;
  const gint         to_y     = (tile->zone.y - strip->y) * scale;
  g_autofree gfloat *weight_x = blend_weights (&run->plan.x, tile->core.x, tile->core.x + tile->core.width,
                                               tile->zone.x, tile->zone.width, scale);
  g_autofree gfloat *weight_y = blend_weights (&run->plan.y, tile->core.y, tile->core.y + tile->core.height,
                                               tile->zone.y, tile->zone.height, scale);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < height; y++)
      {
        const gfloat *from = output->color + ((gsize) c * output->height + from_y + y) * output->width + from_x;
        gfloat       *to   = strip->sums->color + ((gsize) c * strip->sums->height + to_y + y) * strip->sums->width + to_x;

        for (gint x = 0; x < width; x++)
          to[x] += weight_x[x] * weight_y[y] * from[x];
      }
}

/* Delivers the rows above END, which no later tile touches, and moves the others to the strip's top. */
static gboolean
flush_strip (const NrTileRun *run, NrJob *job, Strip *strip, gint end, GError **error)
{
  NrPicture   *sums  = strip->sums;
  const NrRect rect  = { run->plan.x.begin, strip->y, run->plan.x.end - run->plan.x.begin, end - strip->y };
  const gsize  done  = (gsize) rect.height * run->scale * sums->width;
  const gsize  plane = (gsize) sums->height * sums->width;

  if (rect.height > 0 && ! nr_deliver (job, &rect, sums, 0, 0, run->scale, run->low, run->high, error))
    return FALSE;
  for (gint c = 0; c < 3; c++)
    {
      gfloat *rows = sums->color + c * plane;

      memmove (rows, rows + done, (plane - done) * sizeof (gfloat));
      memset (rows + plane - done, 0, done * sizeof (gfloat));
    }
  strip->y = end;
  return TRUE;
}

/* Rows a strip must have: the most that any row of tiles covers. */
static gint
strip_rows (const NrTilePlan *plan)
{
  gint rows = 0;

  for (gint row = 0; row < plan->y.n_windows; row++)
    {
      NrTile tile;

      nr_tile_plan_get (plan, row * plan->x.n_windows, &tile);
      rows = MAX (rows, tile.zone.height);
    }
  return rows;
}

/* -- The loop ------------------------------------------------------------------------------------------------------ */

static gboolean
deliver_tile (const NrTileRun *run, NrJob *job, const NrTile *tile, const NrPicture *output, GError **error)
{
  return nr_deliver (job, &tile->core, output,
                     (tile->core.x - tile->window.x) * run->scale, (tile->core.y - tile->window.y) * run->scale,
                     run->scale, run->low, run->high, error);
}

/* First row that the row of tiles after tile I still adds to. */
static gint
next_zone (const NrTilePlan *plan, guint i)
{
  NrTile next;

  if (i + 1 >= plan->n_tiles)
    return plan->y.end;
  nr_tile_plan_get (plan, i + 1, &next);
  return next.zone.y;
}

gboolean
nr_tile_run (const NrTileRun *run, NrJob *job, gdouble first_fraction, GError **error)
{
  const NrTilePlan     *plan       = &run->plan;
  const gboolean        is_blended = plan->x.overlap > 0 && plan->n_tiles > 1;
  g_autoptr (NrPicture) sums       = NULL;
  Strip                 strip      = { .y = plan->y.begin };
  TileProgress          progress   = { .job = job, .share = (1 - first_fraction) / plan->n_tiles };

  if (is_blended)
    {
      sums = nr_window_picture_new ((plan->x.end - plan->x.begin) * run->scale, strip_rows (plan) * run->scale,
                                    3, FALSE, FALSE, error);
      if (! sums)
        return FALSE;
      strip.sums = sums;
    }

  for (guint i = 0; i < plan->n_tiles; i++)
    {
      g_autoptr (NrPicture) output  = NULL;
      gboolean              is_seen = TRUE;
      NrTile                tile;

      nr_tile_plan_get (plan, i, &tile);
      progress.first = first_fraction + i * progress.share;
      if (! is_blended && ! nr_deliver_is_seen (job, &tile.core, run->scale, &is_seen, error))
        return FALSE;
      if (! is_seen)
        {
          if (! nr_deliver_unchanged (job, &tile.core, progress.share, error))
            return FALSE;
          continue;
        }
      output = run_tile (run, job, &tile, &progress, error);
      if (! output)
        return FALSE;

      if (! is_blended)
        {
          if (! deliver_tile (run, job, &tile, output, error))
            return FALSE;
          continue;
        }
      add_to_strip (run, &tile, output, &strip);
      if ((i + 1) % plan->x.n_windows == 0 && ! flush_strip (run, job, &strip, next_zone (plan, i), error))
        return FALSE;
    }
  return TRUE;
}

guint64
nr_tile_run_memory (const NrTileRun *run)
{
  const NrTilePlan *plan       = &run->plan;
  const guint64     scaled     = (guint64) run->scale * run->scale;
  const guint64     n_window   = (guint64) plan->x.window * plan->y.window;
  const gboolean    is_blended = plan->x.overlap > 0 && plan->n_tiles > 1;
  const gint        width      = plan->x.end - plan->x.begin;
  guint64           bytes      = n_window * (3 + 3 * scaled) * sizeof (gfloat); /* input and output */

  if (is_blended)
    bytes += (guint64) width * strip_rows (plan) * 3 * scaled * sizeof (gfloat);
  return bytes + nr_deliver_memory (is_blended ? width : plan->x.window, run->scale);
}
