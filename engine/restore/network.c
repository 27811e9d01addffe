/* The method "network": denoise, deblur and super-resolve by a model package.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "deliver.h"
#include "detail.h"
#include "ensemble.h"
#include "network.h"
#include "noise-estimate.h"
#include "packages.h"
#include "sharpen.h"
#include "tile-run.h"

/* Mirrored pixels around the picture, so that its border lies inside what the network sees, and what deconvolution seeks. */
static const gint border_padding = 16;
/* For networks with a global operation: pixels dropped at a window's border, and half the blended zone; at most these
 * shares of a window of fixed size, so that it delivers the larger part of itself. */
static const gint global_margin  = 32;
static const gint global_overlap = 32;
static const gint margin_share   = 16;
static const gint overlap_share  = 8;
/* The same for networks that see what deconvolution made: a pixel's influence on that fades, but has no end. */
static const gint sharpen_overlap = 16;
/* Windows start at multiples of this many of the network's own steps, so that the engine's Winograd convolutions, whose
 * tiles are 6 x 6 results, mostly round in the same way whatever the window. */
static const gint grid_steps = 6;
/* So much more a plan may cost if its windows are smaller: memory is the user's. */
static const gdouble memory_price = 1.08;
/* Share of the progress that the estimate of noise or blur gets, and of a window's that deconvolution gets. */
static const gdouble estimate_share = 0.02;
static const gdouble sharpen_share  = 0.3;

/* What the network is told beside the picture. */
typedef enum
{
  TOLD_NOTHING,
  TOLD_NOISE,    /* one plane: the noise map */
  TOLD_SHARPENED /* NR_SHARPEN_PLANES: what deconvolution makes */
} Told;

typedef struct
{
  NrPackage     *package;
  NrPackageHints hints;
  NrModel       *model;
  NrReach        reach;
  gint           scale;
  guint          threads;
  gint           passes;
  gfloat         detail;

  NrSession *session;
  gsize      session_memory;
  Told       told;
  NrNoise    noise;
  NrBlur     blur;
  NrPool    *pool;   /* for deconvolution */
  gfloat    *second; /* the second input, planes of the window's size, or NULL */
} Network;

