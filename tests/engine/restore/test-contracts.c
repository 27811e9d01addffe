/* The picture contracts of nr_restore_run (), each with small real networks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

static NrArguments
denoise_with (const gchar *model)
{
  NrArguments arguments;

  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  arguments.model = model;
  return arguments;
}

static void
test_strength (void)
{
  NrArguments           arguments = denoise_with ("invert");
  g_autoptr (NrPicture) picture   = fixture_picture (70, 50, 3, FALSE, FALSE, 1);
  g_autoptr (NrPicture) full      = fixture_run_or_fail (&arguments, picture, NULL);
  g_autoptr (NrPicture) half      = NULL;
  g_autoptr (NrPicture) none      = NULL;

  for (gsize i = 0; i < 3 * 70 * 50; i++)
    g_assert_cmpfloat_with_epsilon (full->color[i], 1 - picture->color[i], 1e-6);

  arguments.strength = 0.5;
  half               = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i < 3 * 70 * 50; i++)
    g_assert_cmpfloat_with_epsilon (half->color[i], 0.5, 1e-6);

  arguments.strength = 0;
  none               = fixture_run_or_fail (&arguments, picture, NULL);
  fixture_assert_same (picture, none);
}

static void
test_selection (void)
{
  NrArguments           arguments = denoise_with ("invert");
  g_autoptr (NrPicture) picture   = fixture_picture (60, 40, 3, FALSE, TRUE, 2);
  g_autoptr (NrPicture) blended   = NULL;
  g_autoptr (NrPicture) whole     = NULL;
  const gsize           plane     = 60 * 40;

  for (gsize i = 0; i < plane; i++)
    picture->weight[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 0.25
                                                     : 1;
  blended         = fixture_run_or_fail (&arguments, picture, NULL);
  arguments.blend = FALSE;
  whole           = fixture_run_or_fail (&arguments, picture, NULL);

  for (gsize i = 0; i < 3 * plane; i++)
    {
      const gfloat weight = picture->weight[i % plane];
      const gfloat source = picture->color[i];

      if (weight == 0)
        {
          g_assert_cmpmem (&blended->color[i], sizeof (gfloat), &source, sizeof (gfloat));
          g_assert_cmpmem (&whole->color[i], sizeof (gfloat), &source, sizeof (gfloat));
          continue;
        }
      g_assert_cmpfloat_with_epsilon (blended->color[i], source + weight * (1 - 2 * source), 1e-6);
      g_assert_cmpfloat_with_epsilon (whole->color[i], 1 - source, 1e-6);
    }
}

static void
test_alpha (void)
{
  const NrArguments     arguments = denoise_with ("blur");
  g_autoptr (NrPicture) picture   = fixture_picture (80, 60, 3, TRUE, FALSE, 3);
  g_autoptr (NrPicture) other     = NULL;
  g_autoptr (NrPicture) a         = NULL;
  g_autoptr (NrPicture) b         = NULL;
  const gsize           plane     = 80 * 60;

  for (gsize i = 0; i < plane; i++)
    picture->alpha[i] = i % 80 < 30 ? 0 : (i % 5) / 5.0f + 0.1f;
  other = fixture_picture_copy (picture);
  for (gsize i = 0; i < 3 * plane; i++)
    if (picture->alpha[i % plane] == 0)
      other->color[i] = i % 7; /* other hidden colors must not show anywhere */

  a = fixture_run_or_fail (&arguments, picture, NULL);
  b = fixture_run_or_fail (&arguments, other, NULL);
  g_assert_cmpmem (a->alpha, plane * sizeof (gfloat), picture->alpha, plane * sizeof (gfloat));
  for (gsize i = 0; i < 3 * plane; i++)
    if (picture->alpha[i % plane] == 0)
      {
        g_assert_cmpfloat (a->color[i], ==, picture->color[i]);
        g_assert_cmpfloat (b->color[i], ==, other->color[i]);
      }
    else
      g_assert_cmpfloat (a->color[i], ==, b->color[i]);
}

