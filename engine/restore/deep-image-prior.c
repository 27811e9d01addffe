/* The method "deep-image-prior" for denoise and super-resolve: see deep-image-prior.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "deep-image-prior.h"

#include <string.h>

#include "deliver.h"
#include "enlarge.h"
#include "lanczos-graph.h"
#include "noise-estimate.h"
#include "prior-plan.h"
#include "tile-run.h"
#include "window.h"

/* In pixels of the network's picture: context that is fitted and dropped, half of what two windows share, and the smallest
 * window: a small selection is fitted with more of what surrounds it. */
static const gint context  = 8;
static const gint overlap  = 8;
static const gint min_side = 64;
/* Sides of windows that are tried, the largest that fits into the memory wins. */
static const gint sides[] = { 544, 416, 320, 224, 160, 112, 80, 64 };

/* What the average of a network's outputs differs from the picture by when it is best, as share of the noise: the rest of it
 * the network has learned by then. On validation pictures 0.89 (detailed) to 0.98 (smooth) with noise of sigma 25 and 50;
 * ending late costs a smooth picture more, over 1 dB, than ending early a detailed one, at most 0.5. */
static const gdouble left_noise = 0.96;

/* Share of the progress that the noise estimate gets. */
static const gdouble estimate_share = 0.02;

typedef struct
{
  NrJob         *job;
  NrNoise        noise; /* level 0: not looked at */
  NrPriorNetwork network;
  NrPriorFit    *fit;
  NrTilePlan     plan;
  gint           scale;
  guint64        memory;
  gfloat        *weight; /* super-resolve: 0 where the reduced picture sees beyond the window; else NULL */

  guint          i; /* of the tile under way */
  NrTile         tile;
  NrTileProgress progress;
  gpointer       progress_data;
} Prior;

static void
prior_clear (Prior *prior)
{
  nr_prior_network_clear (&prior->network);
  g_clear_pointer (&prior->fit, nr_prior_fit_free);
  g_clear_pointer (&prior->weight, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Prior, prior_clear)

/* -- Choosing the windows ------------------------------------------------------------------------------------------ */

static gint
greatest_common_divisor (gint a, gint b)
{
  return b == 0 ? a : greatest_common_divisor (b, a % b);
}

/* Smaller side of REGION, in pixels of the network's picture. */
static gint
region_side (const Prior *prior, const NrRect *region)
{
  return MIN (MIN (region->width, region->height), sides[0]) * prior->scale;
}

/* In source pixels. */
static void
make_rules (const Prior *prior, const NrRect *region, NrTileRules *rules)
{
  const gint multiple = prior->network.multiple;
  const gint scale    = prior->scale;
  const gint halo     = MAX (context, (min_side - region_side (prior, region)) / 2);

  *rules = (NrTileRules) {
    .halo     = MAX (halo / scale, NR_LANCZOS_MARGIN),
    .multiple = multiple / greatest_common_divisor (multiple, scale),
    .padding  = MAX (context / scale, NR_LANCZOS_MARGIN),
    .overlap  = MAX (overlap / scale, 2),
    .is_fixed = prior->network.width > 0 && prior->network.height > 0,
  };
}

/* Memory for windows of PLAN. */
static gboolean
plan_memory (const Prior *prior, const NrArguments *arguments, const NrTilePlan *plan, guint64 *memory, GError **error)
{
  const NrTileRun   run = { .plan = *plan, .scale = prior->scale };
  NrPriorFitOptions options;

  nr_prior_plan_fit (arguments, plan->x.window * prior->scale, plan->y.window * prior->scale, &options);
  if (! nr_prior_fit_estimate_memory (&prior->network, &options, memory, error))
    return FALSE;
  *memory += nr_tile_run_memory (&run) + (guint64) plan->x.window * plan->y.window * 3 * sizeof (gfloat);
  return TRUE;
}

static gboolean
fail_memory (guint64 needed, guint64 budget, GError **error)
{
  if (needed == 0)
    g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                         "the network takes pictures of one size only, which is too small for this scale");
  else
    g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
                 "deep-image-prior needs %" G_GUINT64_FORMAT " MiB even for its smallest window but may use %" G_GUINT64_FORMAT
                 " MiB; allow more memory",
                 (needed >> 20) + 1, budget >> 20);
  return FALSE;
}

/* Sets plan and memory: the largest windows that fit into BUDGET bytes. */
static gboolean
choose_plan (Prior *prior, const NrArguments *arguments, gint width, gint height, const NrRect *region, guint64 budget, GError **error)
{
  guint64     needed = 0;
  NrTileRules rules;

  make_rules (prior, region, &rules);
  for (guint i = 0; i < (rules.is_fixed ? 1 : G_N_ELEMENTS (sides)); i++)
    {
      const gint max_width  = (rules.is_fixed ? prior->network.width : sides[i]) / prior->scale;
      const gint max_height = (rules.is_fixed ? prior->network.height : sides[i]) / prior->scale;

      if (! nr_tile_plan_init (&prior->plan, &rules, width, height, region, max_width, max_height))
        continue;
      if (! plan_memory (prior, arguments, &prior->plan, &needed, error))
        return FALSE;
      if (needed <= budget)
        {
          prior->memory = needed;
          return TRUE;
        }
    }
  return fail_memory (needed, budget, error);
}

