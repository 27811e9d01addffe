/* Cutting a region into tiles so that the result does not depend on the cut.
 *
 * The picture a network works on is the source with PADDING mirrored pixels around it, made a multiple of MULTIPLE on
 * the right and at the bottom. A network run on all of it at once is the reference. A tile is a window into that
 * picture; what the network makes of a window is the reference's result except within HALO pixels of those window
 * borders that are not borders of the padded picture. Windows start at multiples of MULTIPLE counted from the padded
 * picture's corner, so that networks with strides see the same phase everywhere. All windows have one size: one plan
 * and one session serve the whole run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* What a network asks of its tiles, in source pixels. */
typedef struct
{
  gint     halo;     /* receptive field's radius */
  gint     multiple; /* window sizes and positions are multiples of it; at least 1 */
  gint     padding;  /* mirrored pixels around the picture */
  gint     overlap;  /* half the width of the zone in which neighbours are blended; 0: tiles are exact */
  gboolean is_fixed; /* windows have exactly the size asked for, smaller ones are not possible */
} NrTileRules;

/* One direction of the plan. Window i covers [start + i * step, ... + window); the last one ends at END at the latest. */
typedef struct
{
  gint begin, end; /* of the region */
  gint start, stop; /* of what the windows cover, inside the padded picture */
  gint window, step, n_windows;
  gint cut;     /* from a window's border to where it hands over to its neighbour */
  gint overlap; /* as in the rules */
} NrTileAxis;

typedef struct
{
  NrTileAxis x, y;
  guint      n_tiles;
} NrTilePlan;

/* Positions in source pixels. */
typedef struct
{
  NrRect window; /* what the network sees; may reach outside the picture */
  NrRect core;   /* what this tile alone delivers; the cores of all tiles make up the region */
  NrRect zone;   /* core and the blended zones around it, inside the region */
} NrTile;

/* Plans REGION of a picture of WIDTH x HEIGHT with windows of at most (is_fixed: exactly) MAX_WIDTH x MAX_HEIGHT,
 * rounded down to the multiple. FALSE when such windows are too small for halo and overlap. */
gboolean nr_tile_plan_init (NrTilePlan        *plan,
                            const NrTileRules *rules,
                            gint               width,
                            gint               height,
                            const NrRect      *region,
                            gint               max_width,
                            gint               max_height);

/* Tile I of plan->n_tiles, row by row. */
void nr_tile_plan_get (const NrTilePlan *plan, guint i, NrTile *tile);

/* Pixels that all windows have together: what the run costs. */
guint64 nr_tile_plan_n_pixels (const NrTilePlan *plan);