static void
test_grey (void)
{
  const NrArguments     arguments  = denoise_with ("blur");
  g_autoptr (NrPicture) grey       = fixture_picture (50, 50, 1, FALSE, FALSE, 4);
  g_autoptr (NrPicture) color      = nr_picture_new (50, 50, 3, FALSE, FALSE);
  g_autoptr (NrPicture) from_grey  = NULL;
  g_autoptr (NrPicture) from_color = NULL;
  const gsize           plane      = 50 * 50;

  for (gint c = 0; c < 3; c++)
    memcpy (color->color + c * plane, grey->color, plane * sizeof (gfloat));
  from_grey  = fixture_run_or_fail (&arguments, grey, NULL);
  from_color = fixture_run_or_fail (&arguments, color, NULL);
  for (gsize i = 0; i < plane; i++)
    g_assert_cmpfloat_with_epsilon (from_grey->color[i],
                                    0.2126 * from_color->color[i] + 0.7152 * from_color->color[plane + i] +
                                        0.0722 * from_color->color[2 * plane + i],
                                    1e-5);
}

static void
test_out_of_range (void)
{
  const NrArguments     arguments = denoise_with ("invert");
  g_autoptr (NrPicture) picture   = fixture_picture (30, 30, 3, FALSE, FALSE, 5);
  g_autoptr (NrPicture) result    = NULL;

  picture->color[0] = 3.5f;   /* seen as 1, answered 0: change -1 */
  picture->color[1] = -0.75f; /* seen as 0, answered 1: change +1 */
  result            = fixture_run_or_fail (&arguments, picture, NULL);
  g_assert_cmpfloat_with_epsilon (result->color[0], 2.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (result->color[1], 0.25, 1e-6);
}

static void
test_not_finite (void)
{
  const NrArguments     arguments = denoise_with ("blur");
  g_autoptr (NrPicture) picture   = fixture_picture (64, 48, 3, FALSE, FALSE, 6);
  g_autoptr (NrPicture) filled    = fixture_picture_copy (picture);
  g_autoptr (NrPicture) result    = NULL;
  g_autoptr (NrPicture) expected  = NULL;
  const gsize           plane     = 64 * 48;
  const gsize           nan_at    = 20 * 64 + 20;
  const gsize           inf_at    = plane + 33 * 64 + 40;

  picture->color[nan_at] = NAN;
  picture->color[inf_at] = INFINITY;
  /* Of the neighbours at distance 1 the one in the same column wins, the upper one first. */
  filled->color[nan_at] = filled->color[nan_at - 64];
  filled->color[inf_at] = filled->color[inf_at - 64];

  result   = fixture_run_or_fail (&arguments, picture, NULL);
  expected = fixture_run_or_fail (&arguments, filled, NULL);
  g_assert_true (isnan (result->color[nan_at]));
  g_assert_true (isinf (result->color[inf_at]) && result->color[inf_at] > 0);
  for (gsize i = 0; i < 3 * plane; i++)
    if (i != nan_at && i != inf_at)
      g_assert_cmpfloat (result->color[i], ==, expected->color[i]);
}

static void
test_nothing_finite (void)
{
  const NrArguments     arguments = denoise_with ("blur");
  g_autoptr (NrPicture) picture   = nr_picture_new (40, 40, 3, FALSE, FALSE);
  g_autoptr (NrPicture) result    = NULL;

  for (gsize i = 0; i < 3 * 40 * 40; i++)
    picture->color[i] = NAN;
  result = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i < 3 * 40 * 40; i++)
    g_assert_true (isnan (result->color[i]));
}

