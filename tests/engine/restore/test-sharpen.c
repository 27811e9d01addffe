/* What networks that deblur are given beside the picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "sharpen.h"

enum
{
  SIZE = 200
};

static NrArguments
deblur_with_planes (void)
{
  NrArguments arguments;

  nr_arguments_init (&arguments, NR_TASK_DEBLUR);
  arguments.model = "sharpened";
  return arguments;
}

/* Root of the mean square between CHANNEL of A and the luma of B, but for BORDER pixels. */
static gdouble
error_of (const NrPicture *a, gint channel, const NrPicture *b, gint border)
{
  const gsize plane  = SIZE * SIZE;
  gdouble     square = 0;

  for (gint y = border; y < SIZE - border; y++)
    for (gint x = border; x < SIZE - border; x++)
      {
        const gsize  i    = y * SIZE + x;
        const gfloat luma = (b->color[i] + b->color[plane + i] + b->color[2 * plane + i]) / 3;

        square += pow (a->color[channel * plane + i] - luma, 2);
      }
  return sqrt (square / ((SIZE - 2 * border) * (SIZE - 2 * border)));
}

/* More steps come closer to what was there, also at the border, and whether the blur is told or found. */
static void
test_comes_closer (void)
{
  static const NrBlur   blurs[]   = { { NR_BLUR_GAUSSIAN, 1.5 }, { NR_BLUR_DISC, 3 }, { NR_BLUR_MOTION, 11, 0.6 } };
  g_autoptr (NrPicture) sharp     = fixture_leaves (SIZE, 2);
  NrArguments           arguments = deblur_with_planes ();

  for (guint i = 0; i < G_N_ELEMENTS (blurs); i++)
    for (gint is_told = 0; is_told <= 1; is_told++)
      {
        g_autoptr (NrPicture) blurred = fixture_blurred (sharp, &blurs[i]);
        g_autoptr (NrPicture) planes  = NULL;

        arguments.blur   = is_told ? blurs[i].size : 0;
        arguments.kernel = nr_blur_shape_name (blurs[i].shape);
        arguments.angle  = blurs[i].angle * 180 / G_PI;
        planes           = fixture_run_or_fail (&arguments, blurred, NULL);
        for (gint border = 0; border <= 20; border += 20)
          {
            gdouble before = 0;

            for (gint c = 0; c < 3; c++)
              before += error_of (blurred, c, sharp, border) / 3;
            g_test_message ("%s, told %d, border %d: %.4f -> %.4f -> %.4f", arguments.kernel, is_told, border, before,
                            error_of (planes, 0, sharp, border), error_of (planes, 1, sharp, border));
            g_assert_cmpfloat (error_of (planes, 0, sharp, border), <, 0.85 * before);
            g_assert_cmpfloat (error_of (planes, 1, sharp, border), <, 0.9 * error_of (planes, 0, sharp, border));
          }
      }
}

static void
test_flat_stays (void)
{
  g_autoptr (NrPicture) flat      = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  g_autoptr (NrPicture) planes    = NULL;
  NrArguments           arguments = deblur_with_planes ();

  for (gsize i = 0; i < 3 * SIZE * SIZE; i++)
    flat->color[i] = 0.4f;
  arguments.blur = 2;
  planes         = fixture_run_or_fail (&arguments, flat, NULL);
  g_assert_cmpfloat (fixture_difference (flat, planes), <, 3e-5);
}

/* A pixel's influence fades, it has no end: tiles may differ by less than a step of 8 bits, and are blended. */
static void
test_tiles_do_not_show (void)
{
  static const NrBlur   motion    = { NR_BLUR_MOTION, 4, 0.6 };
  g_autoptr (NrPicture) sharp     = fixture_leaves (SIZE, 2);
  g_autoptr (NrPicture) blurred   = fixture_blurred (sharp, &motion);
  NrArguments           arguments = deblur_with_planes ();
  g_autoptr (NrPicture) whole     = fixture_run_or_fail (&arguments, blurred, NULL);
  g_autoptr (NrPicture) tiled     = NULL;

  arguments.memory = 2;
  tiled            = fixture_run_or_fail (&arguments, blurred, NULL);
  g_test_message ("tiles differ by %g", fixture_difference (whole, tiled));
  g_assert_cmpfloat (fixture_difference (whole, tiled), >, 0);
  g_assert_cmpfloat (fixture_difference (whole, tiled), <, 3e-3);
}

static void
test_threads (void)
{
  g_autoptr (NrPicture) picture   = fixture_leaves (SIZE, 4);
  NrArguments           arguments = deblur_with_planes ();
  g_autoptr (NrPicture) one       = NULL;

  arguments.threads = 1;
  one               = fixture_run_or_fail (&arguments, picture, NULL);
  for (arguments.threads = 2; arguments.threads <= 3; arguments.threads++)
    {
      g_autoptr (NrPicture) other = fixture_run_or_fail (&arguments, picture, NULL);

      fixture_assert_same (one, other);
    }
}

static void
test_report (void)
{
  static const NrBlur   motion    = { NR_BLUR_MOTION, 9, 0.6 };
  g_autoptr (NrPicture) sharp     = fixture_leaves (SIZE, 2);
  g_autoptr (NrPicture) blurred   = fixture_blurred (sharp, &motion);
  g_autoptr (NrPicture) result    = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  const NrSource        source    = nr_picture_source (blurred);
  const NrSink          sink      = nr_picture_sink (result);
  const NrArguments     arguments = deblur_with_planes ();
  g_autofree gchar     *json      = NULL;
  NrReport              report;

  g_assert_true (nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, NULL, &report, NULL));
  json = nr_report_to_json (&report);
  g_assert_nonnull (strstr (json, "\"blur_shape\":\"motion\""));
  g_assert_cmpfloat_with_epsilon (report.blur_size, 9, 0.5);
  g_assert_cmpfloat_with_epsilon (report.blur_angle, 0.6 * 180 / G_PI, 4);
  nr_report_clear (&report);
}

gint
main (gint argc, gchar *argv[])
{
  gint result;

  g_test_init (&argc, &argv, NULL);
  fixture_init ();
  fixture_write_package (fixture_installed_folder (), "sharpened", "deblur", 2, NULL, "model.onnx", FIXTURE_SHARPENED);
  g_test_add_func ("/restore/sharpen/comes-closer", test_comes_closer);
  g_test_add_func ("/restore/sharpen/flat-stays", test_flat_stays);
  g_test_add_func ("/restore/sharpen/tiles-do-not-show", test_tiles_do_not_show);
  g_test_add_func ("/restore/sharpen/same-bytes-for-any-number-of-threads", test_threads);
  g_test_add_func ("/restore/sharpen/report", test_report);
  result = g_test_run ();
  fixture_clear ();
  return result;
}
