/* The deep image prior: where it ends, what it keeps and throws away, blocks, models. Regions and runs are small: how good it
 * gets is measured elsewhere.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "lanczos-graph.h"
#include "prior-fit.h"
#include "random-plane.h"

/* -- Reducing ------------------------------------------------------------------------------------------------------ */

/* A ramp stays a ramp: the filter is symmetric around the pixels' centers, and its taps add up to 1. */
static void
test_reduced_ramp (void)
{
  for (gint scale = 2; scale <= 4; scale++)
    {
      enum
      {
        SIDE = 9
      };
      g_autoptr (NrModel)   model   = nr_lanczos_graph_new (scale, NULL);
      const gint            side    = SIDE * scale;
      const NrShape         shape   = { NR_TYPE_FLOAT32, 4, { 1, 3, side, side } };
      g_autoptr (NrSession) session = nr_session_new (model, &shape, NULL, NULL);
      g_autofree gfloat    *large   = g_new (gfloat, 3 * side * side);
      gfloat                small[3 * SIDE * SIDE];

      for (gint i = 0; i < 3 * side * side; i++)
        large[i] = 0.01 * (i % side) + 0.02 * (i / side % side);
      g_assert_true (nr_session_run (session, (const void *const[]) { large }, (void *const[]) { small }, NULL, NULL, NULL, NULL));
      for (gint i = 0; i < 3 * SIDE * SIDE; i++)
        {
          const gint x = i % SIDE;
          const gint y = i / SIDE % SIDE;

          if (MIN (x, y) < NR_LANCZOS_MARGIN || MAX (x, y) >= SIDE - NR_LANCZOS_MARGIN)
            continue;
          g_assert_cmpfloat_with_epsilon (small[i], 0.01 * ((x + 0.5) * scale - 0.5) + 0.02 * ((y + 0.5) * scale - 0.5), 1e-5);
        }
    }
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* What a run is told, and what it told. */
typedef struct
{
  NrArguments   arguments;
  guint         stop_after; /* progress calls; 0: never */
  GCancellable *cancellable; /* triggered instead of stop, or NULL */

  guint      n_progress, n_shown;
  NrPicture *picture;
  NrReport   report;
} Case;

static void
case_init (Case *c, NrTask task, NrPicture *picture, gint iterations)
{
  *c = (Case) { .picture = picture };
  nr_arguments_init (&c->arguments, task);
  c->arguments.method     = "deep-image-prior";
  c->arguments.iterations = iterations;
}

static void
progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  Case *c = data;

  if (++c->n_progress == c->stop_after)
    g_cancellable_cancel (c->cancellable ? c->cancellable : c->arguments.stop);
}

static gboolean
write_result (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  const NrSink sink = nr_picture_sink (*(NrPicture **) ((gpointer *) data)[0]);

  return sink.write (sink.data, x, y, from, error);
}

static void
count_shown (gpointer data, gint x, gint y, const NrPicture *from)
{
  Case *c = ((gpointer *) data)[1];

  g_assert_cmpint (x, >=, 0);
  g_assert_cmpint (y, >=, 0);
  for (gsize i = 0; i < (gsize) from->width * from->height * from->n_channels; i++)
    g_assert_true (isfinite (from->color[i]));
  c->n_shown++;
}

static NrPicture *
run (Case *c, GError **error)
{
  const NrSource        source = nr_picture_source (c->picture);
  const gint            scale  = c->arguments.task == NR_TASK_SUPER_RESOLVE ? c->arguments.scale : 1;
  g_autoptr (NrPicture) result = nr_picture_new (source.width * scale, source.height * scale, source.n_channels,
                                                 source.has_alpha, FALSE);
  gpointer              data[] = { &result, c };
  const NrSink          sink   = { write_result, data, count_shown };

  if (! nr_restore_run (&c->arguments, &source, NULL, &sink, progress, c, c->cancellable, &c->report, error))
    return NULL;
  nr_report_clear (&c->report);
  return g_steal_pointer (&result);
}

/* With noise of its own. */
static NrPicture *
noisy_picture (gint width, gint height)
{
  NrPicture *picture = fixture_picture (width, height, 3, FALSE, FALSE, 1);

  for (gsize i = 0; i < 3 * (gsize) width * height; i++)
    picture->color[i] += 0.1f * nr_random_uniform (i) - 0.05f;
  return picture;
}

static gdouble
mean_square (const NrPicture *a, const NrPicture *b)
{
  const gsize n   = (gsize) a->width * a->height * a->n_channels;
  gdouble     sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += (a->color[i] - b->color[i]) * (a->color[i] - b->color[i]);
  return sum / n;
}

