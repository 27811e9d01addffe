/* Progress and memory budget of a run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <unistd.h>

#include "job.h"

/* Below this share or time a guess at the rest would only jump about. */
static const gdouble min_fraction = 0.02;
static const gdouble min_seconds  = 0.5;
/* Time constant of the smoothing, in seconds. */
static const gdouble smoothing = 3;

/* New guesses are mixed into the old one counted down, so that the display falls steadily and still follows. */
static void
update_seconds_left (NrJob *job, gint64 now)
{
  const gdouble elapsed = (now - job->start_time) / (gdouble) G_USEC_PER_SEC;
  const gdouble since   = (now - job->seconds_time) / (gdouble) G_USEC_PER_SEC;
  gdouble       guess;

  if (job->fraction < min_fraction || elapsed < min_seconds)
    return;

  guess = elapsed * (1 - job->fraction) / job->fraction;
  if (job->seconds_left >= 0)
    {
      const gdouble share = 1 - exp (-since / smoothing);

      guess = MAX (job->seconds_left - since, 0) * (1 - share) + guess * share;
    }
  job->seconds_left = guess;
  job->seconds_time = now;
}

void
nr_job_progress (NrJob *job, gdouble fraction)
{
  if (! (fraction >= job->fraction))
    return;
  job->fraction = MIN (fraction, 1);
  update_seconds_left (job, g_get_monotonic_time ());
  if (job->fraction >= 1)
    job->seconds_left = 0;
  if (job->progress)
    job->progress (job->fraction, job->seconds_left, job->progress_data);
}

gboolean
nr_job_is_stopped (const NrJob *job)
{
  return job->arguments->stop && g_cancellable_is_cancelled (job->arguments->stop);
}

guint64
nr_job_memory_budget (guint memory)
{
  const guint64 mib = 1024 * 1024;
  guint64       ram;

  if (memory > 0)
    return memory * mib;

  ram = (guint64) sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE);
  return CLAMP (ram / 4, 256 * mib, 2048 * mib);
}
