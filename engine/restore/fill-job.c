/* What every pass of a fill needs: worker threads, cancelling, progress.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fill-job.h"

typedef struct
{
  NrFillJob *job;
  gdouble    work;
  gsize      n_items;
} Pass;

gboolean
nr_fill_job_is_cancelled (const NrFillJob *job)
{
  return job->cancellable != NULL && g_cancellable_is_cancelled (job->cancellable);
}

static gboolean
pass_tick (gsize n_done, gpointer data)
{
  const Pass      *pass = data;
  const NrFillJob *job  = pass->job;
  gdouble          fraction, elapsed;

  if (nr_fill_job_is_cancelled (job))
    return FALSE;

  if (job->progress != NULL)
    {
      fraction = (job->work_done + pass->work * n_done / pass->n_items) / MAX (job->work_total, 1.0);
      fraction = MIN (fraction, 1.0);
      elapsed  = (g_get_monotonic_time () - job->start_time) * 1e-6;
      job->progress (fraction, fraction > 0.05 ? elapsed * (1.0 - fraction) / fraction : -1.0, job->progress_data);
    }

  return TRUE;
}

gboolean
nr_fill_job_for (NrFillJob  *job,
                 gdouble     work,
                 gsize       n_items,
                 gsize       grain,
                 NrRangeFunc func,
                 gpointer    data)
{
  Pass pass = { job, work, n_items };

  if (nr_fill_job_is_cancelled (job))
    return FALSE;

  /* Waking threads takes longer than a small pass, more so on a busy machine. */
  if (n_items <= grain)
    func (0, n_items, 0, data);
  else if (! nr_pool_for (job->pool, n_items, grain, func, data, pass_tick, &pass))
    return FALSE;

  job->work_done += work;
  return ! nr_fill_job_is_cancelled (job);
}