static void
network_clear (Network *network)
{
  g_clear_pointer (&network->session, nr_session_free);
  g_clear_pointer (&network->model, nr_model_unref);
  g_clear_pointer (&network->package, nr_package_free);
  g_clear_pointer (&network->pool, nr_pool_free);
  g_clear_pointer (&network->second, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Network, network_clear)

static gboolean
network_load (Network *network, const NrArguments *arguments, GError **error)
{
  *network = (Network) {
    .scale   = arguments->task == NR_TASK_SUPER_RESOLVE ? arguments->scale : 1,
    .threads = arguments->threads,
    .passes  = arguments->passes,
    .detail  = arguments->task == NR_TASK_DENOISE ? arguments->detail : 0,
  };
  network->package = nr_packages_find (arguments, error);
  if (! network->package)
    return FALSE;
  if (network->package->n_inputs == 2)
    network->told = arguments->task == NR_TASK_DEBLUR ? TOLD_SHARPENED : TOLD_NOISE;
  network->blur  = nr_blur_told (arguments); /* until it is looked for */
  network->model = nr_package_load_model (network->package, network->scale, &network->hints, &network->reach, error);
  return network->model != NULL;
}

/* Finds out what the network is to be told. */
static gboolean
find_told (Network *network, NrJob *job, GError **error)
{
  switch (network->told)
    {
    case TOLD_NOISE:
      return nr_noise_find (job, estimate_share, &network->noise, error);
    case TOLD_SHARPENED:
      return nr_blur_find (job, estimate_share, &network->blur, error);
    default:
      return TRUE;
    }
}

/* -- Choosing the windows ------------------------------------------------------------------------------------------ */

/* Pixels that a result pixel depends on beside what the network sees. */
static gint
extra_reach (const Network *network)
{
  gint extra = network->detail > 0 ? NR_DETAIL_RADIUS : 0;

  if (network->told == TOLD_NOISE && nr_noise_has_map (&network->noise))
    extra += NR_NOISE_MAP_RADIUS;
  if (network->told == TOLD_SHARPENED)
    extra += nr_sharpen_radius (&network->blur);
  return extra;
}

/* For a network that takes windows of one size only, SIDE pixels on the shorter side. If it looks at most of its window,
 * or at all of it, windows are blended; a picture of its size is one window, not padded, as in training. */
static void
fixed_rules (const Network *network, gint side, gint step, gint extra, NrTileRules *rules)
{
  const gint     halo     = network->hints.halo >= 0 ? network->hints.halo : (gint) network->reach.halo;
  const gboolean is_exact = network->reach.is_local && 4 * (halo + extra) <= side;

  *rules = (NrTileRules) {
    .halo     = (is_exact ? halo : MIN (global_margin, side / margin_share)) + extra,
    .multiple = step, /* its size need not be a multiple of the grid */
    .padding  = is_exact ? MIN (halo, border_padding) : 0,
    .overlap  = is_exact ? 0 : MIN (global_overlap, side / overlap_share),
    .is_fixed = TRUE,
  };
}

static void
network_rules (const Network *network, NrTileRules *rules)
{
  const NrShape *shape = nr_model_input_shape (network->model, 0);
  const gint     step  = MAX (MAX ((gint) network->reach.multiple, network->hints.multiple), 1);
  const gint     extra = extra_reach (network);
  gint           halo  = network->hints.halo;

  if (shape->dims[2] > 0 && shape->dims[3] > 0)
    {
      fixed_rules (network, MIN (MIN (shape->dims[2], shape->dims[3]), G_MAXINT16), step, extra, rules);
      return;
    }
  if (halo < 0)
    halo = network->reach.is_local ? (gint) network->reach.halo : global_margin;

  *rules = (NrTileRules) {
    .halo     = halo + extra,
    .multiple = step * grid_steps,
    .padding  = network->told == TOLD_SHARPENED ? border_padding : MIN (halo, border_padding),
    .overlap  = ! network->reach.is_local ? global_overlap : network->told == TOLD_SHARPENED ? sharpen_overlap
                                                                                             : 0,
  };
}

static void
input_shapes (const Network *network, gint width, gint height, NrShape shapes[2])
{
  shapes[0] = (NrShape) { NR_TYPE_FLOAT32, 4, { 1, 3, height, width } };
  shapes[1] = (NrShape) { NR_TYPE_FLOAT32, 4, { 1, nr_package_second_planes (network->package), height, width } };
}

/* Memory for the second input and what makes it. */
static guint64
told_memory (const Network *network, const NrTilePlan *plan)
{
  if (network->told == TOLD_SHARPENED)
    return nr_sharpen_memory (plan->x.window, plan->y.window);
  return (guint64) plan->x.window * plan->y.window * 2 * sizeof (gfloat);
}

static NrEnsemble
ensemble_of (const Network *network, gint width, gint height)
{
  return (NrEnsemble) {
    .session       = network->session,
    .passes        = network->passes,
    .width         = width,
    .height        = height,
    .scale         = network->scale,
    .second_planes = network->told == TOLD_NOTHING ? 0 : nr_package_second_planes (network->package),
  };
}

/* Memory for windows of PLAN: session, its second input and what makes it, mirrored copies, and the tile loop. */
static gboolean
plan_memory (const Network *network, const NrTilePlan *plan, guint64 *total, gsize *session_memory, GError **error)
{
  const NrTileRun        run      = { .plan = *plan, .scale = network->scale };
  const NrSessionOptions options  = { network->threads, NR_CPU_AVX512, 0 };
  const NrEnsemble       ensemble = ensemble_of (network, plan->x.window, plan->y.window);
  NrShape                shapes[2];

  input_shapes (network, plan->x.window, plan->y.window, shapes);
  if (! nr_session_estimate_memory (network->model, shapes, &options, session_memory, error))
    return FALSE;
  *total = *session_memory + nr_tile_run_memory (&run) + told_memory (network, plan) + nr_ensemble_memory (&ensemble);
  return TRUE;
}

typedef struct
{
  NrTilePlan plan;
  guint64    cost;
} Candidate;

static gint
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *first  = a;
  const Candidate *second = b;

  return (first->cost > second->cost) - (first->cost < second->cost);
}