static void
check_budgets (const gchar *model, gdouble tolerance)
{
  NrArguments           arguments = denoise_with (model);
  g_autoptr (NrPicture) picture   = fixture_picture (700, 500, 3, TRUE, FALSE, 7);
  g_autoptr (NrPicture) whole     = NULL;
  const guint           budgets[] = { 6, 10, 20 };
  guint                 tiles     = 0;

  /* Hidden and broken pixels across all tile borders. */
  for (gint y = 0; y < 500; y++)
    picture->alpha[y * 700 + y] = 0;
  for (gint x = 0; x < 700; x += 3)
    picture->color[250 * 700 + x] = NAN;

  whole = fixture_run_or_fail (&arguments, picture, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (budgets); i++)
    {
      const NrSource        source = nr_picture_source (picture);
      g_autoptr (NrPicture) tiled  = nr_picture_new (700, 500, 3, TRUE, FALSE);
      const NrSink          sink   = nr_picture_sink (tiled);
      g_autoptr (GError)    error  = NULL;
      NrReport              report;

      arguments.memory = budgets[i];
      nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, NULL, &report, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat (report.peak_memory_mib, <=, budgets[i]);
      tiles = MAX (tiles, report.tiles);
      nr_report_clear (&report);
      for (gsize j = 0; j < 3 * 700 * 500; j++)
        if (isnan (whole->color[j]))
          g_assert_true (isnan (tiled->color[j]));
        else
          g_assert_cmpfloat_with_epsilon (tiled->color[j], whole->color[j], tolerance);
    }
  g_assert_cmpuint (tiles, >, 4);
}

static void
test_budgets (void)
{
  check_budgets ("blur", 1e-6);
  check_budgets ("strided", 1e-6);
}

static void
test_global_network (void)
{
  NrArguments           arguments = denoise_with ("global");
  g_autoptr (NrPicture) picture   = nr_picture_new (600, 400, 3, FALSE, FALSE);
  g_autoptr (NrPicture) result    = NULL;
  gdouble               step      = 0;

  for (gsize i = 0; i < 3 * 600 * 400; i++)
    picture->color[i] = (i % 600) / 599.0;
  arguments.memory = 6;
  result           = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i + 1 < 3 * 600 * 400; i++)
    if ((i + 1) % 600 != 0)
      step = MAX (step, fabs ((gdouble) result->color[i + 1] - result->color[i]));
  /* A hard seam between two tiles' gains would be about 0.05. */
  g_assert_cmpfloat (step, <, 0.01);
}

static void
test_fixed_size (void)
{
  const NrArguments     fixed   = denoise_with ("fixed");
  const NrArguments     free    = denoise_with ("blur");
  g_autoptr (NrPicture) picture = fixture_picture (150, 121, 3, FALSE, FALSE, 18);
  g_autoptr (NrPicture) small   = fixture_picture (20, 10, 3, FALSE, FALSE, 19);
  g_autoptr (NrPicture) a       = fixture_run_or_fail (&fixed, picture, NULL);
  g_autoptr (NrPicture) b       = fixture_run_or_fail (&free, picture, NULL);
  g_autoptr (NrPicture) c       = fixture_run_or_fail (&fixed, small, NULL);

  g_assert_cmpfloat (fixture_difference (a, b), <, 1e-6);
  g_assert_cmpint (c->width, ==, 20);
}

/* What the fixture network makes of a picture seen as a whole. */
static void
assert_seen_whole (const NrPicture *picture, const NrPicture *result)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gsize c = 0; c < 3; c++)
    {
      gdouble mean = 0;

      for (gsize i = 0; i < plane; i++)
        mean += picture->color[c * plane + i] / plane;
      for (gsize i = 0; i < plane; i++)
        g_assert_cmpfloat_with_epsilon (result->color[c * plane + i], picture->color[c * plane + i] * (1 + mean) / 2, 1e-5);
    }
}

/* As an autoencoder with a dense code is: it knows windows of its size, and looks at all of each. */
static void
test_fixed_global (void)
{
  const NrArguments     arguments = denoise_with ("fixed-global");
  g_autoptr (NrPicture) own_size  = fixture_picture (64, 48, 3, FALSE, FALSE, 20);
  g_autoptr (NrPicture) whole     = fixture_run_or_fail (&arguments, own_size, NULL);
  g_autoptr (NrPicture) ramp      = nr_picture_new (300, 110, 3, FALSE, FALSE);
  g_autoptr (NrPicture) blended   = NULL;
  gdouble               step      = 0;

  assert_seen_whole (own_size, whole);

  for (gsize i = 0; i < 3 * 300 * 110; i++)
    ramp->color[i] = (i % 300) / 299.0;
  blended = fixture_run_or_fail (&arguments, ramp, NULL);
  for (gsize i = 0; i + 1 < 3 * 300 * 110; i++)
    if ((i + 1) % 300 != 0)
      step = MAX (step, fabs ((gdouble) blended->color[i + 1] - blended->color[i]));
  /* Windows 46 pixels apart differ in gain by 0.08: as a hard seam that is a step of up to 0.08. */
  g_assert_cmpfloat (step, <, 0.02);
}

