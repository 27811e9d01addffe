/* What the tasks of the method "deep-image-prior" share: see prior-plan.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "prior-plan.h"

#include <math.h>

/* How a task is fitted. Chosen by validation pictures, none of which is a test picture. */
typedef struct
{
  guint  iterations;      /* at most, where the user leaves them to us */
  guint  usual;           /* that it takes then: fewer where it ends at the noise */
  gfloat perturbation;    /* of the noise */
  gfloat total_variation; /* weight in the loss */
} PriorTask;

/* With 256 x 256 selected pixels each task should take two minutes at most on two processor cores with AVX-512. Denoising
 * ends before, at the noise, unless there is little of it. Perturbed noise makes learning slower and what is made up smoother:
 * with a tenth of it, missing pixels came out 1 dB worse and wide holes hardly filled at all, and noise was learned before
 * texture. Total variation keeps an enlarged picture free of grain that its reduction does not show: 1.1 dB of a texture
 * enlarged four times; a denoised picture did not gain by it. */
static const PriorTask tasks[NR_N_TASKS] = {
  [NR_TASK_DENOISE]       = { 1000, 250, 1 / 64.0f, 0 },
  [NR_TASK_SUPER_RESOLVE] = { 150, 150, 1 / 200.0f, 0.005f },
  [NR_TASK_FILL]          = { 500, 500, 1 / 30.0f, 0 },
};

gint
nr_prior_plan_round_up (gint n, gint multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

gboolean
nr_prior_plan_network (const NrArguments *arguments, NrPriorKind kind, gint side, NrPriorNetwork *network, GError **error)
{
  if (arguments->model && *arguments->model)
    return nr_prior_network_load (network, arguments->model, error);
  return nr_prior_network_new (network, kind, nr_prior_network_depth (side), arguments->seed, error);
}

void
nr_prior_plan_fit (const NrArguments *arguments, gint width, gint height, NrPriorFitOptions *options)
{
  const PriorTask *task = &tasks[arguments->task];

  *options = (NrPriorFitOptions) {
    .width           = width,
    .height          = height,
    .scale           = arguments->task == NR_TASK_SUPER_RESOLVE ? arguments->scale : 1,
    .iterations      = arguments->iterations > 0 ? (guint) arguments->iterations : task->iterations,
    .perturbation    = task->perturbation,
    .total_variation = task->total_variation,
    .seed            = arguments->seed,
    .threads         = arguments->threads,
  };
}

/* -- Time ---------------------------------------------------------------------------------------------------------- */

enum
{
  CALIBRATION_SIDE       = 128,
  CALIBRATION_ITERATIONS = 2
};

static gboolean
measure (const NrArguments *arguments, NrPriorKind kind, gdouble *seconds, GError **error)
{
  g_auto (NrPriorNetwork) network = { 0 };
  g_autoptr (NrPriorFit)  fit     = NULL;
  g_autofree gfloat      *known   = NULL;
  g_autofree gfloat      *picture = NULL;
  const NrPriorWatch      watch   = { 0 };
  NrPriorTarget           target  = { 0 };
  NrPriorFitOptions       options;
  gint                    width, height;
  gint64                  start;

  if (! nr_prior_plan_network (arguments, kind, CALIBRATION_SIDE, &network, error))
    return FALSE;
  width  = network.width > 0 ? network.width : nr_prior_plan_round_up (CALIBRATION_SIDE, network.multiple);
  height = network.height > 0 ? network.height : nr_prior_plan_round_up (CALIBRATION_SIDE, network.multiple);
  nr_prior_plan_fit (arguments, width, height, &options);
  options.scale      = 1;
  options.iterations = CALIBRATION_ITERATIONS;
  fit                = nr_prior_fit_new (&network, &options, error);
  if (! fit)
    return FALSE;

  known        = g_new0 (gfloat, 3 * width * height);
  target.known = known;
  picture      = g_new (gfloat, 3 * width * height);
  start        = g_get_monotonic_time ();
  if (! nr_prior_fit_run (fit, 0, 0, &target, &watch, picture, error))
    return FALSE;
  *seconds = (g_get_monotonic_time () - start) / (gdouble) G_USEC_PER_SEC / CALIBRATION_ITERATIONS / width / height;
  return TRUE;
}

/* For a pixel and an iteration, measured once for the process. */
static gboolean
seconds_per_step (const NrArguments *arguments, NrPriorKind kind, gdouble *seconds, GError **error)
{
  static GMutex      mutex;
  static GHashTable *measured; /* "threads kind model" -> gdouble */

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  g_autofree gchar        *key    = g_strdup_printf ("%u %u %s", arguments->threads, kind, arguments->model ? arguments->model : "");
  gdouble                 *known;

  if (! measured)
    measured = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  known = g_hash_table_lookup (measured, key);
  if (! known)
    {
      if (! measure (arguments, kind, seconds, error))
        return FALSE;
      known = g_memdup2 (seconds, sizeof (gdouble));
      g_hash_table_insert (measured, g_steal_pointer (&key), known);
    }
  *seconds = *known;
  return TRUE;
}

gboolean
nr_prior_plan_seconds (const NrArguments *arguments, NrPriorKind kind, gdouble n, gint width, gint height, gdouble *seconds, GError **error)
{
  const guint iterations = arguments->iterations > 0 ? (guint) arguments->iterations : tasks[arguments->task].usual;
  gdouble     per_step;

  if (! seconds_per_step (arguments, kind, &per_step, error))
    return FALSE;
  *seconds = n * width * height * per_step * iterations;
  return TRUE;
}