static gdouble
window_pixels (const Candidate *candidate)
{
  return (gdouble) candidate->plan.x.window * candidate->plan.y.window;
}

/* Every plan with window sizes from a list, cheapest first. A network of fixed size has one. */
static GArray *
list_candidates (const Network *network, gint width, gint height, const NrRect *region)
{
  static const gint middles[] = { 32, 64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280 };
  const NrShape    *shape     = nr_model_input_shape (network->model, 0);
  GArray           *list      = g_array_new (FALSE, FALSE, sizeof (Candidate));
  NrTileRules       rules;

  network_rules (network, &rules);
  for (guint i = 0; i < (rules.is_fixed ? 1 : G_N_ELEMENTS (middles)); i++)
    for (guint j = 0; j < (rules.is_fixed ? 1 : G_N_ELEMENTS (middles)); j++)
      {
        const gint border     = 2 * (rules.halo + rules.overlap + rules.multiple);
        const gint max_width  = rules.is_fixed ? (gint) MIN (shape->dims[3], G_MAXINT16) : middles[i] + border;
        const gint max_height = rules.is_fixed ? (gint) MIN (shape->dims[2], G_MAXINT16) : middles[j] + border;
        Candidate  candidate;

        if (! nr_tile_plan_init (&candidate.plan, &rules, width, height, region, max_width, max_height))
          continue;
        candidate.cost = nr_tile_plan_n_pixels (&candidate.plan);
        g_array_append_val (list, candidate);
      }
  g_array_sort (list, compare_candidates);
  return list;
}

static gboolean
fail_memory (const Network *network, guint64 needed, guint64 budget, GError **error)
{
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
               "model package '%s' needs %" G_GUINT64_FORMAT " MiB even for its smallest tile but may use %" G_GUINT64_FORMAT
               " MiB; allow more memory",
               network->package->id, (needed >> 20) + 1, budget >> 20);
  return FALSE;
}

/* Of the plans of LIST from FIRST on that cost hardly more than it, the one with the smallest windows. */
static const Candidate *
find_smallest (const GArray *list, guint first)
{
  const Candidate *best  = &g_array_index (list, Candidate, first);
  const gdouble    limit = best->cost * memory_price;

  for (guint i = first + 1; i < list->len && g_array_index (list, Candidate, i).cost <= limit; i++)
    {
      const Candidate *candidate = &g_array_index (list, Candidate, i);

      if (window_pixels (candidate) < window_pixels (best))
        best = candidate;
    }
  return best;
}

/* A plan that fits into BUDGET bytes, the cheapest or nearly so; MEMORY is what it takes. */
static gboolean
choose_plan (Network *network, gint width, gint height, const NrRect *region, guint64 budget, NrTilePlan *plan, guint64 *memory, GError **error)
{
  g_autoptr (GArray) list  = list_candidates (network, width, height, region);
  gdouble            limit = G_MAXDOUBLE; /* windows of this many pixels do not fit */

  if (list->len == 0)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network of model package '%s' takes pictures of one size only, which is smaller than what it looks at",
                   network->package->id);
      return FALSE;
    }
  for (guint i = 0; i < list->len; i++)
    {
      const Candidate *candidate = &g_array_index (list, Candidate, i);
      const gdouble    n_pixels  = window_pixels (candidate);

      if (n_pixels >= limit)
        continue;
      if (! plan_memory (network, &candidate->plan, memory, &network->session_memory, error))
        return FALSE;
      if (*memory <= budget)
        {
          *plan = find_smallest (list, i)->plan;
          return plan_memory (network, plan, memory, &network->session_memory, error);
        }
      /* Memory is a constant plus a share of the pixels, so that much less will do; asking costs a plan each time. */
      limit = n_pixels * budget / *memory;
    }

  return fail_memory (network, *memory, budget, error);
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* The session's progress as a tile's, of which it is the part from FIRST on. */
typedef struct
{
  NrTileProgress progress;
  gpointer       data;
  gdouble        first;
} SessionProgress;