static void
test_threads (void)
{
  NrArguments           arguments = denoise_with ("blur");
  g_autoptr (NrPicture) picture   = fixture_picture (333, 217, 3, FALSE, FALSE, 8);
  g_autoptr (NrPicture) one       = NULL;

  arguments.threads = 1;
  one               = fixture_run_or_fail (&arguments, picture, NULL);
  for (guint threads = 2; threads <= 5; threads++)
    {
      g_autoptr (NrPicture) many = NULL;

      arguments.threads = threads;
      many              = fixture_run_or_fail (&arguments, picture, NULL);
      fixture_assert_same (one, many);
    }
}

static void
test_region (void)
{
  const NrArguments     arguments = denoise_with ("strided");
  const NrRect          region    = { 33, 57, 41, 20 };
  g_autoptr (NrPicture) picture   = fixture_picture (150, 100, 3, FALSE, FALSE, 9);
  g_autoptr (NrPicture) whole     = fixture_run_or_fail (&arguments, picture, NULL);
  g_autoptr (NrPicture) part      = fixture_run_or_fail (&arguments, picture, &region);
  g_autoptr (NrPicture) cut       = nr_picture_new (41, 20, 3, FALSE, FALSE);
  const NrSource        source    = nr_picture_source (whole);

  g_assert_true (source.read (source.data, region.x, region.y, cut, NULL));
  g_assert_cmpfloat (fixture_difference (part, cut), <, 1e-6);
}

static void
test_tiny_pictures (void)
{
  const NrArguments arguments = denoise_with ("strided");

  for (gint width = 1; width <= 5; width++)
    for (gint height = 1; height <= 5; height++)
      {
        g_autoptr (NrPicture) picture = fixture_picture (width, height, 3, FALSE, FALSE, width);
        g_autoptr (NrPicture) result  = fixture_run_or_fail (&arguments, picture, NULL);

        g_assert_cmpint (result->width, ==, width);
        g_assert_cmpint (result->height, ==, height);
      }
}

static void
test_told_noise (void)
{
  NrArguments           arguments = denoise_with ("sigma");
  g_autoptr (NrPicture) picture   = fixture_picture (64, 64, 3, FALSE, FALSE, 10);
  g_autoptr (NrPicture) result    = NULL;

  arguments.noise = 51;
  result          = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i < 3 * 64 * 64; i++)
    g_assert_cmpfloat_with_epsilon (result->color[i], 0.2, 1e-6);
}

static void
test_detail (void)
{
  NrArguments           arguments = denoise_with ("half-blur");
  g_autoptr (NrPicture) picture   = fixture_picture (200, 150, 3, FALSE, FALSE, 11);
  g_autoptr (NrPicture) without   = NULL;
  g_autoptr (NrPicture) with      = NULL;
  g_autoptr (NrPicture) tiled     = NULL;
  gdouble               far       = 0;
  gdouble               near      = 0;

  without          = fixture_run_or_fail (&arguments, picture, NULL);
  arguments.detail = 1;
  with             = fixture_run_or_fail (&arguments, picture, NULL);
  arguments.memory = 6;
  tiled            = fixture_run_or_fail (&arguments, picture, NULL);
  for (gsize i = 0; i < 3 * 200 * 150; i++)
    {
      far += fabs (without->color[i] - picture->color[i]);
      near += fabs (with->color[i] - picture->color[i]);
    }
  g_assert_cmpfloat (near, <, far); /* closer to the source ... */
  g_assert_cmpfloat (fixture_difference (without, with), >, 0.01);
  g_assert_cmpfloat (fixture_difference (with, tiled), <, 1e-6); /* ... whatever the tiles */
}

