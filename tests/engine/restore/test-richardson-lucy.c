/* Richardson-Lucy: what it brings back, and when it stops.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "fixture.h"
#include "window.h"

enum
{
  SIZE = 160
};

/* Bars, a chessboard and a ramp around grey. */
static NrPicture *
sharp_picture (gdouble contrast)
{
  NrPicture *picture = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < SIZE; y++)
      for (gint x = 0; x < SIZE; x++)
        {
          const gdouble value = y < 60    ? (x / 20 % 2 ? 0.7 : 0.2 + 0.1 * c)
                                : y < 110 ? ((x / 16 + y / 16) % 2 ? 0.1 : 0.9)
                                          : x / (SIZE - 1.0);

          picture->color[(c * SIZE + y) * SIZE + x] = 0.5 + contrast * (value - 0.5);
        }
  return picture;
}

static gdouble
tap (gboolean is_disc, gdouble size, gint x, gint y)
{
  return is_disc ? CLAMP (size + 0.5 - hypot (x, y), 0, 1) : exp (-(x * x + y * y) / (2 * size * size));
}

/* PICTURE blurred, with noise of SIGMA (0-255), rounded to 8 bits. */
static NrPicture *
spoil (const NrPicture *picture, gboolean is_disc, gdouble size, gdouble sigma)
{
  const gint        radius  = is_disc ? ceil (size + 0.5) : ceil (4 * size);
  NrPicture        *spoiled = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (1);
  gdouble           total   = 0;

  for (gint j = -radius; j <= radius; j++)
    for (gint i = -radius; i <= radius; i++)
      total += tap (is_disc, size, i, j);
  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < SIZE; y++)
      for (gint x = 0; x < SIZE; x++)
        {
          gdouble sum = 0;

          for (gint j = -radius; j <= radius; j++)
            for (gint i = -radius; i <= radius; i++)
              sum += tap (is_disc, size, i, j) *
                     picture->color[(c * SIZE + nr_window_mirror (y + j, SIZE)) * SIZE + nr_window_mirror (x + i, SIZE)];
          sum                                       = sum / total + sigma / 255 * sqrt (3) * g_rand_double_range (rand, -1, 1);
          spoiled->color[(c * SIZE + y) * SIZE + x] = CLAMP (rint (255 * sum), 0, 255) / 255;
        }
  return spoiled;
}

static gdouble
psnr (const NrPicture *a, const NrPicture *b)
{
  gdouble square = 0;

  for (gsize i = 0; i < 3 * SIZE * SIZE; i++)
    square += pow (CLAMP (a->color[i], 0, 1) - b->color[i], 2);
  return -10 * log10 (square / (3 * SIZE * SIZE));
}

/* What ARGUMENTS bring back of a blur, in dB. */
static gdouble
gain (const NrArguments *arguments, gboolean is_disc, gdouble size, gdouble sigma, gdouble contrast)
{
  g_autoptr (NrPicture) sharp    = sharp_picture (contrast);
  g_autoptr (NrPicture) spoiled  = spoil (sharp, is_disc, size, sigma);
  g_autoptr (GError)    error    = NULL;
  g_autoptr (NrPicture) restored = fixture_run (arguments, spoiled, NULL, &error);

  g_assert_no_error (error);
  g_test_message ("size %g, noise %g: %.2f dB, then %.2f", size, sigma, psnr (spoiled, sharp), psnr (restored, sharp));
  return psnr (restored, sharp) - psnr (spoiled, sharp);
}

static NrArguments
deblur (const gchar *kernel, gdouble blur)
{
  NrArguments arguments;

  nr_arguments_init (&arguments, NR_TASK_DEBLUR);
  arguments.method = "richardson-lucy";
  arguments.kernel = kernel;
  arguments.blur   = blur;
  return arguments;
}

static void
test_gaussian (void)
{
  const NrArguments one = deblur ("gaussian", 1);
  const NrArguments two = deblur (NULL, 2);

  g_assert_cmpfloat (gain (&one, FALSE, 1, 0, 1), >, 8);
  g_assert_cmpfloat (gain (&two, FALSE, 2, 0, 1), >, 3.7);
}

static void
test_disc (void)
{
  const NrArguments disc     = deblur ("disc", 3);
  const NrArguments gaussian = deblur ("gaussian", 1.5);
  const gdouble     right    = gain (&disc, TRUE, 3, 0, 1);

  g_assert_cmpfloat (right, >, 5);
  g_assert_cmpfloat (right, >, gain (&gaussian, TRUE, 3, 0, 1) + 1);
}

/* Where structures are as faint as in photographs, ten times as many steps bring nothing more, and few leave the blur. */
static void
test_stops_before_noise (void)
{
  NrArguments   arguments = deblur ("gaussian", 2);
  const gdouble automatic = gain (&arguments, FALSE, 2, 5, 0.2);

  g_assert_cmpfloat (automatic, >, 1);
  arguments.iterations = 200;
  g_assert_cmpfloat (automatic, >, gain (&arguments, FALSE, 2, 5, 0.2) - 0.1);
  arguments.iterations = 2;
  g_assert_cmpfloat (automatic, >, gain (&arguments, FALSE, 2, 5, 0.2) + 0.3);
}

static void
test_unknown_kernel (void)
{
  const NrArguments  arguments = deblur ("square", 2);
  g_autoptr (GError) error     = NULL;

  g_assert_false (nr_arguments_check (&arguments, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT);
  g_assert_cmpstr (error->message, ==, "kernel is 'square' but must be 'gaussian', 'disc' or 'motion'");
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/richardson-lucy/undoes-gaussian-blur", test_gaussian);
  g_test_add_func ("/restore/richardson-lucy/undoes-defocus", test_disc);
  g_test_add_func ("/restore/richardson-lucy/stops-before-noise-grows", test_stops_before_noise);
  g_test_add_func ("/restore/richardson-lucy/refuses-an-unknown-kernel", test_unknown_kernel);
  return g_test_run ();
}
