/* PSNR and SSIM against the definitions written out plainly.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <glib.h>
#include <math.h>

#include "quality.h"

enum
{
  WIDTH  = 23,
  HEIGHT = 17
};

static void
random_planes (double *a, double *b, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      a[i] = g_test_rand_int_range (0, 256);
      b[i] = CLAMP (a[i] + g_test_rand_int_range (-20, 21), 0, 255);
    }
}

/* One window's SSIM from the two-dimensional definition. */
static double
ssim_at (const double *a, const double *b, gsize x0, gsize y0)
{
  double sum = 0, ma = 0, mb = 0, va = 0, vb = 0, cov = 0;

  for (int pass = 0; pass < 2; pass++)
    for (int y = 0; y < 11; y++)
      for (int x = 0; x < 11; x++)
        {
          double w = exp (-((x - 5) * (x - 5) + (y - 5) * (y - 5)) / (2 * 1.5 * 1.5));
          double p = a[(y0 + y) * WIDTH + x0 + x], q = b[(y0 + y) * WIDTH + x0 + x];

          if (pass == 0)
            {
              sum += w;
              ma += w * p;
              mb += w * q;
            }
          else
            {
              va += w * (p - ma) * (p - ma) / sum;
              vb += w * (q - mb) * (q - mb) / sum;
              cov += w * (p - ma) * (q - mb) / sum;
            }
          if (pass == 0 && y == 10 && x == 10)
            {
              ma /= sum;
              mb /= sum;
            }
        }

  return (2 * ma * mb + 6.5025) * (2 * cov + 58.5225) / ((ma * ma + mb * mb + 6.5025) * (va + vb + 58.5225));
}

static void
test_matches_definition (void)
{
  double    a[3 * WIDTH * HEIGHT], b[3 * WIDTH * HEIGHT];
  double    mse = 0, ssim = 0;
  NrQuality got;

  random_planes (a, b, G_N_ELEMENTS (a));
  for (gsize i = 0; i < G_N_ELEMENTS (a); i++)
    mse += (a[i] - b[i]) * (a[i] - b[i]) / G_N_ELEMENTS (a);
  for (gsize p = 0; p < 3; p++)
    for (gsize y = 0; y + 11 <= HEIGHT; y++)
      for (gsize x = 0; x + 11 <= WIDTH; x++)
        ssim += ssim_at (a + p * WIDTH * HEIGHT, b + p * WIDTH * HEIGHT, x, y) / (3 * (WIDTH - 10) * (HEIGHT - 10));

  got = nr_quality (a, b, WIDTH, HEIGHT, 3);
  g_assert_cmpfloat_with_epsilon (got.psnr, 10 * log10 (255 * 255 / mse), 1e-9);
  g_assert_cmpfloat_with_epsilon (got.ssim, ssim, 1e-9);
}

static void
test_equal_pictures_are_capped (void)
{
  double    a[WIDTH * HEIGHT], b[WIDTH * HEIGHT];
  NrQuality got;

  random_planes (a, b, G_N_ELEMENTS (a));
  got = nr_quality (a, a, WIDTH, HEIGHT, 1);
  g_assert_cmpfloat (got.psnr, ==, 99.0);
  g_assert_cmpfloat_with_epsilon (got.ssim, 1.0, 1e-12);
}

static void
test_small_picture_has_no_ssim (void)
{
  double    a[10 * 10] = { 0 };
  NrQuality got        = nr_quality (a, a, 10, 10, 1);

  g_assert_true (isnan (got.ssim));
}

static void
test_luma_of_white_and_black (void)
{
  double rgb[6] = { 255, 0, 255, 0, 255, 0 }, y[2];

  nr_quality_luma (rgb, 2, y);
  g_assert_cmpfloat_with_epsilon (y[0], 235.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (y[1], 16.0, 1e-9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/plugin/command/quality/matches-definition", test_matches_definition);
  g_test_add_func ("/plugin/command/quality/equal-pictures-are-capped", test_equal_pictures_are_capped);
  g_test_add_func ("/plugin/command/quality/small-picture-has-no-ssim", test_small_picture_has_no_ssim);
  g_test_add_func ("/plugin/command/quality/luma-of-white-and-black", test_luma_of_white_and_black);

  return g_test_run ();
}
