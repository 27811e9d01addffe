/* The frame around methods that compute on planes without a network: windows, threads, budget.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "filter-run.h"

/* Operations a second of one thread, of loops that the compiler has vectorized for any x86-64. */
static const gdouble speed = 4e9;

/* A filter with what it runs on. */
typedef struct
{
  const NrFilter *filter;
  NrPool         *pool;
} Filtering;

static gboolean
work_tick (gsize n_done, gpointer data)
{
  const NrFilterWork *work = data;

  if (g_cancellable_is_cancelled (work->cancellable))
    return FALSE;
  work->progress (MIN (work->done + work->share * n_done / work->n_items, 1), work->progress_data);
  return TRUE;
}

gboolean
nr_filter_for (NrFilterWork *work, gdouble share, gsize n_items, NrRangeFunc func, gpointer data, GError **error)
{
  work->share   = share;
  work->n_items = n_items;
  if (nr_pool_for (work->pool, n_items, 1, func, data, work_tick, work))
    work->done += share;
  return ! g_cancellable_set_error_if_cancelled (work->cancellable, error);
}

guint
nr_filter_n_threads (const NrFilterWork *work)
{
  return nr_pool_n_threads (work->pool);
}

static gboolean
choose_plan (const NrFilter *filter,
             gint            width,
             gint            height,
             const NrRect   *region,
             guint64         budget,
             guint           n_threads,
             NrTilePlan     *plan,
             guint64        *memory,
             GError        **error)
{
  static const gint middles[] = { 2048, 1536, 1024, 768, 512, 384, 256, 192, 128, 64, 32, 16 };
  const NrTileRules rules     = { .halo = filter->halo, .multiple = 1, .padding = filter->padding };
  const NrTileRun   run       = { .scale = 1 };

  for (guint i = 0; i < G_N_ELEMENTS (middles); i++)
    {
      const gint size    = middles[i] + 2 * filter->halo;
      NrTileRun  planned = run;

      if (! nr_tile_plan_init (plan, &rules, width, height, region, size, size))
        continue;
      planned.plan = *plan;
      *memory      = nr_tile_run_memory (&planned) + filter->memory (filter, plan->x.window, plan->y.window, n_threads);
      if (*memory <= budget)
        return TRUE;
    }
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
               "even the smallest tile needs %" G_GUINT64_FORMAT " MiB but only %" G_GUINT64_FORMAT
               " MiB may be used; allow more memory",
               (*memory >> 20) + 1, budget >> 20);
  return FALSE;
}

/* NrTileFunc. */
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
  const Filtering *filtering = data;
  NrFilterWork     work      = { filtering->pool, progress, progress_data, cancellable };

  return filtering->filter->run (filtering->filter, input, known, output, &work, error);
}

gboolean
nr_filter_run (const NrFilter *filter, NrJob *job, gdouble first_fraction, GError **error)
{
  g_autoptr (NrPool) pool      = nr_pool_new (job->arguments->threads);
  Filtering          filtering = { filter, pool };
  NrTileRun          run       = { .scale = 1, .low = filter->low, .high = filter->high, .func = run_window, .data = &filtering };
  guint64            memory;

  if (! choose_plan (filter, job->source->width, job->source->height, &job->region, job->memory,
                     nr_pool_n_threads (pool), &run.plan, &memory, error))
    return FALSE;
  job->report->tiles           = run.plan.n_tiles;
  job->report->threads         = nr_pool_n_threads (pool);
  job->report->peak_memory_mib = memory / 1048576.0;
  return nr_tile_run (&run, job, first_fraction, error);
}

gboolean
nr_filter_estimate (const NrFilter    *filter,
                    const NrArguments *arguments,
                    gint               width,
                    gint               height,
                    gdouble           *seconds,
                    gdouble           *memory_mib,
                    GError           **error)
{
  const guint  n_threads = arguments->threads > 0 ? arguments->threads : g_get_num_processors ();
  const NrRect region    = { 0, 0, width, height };
  NrTilePlan   plan;
  guint64      memory;

  if (! choose_plan (filter, width, height, &region, nr_job_memory_budget (arguments->memory), n_threads, &plan, &memory, error))
    return FALSE;
  *seconds    = nr_tile_plan_n_pixels (&plan) * filter->work / (speed * MIN (n_threads, g_get_num_processors ()));
  *memory_mib = memory / 1048576.0;
  return TRUE;
}
