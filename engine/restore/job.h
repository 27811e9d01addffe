/* One run of a task: what every method gets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

typedef struct
{
  const NrArguments *arguments;
  const NrSource    *source;
  NrRect             region; /* inside the source */
  const NrSink      *sink;
  guint64            memory; /* budget in bytes */
  GCancellable      *cancellable;
  NrReport          *report; /* never NULL */

  /* Progress; methods call nr_job_progress () only. */
  NrRestoreProgress progress;
  gpointer          progress_data;
  gint64            start_time; /* g_get_monotonic_time () */
  gdouble           fraction;
  gdouble           seconds_left; /* smoothed; -1: not known yet */
  gint64            seconds_time; /* when seconds_left was computed */
} NrJob;

/* Tells the caller of the run that FRACTION (0 to 1) of the work is done; a smaller one than before is ignored. */
void nr_job_progress (NrJob *job, gdouble fraction);

/* TRUE when the caller wants the best so far instead of a better one. Only for methods that can stop. */
gboolean nr_job_is_stopped (const NrJob *job);

/* The budget in bytes that MEMORY (MiB of NrArguments) stands for. */
guint64 nr_job_memory_budget (guint memory);
