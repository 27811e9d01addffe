/* GEGL buffers as the restoration engine's pictures: see pixels.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "pixels.h"

#include <string.h>

/* Rows converted at once: enough to amortize a GEGL call, little memory beside a tile. */
enum
{
  STRIP_ROWS = 64
};

struct _NrPixels
{
  GeglBuffer *buffer;
  gint        x, y, width, height;
  const Babl *native;       /* the buffer's own format */
  const Babl *working;      /* interleaved float in its space */
  gint        n_channels;   /* color channels */
  gint        n_components; /* color and alpha */
  GeglBuffer *selection;
  const Babl *selection_format;
  gint        selection_x, selection_y;
};

struct _NrPixelsResult
{
  NrPixels   *pixels;
  NrRect      region;
  gint        scale;
  GeglBuffer *buffer;
};

gboolean
nr_pixels_can_restore (const Babl *format)
{
  static const gchar *const models[] = { "RGB", "RGBA", "R'G'B'", "R'G'B'A", "R~G~B~", "R~G~B~A",
                                         "Y", "YA", "Y'", "Y'A", "Y~", "Y~A", NULL };

  return g_strv_contains (models, babl_get_name (babl_format_get_model (format)));
}

/* -- Source ------------------------------------------------------------------------------------------------------- */

NrPixels *
nr_pixels_new (GeglBuffer *buffer,
               GeglBuffer *selection,
               const Babl *selection_format,
               gint        selection_x,
               gint        selection_y)
{
  static const gchar *const names[2][2] = { { "Y~ float", "Y~A float" }, { "R~G~B~ float", "R~G~B~A float" } };

  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const Babl          *native = gegl_buffer_get_format (buffer);
  NrPixels            *pixels;
  gboolean             has_alpha, is_color;

  g_return_val_if_fail (nr_pixels_can_restore (native), NULL);

  has_alpha = babl_format_has_alpha (native);
  is_color  = babl_format_get_n_components (native) - has_alpha == 3;

  pixels                   = g_new0 (NrPixels, 1);
  pixels->buffer           = g_object_ref (buffer);
  pixels->x                = extent->x;
  pixels->y                = extent->y;
  pixels->width            = extent->width;
  pixels->height           = extent->height;
  pixels->native           = native;
  pixels->working          = babl_format_with_space (names[is_color][has_alpha], babl_format_get_space (native));
  pixels->n_channels       = is_color ? 3 : 1;
  pixels->n_components     = pixels->n_channels + has_alpha;
  pixels->selection        = selection ? g_object_ref (selection) : NULL;
  pixels->selection_format = selection_format;
  pixels->selection_x      = selection_x;
  pixels->selection_y      = selection_y;

  return pixels;
}

void
nr_pixels_free (NrPixels *pixels)
{
  if (pixels == NULL)
    return;

  g_clear_object (&pixels->buffer);
  g_clear_object (&pixels->selection);
  g_free (pixels);
}

/* Interleaved pixels [0, n) to the planes of PICTURE from element FIRST on. */
static void
split_planes (const gfloat *interleaved, gint n_components, gsize n, NrPicture *picture, gsize first)
{
  gsize plane = (gsize) picture->width * picture->height;

  for (gint c = 0; c < n_components; c++)
    {
      gfloat *to = c < picture->n_channels ? picture->color + c * plane : picture->alpha;

      for (gsize i = 0; to && i < n; i++)
        to[first + i] = interleaved[i * n_components + c];
    }
}

/* The other way; a missing alpha plane becomes 1. */
static void
join_planes (const NrPicture *picture, gsize first, gint n_components, gsize n, gfloat *interleaved)
{
  gsize plane = (gsize) picture->width * picture->height;

  for (gint c = 0; c < n_components; c++)
    {
      const gfloat *from = c < picture->n_channels ? picture->color + c * plane : picture->alpha;

      for (gsize i = 0; i < n; i++)
        interleaved[i * n_components + c] = from ? from[first + i] : 1.0f;
    }
}