static gboolean
prior_init (Prior *prior, const NrArguments *arguments, gint width, gint height, const NrRect *region, guint64 budget, GError **error)
{
  const gint scale = arguments->task == NR_TASK_SUPER_RESOLVE ? arguments->scale : 1;

  prior->scale = scale;
  return nr_prior_plan_network (arguments, NR_PRIOR_PLAIN, MAX (region_side (prior, region) + 2 * context, min_side), &prior->network, error) &&
         choose_plan (prior, arguments, width, height, region, budget, error);
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

static void
fit_progress (gdouble fraction, gpointer data)
{
  const Prior *prior = data;

  prior->progress (fraction, prior->progress_data);
}

static void
fit_show (const gfloat *planes, gpointer data)
{
  const Prior    *prior   = data;
  const gint      scale   = prior->scale;
  const NrRect   *core    = &prior->tile.core;
  const NrRect   *window  = &prior->tile.window;
  const NrPicture picture = { window->width * scale, window->height * scale, 3, (gfloat *) planes, NULL, NULL };

  nr_deliver_show (prior->job, core, &picture, (core->x - window->x) * scale, (core->y - window->y) * scale, scale, 0, 1);
}

/* NrTileFunc: one window fitted. */
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
  Prior             *prior   = data;
  gboolean           is_seen = TRUE;
  const NrPriorWatch watch   = { fit_progress, fit_show, prior, cancellable, prior->job->arguments->stop };
  NrPriorTarget      target  = { input->color, prior->weight, 0 };
  gdouble            noise   = 0;

  nr_tile_plan_get (&prior->plan, prior->i++, &prior->tile);
  prior->progress      = progress;
  prior->progress_data = progress_data;
  if (nr_job_is_stopped (prior->job))
    is_seen = FALSE;
  else if (! nr_deliver_is_seen (prior->job, &prior->tile.zone, prior->scale, &is_seen, error))
    return FALSE;
  if (! is_seen)
    {
      nr_enlarge_planes (input->color, 3, input->width, input->height, prior->scale, NR_FILTER_CUBIC, output->color);
      return TRUE;
    }
  if (prior->noise.level > 0 && (noise = nr_noise_mean_square (&prior->noise, input, error)) < 0)
    return FALSE;
  target.noise = left_noise * noise;
  return nr_prior_fit_run (prior->fit, prior->tile.window.x * prior->scale, prior->tile.window.y * prior->scale, &target, &watch,
                           output->color, error);
}

/* Three planes of a window's size, 0 within NR_LANCZOS_MARGIN of the border, else 1. */
static gfloat *
make_weight (const NrTilePlan *plan)
{
  const gint width  = plan->x.window;
  const gint height = plan->y.window;
  gfloat    *weight = g_new (gfloat, 3 * (gsize) width * height);

  for (gint row = 0; row < 3 * height; row++)
    for (gint x = 0; x < width; x++)
      {
        const gint y = row % height;

        weight[(gsize) row * width + x] = x >= NR_LANCZOS_MARGIN && x < width - NR_LANCZOS_MARGIN &&
                                          y >= NR_LANCZOS_MARGIN && y < height - NR_LANCZOS_MARGIN;
      }
  return weight;
}

gboolean
nr_prior_run (NrJob *job, GError **error)
{
  const NrSource   *source = job->source;
  g_auto (Prior)    prior  = { .job = job };
  NrPriorFitOptions options;
  NrTileRun         run;

  if (job->arguments->task == NR_TASK_DENOISE && job->arguments->iterations == 0)
    {
      if (! nr_noise_find (job, estimate_share, &prior.noise, error))
        return FALSE;
      if (prior.noise.level <= 0)
        return nr_deliver_unchanged (job, &job->region, 1 - job->fraction, error);
    }
  if (! prior_init (&prior, job->arguments, source->width, source->height, &job->region, job->memory, error))
    return FALSE;
  nr_prior_plan_fit (job->arguments, prior.plan.x.window * prior.scale, prior.plan.y.window * prior.scale, &options);
  prior.fit = nr_prior_fit_new (&prior.network, &options, error);
  if (! prior.fit)
    return FALSE;
  if (prior.scale > 1)
    prior.weight = make_weight (&prior.plan);

  g_debug ("deep image prior: %u windows of %d x %d", prior.plan.n_tiles, options.width, options.height);
  g_free (job->report->model);
  job->report->model           = g_strdup (job->arguments->model ? job->arguments->model : "");
  job->report->tiles           = prior.plan.n_tiles;
  job->report->threads         = nr_prior_fit_n_threads (prior.fit);
  job->report->peak_memory_mib = prior.memory / 1048576.0;

  run = (NrTileRun) { .plan = prior.plan, .scale = prior.scale, .low = 0, .high = 1, .func = run_window, .data = &prior };
  return nr_tile_run (&run, job, job->fraction, error);
}

gboolean
nr_prior_estimate (const NrArguments *arguments, gint width, gint height, gdouble *seconds, gdouble *memory_mib, GError **error)
{
  const NrRect   region = { 0, 0, width, height };
  g_auto (Prior) prior  = { 0 };

  if (! prior_init (&prior, arguments, width, height, &region, nr_job_memory_budget (arguments->memory), error))
    return FALSE;
  *memory_mib = prior.memory / 1048576.0;
  return nr_prior_plan_seconds (arguments, NR_PRIOR_PLAIN, prior.plan.n_tiles, prior.plan.x.window * prior.scale,
                                prior.plan.y.window * prior.scale, seconds, error);
}