/* Planes of PICTURE with left and right changed (ACROSS) and top and bottom (DOWN). */
static NrPicture *
mirrored (const NrPicture *picture, gboolean across, gboolean down)
{
  NrPicture *copy = nr_picture_new (picture->width, picture->height, 3, FALSE, FALSE);
  const gint w = picture->width, h = picture->height;

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < h; y++)
      for (gint x = 0; x < w; x++)
        copy->color[(c * h + y) * w + x] = picture->color[(c * h + (down ? h - 1 - y : y)) * w + (across ? w - 1 - x : x)];
  return copy;
}

static void
test_passes (void)
{
  static const gboolean mirrors[NR_MAX_PASSES][2] = { { FALSE, FALSE }, { TRUE, TRUE }, { TRUE, FALSE }, { FALSE, TRUE } };
  NrArguments           arguments                 = denoise_with ("blur"); /* whose weights are not symmetric */
  g_autoptr (NrPicture) picture                   = fixture_picture (53, 47, 3, FALSE, FALSE, 12);
  g_autofree gdouble   *sums                      = g_new0 (gdouble, 3 * 53 * 47);

  for (gint n = 1; n <= NR_MAX_PASSES; n++)
    {
      g_autoptr (NrPicture) seen   = mirrored (picture, mirrors[n - 1][0], mirrors[n - 1][1]);
      g_autoptr (NrPicture) answer = NULL;
      g_autoptr (NrPicture) back   = NULL;
      g_autoptr (NrPicture) result = NULL;
      g_autoptr (NrPicture) tiled  = NULL;

      arguments.passes = 1;
      answer           = fixture_run_or_fail (&arguments, seen, NULL);
      back             = mirrored (answer, mirrors[n - 1][0], mirrors[n - 1][1]);
      arguments.passes = n;
      result           = fixture_run_or_fail (&arguments, picture, NULL);
      arguments.memory = 1;
      tiled            = fixture_run_or_fail (&arguments, picture, NULL);
      arguments.memory = 0;
      for (gsize i = 0; i < 3 * 53 * 47; i++)
        {
          sums[i] += back->color[i];
          g_assert_cmpfloat_with_epsilon (result->color[i], sums[i] / n, 1e-5);
        }
      g_assert_cmpfloat (fixture_difference (result, tiled), <, 1e-6);
      if (n > 1)
        g_assert_cmpfloat (fixture_difference (result, answer), >, 1e-3);
    }
}

/* A network that returns what deconvolution makes: were that not mirrored with the picture, the mean would differ. */
static void
test_passes_of_two_inputs (void)
{
  NrArguments           arguments;
  g_autoptr (NrPicture) picture = fixture_picture (53, 47, 3, FALSE, FALSE, 12);
  g_autoptr (NrPicture) once    = NULL;
  g_autoptr (NrPicture) mean    = NULL;

  nr_arguments_init (&arguments, NR_TASK_DEBLUR);
  arguments.model  = "sharpened";
  arguments.blur   = 1;
  once             = fixture_run_or_fail (&arguments, picture, NULL);
  arguments.passes = NR_MAX_PASSES;
  mean             = fixture_run_or_fail (&arguments, picture, NULL);
  g_assert_cmpfloat (fixture_difference (once, picture), >, 0.01);
  g_assert_cmpfloat (fixture_difference (once, mean), <, 1e-6);
}

