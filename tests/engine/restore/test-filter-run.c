/* The picture contracts of the methods without a network.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

/* What is tested, and how far results of different tiles may lie apart. */
typedef struct
{
  NrTask       task;
  const gchar *method;
  gdouble      tile_tolerance;
} Subject;

static NrArguments
arguments_of (const Subject *subject)
{
  NrArguments arguments;

  nr_arguments_init (&arguments, subject->task);
  arguments.method = subject->method;
  arguments.noise  = subject->task == NR_TASK_DENOISE ? 20 : 0;
  arguments.blur   = subject->task == NR_TASK_DEBLUR ? 1.2 : 0;
  return arguments;
}

/* Smooth colors with some white noise. */
static NrPicture *
noisy_picture (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight, guint32 seed)
{
  NrPicture        *picture = fixture_picture (width, height, n_channels, has_alpha, has_weight, seed);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < (gsize) n_channels * width * height; i++)
    picture->color[i] += g_rand_double_range (rand, -0.1, 0.1);
  return picture;
}

static void
test_threads (gconstpointer data)
{
  NrArguments           arguments = arguments_of (data);
  g_autoptr (NrPicture) picture   = noisy_picture (150, 77, 3, FALSE, FALSE, 1);
  g_autoptr (NrPicture) one       = NULL;

  arguments.threads = 1;
  one               = fixture_run_or_fail (&arguments, picture, NULL);
  g_assert_cmpfloat (fixture_difference (picture, one), >, 0.01);
  for (guint threads = 2; threads <= 4; threads++)
    {
      g_autoptr (NrPicture) many = NULL;

      arguments.threads = threads;
      many              = fixture_run_or_fail (&arguments, picture, NULL);
      fixture_assert_same (one, many);
    }
}

static void
test_tiles (gconstpointer data)
{
  const Subject        *subject   = data;
  NrArguments           arguments = arguments_of (subject);
  g_autoptr (NrPicture) picture   = noisy_picture (400, 300, 3, FALSE, FALSE, 2);
  g_autoptr (NrPicture) whole     = fixture_run_or_fail (&arguments, picture, NULL);
  g_autoptr (NrPicture) tiled     = nr_picture_new (400, 300, 3, FALSE, FALSE);
  const NrSource        source    = nr_picture_source (picture);
  const NrSink          sink      = nr_picture_sink (tiled);
  g_autoptr (GError)    error     = NULL;
  NrReport              report;

  arguments.memory = 5; /* MiB */
  nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, NULL, &report, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report.tiles, >, 1);
  g_assert_cmpfloat (report.peak_memory_mib, <=, 5);
  g_assert_cmpstr (report.method, ==, subject->method);
  g_test_message ("tiles differ by %g", fixture_difference (whole, tiled));
  g_assert_cmpfloat (fixture_difference (whole, tiled), <=, subject->tile_tolerance);
  nr_report_clear (&report);
}

static void
test_region (gconstpointer data)
{
  const Subject        *subject   = data;
  const NrArguments     arguments = arguments_of (subject);
  const NrRect          region    = { 33, 57, 41, 20 };
  g_autoptr (NrPicture) picture   = noisy_picture (150, 100, 3, FALSE, FALSE, 3);
  g_autoptr (NrPicture) whole     = fixture_run_or_fail (&arguments, picture, NULL);
  g_autoptr (NrPicture) part      = fixture_run_or_fail (&arguments, picture, &region);
  g_autoptr (NrPicture) cut       = nr_picture_new (41, 20, 3, FALSE, FALSE);
  const NrSource        source    = nr_picture_source (whole);

  g_assert_true (source.read (source.data, region.x, region.y, cut, NULL));
  g_assert_cmpfloat (fixture_difference (part, cut), <=, subject->tile_tolerance);
}

/* Selection, alpha, values that are no numbers: what must not change does not, bit for bit, and hidden colors show nowhere. */
static void
test_kept_pixels (gconstpointer data)
{
  const NrArguments     arguments = arguments_of (data);
  g_autoptr (NrPicture) picture   = noisy_picture (60, 50, 3, TRUE, TRUE, 4);
  g_autoptr (NrPicture) other     = NULL;
  g_autoptr (NrPicture) a         = NULL;
  g_autoptr (NrPicture) b         = NULL;
  const gsize           plane     = 60 * 50;

  for (gsize i = 0; i < plane; i++)
    {
      picture->alpha[i]  = i % 60 < 20 ? 0 : 0.5;
      picture->weight[i] = i % 60 < 40;
    }
  picture->color[25 * 60 + 30] = NAN;
  other                        = fixture_picture_copy (picture);
  for (gsize i = 0; i < 3 * plane; i++)
    if (picture->alpha[i % plane] == 0)
      other->color[i] = 7;

  a = fixture_run_or_fail (&arguments, picture, NULL);
  b = fixture_run_or_fail (&arguments, other, NULL);
  g_assert_cmpmem (a->alpha, plane * sizeof (gfloat), picture->alpha, plane * sizeof (gfloat));
  g_assert_true (isnan (a->color[25 * 60 + 30]));
  for (gsize i = 0; i < 3 * plane; i++)
    if (isnan (a->color[i]))
      g_assert_true (isnan (picture->color[i]));
    else if (picture->alpha[i % plane] == 0 || picture->weight[i % plane] == 0)
      g_assert_cmpfloat (a->color[i], ==, picture->color[i]);
    else
      g_assert_cmpfloat (a->color[i], ==, b->color[i]);
}

