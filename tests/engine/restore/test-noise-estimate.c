/* The noise estimate: clean ones, told ones, what must not disturb it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "noise-estimate.h"

/* A normal random number by Box and Muller. */
static gdouble
normal (GRand *rand)
{
  const gdouble u = 1 - g_rand_double (rand);
  const gdouble v = g_rand_double (rand);

  return sqrt (-2 * log (u)) * cos (2 * G_PI * v);
}

/* A smooth picture of shapes with noise of SIGMA, optionally clipped and rounded to 8 bits. */
static NrPicture *
noisy_picture (gint width, gint height, gint n_channels, gdouble sigma, gboolean is_8_bit)
{
  NrPicture        *picture = nr_picture_new (width, height, n_channels, FALSE, FALSE);
  const gsize       plane   = (gsize) width * height;
  g_autoptr (GRand) rand    = g_rand_new_with_seed (width + 7 * sigma);

  for (gsize i = 0; i < plane * n_channels; i++)
    {
      const gint x     = i % plane % width;
      const gint y     = i % plane / width;
      gdouble    value = 0.5 + 0.25 * sin (x * 0.01) + 0.15 * cos (y * 0.015 + i / plane) + ((x / 90 + y / 70) % 2 ? 0.05 : 0);

      value += sigma / 255 * normal (rand);
      picture->color[i] = is_8_bit ? CLAMP (rint (value * 255), 0, 255) / 255 : value;
    }
  return picture;
}

static gdouble
level (NrPicture *picture)
{
  const NrSource source = nr_picture_source (picture);
  NrNoise        noise;

  g_assert_true (nr_noise_estimate (&source, NULL, &noise, NULL));
  return noise.level;
}

static void
test_ramps_have_none (void)
{
  for (gint is_8_bit = 0; is_8_bit < 2; is_8_bit++)
    for (gint turned = 0; turned < 2; turned++)
      for (gint n_channels = 1; n_channels <= 3; n_channels += 2)
        {
          g_autoptr (NrPicture) picture = nr_picture_new (512, 384, n_channels, FALSE, FALSE);
          const gsize           plane   = 512 * 384;

          for (gsize i = 0; i < plane * n_channels; i++)
            {
              const gdouble value = turned ? i % plane / 512 / 383.0 : i % plane % 512 / 511.0;

              picture->color[i] = is_8_bit ? rint (value * 255) / 255 : value;
            }
          g_assert_cmpfloat (level (picture), ==, 0);
        }
}

static void
test_flat_has_none (void)
{
  g_autoptr (NrPicture) picture = nr_picture_new (300, 200, 3, FALSE, FALSE);

  g_assert_cmpfloat (level (picture), ==, 0);
  for (gsize i = 0; i < 3 * 300 * 200; i++)
    picture->color[i] = 0.4f;
  g_assert_cmpfloat (level (picture), ==, 0);
}

/* From 6 % less to 10 % more, or 1: a denoiser told 8 % less leaves visible noise in smooth places, one told more loses little. */
static void
test_white_noise_is_found (void)
{
  static const gdouble sigmas[] = { 3, 5, 10, 15, 25, 35, 50 };

  for (guint i = 0; i < G_N_ELEMENTS (sigmas); i++)
    for (gint is_8_bit = 0; is_8_bit < 2; is_8_bit++)
      for (gint n_channels = 1; n_channels <= 3; n_channels += 2)
        {
          g_autoptr (NrPicture) picture = noisy_picture (500, 400, n_channels, sigmas[i], is_8_bit);
          const gdouble         found   = level (picture);

          g_test_message ("sigma %g, %d channels, 8 bits %d: %.2f", sigmas[i], n_channels, is_8_bit, found);
          g_assert_cmpfloat (found, >, sigmas[i] - MAX (1, 0.06 * sigmas[i]));
          g_assert_cmpfloat (found, <, sigmas[i] + MAX (1, 0.1 * sigmas[i]));
        }
}

/* Means of 3 x 3 pixels keep a third of the noise but little of its fine grain. */
static void
test_correlated_noise_is_found (void)
{
  g_autoptr (NrPicture) white  = noisy_picture (500, 400, 3, 30, FALSE);
  g_autoptr (NrPicture) smooth = fixture_picture_copy (white);
  gdouble               found;

  for (gint c = 0; c < 3; c++)
    for (gint y = 1; y < 399; y++)
      for (gint x = 1; x < 499; x++)
        {
          gdouble sum = 0;

          for (gint dy = -1; dy <= 1; dy++)
            for (gint dx = -1; dx <= 1; dx++)
              sum += white->color[(c * 400 + y + dy) * 500 + x + dx];
          smooth->color[(c * 400 + y) * 500 + x] = sum / 9;
        }
  found = level (smooth);
  g_test_message ("sigma 10, correlated: %.2f", found);
  g_assert_cmpfloat (found, >, 5); /* an estimate at the finest scale says 2 */
  g_assert_cmpfloat (found, <, 15);
}