static void
test_super_resolve (void)
{
  NrArguments           arguments;
  g_autoptr (NrPicture) picture = fixture_picture (37, 23, 3, TRUE, FALSE, 12);
  g_autoptr (NrPicture) result  = NULL;
  g_autoptr (GError)    error   = NULL;
  const gint            width = 74, height = 46;

  for (gsize i = 0; i < 37 * 23; i++)
    picture->alpha[i] = 0.7f; /* uniform alpha stays exactly what it is */
  picture->alpha[0] = 0;
  picture->color[5] = 2;   /* above white: survives */
  picture->color[7] = NAN; /* stays, twice as large */
  nr_arguments_init (&arguments, NR_TASK_SUPER_RESOLVE);
  result = fixture_run_or_fail (&arguments, picture, NULL);

  g_assert_cmpint (result->width, ==, width);
  g_assert_cmpint (result->height, ==, height);
  g_assert_cmpfloat (result->alpha[20 * width + 40], ==, 0.7f);
  g_assert_true (isnan (result->color[14]) && isnan (result->color[width + 15]));
  g_assert_cmpfloat (result->color[10], >, 1.5);
  for (gint y = 8; y < height; y++)
    for (gint x = 8; x < width; x++)
      g_assert_cmpfloat_with_epsilon (result->color[y * width + x], picture->color[y / 2 * 37 + x / 2], 1e-6);

  arguments.scale = 4;
  g_assert_null (fixture_run (&arguments, picture, NULL, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE);
  g_assert_nonnull (strstr (error->message, "2 and 3"));
}

static void
test_super_resolve_selection (void)
{
  NrArguments           arguments;
  g_autoptr (NrPicture) picture = fixture_picture (40, 30, 3, FALSE, TRUE, 13);
  g_autoptr (NrPicture) result  = NULL;

  for (gint i = 0; i < 40 * 30; i++)
    picture->weight[i] = i % 40 < 20;
  nr_arguments_init (&arguments, NR_TASK_SUPER_RESOLVE);
  arguments.scale = 3;
  result          = fixture_run_or_fail (&arguments, picture, NULL);
  /* Selected: the network's nearest neighbour. Not selected: the cubic enlargement, whose centers are the pixels. */
  g_assert_cmpfloat_with_epsilon (result->color[30 * 120 + 30], picture->color[10 * 40 + 10], 1e-6);
  g_assert_cmpfloat_with_epsilon (result->color[31 * 120 + 91], picture->color[10 * 40 + 30], 1e-6);
  g_assert_cmpfloat (fabs (result->color[30 * 120 + 90] - picture->color[10 * 40 + 30]), >, 1e-4);
}

static void
count_progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  gdouble *last = data;

  g_assert_cmpfloat (fraction, >=, *last);
  g_assert_cmpfloat (fraction, <=, 1);
  *last = fraction;
}

static void
test_progress_and_report (void)
{
  const NrArguments     arguments = denoise_with ("blur");
  g_autoptr (NrPicture) picture   = fixture_picture (100, 90, 1, FALSE, FALSE, 14);
  g_autoptr (NrPicture) result    = nr_picture_new (100, 90, 1, FALSE, FALSE);
  g_autofree gchar     *json      = NULL;
  const NrSource        source    = nr_picture_source (picture);
  const NrSink          sink      = nr_picture_sink (result);
  gdouble               fraction  = 0;
  NrReport              report;

  g_assert_true (nr_restore_run (&arguments, &source, NULL, &sink, count_progress, &fraction, NULL, &report, NULL));
  g_assert_cmpfloat (fraction, ==, 1);
  g_assert_cmpstr (report.method, ==, "network");
  g_assert_cmpstr (report.model, ==, "blur");
  g_assert_cmpint (report.width, ==, 100);
  g_assert_cmpuint (report.tiles, ==, 1);
  g_assert_cmpfloat (report.noise_estimate, ==, -1);
  g_assert_cmpfloat (report.peak_memory_mib, >, 0);
  json = nr_report_to_json (&report);
  g_assert_nonnull (strstr (json, "\"task\":\"denoise\""));
  g_assert_nonnull (strstr (json, "\"channels\":1"));
  g_assert_nonnull (strstr (json, "\"noise_estimate\":-1"));
  nr_report_clear (&report);
}

/* Milliseconds of processor time that all threads have used: it does not run on a machine busy with others. */
static gsize
processor_time (void)
{
  return (gsize) ((gint64) clock () * 1000 / CLOCKS_PER_SEC);
}

static gint is_computing; /* atomic: the first progress was reported */

static void
notice_computing (gdouble fraction, gdouble seconds_left, gpointer data)
{
  g_atomic_int_set (&is_computing, fraction > 0);
}

static gpointer
cancel_later (gpointer data)
{
  while (! g_atomic_int_get (&is_computing))
    g_usleep (1000);
  g_usleep (20000);
  g_cancellable_cancel (data);
  return GSIZE_TO_POINTER (processor_time ());
}