static void
read_weight (NrPixels *pixels, gint x, gint y, NrPicture *into)
{
  GeglRectangle rect = { x - pixels->selection_x, y - pixels->selection_y, into->width, into->height };
  gsize         n    = (gsize) into->width * into->height;

  /* Outside its extent a buffer reads as zero: not selected. */
  gegl_buffer_get (pixels->selection, &rect, 1.0, pixels->selection_format, into->weight,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);

  for (gsize i = 0; i < n; i++)
    into->weight[i] = into->weight[i] > 0.0f ? MIN (into->weight[i], 1.0f) : 0.0f;
}

static gboolean
pixels_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  NrPixels          *pixels = data;
  g_autofree gfloat *strip  = g_new (gfloat, (gsize) into->width * STRIP_ROWS * pixels->n_components);

  for (gint row = 0; row < into->height; row += STRIP_ROWS)
    {
      gint          rows = MIN (STRIP_ROWS, into->height - row);
      GeglRectangle rect = { pixels->x + x, pixels->y + y + row, into->width, rows };

      gegl_buffer_get (pixels->buffer, &rect, 1.0, pixels->working, strip, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      split_planes (strip, pixels->n_components, (gsize) into->width * rows, into, (gsize) row * into->width);
    }

  if (into->weight && pixels->selection)
    read_weight (pixels, x, y, into);

  return TRUE;
}

NrSource
nr_pixels_source (NrPixels *pixels)
{
  NrSource source = {
    .width      = pixels->width,
    .height     = pixels->height,
    .n_channels = pixels->n_channels,
    .has_alpha  = pixels->n_components > pixels->n_channels,
    .has_weight = pixels->selection != NULL,
    .read       = pixels_read,
    .data       = pixels,
  };

  return source;
}

/* Grows BOUNDS by the selected pixels of one row; (x1, y1) is kept in width and height until the end. */
static void
include_row (const gfloat *weight, gint width, gint y, NrRect *bounds)
{
  gint first = 0, last = width - 1;

  while (first < width && ! (weight[first] > 0.0f))
    first++;
  if (first == width)
    return;
  while (! (weight[last] > 0.0f))
    last--;

  bounds->x      = MIN (bounds->x, first);
  bounds->width  = MAX (bounds->width, last + 1);
  bounds->y      = MIN (bounds->y, y);
  bounds->height = MAX (bounds->height, y + 1);
}