static void
test_channels_are_told_apart (void)
{
  g_autoptr (NrPicture) low    = noisy_picture (500, 400, 3, 5, TRUE);
  g_autoptr (NrPicture) high   = noisy_picture (500, 400, 3, 25, TRUE);
  const gsize           plane  = 500 * 400;
  const NrSource        source = nr_picture_source (low);
  NrNoise               noise;

  memcpy (low->color + 2 * plane, high->color + 2 * plane, plane * sizeof (gfloat));
  g_assert_true (nr_noise_estimate (&source, NULL, &noise, NULL));
  g_assert_cmpfloat (noise.sigma[0], <, 9);
  g_assert_cmpfloat (noise.sigma[2], >, 18);
}

/* A ramp whose noise rises from 4 at black to 20 at white; SIGMA above 0: the same everywhere. */
static NrPicture *
ramp_picture (gdouble sigma)
{
  NrPicture        *picture = nr_picture_new (512, 384, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (1);

  for (gsize i = 0; i < 3 * 512 * 384; i++)
    {
      const gdouble value = 0.15 + 0.7 * (i % 512) / 511;

      picture->color[i] = value + (sigma > 0 ? sigma : 4 + 16 * value) / 255 * normal (rand);
    }
  return picture;
}

static void
test_brightnesses_are_told_apart (void)
{
  g_autoptr (NrPicture) rising = ramp_picture (0);
  g_autoptr (NrPicture) even   = ramp_picture (12);
  const NrSource        source = nr_picture_source (rising);
  const NrSource        other  = nr_picture_source (even);
  g_autofree gfloat    *plane  = g_new (gfloat, 512 * 384);
  NrNoise               noise;

  g_assert_true (nr_noise_estimate (&source, NULL, &noise, NULL));
  g_assert_true (nr_noise_has_map (&noise));
  nr_noise_map (&noise, rising, plane);
  for (guint x = 60; x < 512; x += 80)
    {
      /* Compared with the middle. */
      const gdouble truth = (4 + 16 * (0.15 + 0.7 * x / 511)) / (4 + 16 * 0.5);
      const gdouble told  = plane[200 * 512 + x] / plane[200 * 512 + 256];

      g_test_message ("%.2f times the noise: told %.2f times", truth, told);
      g_assert_cmpfloat_with_epsilon (told, truth, 0.15 * truth);
    }

  g_assert_true (nr_noise_estimate (&other, NULL, &noise, NULL));
  g_assert_false (nr_noise_has_map (&noise));
}

/* A window's map is the whole picture's, away from its border. */
static void
test_map_does_not_depend_on_windows (void)
{
  g_autoptr (NrPicture) picture = ramp_picture (0);
  g_autoptr (NrPicture) window  = nr_picture_new (90, 70, 3, FALSE, FALSE);
  const NrSource        source  = nr_picture_source (picture);
  g_autofree gfloat    *whole   = g_new (gfloat, 512 * 384);
  g_autofree gfloat    *part    = g_new (gfloat, 90 * 70);
  NrNoise               noise;

  g_assert_true (nr_noise_estimate (&source, NULL, &noise, NULL));
  g_assert_true (source.read (source.data, 100, 60, window, NULL));
  nr_noise_map (&noise, picture, whole);
  nr_noise_map (&noise, window, part);
  for (gint y = NR_NOISE_MAP_RADIUS; y < 70 - NR_NOISE_MAP_RADIUS; y++)
    for (gint x = NR_NOISE_MAP_RADIUS; x < 90 - NR_NOISE_MAP_RADIUS; x++)
      g_assert_cmpfloat_with_epsilon (part[y * 90 + x], whole[(60 + y) * 512 + 100 + x], 1e-7);
}

/* Told noise on flat pictures of three tones that clips it, against what it has done. */
static void
test_mean_square_of_clipped_noise (void)
{
  const gdouble tones[]  = { 0.15, 0.6, 0.9 };
  const gdouble sigmas[] = { 5, 25, 50 };
  const gsize   n        = 200 * 200;

  for (guint i = 0; i < G_N_ELEMENTS (sigmas); i++)
    {
      g_autoptr (NrPicture) picture = nr_picture_new (200, 200, 3, FALSE, FALSE);
      g_autoptr (GRand)     rand    = g_rand_new_with_seed (i);
      const gdouble         sigma   = sigmas[i];
      NrNoise               noise   = { { sigma, sigma, sigma }, 0.8 * sigma, { 0 } };
      gdouble               truth   = 0;

      for (guint s = 0; s < NR_NOISE_N_STEPS; s++)
        noise.curve[s] = 1;
      for (gsize k = 0; k < 3 * n; k++)
        {
          const gdouble value = tones[k / n] + sigma / 255 * normal (rand);

          picture->color[k] = CLAMP (value, 0, 1);
          truth += (picture->color[k] - tones[k / n]) * (picture->color[k] - tones[k / n]) / (3 * n);
        }
      g_assert_cmpfloat_with_epsilon (nr_noise_mean_square (&noise, picture, NULL), truth, 0.06 * truth);
      if (sigma > 25)
        g_assert_cmpfloat (truth, <, 0.9 * sigma * sigma / 255 / 255); /* so it does clip */
    }
}

static void
test_hidden_and_broken_pixels_do_not_count (void)
{
  g_autoptr (NrPicture) picture  = noisy_picture (512, 512, 3, 12, TRUE);
  const gdouble         expected = level (picture);
  gdouble               found;

  picture->alpha = g_new (gfloat, 512 * 512);
  for (gsize i = 0; i < 512 * 512; i++)
    {
      picture->alpha[i] = i % 512 >= 128;
      if (i % 512 < 128)
        picture->color[i] = i % 2;
      if (i % 512 > 500)
        picture->color[i] = NAN;
    }
  found = level (picture);
  g_assert_cmpfloat_with_epsilon (found, expected, 1);
}

static void
test_tiny_and_broken_pictures (void)
{
  for (gint size = 1; size < 40; size += 6)
    {
      g_autoptr (NrPicture) picture = noisy_picture (size, size, 3, 10, TRUE);

      g_assert_true (isfinite (level (picture)));
      for (gint i = 0; i < 3 * size * size; i++)
        picture->color[i] = NAN;
      g_assert_cmpfloat (level (picture), ==, 0);
    }
}

/* Counts the pixels it is asked for: a noisy picture of 100 megapixels that never exists as a whole. */
static gboolean
endless_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  guint64          *n_read = data;
  const gsize       plane  = (gsize) into->width * into->height;
  g_autoptr (GRand) rand   = g_rand_new_with_seed (x * 31 + y);

  *n_read += plane;
  for (gsize i = 0; i < 3 * plane; i++)
    into->color[i] = 0.5 + 20 / 255.0 * normal (rand);
  return TRUE;
}

