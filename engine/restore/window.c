/* Reading what a network sees: a rectangle of the source, continued beyond its border, in the network's range.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "window.h"
#include "repair.h"

/* Rows of a window that are read at a time, so that the source is not held beside it. */
static const gint read_at_once = 64;

const gfloat nr_luma_weights[3] = { 0.2126f, 0.7152f, 0.0722f };

gint
nr_window_mirror (gint x, gint size)
{
  const gint period = 2 * (size - 1);

  if (size == 1)
    return 0;
  x %= period;
  if (x < 0)
    x += period;
  return x < size ? x : period - x;
}

NrPicture *
nr_window_picture_new (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight, GError **error)
{
  NrPicture *picture = nr_picture_new (width, height, n_channels, has_alpha, has_weight);

  if (! picture)
    g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
                 "not enough memory for %d x %d pixels; close other images or set a smaller memory budget",
                 width, height);
  return picture;
}

/* Reads a rectangle inside the source; the selection only if HAS_WEIGHT. */
static NrPicture *
read_rect (const NrSource *source, const NrRect *rect, gboolean has_weight, GError **error)
{
  g_autoptr (NrPicture) picture = nr_window_picture_new (rect->width, rect->height, source->n_channels,
                                                         source->has_alpha, has_weight, error);

  if (! picture || ! source->read (source->data, rect->x, rect->y, picture, error))
    return NULL;
  return g_steal_pointer (&picture);
}

NrPicture *
nr_window_read_source (const NrSource *source, const NrRect *rect, GError **error)
{
  return read_rect (source, rect, source->has_weight, error);
}

/* The smallest range of 0 ... size - 1 that holds the mirrored positions of [begin, end). */
static void
mirrored_range (gint begin, gint end, gint size, gint *first, gint *length)
{
  gint low  = size - 1;
  gint high = 0;

  for (gint x = begin; x < end; x++)
    {
      const gint mirrored = nr_window_mirror (x, size);

      low  = MIN (low, mirrored);
      high = MAX (high, mirrored);
    }
  *first  = low;
  *length = high - low + 1;
}

NrRect
nr_window_grow (const NrSource *source, const NrRect *rect, gint margin)
{
  NrRect grown;

  grown.x      = MAX (rect->x - margin, 0);
  grown.y      = MAX (rect->y - margin, 0);
  grown.width  = MIN (rect->x + rect->width + margin, source->width) - grown.x;
  grown.height = MIN (rect->y + rect->height + margin, source->height) - grown.y;
  return grown;
}

/* Reads at least RECT with every pixel usable; *RECT becomes what was read. */
static NrPicture *
read_repaired (const NrSource *source, NrRect *rect, GError **error)
{
  g_autoptr (NrPicture) picture = read_rect (source, rect, FALSE, error);

  if (! picture || ! nr_repair_is_needed (picture))
    return g_steal_pointer (&picture);

  *rect = nr_window_grow (source, rect, NR_REPAIR_RADIUS);
  g_clear_pointer (&picture, nr_picture_free);
  picture = read_rect (source, rect, FALSE, error);
  if (picture)
    nr_repair (picture);
  return g_steal_pointer (&picture);
}

/* Fills rows [begin, end) of WINDOW, which is RECT of the source. */
static gboolean
read_rows (const NrSource *source, const NrRect *rect, gint begin, gint end, gfloat low, gfloat high, const gint *columns, NrPicture *window, GError **error)
{
  const gsize           out_plane = (gsize) rect->width * rect->height;
  g_autoptr (NrPicture) pixels    = NULL;
  NrRect                inner;

  mirrored_range (rect->x, rect->x + rect->width, source->width, &inner.x, &inner.width);
  mirrored_range (rect->y + begin, rect->y + end, source->height, &inner.y, &inner.height);
  pixels = read_repaired (source, &inner, error);
  if (! pixels)
    return FALSE;

  for (gint c = 0; c < 3; c++)
    for (gint y = begin; y < end; y++)
      {
        const gint    channel = pixels->n_channels == 3 ? c : 0;
        const gint    row     = nr_window_mirror (rect->y + y, source->height) - inner.y;
        const gfloat *from    = pixels->color + ((gsize) channel * pixels->height + row) * pixels->width;
        gfloat       *to      = window->color + c * out_plane + (gsize) y * rect->width;

        for (gint x = 0; x < rect->width; x++)
          to[x] = CLAMP (from[columns[x] - inner.x], low, high);
      }
  return TRUE;
}

NrPicture *
nr_window_read (const NrSource *source, const NrRect *rect, gfloat low, gfloat high, GError **error)
{
  g_autoptr (NrPicture) window  = nr_window_picture_new (rect->width, rect->height, 3, FALSE, FALSE, error);
  g_autofree gint      *columns = g_new (gint, rect->width);

  if (! window)
    return NULL;
  for (gint x = 0; x < rect->width; x++)
    columns[x] = nr_window_mirror (rect->x + x, source->width);
  for (gint y = 0; y < rect->height; y += read_at_once)
    if (! read_rows (source, rect, y, MIN (y + read_at_once, rect->height), low, high, columns, window, error))
      return NULL;
  return g_steal_pointer (&window);
}
