/* What the tasks of the method "deep-image-prior" share: see prior-plan.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "prior-plan.h"

#include <math.h>

/* Iterations at most, where the user leaves them to us, of a window of 288 x 288 pixels. Time bounds them: with 256 x 256
 * selected pixels each task takes less than two minutes on two processor cores with AVX-512. Small windows are learned
 * sooner, and noise with them; large ones have more to learn, but a super-resolved window is large already. */
static const guint iterations[NR_N_TASKS] = {
  [NR_TASK_DENOISE]       = 1600,
  [NR_TASK_SUPER_RESOLVE] = 450,
  [NR_TASK_FILL]          = 1200,
};
static const gdouble usual_side = 288;

static guint
automatic_iterations (NrTask task, gint width, gint height)
{
  const gdouble side = sqrt ((gdouble) width * height);

  return task == NR_TASK_SUPER_RESOLVE ? iterations[task] : iterations[task] * CLAMP (side / usual_side, 0.4, 1.5);
}

gint
nr_prior_plan_round_up (gint n, gint multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

gboolean
nr_prior_plan_network (const NrArguments *arguments, gint side, NrPriorNetwork *network, GError **error)
{
  if (arguments->model && *arguments->model)
    return nr_prior_network_load (network, arguments->model, error);
  return nr_prior_network_new (network, nr_prior_network_depth (side), arguments->seed, error);
}

void
nr_prior_plan_fit (const NrArguments *arguments, gint width, gint height, NrPriorFitOptions *options)
{
  *options = (NrPriorFitOptions) {
    .width       = width,
    .height      = height,
    .scale       = arguments->task == NR_TASK_SUPER_RESOLVE ? arguments->scale : 1,
    .iterations  = arguments->iterations > 0 ? (guint) arguments->iterations : automatic_iterations (arguments->task, width, height),
    .stops_early = arguments->iterations == 0 && arguments->task != NR_TASK_FILL,
    .seed        = arguments->seed,
    .threads     = arguments->threads,
  };
}

/* -- Time ---------------------------------------------------------------------------------------------------------- */

enum
{
  CALIBRATION_SIDE       = 128,
  CALIBRATION_ITERATIONS = 2
};

static gboolean
measure (const NrArguments *arguments, gdouble *seconds, GError **error)
{
  g_auto (NrPriorNetwork) network = { 0 };
  g_autoptr (NrPriorFit)  fit     = NULL;
  g_autofree gfloat      *known   = NULL;
  g_autofree gfloat      *picture = NULL;
  const NrPriorWatch      watch   = { 0 };
  NrPriorFitOptions       options;
  gint                    width, height;
  gint64                  start;

  if (! nr_prior_plan_network (arguments, CALIBRATION_SIDE, &network, error))
    return FALSE;
  width  = network.width > 0 ? network.width : nr_prior_plan_round_up (CALIBRATION_SIDE, network.multiple);
  height = network.height > 0 ? network.height : nr_prior_plan_round_up (CALIBRATION_SIDE, network.multiple);
  nr_prior_plan_fit (arguments, width, height, &options);
  options.scale      = 1;
  options.iterations = CALIBRATION_ITERATIONS;
  fit                = nr_prior_fit_new (&network, &options, error);
  if (! fit)
    return FALSE;

  known   = g_new0 (gfloat, 3 * width * height);
  picture = g_new (gfloat, 3 * width * height);
  start   = g_get_monotonic_time ();
  if (! nr_prior_fit_run (fit, 0, 0, known, NULL, &watch, picture, error))
    return FALSE;
  *seconds = (g_get_monotonic_time () - start) / (gdouble) G_USEC_PER_SEC / CALIBRATION_ITERATIONS / width / height;
  return TRUE;
}

/* For a pixel and an iteration, measured once for the process. */
static gboolean
seconds_per_step (const NrArguments *arguments, gdouble *seconds, GError **error)
{
  static GMutex      mutex;
  static GHashTable *measured; /* "threads model" -> gdouble */

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  g_autofree gchar        *key    = g_strdup_printf ("%u %s", arguments->threads, arguments->model ? arguments->model : "");
  gdouble                 *known;

  if (! measured)
    measured = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  known = g_hash_table_lookup (measured, key);
  if (! known)
    {
      if (! measure (arguments, seconds, error))
        return FALSE;
      known = g_memdup2 (seconds, sizeof (gdouble));
      g_hash_table_insert (measured, g_steal_pointer (&key), known);
    }
  *seconds = *known;
  return TRUE;
}

gboolean
nr_prior_plan_seconds (const NrArguments *arguments, gdouble n, gint width, gint height, gdouble *seconds, GError **error)
{
  NrPriorFitOptions options;
  gdouble           per_step;

  if (! seconds_per_step (arguments, &per_step, error))
    return FALSE;
  nr_prior_plan_fit (arguments, width, height, &options);
  *seconds = n * width * height * per_step * options.iterations;
  return TRUE;
}