gboolean
nr_pixels_selected_bounds (NrPixels *pixels, NrRect *bounds)
{
  g_autofree gfloat *row = NULL;

  if (pixels->selection == NULL)
    {
      *bounds = (NrRect) { 0, 0, pixels->width, pixels->height };
      return pixels->width > 0 && pixels->height > 0;
    }

  *bounds = (NrRect) { G_MAXINT, G_MAXINT, 0, 0 };
  row     = g_new (gfloat, pixels->width);

  for (gint y = 0; y < pixels->height; y++)
    {
      GeglRectangle rect = { -pixels->selection_x, y - pixels->selection_y, pixels->width, 1 };

      gegl_buffer_get (pixels->selection, &rect, 1.0, pixels->selection_format, row,
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      include_row (row, pixels->width, y, bounds);
    }

  if (bounds->width == 0)
    return FALSE;

  bounds->width -= bounds->x;
  bounds->height -= bounds->y;
  return TRUE;
}

/* -- Result ------------------------------------------------------------------------------------------------------- */

NrPixelsResult *
nr_pixels_result_new (NrPixels *pixels, const NrRect *region, gint scale)
{
  NrPixelsResult *result = g_new0 (NrPixelsResult, 1);

  result->pixels = pixels;
  result->region = *region;
  result->scale  = scale;
  result->buffer = gegl_buffer_new (GEGL_RECTANGLE (0, 0, region->width * scale, region->height * scale),
                                    pixels->native);
  if (scale == 1)
    gegl_buffer_copy (pixels->buffer,
                      GEGL_RECTANGLE (pixels->x + region->x, pixels->y + region->y, region->width, region->height),
                      GEGL_ABYSS_NONE,
                      result->buffer, GEGL_RECTANGLE (0, 0, region->width, region->height));

  return result;
}

void
nr_pixels_result_free (NrPixelsResult *result)
{
  if (result == NULL)
    return;

  g_clear_object (&result->buffer);
  g_free (result);
}

GeglBuffer *
nr_pixels_result_buffer (NrPixelsResult *result)
{
  return result->buffer;
}

/* Puts back the exact bytes that no task changes: the whole pixel where the colors are the source's own, else its
 * alpha (the last component). Float cannot hold 32-bit integers or doubles, so a round trip would not do. */
static void
keep_exact_bytes (const NrPixels *pixels,
                  const gfloat   *before,
                  const gfloat   *after,
                  const guint8   *source,
                  gsize           n,
                  guint8         *bytes)
{
  gsize bpp       = babl_format_get_bytes_per_pixel (pixels->native);
  gsize component = bpp / pixels->n_components;
  gsize color     = sizeof (gfloat) * pixels->n_channels;
  gint  nc        = pixels->n_components;

  for (gsize i = 0; i < n; i++)
    {
      if (memcmp (before + i * nc, after + i * nc, color) == 0)
        memcpy (bytes + i * bpp, source + i * bpp, bpp);
      else if (nc > pixels->n_channels)
        memcpy (bytes + (i + 1) * bpp - component, source + (i + 1) * bpp - component, component);
    }
}

static void
write_strip_exactly (NrPixelsResult *result, const GeglRectangle *rect, gfloat *after, guint8 *bytes)
{
  NrPixels          *pixels = result->pixels;
  gsize              n      = (gsize) rect->width * rect->height;
  g_autofree gfloat *before = g_new (gfloat, n * pixels->n_components);
  g_autofree guint8 *source = g_malloc (n * babl_format_get_bytes_per_pixel (pixels->native));
  GeglRectangle      from   = { pixels->x + result->region.x + rect->x, pixels->y + result->region.y + rect->y,
                                rect->width, rect->height };

  gegl_buffer_get (pixels->buffer, &from, 1.0, pixels->working, before, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  gegl_buffer_get (pixels->buffer, &from, 1.0, pixels->native, source, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  babl_process (babl_fish (pixels->working, pixels->native), after, bytes, n);
  keep_exact_bytes (pixels, before, after, source, n, bytes);
  gegl_buffer_set (result->buffer, rect, 0, pixels->native, bytes, GEGL_AUTO_ROWSTRIDE);
}

static gboolean
result_write (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  NrPixelsResult    *result = data;
  NrPixels          *pixels = result->pixels;
  gsize              n      = (gsize) from->width * STRIP_ROWS;
  g_autofree gfloat *strip  = g_new (gfloat, n * pixels->n_components);
  g_autofree guint8 *bytes  = g_malloc (n * babl_format_get_bytes_per_pixel (pixels->native));

  for (gint row = 0; row < from->height; row += STRIP_ROWS)
    {
      gint          rows = MIN (STRIP_ROWS, from->height - row);
      GeglRectangle rect = { x, y + row, from->width, rows };

      join_planes (from, (gsize) row * from->width, pixels->n_components, (gsize) from->width * rows, strip);

      if (result->scale == 1)
        write_strip_exactly (result, &rect, strip, bytes);
      else
        gegl_buffer_set (result->buffer, &rect, 0, pixels->working, strip, GEGL_AUTO_ROWSTRIDE);
    }

  return TRUE;
}

NrSink
nr_pixels_result_sink (NrPixelsResult *result)
{
  NrSink sink = { .write = result_write, .data = result };

  return sink;
}