static void
test_grey (gconstpointer data)
{
  const NrArguments     arguments = arguments_of (data);
  g_autoptr (NrPicture) grey      = noisy_picture (50, 40, 1, FALSE, FALSE, 5);
  g_autoptr (NrPicture) color     = nr_picture_new (50, 40, 3, FALSE, FALSE);
  g_autoptr (NrPicture) a         = NULL;
  g_autoptr (NrPicture) b         = NULL;

  for (gint c = 0; c < 3; c++)
    memcpy (color->color + c * 2000, grey->color, 2000 * sizeof (gfloat));
  a = fixture_run_or_fail (&arguments, grey, NULL);
  b = fixture_run_or_fail (&arguments, color, NULL);
  for (gsize i = 0; i < 2000; i++)
    g_assert_cmpfloat_with_epsilon (a->color[i], b->color[i], 1e-5);
}

static void
test_flat_and_tiny (gconstpointer data)
{
  const NrArguments arguments = arguments_of (data);

  for (gint size = 1; size <= 9; size += 2)
    {
      g_autoptr (NrPicture) picture = nr_picture_new (size, 10 - size, 3, FALSE, FALSE);
      g_autoptr (NrPicture) result  = NULL;

      for (gint i = 0; i < 3 * size * (10 - size); i++)
        picture->color[i] = 0.4f;
      result = fixture_run_or_fail (&arguments, picture, NULL);
      g_assert_cmpfloat (fixture_difference (picture, result), <, 1e-5);
    }
}

static void
test_strength (gconstpointer data)
{
  NrArguments           arguments = arguments_of (data);
  g_autoptr (NrPicture) picture   = noisy_picture (40, 30, 3, FALSE, FALSE, 6);
  g_autoptr (NrPicture) full      = fixture_run_or_fail (&arguments, picture, NULL);
  g_autoptr (NrPicture) half      = NULL;

  arguments.strength = 0.5;
  half               = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i < 3 * 40 * 30; i++)
    g_assert_cmpfloat_with_epsilon (half->color[i], (picture->color[i] + full->color[i]) / 2, 1e-6);
}

/* Milliseconds of processor time that all threads have used: it does not run on a machine busy with others. */
static gsize
processor_time (void)
{
  return (gsize) ((gint64) clock () * 1000 / CLOCKS_PER_SEC);
}

typedef struct
{
  GCancellable *cancellable;
  gsize         cancelled; /* when */
  gdouble       last;
} Cancelling;

/* Cancels at a twentieth of the work. */
static void
cancel_early (gdouble fraction, gdouble seconds_left, gpointer data)
{
  Cancelling *cancelling = data;

  g_assert_cmpfloat (fraction, >=, cancelling->last);
  cancelling->last = fraction;
  if (fraction < 0.05 || g_cancellable_is_cancelled (cancelling->cancellable))
    return;
  cancelling->cancelled = processor_time ();
  g_cancellable_cancel (cancelling->cancellable);
}

static void
test_cancel (gconstpointer data)
{
  const NrArguments        arguments   = arguments_of (data);
  g_autoptr (NrPicture)    picture     = noisy_picture (900, 700, 3, FALSE, FALSE, 7);
  g_autoptr (NrPicture)    result      = nr_picture_new (900, 700, 3, FALSE, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  const NrSource           source      = nr_picture_source (picture);
  const NrSink             sink        = nr_picture_sink (result);
  Cancelling               cancelling  = { cancellable };

  g_assert_false (nr_restore_run (&arguments, &source, NULL, &sink, cancel_early, &cancelling, cancellable, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpfloat (cancelling.last, <, 0.5);
  /* 100 ms are promised, and every thread may use them. */
  g_assert_cmpuint (processor_time () - cancelling.cancelled, <, 100 * g_get_num_processors ());
}

static void
test_estimate (gconstpointer data)
{
  const NrArguments arguments = arguments_of (data);
  gdouble           seconds[2], memory[2];

  g_assert_true (nr_restore_estimate (&arguments, 500, 400, &seconds[0], &memory[0], NULL));
  g_assert_true (nr_restore_estimate (&arguments, 5000, 4000, &seconds[1], &memory[1], NULL));
  g_assert_cmpfloat (seconds[0], >, 0);
  g_assert_cmpfloat (seconds[1], >, 50 * seconds[0]);
  g_assert_cmpfloat (memory[1], >, memory[0]);
  g_assert_cmpfloat (memory[1], <=, 2048);
}

static void
add_tests (const Subject *subject)
{
  static const struct
  {
    const gchar  *claim;
    GTestDataFunc func;
  } tests[] = {
    { "same-bytes-for-any-number-of-threads", test_threads },
    { "tiles-do-not-show", test_tiles },
    { "a-region-is-a-part-of-the-whole", test_region },
    { "unselected-hidden-and-broken-pixels-stay", test_kept_pixels },
    { "grey-is-color-without-colors", test_grey },
    { "flat-and-tiny-pictures-stay", test_flat_and_tiny },
    { "strength-mixes", test_strength },
    { "cancelled-at-once", test_cancel },
    { "estimates-grow-with-the-picture", test_estimate },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree gchar *path = g_strdup_printf ("/restore/%s/%s", subject->method, tests[i].claim);

      g_test_add_data_func (path, subject, tests[i].func);
    }
}

gint
main (gint argc, gchar *argv[])
{
  /* Each pixel of non-local means is computed in the same order whatever the window. */
  static const Subject subjects[] = {
    { NR_TASK_DENOISE, "nl-means", 0 },
    /* Steps spread a little farther than the halo. */
    { NR_TASK_DEBLUR, "richardson-lucy", 1e-4 },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (subjects); i++)
    add_tests (&subjects[i]);
  return g_test_run ();
}
