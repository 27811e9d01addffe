/* `neural-restore compare REFERENCE PICTURE`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "command.h"

#include <gegl.h>
#include <math.h>

#include "picture-file.h"
#include "quality.h"

/* Three planes on the 0-255 scale, rounded to 8 bits, alpha dropped, grey repeated; free the array. */
static double *
read_planes (GeglBuffer *buffer, gint border, gint width, gint height)
{
  const Babl        *format = babl_format_with_space ("R'G'B' float", gegl_buffer_get_format (buffer));
  g_autofree gfloat *row    = g_new (gfloat, 3 * (gsize) width);
  gsize              plane  = (gsize) width * height;
  double            *planes = g_new (double, 3 * plane);

  for (gint y = 0; y < height; y++)
    {
      gegl_buffer_get (buffer, GEGL_RECTANGLE (border, border + y, width, 1), 1.0, format, row,
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      for (gint x = 0; x < width; x++)
        for (gint c = 0; c < 3; c++)
          planes[c * plane + (gsize) y * width + x] = CLAMP (floor (row[3 * x + c] * 255.0 + 0.5), 0, 255);
    }

  return planes;
}

static void
print_figures (const NrQuality *rgb, const NrQuality *luma, gint width, gint height, gboolean json)
{
  /* A picture too small for SSIM's window has none. */
  g_autofree gchar *ssim   = isnan (rgb->ssim) ? g_strdup ("null") : g_strdup_printf ("%.5f", rgb->ssim);
  g_autofree gchar *ssim_y = isnan (luma->ssim) ? g_strdup ("null") : g_strdup_printf ("%.5f", luma->ssim);

  if (json)
    g_print ("{\"psnr\":%.4f, \"ssim\":%s, \"psnr_y\":%.4f, \"ssim_y\":%s, \"width\":%d, \"height\":%d}\n",
             rgb->psnr, ssim, luma->psnr, ssim_y, width, height);
  else
    g_print ("RGB: PSNR %.2f dB, SSIM %s\nY:   PSNR %.2f dB, SSIM %s\n", rgb->psnr, ssim, luma->psnr, ssim_y);
}

static int
compare_buffers (GeglBuffer *a, GeglBuffer *b, gint border, gboolean json)
{
  gint               width    = gegl_buffer_get_width (a) - 2 * border;
  gint               height   = gegl_buffer_get_height (a) - 2 * border;
  g_autofree double *planes_a = NULL, *planes_b = NULL, *y_a = NULL, *y_b = NULL;
  NrQuality          rgb, luma;
  gsize              n;

  if (gegl_buffer_get_width (b) != gegl_buffer_get_width (a) || gegl_buffer_get_height (b) != gegl_buffer_get_height (a))
    {
      nr_command_complain ("the pictures differ in size (%d x %d and %d x %d): only pictures of one size can be compared",
                           gegl_buffer_get_width (a), gegl_buffer_get_height (a),
                           gegl_buffer_get_width (b), gegl_buffer_get_height (b));
      return NR_EXIT_FAILED;
    }
  if (border < 0 || width < 1 || height < 1)
    {
      nr_command_complain ("--border %d leaves nothing of the pictures", border);
      return NR_EXIT_USAGE;
    }

  n        = (gsize) width * height;
  planes_a = read_planes (a, border, width, height);
  planes_b = read_planes (b, border, width, height);
  y_a      = g_new (double, n);
  y_b      = g_new (double, n);
  nr_quality_luma (planes_a, n, y_a);
  nr_quality_luma (planes_b, n, y_b);

  rgb  = nr_quality (planes_a, planes_b, width, height, 3);
  luma = nr_quality (y_a, y_b, width, height, 1);
  print_figures (&rgb, &luma, width, height, json);

  return NR_EXIT_DONE;
}

int
nr_compare_command (int argc, char **argv)
{
  g_autoptr (GeglBuffer) reference = NULL;
  g_autoptr (GeglBuffer) picture   = NULL;
  g_autoptr (GError)     error     = NULL;
  gboolean               json      = FALSE;
  gint                   border    = 0;
  const GOptionEntry     entries[] = {
    { "border", 0, 0, G_OPTION_ARG_INT, &border, "Pixels left out along each side (0)", "PIXELS" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { NULL }
  };

  if (! nr_command_parse (&argc, &argv, entries, "REFERENCE PICTURE",
                          "Prints PSNR and SSIM of RGB and of luma, both pictures rounded to 8 bits."))
    return NR_EXIT_USAGE;
  if (argc != 3)
    {
      nr_command_complain ("compare takes REFERENCE and PICTURE (see neural-restore compare --help)");
      return NR_EXIT_USAGE;
    }

  if ((reference = nr_picture_file_load (argv[1], &error)) == NULL ||
      (picture = nr_picture_file_load (argv[2], &error)) == NULL)
    return nr_command_fail (error);

  return compare_buffers (reference, picture, border, json);
}
