/* The blur that is found in a picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "blur-estimate.h"
#include "fixture.h"
#include "window.h"

enum
{
  SIZE = 300
};

/* Dead leaves: discs over discs, with radii between 2 and 120 that are distributed as their power -3. Their spectrum is a
 * photograph's. */
static NrPicture *
leaves_new (guint32 seed)
{
  NrPicture        *picture = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (seed);

  for (gint i = 0; i < 3000; i++)
    {
      const gdouble radius = 1 / sqrt (g_rand_double_range (rand, 1 / (120.0 * 120), 1 / (2.0 * 2)));
      const gdouble x      = g_rand_double_range (rand, 0, SIZE);
      const gdouble y      = g_rand_double_range (rand, 0, SIZE);
      const gdouble grey   = g_rand_double_range (rand, 0.1, 0.9);
      const gdouble tint   = g_rand_double_range (rand, -0.1, 0.1);

      for (gint v = MAX (0, ceil (y - radius)); v < MIN (SIZE, y + radius); v++)
        for (gint u = MAX (0, ceil (x - radius)); u < MIN (SIZE, x + radius); u++)
          if (hypot (u - x, v - y) < radius)
            for (gint c = 0; c < 3; c++)
              picture->color[(c * SIZE + v) * SIZE + u] = grey + (c - 1) * tint;
    }
  return picture;
}

/* PICTURE blurred as BLUR says, with its noise, rounded to 8 bits. */
static NrPicture *
spoil (const NrPicture *picture, const NrBlur *blur)
{
  NrPicture        *spoiled = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (9);
  g_auto (NrKernel) kernel  = nr_blur_kernel (blur);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < SIZE; y++)
      for (gint x = 0; x < SIZE; x++)
        {
          const gfloat *plane = picture->color + c * SIZE * SIZE;
          gdouble       sum   = 0;

          for (guint i = 0; i < kernel.n_taps; i++)
            for (guint j = 0; j < (kernel.is_separable ? kernel.n_taps : 1); j++)
              for (gint sign = -1; sign <= 1; sign += 2)
                for (gint other = -1; other <= 1; other += 2)
                  {
                    const NrTap *tap    = &kernel.taps[i];
                    const gint   dx     = sign * tap->dx;
                    const gint   dy     = kernel.is_separable ? other * kernel.taps[j].dx : sign * tap->dy;
                    const gfloat weight = tap->weight * (kernel.is_separable ? kernel.taps[j].weight : 0.5);

                    sum += weight * plane[nr_window_mirror (y + dy, SIZE) * SIZE + nr_window_mirror (x + dx, SIZE)];
                  }
          sum += blur->noise / 255 * sqrt (3) * g_rand_double_range (rand, -1, 1);
          spoiled->color[(c * SIZE + y) * SIZE + x] = CLAMP (rint (255 * sum), 0, 255) / 255;
        }
  return spoiled;
}

static NrBlur
estimate (NrPicture *picture, guint threads)
{
  const NrSource     source = nr_picture_source (picture);
  g_autoptr (GError) error  = NULL;
  NrBlur             blur;

  g_assert_true (nr_blur_estimate (&source, threads, NULL, &blur, &error));
  g_assert_no_error (error);
  return blur;
}

static void
test_finds (gconstpointer data)
{
  const NrBlur         *blur    = data;
  g_autoptr (NrPicture) sharp   = leaves_new (3);
  g_autoptr (NrPicture) spoiled = spoil (sharp, blur);
  const NrBlur          found   = estimate (spoiled, 0);
  const gdouble         turned  = remainder (found.angle - blur->angle, G_PI);

  g_test_message ("%s of %g at %.1f degrees: %s of %.2f at %.1f degrees, noise %.2f", nr_blur_shape_name (blur->shape), blur->size,
                  blur->angle * 180 / G_PI, nr_blur_shape_name (found.shape), found.size, found.angle * 180 / G_PI, found.noise);
  g_assert_cmpstr (nr_blur_shape_name (found.shape), ==, nr_blur_shape_name (blur->shape));
  g_assert_cmpfloat_with_epsilon (found.size, blur->size, 0.1 * blur->size);
  if (blur->shape == NR_BLUR_MOTION)
    g_assert_cmpfloat (fabs (turned), <, 0.06);
  if (blur->noise > 0)
    g_assert_cmpfloat_with_epsilon (found.noise * sqrt (3), blur->noise, 0.3 * blur->noise);
}

static void
test_sharp (void)
{
  g_autoptr (NrPicture) sharp = leaves_new (5);
  const NrBlur          found = estimate (sharp, 0);

  g_test_message ("%s of %.2f", nr_blur_shape_name (found.shape), found.size);
  g_assert_cmpfloat (nr_blur_spread (&found), <, 0.7);
}

/* A flat picture, and one that is too small, have no blur that could be found. */
static void
test_nothing_to_see (void)
{
  g_autoptr (NrPicture) flat  = nr_picture_new (SIZE, SIZE, 3, FALSE, FALSE);
  g_autoptr (NrPicture) small = fixture_picture (20, 200, 3, FALSE, FALSE, 1);

  g_assert_cmpfloat (nr_blur_spread ((NrBlur[]) { estimate (flat, 0) }), <, 5);
  g_assert_cmpint (estimate (small, 0).shape, ==, NR_BLUR_NONE);
}

static void
test_threads (void)
{
  static const NrBlur   motion  = { NR_BLUR_MOTION, 9, 2, 2 };
  g_autoptr (NrPicture) sharp   = leaves_new (1);
  g_autoptr (NrPicture) spoiled = spoil (sharp, &motion);
  const NrBlur          one     = estimate (spoiled, 1);

  for (guint threads = 2; threads <= 3; threads++)
    {
      const NrBlur other = estimate (spoiled, threads);

      g_assert_cmpint (one.shape, ==, other.shape);
      g_assert_true (one.size == other.size && one.angle == other.angle && one.noise == other.noise);
    }
}

static void
test_cancelled (void)
{
  g_autoptr (NrPicture)    picture     = leaves_new (1);
  const NrSource           source      = nr_picture_source (picture);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  NrBlur                   blur;

  g_cancellable_cancel (cancellable);
  g_assert_false (nr_blur_estimate (&source, 0, cancellable, &blur, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

gint
main (gint argc, gchar *argv[])
{
  static const NrBlur blurs[] = {
    { NR_BLUR_GAUSSIAN, 1 },
    { NR_BLUR_GAUSSIAN, 2, 0, 2 },
    { NR_BLUR_GAUSSIAN, 3.4 },
    { NR_BLUR_DISC, 3.5 },
    { NR_BLUR_DISC, 5, 0, 2 },
    { NR_BLUR_MOTION, 7, 0.3 },
    { NR_BLUR_MOTION, 12.5, 1.2, 3 },
    { NR_BLUR_MOTION, 22, 2.6 },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (blurs); i++)
    {
      g_autofree gchar *path = g_strdup_printf ("/restore/blur-estimate/finds-%s-%g", nr_blur_shape_name (blurs[i].shape), blurs[i].size);

      g_test_add_data_func (path, &blurs[i], test_finds);
    }
  g_test_add_func ("/restore/blur-estimate/sharp-stays-sharp", test_sharp);
  g_test_add_func ("/restore/blur-estimate/nothing-to-see", test_nothing_to_see);
  g_test_add_func ("/restore/blur-estimate/same-for-any-number-of-threads", test_threads);
  g_test_add_func ("/restore/blur-estimate/can-be-cancelled", test_cancelled);
  return g_test_run ();
}
