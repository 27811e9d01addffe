/* Cutting a region into tiles so that the result does not depend on the cut.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "tile-plan.h"

static gint
round_up (gint value, gint multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

static gint
round_down (gint value, gint multiple)
{
  return value / multiple * multiple;
}

/* SIZE of the picture, [BEGIN, END) of the region, windows of at most MAX. All positions are counted from the padded
 * picture's corner while planning and moved to source pixels at the end. */
static gboolean
axis_init (NrTileAxis *axis, const NrTileRules *rules, gint size, gint begin, gint end, gint max)
{
  const gint multiple = rules->multiple;
  const gint padding  = rules->padding;
  /* A multiple, so that the windows' middles are exactly one step wide and none is empty. */
  const gint cut    = round_up (rules->halo + rules->overlap, multiple);
  const gint window = round_down (max, multiple);
  gint       extent = round_up (padding + size + rules->padding, multiple);
  gint       span;

  if (window < multiple)
    return FALSE;
  if (rules->is_fixed)
    extent = MAX (extent, window);

  axis->begin   = begin;
  axis->end     = end;
  axis->cut     = cut;
  axis->overlap = rules->overlap;
  axis->start   = round_down (MAX (begin + padding - cut, 0), multiple);
  axis->stop    = MIN (round_up (end + padding + cut, multiple), extent);
  if (rules->is_fixed && axis->stop - axis->start < window)
    {
      axis->stop  = MIN (axis->start + window, extent);
      axis->start = axis->stop - window;
    }
  span = axis->stop - axis->start;

  if (span <= window)
    {
      axis->n_windows = 1;
      axis->window    = span;
      axis->step      = span;
    }
  else
    {
      const gint max_step = window - 2 * cut; /* a window delivers its middle */

      if (max_step < multiple)
        return FALSE;
      axis->n_windows = (span - 2 * cut + max_step - 1) / max_step;
      axis->step      = round_up ((span - 2 * cut + axis->n_windows - 1) / axis->n_windows, multiple);
      axis->window    = rules->is_fixed ? window : axis->step + 2 * cut;
    }

  axis->start -= padding;
  axis->stop -= padding;
  return TRUE;
}

gboolean
nr_tile_plan_init (NrTilePlan        *plan,
                   const NrTileRules *rules,
                   gint               width,
                   gint               height,
                   const NrRect      *region,
                   gint               max_width,
                   gint               max_height)
{
  if (! axis_init (&plan->x, rules, width, region->x, region->x + region->width, max_width) ||
      ! axis_init (&plan->y, rules, height, region->y, region->y + region->height, max_height))
    return FALSE;
  plan->n_tiles = (guint) plan->x.n_windows * plan->y.n_windows;
  return TRUE;
}

static gint
window_start (const NrTileAxis *axis, gint i)
{
  return MIN (axis->start + i * axis->step, axis->stop - axis->window);
}

/* Where window I - 1 hands over to window I; the region's borders at the ends. */
static gint
handover (const NrTileAxis *axis, gint i)
{
  if (i == 0)
    return axis->begin;
  if (i == axis->n_windows)
    return axis->end;
  return CLAMP (window_start (axis, i) + axis->cut, axis->begin, axis->end);
}

static void
axis_get (const NrTileAxis *axis, gint i, gint *window, gint core[2], gint zone[2])
{
  *window = window_start (axis, i);
  core[0] = handover (axis, i);
  core[1] = handover (axis, i + 1);
  zone[0] = i > 0 ? MAX (core[0] - axis->overlap, axis->begin) : core[0];
  zone[1] = i + 1 < axis->n_windows ? MIN (core[1] + axis->overlap, axis->end) : core[1];
}

void
nr_tile_plan_get (const NrTilePlan *plan, guint i, NrTile *tile)
{
  gint core_x[2], core_y[2], zone_x[2], zone_y[2];

  g_return_if_fail (i < plan->n_tiles);

  axis_get (&plan->x, i % plan->x.n_windows, &tile->window.x, core_x, zone_x);
  axis_get (&plan->y, i / plan->x.n_windows, &tile->window.y, core_y, zone_y);
  tile->window.width  = plan->x.window;
  tile->window.height = plan->y.window;
  tile->core          = (NrRect) { core_x[0], core_y[0], core_x[1] - core_x[0], core_y[1] - core_y[0] };
  tile->zone          = (NrRect) { zone_x[0], zone_y[0], zone_x[1] - zone_x[0], zone_y[1] - zone_y[0] };
}

guint64
nr_tile_plan_n_pixels (const NrTilePlan *plan)
{
  return (guint64) plan->x.window * plan->y.window * plan->n_tiles;
}
