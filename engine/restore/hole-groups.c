/* Holes far from each other are filled one after the other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "hole-groups.h"
#include "window.h"

/* Holes are first collected by cells of this many pixels, whose rows are read at once. */
enum
{
  CELL = 64
};

static const gint min_context = 64;
static const gint max_context = 512;

static void
include_pixel (NrRect *bounds, gint x, gint y)
{
  const gint right  = MAX (bounds->x + bounds->width, x + 1);
  const gint bottom = MAX (bounds->y + bounds->height, y + 1);

  if (bounds->width == 0)
    *bounds = (NrRect) { x, y, 1, 1 };
  else
    {
      bounds->x      = MIN (bounds->x, x);
      bounds->y      = MIN (bounds->y, y);
      bounds->width  = right - bounds->x;
      bounds->height = bottom - bounds->y;
    }
}

static NrRect
rect_union (const NrRect *a, const NrRect *b)
{
  NrRect both;

  both.x      = MIN (a->x, b->x);
  both.y      = MIN (a->y, b->y);
  both.width  = MAX (a->x + a->width, b->x + b->width) - both.x;
  both.height = MAX (a->y + a->height, b->y + b->height) - both.y;
  return both;
}

static gboolean
rects_touch (const NrRect *a, const NrRect *b)
{
  return a->x <= b->x + b->width && b->x <= a->x + a->width && a->y <= b->y + b->height && b->y <= a->y + a->height;
}

static NrHoleGroup
make_group (const NrSource *source, const NrRect *bounds, gint context)
{
  const gint margin = context > 0 ? context : CLAMP (MAX (bounds->width, bounds->height), min_context, max_context);

  return (NrHoleGroup) { *bounds, nr_window_grow (source, bounds, margin) };
}

/* Adds GROUP to GROUPS; whatever it touches is joined with it, which may make it touch more. */
static void
add_group (GArray *groups, const NrSource *source, NrHoleGroup group, gint context)
{
  for (guint i = 0; i < groups->len;)
    {
      const NrHoleGroup *other = &g_array_index (groups, NrHoleGroup, i);

      if (rects_touch (&group.area, &other->area))
        {
          const NrRect bounds = rect_union (&group.bounds, &other->bounds);

          group = make_group (source, &bounds, context);
          g_array_remove_index (groups, i);
          i = 0;
        }
      else
        i++;
    }
  g_array_append_val (groups, group);
}

/* Adds the holes of one row of cells, at y of the source. */
static void
add_row (GArray *groups, const NrSource *source, const NrPicture *row, gint x, gint y, gint context)
{
  for (gint cell = 0; cell < row->width; cell += CELL)
    {
      NrRect bounds = { 0 };

      for (gint j = 0; j < row->height; j++)
        for (gint i = cell; i < MIN (cell + CELL, row->width); i++)
          if (row->weight[(gsize) j * row->width + i] > 0)
            include_pixel (&bounds, x + i, y + j);
      if (bounds.width > 0)
        add_group (groups, source, make_group (source, &bounds, context), context);
    }
}

static gint
compare_groups (gconstpointer a, gconstpointer b)
{
  const NrRect *first  = &((const NrHoleGroup *) a)->bounds;
  const NrRect *second = &((const NrHoleGroup *) b)->bounds;

  return first->y != second->y ? first->y - second->y : first->x - second->x;
}

GArray *
nr_hole_groups_find (const NrSource *source, const NrRect *region, gint context, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) groups = g_array_new (FALSE, FALSE, sizeof (NrHoleGroup));

  for (gint y = 0; y < region->height; y += CELL)
    {
      const NrRect          rect = { region->x, region->y + y, region->width, MIN (CELL, region->height - y) };
      g_autoptr (NrPicture) row  = NULL;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      row = nr_window_read_source (source, &rect, error);
      if (! row)
        return NULL;
      add_row (groups, source, row, rect.x, rect.y, context);
    }
  g_array_sort (groups, compare_groups);
  return g_steal_pointer (&groups);
}

gboolean
nr_hole_groups_append (GArray *groups, const NrSource *source, const NrHoleGroup *group, gint context, guint64 max_pixels)
{
  const NrRect *bounds = &group->bounds;
  const gint    margin = context > 0 ? context : min_context;
  const gint    block  = MIN (sqrt ((gdouble) max_pixels), G_MAXINT / 4) - 2 * margin;

  if ((guint64) group->area.width * group->area.height <= max_pixels)
    {
      g_array_append_val (groups, *group);
      return TRUE;
    }
  if (block < CELL)
    return FALSE;
  for (gint y = 0; y < bounds->height; y += block)
    for (gint x = 0; x < bounds->width; x += block)
      {
        const NrRect      rect = { bounds->x + x, bounds->y + y, MIN (block, bounds->width - x), MIN (block, bounds->height - y) };
        const NrHoleGroup part = { rect, nr_window_grow (source, &rect, margin) };

        g_array_append_val (groups, part);
      }
  return TRUE;
}
