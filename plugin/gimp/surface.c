/* Results as the dialog shows them: see surface.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "surface.h"

cairo_surface_t *
nr_surface_new (GeglBuffer *buffer)
{
  const GeglRectangle *extent  = gegl_buffer_get_extent (buffer);
  cairo_surface_t     *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, extent->width, extent->height);

  cairo_surface_flush (surface);
  gegl_buffer_get (buffer, extent, 1.0, babl_format ("cairo-ARGB32"), cairo_image_surface_get_data (surface),
                   cairo_image_surface_get_stride (surface), GEGL_ABYSS_NONE);
  cairo_surface_mark_dirty (surface);
  return surface;
}

cairo_surface_t *
nr_surface_new_of_part (NrPixels *pixels, const NrRect *rect, gint scale, const NrPicture *from)
{
  g_autoptr (NrPixelsResult) result = nr_pixels_result_new (pixels, rect, scale);
  NrSink                     sink   = nr_pixels_result_sink (result);

  if (! sink.write (sink.data, 0, 0, from, NULL))
    return NULL;
  return nr_surface_new (nr_pixels_result_buffer (result));
}