static void
session_progress (gdouble fraction, gpointer data)
{
  const SessionProgress *progress = data;

  progress->progress (progress->first + (1 - progress->first) * fraction, progress->data);
}

static gboolean
check_finite (const Network *network, const NrPicture *output, GError **error)
{
  const gsize n = (gsize) output->width * output->height * 3;

  for (gsize i = 0; i < n; i++)
    if (! isfinite (output->color[i]))
      {
        g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                     "the network of model package '%s' returned a value that is not a number; choose another model",
                     network->package->id);
        return FALSE;
      }
  return TRUE;
}

/* NrTileFunc: one window through the session. */
static gboolean
run_window (gpointer         data,
            const NrPicture *input,
            const NrRect    *known,
            NrPicture       *output,
            NrTileProgress   progress,
            gpointer         progress_data,
            GCancellable    *cancellable,
            GError         **error)
{
  Network         *network   = data;
  SessionProgress  passed_on = { progress, progress_data, network->told == TOLD_SHARPENED ? sharpen_share : 0 };
  NrFilterWork     work      = { network->pool, progress, progress_data, cancellable };
  const NrEnsemble ensemble  = ensemble_of (network, input->width, input->height);

  if (network->told == TOLD_NOISE)
    nr_noise_map (&network->noise, input, network->second);
  if (network->told == TOLD_SHARPENED &&
      ! nr_sharpen (&network->blur, input, known, network->second, &work, sharpen_share, error))
    return FALSE;
  if (! nr_ensemble_run (&ensemble, input->color, network->second, output->color, session_progress, &passed_on, cancellable, error) ||
      ! check_finite (network, output, error))
    return FALSE;
  if (network->detail > 0)
    nr_detail_restore (input, output, network->detail);
  return TRUE;
}

static gboolean
network_start (Network *network, gint width, gint height, guint64 memory_limit, GError **error)
{
  const NrSessionOptions options = { network->threads, NR_CPU_AVX512, memory_limit };
  const NrShape         *output;
  NrShape                shapes[2];

  input_shapes (network, width, height, shapes);
  network->session = nr_session_new (network->model, shapes, &options, error);
  if (! network->session)
    return FALSE;
  output = nr_session_output_shape (network->session, 0);
  if (output->type == NR_TYPE_FLOAT32 && output->rank == 4 && output->dims[0] == 1 && output->dims[1] == 3 &&
      output->dims[2] == (gint64) height * network->scale && output->dims[3] == (gint64) width * network->scale)
    return TRUE;
  else
    {
      g_autofree gchar *text = nr_shape_to_string (output);

      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network of model package '%s' makes %s of %d x %d pixels instead of a picture %d times as large",
                   network->package->id, text, width, height, network->scale);
      return FALSE;
    }
}

static gboolean
make_second_input (Network *network, const NrTilePlan *plan, GError **error)
{
  if (network->told == TOLD_NOTHING)
    return TRUE;
  if (network->told == TOLD_SHARPENED)
    network->pool = nr_pool_new (network->threads);
  network->second = g_try_new0 (gfloat, (gsize) nr_package_second_planes (network->package) * plan->x.window * plan->y.window);
  if (network->second)
    return TRUE;
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
               "not enough memory for a second input of %d x %d pixels; set a smaller memory budget",
               plan->x.window, plan->y.window);
  return FALSE;
}