static void
test_cancel (void)
{
  const NrArguments        arguments   = denoise_with ("slow");
  g_autoptr (NrPicture)    picture     = fixture_picture (2000, 1500, 3, FALSE, FALSE, 15);
  g_autoptr (NrPicture)    result      = nr_picture_new (2000, 1500, 3, FALSE, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  const NrSource           source      = nr_picture_source (picture);
  const NrSink             sink        = nr_picture_sink (result);
  GThread                 *thread      = g_thread_new ("cancel", cancel_later, cancellable);
  gsize                    cancelled, returned;

  g_assert_false (nr_restore_run (&arguments, &source, NULL, &sink, notice_computing, NULL, cancellable, NULL, &error));
  returned  = processor_time ();
  cancelled = GPOINTER_TO_SIZE (g_thread_join (thread));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_test_message ("returned %d ms of all threads after the cancellation", (gint) returned - (gint) cancelled);
  /* 100 ms are promised, and every thread may use them. */
  g_assert_cmpint ((gint) returned - (gint) cancelled, <, 100 * (gint) g_get_num_processors ());
}

static void
test_cancelled_before (void)
{
  const NrArguments        arguments   = denoise_with ("invert");
  g_autoptr (NrPicture)    picture     = fixture_picture (20, 20, 3, FALSE, FALSE, 16);
  g_autoptr (NrPicture)    result      = nr_picture_new (20, 20, 3, FALSE, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  const NrSource           source      = nr_picture_source (picture);
  const NrSink             sink        = nr_picture_sink (result);

  g_cancellable_cancel (cancellable);
  g_assert_false (nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, cancellable, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static gboolean
broken_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the disk is gone");
  return FALSE;
}

static void
test_errors_pass_through (void)
{
  const NrArguments     arguments = denoise_with ("invert");
  g_autoptr (NrPicture) result    = nr_picture_new (20, 20, 3, FALSE, FALSE);
  g_autoptr (GError)    error     = NULL;
  const NrSource        source    = { .width = 20, .height = 20, .n_channels = 3, .read = broken_read };
  const NrSink          sink      = nr_picture_sink (result);

  g_assert_false (nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "the disk is gone");
}

static void
test_budget_too_small (void)
{
  NrArguments           arguments = denoise_with ("slow");
  g_autoptr (NrPicture) picture   = fixture_picture (500, 500, 3, FALSE, FALSE, 17);
  g_autoptr (GError)    error     = NULL;

  arguments.memory = 1;
  g_assert_null (fixture_run (&arguments, picture, NULL, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY);
}

static void
test_estimate (void)
{
  NrArguments arguments = denoise_with ("slow");
  gdouble     small, large, memory;

  g_assert_true (nr_restore_estimate (&arguments, 300, 300, &small, &memory, NULL));
  g_assert_true (nr_restore_estimate (&arguments, 3000, 3000, &large, &memory, NULL));
  g_assert_cmpfloat (small, >, 0);
  g_assert_cmpfloat (large, >, 30 * small);
  g_assert_cmpfloat (large, <, 300 * small);
  arguments.memory = 64;
  g_assert_true (nr_restore_estimate (&arguments, 3000, 3000, &large, &memory, NULL));
  g_assert_cmpfloat (memory, <=, 64);
}

static void
write_packages (void)
{
  const gchar *folder = fixture_installed_folder ();

  fixture_write_package (folder, "copy", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (folder, "invert", "denoise", 1, NULL, "model.onnx", FIXTURE_INVERT);
  fixture_write_package (folder, "blur", "denoise", 1, NULL, "model.onnx", FIXTURE_BLUR);
  fixture_write_package (folder, "fixed", "denoise", 1, NULL, "model.onnx", FIXTURE_FIXED);
  fixture_write_package (folder, "half-blur", "denoise", 1, NULL, "model.onnx", FIXTURE_BLUR);
  fixture_write_package (folder, "strided", "denoise", 1, NULL, "model.onnx", FIXTURE_STRIDED);
  fixture_write_package (folder, "sigma", "denoise", 2, NULL, "model.onnx", FIXTURE_SIGMA);
  fixture_write_package (folder, "sharpened", "deblur", 2, NULL, "model.onnx", FIXTURE_SHARPENED);
  fixture_write_package (folder, "fixed-global", "denoise", 1, NULL, "model.onnx", FIXTURE_FIXED_GLOBAL);
  fixture_write_package (folder, "global", "denoise", 1, NULL, "model.onnx", FIXTURE_GLOBAL);
  fixture_write_package (folder, "slow", "denoise", 1, NULL, "model.onnx", FIXTURE_SLOW);
  fixture_write_package (folder, "enlarge", "upscale", 1, NULL, "model_x2.onnx", FIXTURE_ENLARGE2);
  fixture_write_package (folder, "enlarge", "upscale", 1, NULL, "model_x3.onnx", FIXTURE_ENLARGE3);
}

gint
main (gint argc, gchar *argv[])
{
  gint status;

  fixture_init ();
  g_test_init (&argc, &argv, NULL);
  write_packages ();
  g_test_add_func ("/restore/contracts/strength-scales-the-change-and-0-is-exact", test_strength);
  g_test_add_func ("/restore/contracts/weight-0-stays-bit-identical-and-feather-blends", test_selection);
  g_test_add_func ("/restore/contracts/alpha-is-exact-and-hidden-colors-have-no-influence", test_alpha);
  g_test_add_func ("/restore/contracts/grey-gets-the-luma-of-three-equal-planes", test_grey);
  g_test_add_func ("/restore/contracts/change-is-added-to-values-out-of-range", test_out_of_range);
  g_test_add_func ("/restore/contracts/nan-and-infinity-stay-and-their-neighbours-see-the-nearest", test_not_finite);
  g_test_add_func ("/restore/contracts/a-picture-without-any-finite-value-comes-back", test_nothing_finite);
  g_test_add_func ("/restore/contracts/result-does-not-depend-on-the-memory-budget", test_budgets);
  g_test_add_func ("/restore/contracts/global-networks-have-no-seams", test_global_network);
  g_test_add_func ("/restore/contracts/networks-of-a-fixed-size-work-on-any", test_fixed_size);
  g_test_add_func ("/restore/contracts/networks-of-a-fixed-size-that-look-at-all-of-it-are-blended", test_fixed_global);
  g_test_add_func ("/restore/contracts/same-bytes-for-any-number-of-threads", test_threads);
  g_test_add_func ("/restore/contracts/a-region-is-a-part-of-the-whole", test_region);
  g_test_add_func ("/restore/contracts/pictures-of-a-few-pixels", test_tiny_pictures);
  g_test_add_func ("/restore/contracts/the-noise-map-is-sigma-over-255", test_told_noise);
  g_test_add_func ("/restore/contracts/detail-comes-back-whatever-the-tiles", test_detail);
  g_test_add_func ("/restore/contracts/passes-are-the-mean-of-mirrored-results", test_passes);
  g_test_add_func ("/restore/contracts/passes-mirror-the-second-input-too", test_passes_of_two_inputs);
  g_test_add_func ("/restore/contracts/super-resolve-enlarges-colors-alpha-and-oddities", test_super_resolve);
  g_test_add_func ("/restore/contracts/super-resolve-outside-the-selection-is-a-plain-enlargement", test_super_resolve_selection);
  g_test_add_func ("/restore/contracts/progress-rises-to-1-and-the-report-is-complete", test_progress_and_report);
  g_test_add_func ("/restore/contracts/cancelled-while-computing", test_cancel);
  g_test_add_func ("/restore/contracts/cancelled-before", test_cancelled_before);
  g_test_add_func ("/restore/contracts/the-source's-error-comes-back", test_errors_pass_through);
  g_test_add_func ("/restore/contracts/a-budget-too-small-is-an-error", test_budget_too_small);
  g_test_add_func ("/restore/contracts/estimates-grow-with-the-picture-and-keep-the-budget", test_estimate);
  status = g_test_run ();
  fixture_clear ();
  return status;
}
