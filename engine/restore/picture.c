/* Rectangles of pixels in memory, and pictures in memory as source and sink.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <string.h>

#include "nr-restore.h"

NrPicture *
nr_picture_new (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight)
{
  g_autoptr (NrPicture) picture = NULL;
  gsize                 n_pixels;
  gsize                 n_color;

  g_return_val_if_fail (width > 0 && height > 0, NULL);
  g_return_val_if_fail (n_channels == 1 || n_channels == 3, NULL);

  if (! g_size_checked_mul (&n_pixels, width, height) ||
      ! g_size_checked_mul (&n_color, n_pixels, n_channels))
    return NULL;

  picture             = g_new0 (NrPicture, 1);
  picture->width      = width;
  picture->height     = height;
  picture->n_channels = n_channels;
  picture->color      = g_try_new0 (gfloat, n_color);
  if (has_alpha)
    picture->alpha = g_try_new0 (gfloat, n_pixels);
  if (has_weight)
    picture->weight = g_try_new0 (gfloat, n_pixels);

  if (! picture->color || (has_alpha && ! picture->alpha) || (has_weight && ! picture->weight))
    return NULL;
  return g_steal_pointer (&picture);
}

void
nr_picture_free (NrPicture *picture)
{
  if (! picture)
    return;
  g_free (picture->color);
  g_free (picture->alpha);
  g_free (picture->weight);
  g_free (picture);
}

/* Copies a rectangle of SIZE pixels between two planes of the given widths. */
static void
copy_plane (const gfloat *from, gint from_width, gint from_x, gint from_y, gfloat *to, gint to_width, gint to_x, gint to_y, gint width, gint height)
{
  for (gint y = 0; y < height; y++)
    memcpy (to + (gsize) (to_y + y) * to_width + to_x,
            from + (gsize) (from_y + y) * from_width + from_x,
            width * sizeof (gfloat));
}

/* Copies the planes that both pictures have. */
static void
copy_picture (const NrPicture *from, gint from_x, gint from_y, NrPicture *to, gint to_x, gint to_y, gint width, gint height)
{
  const gsize from_plane = (gsize) from->width * from->height;
  const gsize to_plane   = (gsize) to->width * to->height;

  for (gint c = 0; c < MIN (from->n_channels, to->n_channels); c++)
    copy_plane (from->color + c * from_plane, from->width, from_x, from_y,
                to->color + c * to_plane, to->width, to_x, to_y, width, height);
  if (from->alpha && to->alpha)
    copy_plane (from->alpha, from->width, from_x, from_y, to->alpha, to->width, to_x, to_y, width, height);
  if (from->weight && to->weight)
    copy_plane (from->weight, from->width, from_x, from_y, to->weight, to->width, to_x, to_y, width, height);
}

static gboolean
picture_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  const NrPicture *picture = data;

  g_return_val_if_fail (x >= 0 && y >= 0 && x + into->width <= picture->width && y + into->height <= picture->height,
                        FALSE);
  copy_picture (picture, x, y, into, 0, 0, into->width, into->height);
  return TRUE;
}

static gboolean
picture_write (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  NrPicture *picture = data;

  g_return_val_if_fail (x >= 0 && y >= 0 && x + from->width <= picture->width && y + from->height <= picture->height,
                        FALSE);
  copy_picture (from, 0, 0, picture, x, y, from->width, from->height);
  return TRUE;
}

NrSource
nr_picture_source (NrPicture *picture)
{
  return (NrSource) {
    .width      = picture->width,
    .height     = picture->height,
    .n_channels = picture->n_channels,
    .has_alpha  = picture->alpha != NULL,
    .has_weight = picture->weight != NULL,
    .read       = picture_read,
    .data       = picture,
  };
}

NrSink
nr_picture_sink (NrPicture *picture)
{
  return (NrSink) { .write = picture_write, .data = picture };
}
