/* Non-local means against the formula in double, and on noise.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "fixture.h"
#include "nl-means-filter.h"
#include "window.h"

typedef struct
{
  NrFilter         filter; /* first */
  const NrNlMeans *rules;
} Filter;

static gboolean
filter_run (const NrFilter  *filter,
            const NrPicture *input,
            const NrRect    *known,
            NrPicture       *output,
            NrFilterWork    *work,
            GError         **error)
{
  return nr_nl_means (((const Filter *) filter)->rules, input, input, output, work, error);
}

static guint64
filter_memory (const NrFilter *filter, gint width, gint height, guint n_threads)
{
  return nr_nl_means_memory (((const Filter *) filter)->rules, width, height, n_threads);
}

/* PICTURE filtered, through the frame of the methods. */
static NrPicture *
run_filter (const NrNlMeans *rules, NrPicture *picture)
{
  const Filter filter = {
    .filter = { .high = 1, .halo = nr_nl_means_reach (rules), .work = 1, .run = filter_run, .memory = filter_memory },
    .rules  = rules,
  };
  NrPicture     *result = nr_picture_new (picture->width, picture->height, 3, FALSE, FALSE);
  const NrSource source = nr_picture_source (picture);
  const NrSink   sink   = nr_picture_sink (result);
  NrReport       report = { 0 };
  NrArguments    arguments;
  NrJob          job;

  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  job = (NrJob) {
    .arguments = &arguments,
    .source    = &source,
    .region    = { 0, 0, picture->width, picture->height },
    .sink      = &sink,
    .memory    = 64 << 20,
    .report    = &report,
  };
  g_assert_true (nr_filter_run (&filter.filter, &job, 0, NULL));
  return result;
}

static gdouble
pixel (const NrPicture *picture, gint c, gint x, gint y)
{
  const gint column = nr_window_mirror (x, picture->width);
  const gint row    = nr_window_mirror (y, picture->height);

  return picture->color[((gsize) c * picture->height + row) * picture->width + column];
}

/* w (p, q) of the header, the exponential as it stands there. */
static gdouble
weight (const NrNlMeans *rules, const NrPicture *picture, gint px, gint py, gint qx, gint qy)
{
  gdouble sum = 0, side = 2 * rules->patch + 1, base;

  for (gint c = 0; c < 3; c++)
    for (gint j = -rules->patch; j <= rules->patch; j++)
      for (gint i = -rules->patch; i <= rules->patch; i++)
        {
          const gdouble difference = pixel (picture, c, px + i, py + j) - pixel (picture, c, qx + i, qy + j);

          sum += difference * difference;
        }
  base = 1 - MAX (sum / (3 * side * side) - rules->floor, 0) / rules->h2 / 16;
  return pow (MAX (base, 0), 16);
}

static gdouble
slow_result (const NrNlMeans *rules, const NrPicture *picture, gint c, gint x, gint y)
{
  gdouble sum = 0, total = 0;

  for (gint dy = -rules->search; dy <= rules->search; dy++)
    for (gint dx = -rules->search; dx <= rules->search; dx++)
      for (gint j = -rules->patch; j <= rules->patch; j++)
        for (gint i = -rules->patch; i <= rules->patch; i++)
          {
            const gdouble w = weight (rules, picture, x - i, y - j, x - i + dx, y - j + dy);

            sum += w * pixel (picture, c, x + dx, y + dy);
            total += w;
          }
  return sum / total;
}

static void
test_formula (void)
{
  static const NrNlMeans all_rules[] = { { 1, 2, 0.001f, 0.004f }, { 2, 1, 0, 0.01f }, { 0, 3, 0.002f, 0.001f } };

  for (guint r = 0; r < G_N_ELEMENTS (all_rules); r++)
    {
      const NrNlMeans      *rules   = &all_rules[r];
      g_autoptr (NrPicture) picture = fixture_picture (141, 37, 3, FALSE, FALSE, r);
      g_autoptr (NrPicture) result  = NULL;
      g_autoptr (GRand)     rand    = g_rand_new_with_seed (r);

      for (gsize i = 0; i < 3 * 141 * 37; i++)
        picture->color[i] += g_rand_double_range (rand, -0.05, 0.05);
      result = run_filter (rules, picture);
      for (gint y = 0; y < 37; y += y < 3 || y > 30 ? 1 : 9)
        for (gint x = 0; x < 141; x += x < 3 || x > 125 ? 1 : 13)
          for (gint c = 0; c < 3; c++)
            /* Single precision in sums of a hundred terms. */
            g_assert_cmpfloat_with_epsilon (pixel (result, c, x, y), slow_result (rules, picture, c, x, y), 1e-5);
    }
}

/* 225 alike pixels around each: their mean has a fifteenth of the noise, and weights cost some of it. */
static void
test_noise_goes (void)
{
  const gfloat          sigma   = 0.1f;
  const NrNlMeans       rules   = { 1, 7, 2.2f * sigma * sigma, 0.25f * sigma * sigma };
  g_autoptr (NrPicture) picture = nr_picture_new (120, 90, 3, FALSE, FALSE);
  g_autoptr (NrPicture) result  = NULL;
  g_autoptr (GRand)     rand    = g_rand_new_with_seed (1);
  gdouble               square  = 0;

  for (gsize i = 0; i < 3 * 120 * 90; i++)
    picture->color[i] = ((i % 120) < 60 ? 0.2 : 0.8) + sigma * sqrt (3) * g_rand_double_range (rand, -1, 1);
  result = run_filter (&rules, picture);
  for (gsize i = 0; i < 3 * 120 * 90; i++)
    square += pow (result->color[i] - ((i % 120) < 60 ? 0.2 : 0.8), 2) / (3 * 120 * 90);
  g_test_message ("noise of 0.1 became %g", sqrt (square));
  g_assert_cmpfloat (sqrt (square), <, sigma / 6); /* and the edge has stayed */
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/nl-means-filter/computes-its-formula", test_formula);
  g_test_add_func ("/restore/nl-means-filter/noise-goes-and-edges-stay", test_noise_goes);
  return g_test_run ();
}
