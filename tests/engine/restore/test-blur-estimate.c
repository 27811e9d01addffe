/* The blur that is found in a picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "blur-estimate.h"
#include "fixture.h"

enum
{
  SIZE = 300
};

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
  g_autoptr (NrPicture) sharp   = fixture_leaves (SIZE, 3);
  g_autoptr (NrPicture) spoiled = fixture_blurred (sharp, blur);
  const NrBlur          found   = estimate (spoiled, 0);
  const gdouble         turned  = remainder (found.angle - blur->angle, G_PI);

  g_test_message ("%s of %g at %.1f degrees: %s of %.2f at %.1f degrees, noise %.2f", nr_blur_shape_name (blur->shape), blur->size,
                  blur->angle * 180 / G_PI, nr_blur_shape_name (found.shape), found.size, found.angle * 180 / G_PI, found.noise);
  g_assert_cmpstr (nr_blur_shape_name (found.shape), ==, nr_blur_shape_name (blur->shape));
  g_assert_cmpfloat_with_epsilon (found.size, blur->size, 0.15 * blur->size);
  if (blur->shape == NR_BLUR_MOTION)
    g_assert_cmpfloat (fabs (turned), <, 0.06);
  if (blur->noise > 0)
    g_assert_cmpfloat_with_epsilon (found.noise * sqrt (3), blur->noise, 0.3 * blur->noise);
}

static void
test_sharp (void)
{
  g_autoptr (NrPicture) sharp = fixture_leaves (SIZE, 5);
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
  g_autoptr (NrPicture) sharp   = fixture_leaves (SIZE, 1);
  g_autoptr (NrPicture) spoiled = fixture_blurred (sharp, &motion);
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
  g_autoptr (NrPicture)    picture     = fixture_leaves (SIZE, 1);
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