static void
test_fits (void)
{
  g_autoptr (NrPicture) picture = noisy_picture (32, 32);
  g_autoptr (NrPicture) early   = NULL;
  g_autoptr (NrPicture) late    = NULL;
  Case                  c;

  case_init (&c, NR_TASK_DENOISE, picture, 3);
  early = run (&c, NULL);
  case_init (&c, NR_TASK_DENOISE, picture, 60);
  late = run (&c, NULL);

  g_assert_cmpfloat (mean_square (late, picture), <, 0.5 * mean_square (early, picture));
  g_assert_cmpfloat (mean_square (late, picture), >, 0);
  g_assert_cmpuint (c.n_shown, >, 0);
  g_assert_cmpuint (c.n_progress, >=, 60);
}

static void
test_threads_and_seed (void)
{
  g_autoptr (NrPicture) picture = noisy_picture (40, 24);
  g_autoptr (NrPicture) one     = NULL;
  g_autoptr (NrPicture) three   = NULL;
  g_autoptr (NrPicture) other   = NULL;
  Case                  c;

  case_init (&c, NR_TASK_DENOISE, picture, 5);
  c.arguments.threads = 1;
  one                 = run (&c, NULL);
  c.arguments.threads = 3;
  three               = run (&c, NULL);
  c.arguments.seed    = 1;
  other               = run (&c, NULL);

  fixture_assert_same (one, three);
  g_assert_cmpfloat (fixture_difference (one, other), >, 1e-3);
}