static void
test_large_pictures_are_sampled (void)
{
  guint64        n_read = 0;
  const NrSource source = { .width = 12000, .height = 8400, .n_channels = 3, .read = endless_read, .data = &n_read };
  NrNoise        noise;

  g_assert_true (nr_noise_estimate (&source, NULL, &noise, NULL));
  g_assert_cmpfloat_with_epsilon (noise.level, 20, 2);
  g_assert_cmpuint (n_read, <, 8000000);
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/noise-estimate/clean-ramps-have-none", test_ramps_have_none);
  g_test_add_func ("/restore/noise-estimate/flat-pictures-have-none", test_flat_has_none);
  g_test_add_func ("/restore/noise-estimate/white-noise-is-found", test_white_noise_is_found);
  g_test_add_func ("/restore/noise-estimate/correlated-noise-is-found", test_correlated_noise_is_found);
  g_test_add_func ("/restore/noise-estimate/channels-are-told-apart", test_channels_are_told_apart);
  g_test_add_func ("/restore/noise-estimate/brightnesses-are-told-apart", test_brightnesses_are_told_apart);
  g_test_add_func ("/restore/noise-estimate/a-map-does-not-depend-on-windows", test_map_does_not_depend_on_windows);
  g_test_add_func ("/restore/noise-estimate/mean-square-of-clipped-noise", test_mean_square_of_clipped_noise);
  g_test_add_func ("/restore/noise-estimate/hidden-and-broken-pixels-do-not-count", test_hidden_and_broken_pixels_do_not_count);
  g_test_add_func ("/restore/noise-estimate/tiny-and-broken-pictures", test_tiny_and_broken_pictures);
  g_test_add_func ("/restore/noise-estimate/large-pictures-are-sampled", test_large_pictures_are_sampled);
  return g_test_run ();
}