gboolean
nr_network_run (NrJob *job, GError **error)
{
  g_auto (Network) network = { 0 };
  NrTileRun        run;
  guint64          memory;

  if (! network_load (&network, job->arguments, error))
    return FALSE;
  g_free (job->report->model);
  job->report->model = g_strdup (network.package->id);
  if (! find_told (&network, job, error))
    return FALSE;
  if (network.told == TOLD_NOISE && network.noise.level <= 0)
    return nr_deliver_unchanged (job, &job->region, 1 - job->fraction, error);

  run = (NrTileRun) {
    .scale = network.scale,
    .low   = network.hints.low,
    .high  = network.hints.high,
    .func  = run_window,
    .data  = &network,
  };
  if (! choose_plan (&network, job->source->width, job->source->height, &job->region, job->memory, &run.plan, &memory, error) ||
      g_cancellable_set_error_if_cancelled (job->cancellable, error) ||
      ! network_start (&network, run.plan.x.window, run.plan.y.window, 0, error) ||
      ! make_second_input (&network, &run.plan, error))
    return FALSE;

  g_debug ("network %s: %u tiles of %d x %d", network.package->id, run.plan.n_tiles, run.plan.x.window, run.plan.y.window);
  job->report->tiles           = run.plan.n_tiles;
  job->report->threads         = nr_session_n_threads (network.session);
  job->report->peak_memory_mib = (memory - network.session_memory + nr_session_memory (network.session)) / 1048576.0;
  return nr_tile_run (&run, job, job->fraction, error);
}

/* -- Estimating ---------------------------------------------------------------------------------------------------- */

/* Side of the picture that is used to find how long a network takes. */
static const gint calibration_size = 128;

static void
no_progress (gdouble fraction, gpointer data)
{
}

/* Runs NETWORK on a small window; the time a pixel of it took, the better of two runs. */
static gboolean
measure (Network *network, gdouble *seconds_per_pixel, GError **error)
{
  const NrRect          rect   = { 0, 0, calibration_size, calibration_size };
  gint64                best   = G_MAXINT64;
  g_autoptr (NrPicture) input  = NULL;
  g_autoptr (NrPicture) output = NULL;
  NrTilePlan            plan;
  guint64               memory;

  if (! choose_plan (network, rect.width, rect.height, &rect, G_MAXUINT64, &plan, &memory, error) ||
      ! network_start (network, plan.x.window, plan.y.window, 0, error) ||
      ! make_second_input (network, &plan, error))
    return FALSE;

  input  = nr_picture_new (plan.x.window, plan.y.window, 3, FALSE, FALSE);
  output = nr_picture_new (plan.x.window * network->scale, plan.y.window * network->scale, 3, FALSE, FALSE);
  for (gint i = 0; i < 2; i++)
    {
      const gint64 start = g_get_monotonic_time ();

      if (! run_window (network, input, &rect, output, no_progress, NULL, NULL, error))
        return FALSE;
      best = MIN (best, g_get_monotonic_time () - start);
    }
  *seconds_per_pixel = best / (gdouble) G_USEC_PER_SEC / nr_tile_plan_n_pixels (&plan);
  return TRUE;
}

/* The same, measured once for the process: the dialog asks again at every change of an argument. */
static gboolean
seconds_per_pixel (Network *network, gdouble *seconds, GError **error)
{
  static GMutex      mutex;
  static GHashTable *measured; /* "path scale threads passes" -> gdouble */

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&mutex);
  g_autofree gchar        *key    = g_strdup_printf ("%s %d %u %d", network->package->path, network->scale, network->threads, network->passes);
  gdouble                 *known;

  if (! measured)
    measured = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  known = g_hash_table_lookup (measured, key);
  if (! known)
    {
      if (! measure (network, seconds, error))
        return FALSE;
      known = g_memdup2 (seconds, sizeof (gdouble));
      g_hash_table_insert (measured, g_steal_pointer (&key), known);
    }
  *seconds = *known;
  return TRUE;
}

gboolean
nr_network_estimate (const NrArguments *arguments,
                     gint               width,
                     gint               height,
                     gdouble           *seconds,
                     gdouble           *memory_mib,
                     GError           **error)
{
  g_auto (Network) network = { 0 };
  const NrRect     region  = { 0, 0, width, height };
  NrTilePlan       plan;
  guint64          memory;
  gdouble          per_pixel;

  if (! network_load (&network, arguments, error) ||
      ! choose_plan (&network, width, height, &region, nr_job_memory_budget (arguments->memory), &plan, &memory, error) ||
      ! seconds_per_pixel (&network, &per_pixel, error))
    return FALSE;
  *seconds    = nr_tile_plan_n_pixels (&plan) * per_pixel;
  *memory_mib = memory / 1048576.0;
  return TRUE;
}
