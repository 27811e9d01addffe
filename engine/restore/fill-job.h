/* What every pass of a fill needs: worker threads, cancelling, progress.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"
#include "nr-restore.h"

typedef struct
{
  NrPool           *pool;
  GCancellable     *cancellable;   /* or NULL */
  NrRestoreProgress progress;      /* or NULL; called on the thread that runs the passes */
  gpointer          progress_data;
  gint64            start_time;    /* g_get_monotonic_time () */
  gdouble           work_total;    /* estimated work of all passes, in any unit */
  gdouble           work_done;     /* of the passes that have ended */
} NrFillJob;

/* nr_pool_for () as one pass of the job: WORK in the unit of work_total. What FUNC writes must not depend on how the
 * items are cut into ranges. FALSE: cancelled, what FUNC writes is undefined. */
gboolean nr_fill_job_for (NrFillJob  *job,
                          gdouble     work,
                          gsize       n_items,
                          gsize       grain,
                          NrRangeFunc func,
                          gpointer    data);

gboolean nr_fill_job_is_cancelled (const NrFillJob *job);
