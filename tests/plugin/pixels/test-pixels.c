/* GEGL buffers as source and result.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <string.h>

#include "pixels.h"

static const gchar *const formats[] = {
  "R'G'B' u8",
  "R'G'B'A u8",
  "RGB u16",
  "R~G~B~A u16",
  "R'G'B' u32",
  "R'G'B'A u32",
  "RGBA half",
  "R'G'B'A float",
  "RGBA double",
  "Y' u8",
  "Y'A u16",
  "Y u32",
  "YA float",
  "Y~ double",
};

enum
{
  WIDTH  = 67, /* ragged against any strip or GEGL tile */
  HEIGHT = 131
};

/* Random but valid pixels; FORMAT in Adobe RGB so that a lost space shows. */
static GeglBuffer *
random_buffer (const gchar *format, gint x, gint y)
{
  const Babl        *wanted = babl_format_with_space (format, babl_space ("Adobish"));
  const Babl        *rgba   = babl_format_with_space ("R'G'B'A double", babl_space ("Adobish"));
  GeglBuffer        *buffer = gegl_buffer_new (GEGL_RECTANGLE (x, y, WIDTH, HEIGHT), wanted);
  g_autofree double *values = g_new (double, 4 * WIDTH * HEIGHT);

  for (gint i = 0; i < WIDTH * HEIGHT * 4; i++)
    values[i] = g_test_rand_double ();
  gegl_buffer_set (buffer, NULL, 0, rgba, values, GEGL_AUTO_ROWSTRIDE);

  return buffer;
}

static guint8 *
native_bytes (GeglBuffer *buffer, gsize *size)
{
  const Babl *format = gegl_buffer_get_format (buffer);
  guint8     *bytes;

  *size = (gsize) gegl_buffer_get_width (buffer) * gegl_buffer_get_height (buffer) * babl_format_get_bytes_per_pixel (format);
  bytes = g_malloc (*size);
  gegl_buffer_get (buffer, NULL, 1.0, format, bytes, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return bytes;
}

static NrPicture *
picture_for (const NrSource *source, gint width, gint height)
{
  return nr_picture_new (width, height, source->n_channels, source->has_alpha, source->has_weight);
}

static void
test_untouched_pixels_keep_their_bytes (gconstpointer data)
{
  g_autoptr (GeglBuffer)     buffer  = random_buffer (data, 5, -3);
  g_autoptr (NrPixels)       pixels  = nr_pixels_new (buffer, NULL, NULL, 0, 0);
  NrSource                   source  = nr_pixels_source (pixels);
  g_autoptr (NrPicture)      picture = picture_for (&source, WIDTH, HEIGHT);
  NrRect                     whole   = { 0, 0, WIDTH, HEIGHT };
  g_autoptr (NrPixelsResult) result  = nr_pixels_result_new (pixels, &whole, 1);
  NrSink                     sink    = nr_pixels_result_sink (result);
  g_autofree guint8         *before = NULL, *after = NULL;
  gsize                      n_before, n_after;

  g_assert_true (source.read (source.data, 0, 0, picture, NULL));
  g_assert_true (sink.write (sink.data, 0, 0, picture, NULL));
  g_assert_true (gegl_buffer_get_format (nr_pixels_result_buffer (result)) == gegl_buffer_get_format (buffer));

  before = native_bytes (buffer, &n_before);
  after  = native_bytes (nr_pixels_result_buffer (result), &n_after);
  g_assert_cmpmem (before, n_before, after, n_after);
}

static void
test_changed_pixels_keep_their_alpha (gconstpointer data)
{
  g_autoptr (GeglBuffer)     buffer  = random_buffer (data, 0, 0);
  g_autoptr (NrPixels)       pixels  = nr_pixels_new (buffer, NULL, NULL, 0, 0);
  NrSource                   source  = nr_pixels_source (pixels);
  g_autoptr (NrPicture)      picture = picture_for (&source, WIDTH, HEIGHT);
  NrRect                     whole   = { 0, 0, WIDTH, HEIGHT };
  g_autoptr (NrPixelsResult) result  = nr_pixels_result_new (pixels, &whole, 1);
  NrSink                     sink    = nr_pixels_result_sink (result);
  g_autofree guint8         *before = NULL, *after = NULL;
  gsize                      n_before, n_after, bpp, component, n_colors, n_changed = 0;

  source.read (source.data, 0, 0, picture, NULL);
  for (gint i = 0; i < WIDTH * HEIGHT * picture->n_channels; i++)
    picture->color[i] = 1.0f - picture->color[i];
  sink.write (sink.data, 0, 0, picture, NULL);

  before    = native_bytes (buffer, &n_before);
  after     = native_bytes (nr_pixels_result_buffer (result), &n_after);
  bpp       = n_before / (WIDTH * HEIGHT);
  component = bpp / (picture->n_channels + source.has_alpha);
  n_colors  = component * picture->n_channels;
  for (gsize p = 0; p < n_before; p += bpp)
    {
      n_changed += memcmp (before + p, after + p, n_colors) != 0;
      if (source.has_alpha)
        g_assert_cmpmem (before + p + n_colors, component, after + p + n_colors, component);
    }
  g_assert_cmpuint (n_changed, >, WIDTH * HEIGHT * 9 / 10);
}

/* The same color in a linear and in a perceptual buffer reads the same. */
static void
test_colors_are_perceptual (void)
{
  static const gchar *const names[] = { "R'G'B' float", "RGB float", "R~G~B~ float" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GeglBuffer) buffer  = gegl_buffer_new (GEGL_RECTANGLE (0, 0, 1, 1), babl_format (names[i]));
      g_autoptr (NrPixels)   pixels  = NULL;
      g_autoptr (NrPicture)  picture = nr_picture_new (1, 1, 3, FALSE, FALSE);
      NrSource               source;
      const gfloat           color[3] = { 0.784f, 0.5f, 0.1f };

      gegl_buffer_set (buffer, NULL, 0, babl_format ("R~G~B~ float"), color, GEGL_AUTO_ROWSTRIDE);
      pixels = nr_pixels_new (buffer, NULL, NULL, 0, 0);
      source = nr_pixels_source (pixels);
      source.read (source.data, 0, 0, picture, NULL);
      for (gint c = 0; c < 3; c++)
        g_assert_cmpfloat_with_epsilon (picture->color[c], color[c], 1e-4f);
    }
}