static void
test_stop_keeps (void)
{
  g_autoptr (NrPicture)    picture = noisy_picture (32, 32);
  g_autoptr (GCancellable) stop    = g_cancellable_new ();
  g_autoptr (GError)       error   = NULL;
  g_autoptr (NrPicture)    result  = NULL;
  Case                     c;

  case_init (&c, NR_TASK_DENOISE, picture, 100000);
  c.arguments.stop = stop;
  c.stop_after     = 20;
  result           = run (&c, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (fixture_difference (picture, result), >, 1e-3);
  g_assert_cmpuint (c.n_progress, <, 30);
}

static void
test_stopped_before_it_began (void)
{
  g_autoptr (NrPicture)    picture = noisy_picture (32, 32);
  g_autoptr (GCancellable) stop    = g_cancellable_new ();
  g_autoptr (NrPicture)    same    = NULL;
  g_autoptr (NrPicture)    large   = NULL;
  Case                     c;

  g_cancellable_cancel (stop);
  case_init (&c, NR_TASK_DENOISE, picture, 10);
  c.arguments.stop = stop;
  same             = run (&c, NULL);
  g_assert_cmpfloat (fixture_difference (picture, same), <, 1e-6);

  case_init (&c, NR_TASK_SUPER_RESOLVE, picture, 10);
  c.arguments.stop = stop;
  large            = run (&c, NULL);
  g_assert_cmpint (large->width, ==, 64);
}

static void
test_cancel_throws_away (void)
{
  g_autoptr (NrPicture)    picture     = noisy_picture (32, 32);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  Case                     c;

  case_init (&c, NR_TASK_DENOISE, picture, 100000);
  c.cancellable = cancellable;
  c.stop_after  = 5;
  g_assert_null (run (&c, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Windows of a wide picture meet without a step: columns beside a handover differ no more than others do. */
static void
test_blocks (void)
{
  g_autoptr (NrPicture) picture = fixture_picture (900, 24, 3, FALSE, FALSE, 5);
  g_autoptr (NrPicture) result  = NULL;
  gdouble               mean = 0, largest = 0;
  Case                  c;

  case_init (&c, NR_TASK_DENOISE, picture, 12);
  result = run (&c, NULL);
  for (gint x = 1; x < result->width; x++)
    {
      gdouble step = 0;

      for (gint row = 0; row < 3 * result->height; row++)
        {
          const gsize i = (gsize) row * result->width + x;

          step += ABS ((result->color[i] - result->color[i - 1]) - (picture->color[i] - picture->color[i - 1]));
        }
      mean += step / (result->width - 1);
      largest = MAX (largest, step);
    }
  g_assert_cmpfloat (largest, <, 6 * mean);
}

static void
test_enlarges (void)
{
  g_autoptr (NrPicture) picture = fixture_picture (20, 24, 1, TRUE, FALSE, 3);
  g_autoptr (NrPicture) result  = NULL;
  gdouble               off     = 0;
  gdouble               beside  = 0;
  Case                  c;

  case_init (&c, NR_TASK_SUPER_RESOLVE, picture, 80);
  c.arguments.scale = 3;
  result            = run (&c, NULL);
  g_assert_cmpint (result->width, ==, 60);
  g_assert_cmpint (result->height, ==, 72);
  for (gint y = 0; y < 24; y++)
    for (gint x = 0; x < 19; x++)
      {
        const gfloat middle = result->color[(3 * y + 1) * 60 + 3 * x + 1];

        off += ABS (middle - picture->color[y * 20 + x]) / (19 * 24);
        beside += ABS (middle - picture->color[y * 20 + x + 1]) / (19 * 24);
      }
  g_test_message ("middle pixels %.3f off, %.3f from their neighbors", off, beside);
  g_assert_cmpfloat (off, <, 0.5 * beside);
}

/* -- One fit ------------------------------------------------------------------------------------------------------- */

enum
{
  FIT_SIDE = 48
};

/* The progress that a fit told. */
typedef struct
{
  gdouble fraction; /* the last */
  guint   n;
} Told;

static void
remember_progress (gdouble fraction, gpointer data)
{
  Told *told = data;

  g_assert_cmpfloat (fraction, >=, told->fraction);
  told->fraction = fraction;
  told->n++;
}

/* A fit to KNOWN of FIT_SIDE x FIT_SIDE, with NOISE as its mean square; returns what progress it told. */
static Told
fit_picture (const NrPicture *known, gdouble noise, gfloat total_variation, guint iterations, gfloat *picture)
{
  const NrPriorFitOptions options = { .width           = FIT_SIDE,
                                      .height          = FIT_SIDE,
                                      .scale           = 1,
                                      .iterations      = iterations,
                                      .perturbation    = 0.003f,
                                      .total_variation = total_variation,
                                      .threads         = 2 };
  Told                    told    = { 0, 0 };
  const NrPriorWatch      watch   = { .progress = remember_progress, .data = &told };
  const NrPriorTarget     target  = { known->color, NULL, noise };
  g_auto (NrPriorNetwork) network = { 0 };
  g_autoptr (NrPriorFit)  fit     = NULL;

  g_assert_true (nr_prior_network_new (&network, NR_PRIOR_PLAIN, 2, 0, NULL));
  fit = nr_prior_fit_new (&network, &options, NULL);
  g_assert_true (nr_prior_fit_run (fit, 0, 0, &target, &watch, picture, NULL));
  return told;
}

/* Mean absolute difference of horizontal neighbors. */
static gdouble
roughness (const gfloat *picture)
{
  gdouble sum = 0;

  for (gint i = 1; i < 3 * FIT_SIDE * FIT_SIDE; i++)
    sum += i % FIT_SIDE > 0 ? ABS (picture[i] - picture[i - 1]) : 0;
  return sum / (3 * FIT_SIDE * (FIT_SIDE - 1));
}

static gdouble
mean_square_difference (const gfloat *a, const gfloat *b)
{
  gdouble sum = 0;

  for (gsize i = 0; i < 3 * FIT_SIDE * FIT_SIDE; i++)
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / (3 * FIT_SIDE * FIT_SIDE);
}

/* Uniform noise, of which the ramp is left. */
static void
test_ends_at_the_noise (void)
{
  const gfloat          range    = 0.5f;
  const gdouble         variance = range * range / 12;
  g_autoptr (NrPicture) picture  = noisy_picture (FIT_SIDE, FIT_SIDE);
  g_autofree gfloat    *ramp     = g_new (gfloat, 3 * FIT_SIDE * FIT_SIDE);
  g_autofree gfloat    *result   = g_new (gfloat, 3 * FIT_SIDE * FIT_SIDE);
  Told                  told;

  for (gsize i = 0; i < 3 * FIT_SIDE * FIT_SIDE; i++)
    {
      ramp[i]           = 0.25f + 0.5f * (i % FIT_SIDE) / FIT_SIDE;
      picture->color[i] = ramp[i] + range * (nr_random_uniform (i) - 0.5f);
    }
  told = fit_picture (picture, 0.9 * variance, 0, 600, result);
  g_assert_cmpuint (told.n, <, 600);
  g_assert_cmpfloat (told.fraction, >, 0.5); /* not of 600 iterations, but of what was left to the noise */
  g_assert_cmpfloat (told.fraction, <, 1);
  g_assert_cmpfloat (mean_square_difference (result, picture->color), <=, 0.9 * variance * (1 + 1e-6));
  g_assert_cmpfloat (mean_square_difference (result, ramp), <, 0.25 * variance);
}

static void
test_total_variation_smooths (void)
{
  g_autoptr (NrPicture) picture = noisy_picture (FIT_SIDE, FIT_SIDE);
  g_autofree gfloat    *rough   = g_new (gfloat, 3 * FIT_SIDE * FIT_SIDE);
  g_autofree gfloat    *smooth  = g_new (gfloat, 3 * FIT_SIDE * FIT_SIDE);

  g_assert_cmpfloat (fit_picture (picture, 0, 0, 150, rough).fraction, ==, 1);
  fit_picture (picture, 0, 0.1f, 150, smooth);
  g_assert_cmpfloat (roughness (smooth), <, 0.7 * roughness (rough));
}

/* -- Filling ------------------------------------------------------------------------------------------------------- */

static void
test_fills_the_hole_only (void)
{
  g_autoptr (NrPicture) whole   = fixture_picture (40, 36, 3, TRUE, TRUE, 7);
  g_autoptr (NrPicture) picture = fixture_picture_copy (whole);
  g_autoptr (NrPicture) result  = NULL;
  const gsize           plane   = 40 * 36;
  gdouble               largest = 0;
  Case                  c;

  for (gsize i = 0; i < plane; i++)
    {
      const gint x = i % 40, y = i / 40;

      picture->weight[i] = x >= 15 && x < 24 && y >= 12 && y < 20;
      for (gint p = 0; p < 3 && picture->weight[i] > 0; p++)
        picture->color[p * plane + i] = 0;
    }
  picture->color[3]            = NAN;
  picture->alpha[200]          = 0;
  picture->color[200]          = 17;
  picture->alpha[15 * 40 + 20] = 0; /* in the hole */

  case_init (&c, NR_TASK_FILL, picture, 60);
  result = run (&c, NULL);
  for (gsize i = 0; i < 3 * plane; i++)
    if (! (picture->weight[i % plane] > 0) || ! (picture->alpha[i % plane] > 0))
      g_assert_cmpmem (&result->color[i], sizeof (gfloat), &picture->color[i], sizeof (gfloat));
    else
      largest = MAX (largest, ABS (result->color[i] - whole->color[i]));
  g_assert_cmpfloat (largest, <, 0.25);
  g_assert_cmpuint (c.n_shown, >, 0);
}

/* Missing pixels over several blocks, the middle one of which is transparent. */
static void
test_fills_block_by_block (void)
{
  g_autoptr (NrPicture) whole   = fixture_picture (400, 32, 3, TRUE, TRUE, 7);
  g_autoptr (NrPicture) picture = fixture_picture_copy (whole);
  g_autoptr (NrPicture) result  = NULL;
  const gsize           plane   = 400 * 32;
  gdouble               off     = 0;
  gsize                 n       = 0;
  Case                  c;

  for (gsize i = 0; i < plane; i++)
    {
      const gint x = i % 400, y = i / 400;

      picture->weight[i] = x % 8 == 3 && y % 8 == 3;
      picture->alpha[i]  = x < 120 || x >= 280;
      for (gint p = 0; p < 3 && picture->weight[i] > 0; p++)
        picture->color[p * plane + i] = 5;
    }

  case_init (&c, NR_TASK_FILL, picture, 30);
  result = run (&c, NULL);
  for (gsize i = 0; i < 3 * plane; i++)
    if (! (picture->weight[i % plane] > 0) || ! (picture->alpha[i % plane] > 0))
      {
        g_assert_cmpfloat (result->color[i], ==, picture->color[i]);
      }
    else
      {
        off += ABS (result->color[i] - whole->color[i]);
        n++;
      }
  g_test_message ("%.3f off", off / n);
  g_assert_cmpfloat (off / n, <, 0.15);
}

/* Two holes with little in common: a wide one, then one of a pixel, each with a network of its own kind. */
static void
test_fills_a_wide_hole (void)
{
  enum
  {
    WIDTH  = 260,
    HEIGHT = 40,
    PLANE  = WIDTH * HEIGHT
  };
  g_autoptr (NrPicture) picture = nr_picture_new (WIDTH, HEIGHT, 3, FALSE, TRUE);
  g_autoptr (NrPicture) result  = NULL;
  gdouble               sum     = 0;
  Case                  c;

  for (gint i = 0; i < 3 * PLANE; i++)
    picture->color[i] = 0.5f;
  for (gint i = 0; i < PLANE; i++)
    {
      const gint x = i % WIDTH, y = i / WIDTH;

      picture->weight[i] = (x < 26 && y >= 7 && y < 33) || i == PLANE - 1;
      for (gint p = 0; p < 3 && picture->weight[i] > 0; p++)
        picture->color[p * PLANE + i] = p;
    }

  case_init (&c, NR_TASK_FILL, picture, 40);
  result = run (&c, NULL);
  for (gint i = 0; i < 3 * PLANE; i++)
    {
      const gdouble difference = ABS (result->color[i] - 0.5);

      if (picture->weight[i % PLANE] > 0)
        sum += difference;
      else
        g_assert_cmpfloat (difference, ==, 0);
    }
  g_assert_cmpfloat (sum / (3 * (26 * 26 + 1)), <, 0.1);
}

static void
test_nothing_known (void)
{
  g_autoptr (NrPicture) picture = fixture_picture (20, 20, 3, FALSE, TRUE, 7);
  g_autoptr (GError)    error   = NULL;
  Case                  c;

  case_init (&c, NR_TASK_FILL, picture, 5);
  g_assert_null (run (&c, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE);
}

/* -- Models -------------------------------------------------------------------------------------------------------- */

static gchar *
write_network (FixtureNetwork network)
{
  g_autoptr (GBytes) bytes = fixture_network (network);
  gchar             *path  = g_build_filename (fixture_installed_folder (), "prior.onnx", NULL);

  g_assert_true (g_file_set_contents (path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL));
  return path;
}

static void
test_network_of_a_file (void)
{
  g_autoptr (NrPicture) picture = noisy_picture (48, 40);
  g_autofree gchar     *path    = write_network (FIXTURE_BLUR);
  g_autoptr (NrPicture) few     = NULL;
  g_autoptr (NrPicture) many    = NULL;
  g_autoptr (GError)    error   = NULL;
  Case                  c;

  case_init (&c, NR_TASK_DENOISE, picture, 1);
  c.arguments.model = path;
  few               = run (&c, &error);
  g_assert_no_error (error);
  c.arguments.iterations = 100;
  many                   = run (&c, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (mean_square (many, picture), <, mean_square (few, picture));
}

static void
refuse (const gchar *model, const gchar *word)
{
  g_autoptr (NrPicture) picture = noisy_picture (32, 32);
  g_autoptr (GError)    error   = NULL;
  Case                  c;

  case_init (&c, NR_TASK_DENOISE, picture, 3);
  c.arguments.model = model;
  g_assert_null (run (&c, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE);
  if (! strstr (error->message, word))
    g_error ("no '%s' in: %s", word, error->message);
}

static void
test_bad_models (void)
{
  static const struct
  {
    FixtureNetwork network;
    const gchar   *word;
  } bad[] = { { FIXTURE_SIGMA, "several inputs" }, { FIXTURE_ENLARGE2, "larger than its input" }, { FIXTURE_COPY, "with 0 parameters" } };

  refuse ("nr-denoise", "must be the path of an ONNX file");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree gchar *path = write_network (bad[i].network);

      refuse (path, bad[i].word);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  fixture_init ();

  g_test_add_func ("/restore/lanczos/a-ramp-stays-a-ramp", test_reduced_ramp);
  g_test_add_func ("/restore/deep-image-prior/more-iterations-fit-better", test_fits);
  g_test_add_func ("/restore/deep-image-prior/threads-change-nothing-and-the-seed-does", test_threads_and_seed);
  g_test_add_func ("/restore/deep-image-prior/stop-keeps-the-best-so-far", test_stop_keeps);
  g_test_add_func ("/restore/deep-image-prior/what-was-not-begun-stays", test_stopped_before_it_began);
  g_test_add_func ("/restore/deep-image-prior/cancel-throws-it-away", test_cancel_throws_away);
  g_test_add_func ("/restore/deep-image-prior/windows-meet-without-a-step", test_blocks);
  g_test_add_func ("/restore/deep-image-prior/enlarges", test_enlarges);
  g_test_add_func ("/restore/deep-image-prior/ends-at-the-noise", test_ends_at_the_noise);
  g_test_add_func ("/restore/deep-image-prior/total-variation-makes-it-smoother", test_total_variation_smooths);
  g_test_add_func ("/restore/deep-image-prior/fills-the-hole-and-nothing-else", test_fills_the_hole_only);
  g_test_add_func ("/restore/deep-image-prior/fills-block-by-block", test_fills_block_by_block);
  g_test_add_func ("/restore/deep-image-prior/fills-a-wide-hole-and-a-small-one", test_fills_a_wide_hole);
  g_test_add_func ("/restore/deep-image-prior/nothing-known-is-refused", test_nothing_known);
  g_test_add_func ("/restore/deep-image-prior/a-network-of-a-file-can-be-the-prior", test_network_of_a_file);
  g_test_add_func ("/restore/deep-image-prior/bad-models-are-refused", test_bad_models);

  status = g_test_run ();
  fixture_clear ();
  return status;
}