/* A selection buffer that is shifted against the picture and does not cover all of it. */
static void
test_selection_is_shifted_and_bounded (void)
{
  g_autoptr (GeglBuffer) buffer    = random_buffer ("R'G'B' u8", 0, 0);
  g_autoptr (GeglBuffer) selection = gegl_buffer_new (GEGL_RECTANGLE (0, 0, 40, 30), babl_format ("Y float"));
  g_autoptr (NrPixels)   pixels    = nr_pixels_new (buffer, selection, babl_format ("Y float"), -10, 7);
  NrSource               source    = nr_pixels_source (pixels);
  g_autoptr (NrPicture)  picture   = picture_for (&source, WIDTH, HEIGHT);
  const gfloat           half      = 0.5f;
  NrRect                 bounds;

  g_assert_true (source.has_weight);
  g_assert_false (nr_pixels_selected_bounds (pixels, &bounds));

  gegl_buffer_set (selection, GEGL_RECTANGLE (12, 3, 1, 1), 0, babl_format ("Y float"), &half, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_set (selection, GEGL_RECTANGLE (20, 9, 1, 1), 0, babl_format ("Y float"), &half, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (nr_pixels_selected_bounds (pixels, &bounds));
  g_assert_cmpint (bounds.x, ==, 2);
  g_assert_cmpint (bounds.y, ==, 10);
  g_assert_cmpint (bounds.width, ==, 9);
  g_assert_cmpint (bounds.height, ==, 7);

  source.read (source.data, 0, 0, picture, NULL);
  g_assert_cmpfloat (picture->weight[10 * WIDTH + 2], ==, 0.5f);
  g_assert_cmpfloat (picture->weight[16 * WIDTH + 10], ==, 0.5f);
  g_assert_cmpfloat (picture->weight[0], ==, 0.0f);
  g_assert_cmpfloat (picture->weight[(HEIGHT - 1) * WIDTH + WIDTH - 1], ==, 0.0f);
}

static void
test_models_that_cannot_be_restored (void)
{
  const Babl *palette;

  babl_new_palette ("test-palette", &palette, NULL);
  g_assert_false (nr_pixels_can_restore (palette));
  g_assert_false (nr_pixels_can_restore (babl_format ("CIE Lab float")));
  g_assert_false (nr_pixels_can_restore (babl_format ("RaGaBaA float")));
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    g_assert_true (nr_pixels_can_restore (babl_format_with_space (formats[i], babl_space ("Adobish"))));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autofree gchar *same  = g_strdup_printf ("/plugin/pixels/untouched-pixels-keep-their-bytes/%s", formats[i]);
      g_autofree gchar *alpha = g_strdup_printf ("/plugin/pixels/changed-pixels-keep-their-alpha/%s", formats[i]);

      g_test_add_data_func (same, formats[i], test_untouched_pixels_keep_their_bytes);
      g_test_add_data_func (alpha, formats[i], test_changed_pixels_keep_their_alpha);
    }
  g_test_add_func ("/plugin/pixels/colors-are-perceptual", test_colors_are_perceptual);
  g_test_add_func ("/plugin/pixels/selection-is-shifted-and-bounded", test_selection_is_shifted_and_bounded);
  g_test_add_func ("/plugin/pixels/models-that-cannot-be-restored", test_models_that_cannot_be_restored);

  status = g_test_run ();
  gegl_exit ();
  return status;
}
