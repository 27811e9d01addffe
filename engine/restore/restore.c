/* The two calls of the picture level: run a task, and estimate what it takes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "deliver.h"
#include "method.h"

static gboolean
check_region (const NrSource *source, const NrRect *region, GError **error)
{
  /* 64 bits: x + width of a hostile caller may overflow an int. */
  if (region->width > 0 && region->height > 0 && region->x >= 0 && region->y >= 0 &&
      (gint64) region->x + region->width <= source->width && (gint64) region->y + region->height <= source->height)
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
               "the region of %d x %d pixels at %d, %d does not lie inside the picture of %d x %d pixels",
               region->width, region->height, region->x, region->y, source->width, source->height);
  return FALSE;
}

static gboolean
check_source (const NrSource *source, GError **error)
{
  if (source->width > 0 && source->height > 0 && (source->n_channels == 1 || source->n_channels == 3))
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
               "a picture of %d x %d pixels with %d channels cannot be restored; "
               "it must have at least one pixel and 1 or 3 channels",
               source->width, source->height, source->n_channels);
  return FALSE;
}

static void
start_report (NrReport *report, const NrArguments *arguments, const NrMethod *method, const NrJob *job)
{
  *report = (NrReport) {
    .task           = arguments->task,
    .method         = g_strdup (method->name),
    .model          = g_strdup (""),
    .n_channels     = job->source->n_channels,
    .threads        = arguments->threads > 0 ? arguments->threads : g_get_num_processors (),
    .noise_estimate = -1,
  };
  nr_restore_result_size (arguments, job->region.width, job->region.height, &report->width, &report->height);
}

/* Strength has no meaning for super-resolve, whose result has another size. */
static gboolean
is_copy (const NrArguments *arguments)
{
  return arguments->task != NR_TASK_SUPER_RESOLVE && arguments->strength <= 0;
}

gboolean
nr_restore_run (const NrArguments *arguments,
                const NrSource    *source,
                const NrRect      *region,
                const NrSink      *sink,
                NrRestoreProgress  progress,
                gpointer           progress_data,
                GCancellable      *cancellable,
                NrReport          *report,
                GError           **error)
{
  const NrMethod *method;
  NrReport        own_report;
  NrJob           job;
  gboolean        is_done;

  g_return_val_if_fail (arguments && source && sink, FALSE);
  g_return_val_if_fail (! error || ! *error, FALSE);

  if (report)
    *report = (NrReport) { 0 };
  if (! nr_arguments_check (arguments, error) || ! check_source (source, error) ||
      (region && ! check_region (source, region, error)))
    return FALSE;
  method = nr_method_find (arguments->task, arguments->method, error);

  job = (NrJob) {
    .arguments     = arguments,
    .source        = source,
    .region        = region ? *region : (NrRect) { 0, 0, source->width, source->height },
    .sink          = sink,
    .memory        = nr_job_memory_budget (arguments->memory),
    .cancellable   = cancellable,
    .report        = &own_report,
    .progress      = progress,
    .progress_data = progress_data,
    .start_time    = g_get_monotonic_time (),
    .seconds_left  = -1,
  };
  start_report (&own_report, arguments, method, &job);

  is_done = ! g_cancellable_set_error_if_cancelled (cancellable, error) &&
            (is_copy (arguments) ? nr_deliver_unchanged (&job, &job.region, 1 - job.fraction, error) : method->run (&job, error));
  if (is_done)
    nr_job_progress (&job, 1);
  own_report.milliseconds = (g_get_monotonic_time () - job.start_time) / 1000.0;

  if (report && is_done)
    *report = own_report;
  else
    nr_report_clear (&own_report);
  return is_done;
}

gboolean
nr_restore_estimate (const NrArguments *arguments,
                     gint               width,
                     gint               height,
                     gdouble           *seconds,
                     gdouble           *memory_mib,
                     GError           **error)
{
  const NrMethod *method;

  if (! nr_arguments_check (arguments, error) ||
      ! check_source (&(NrSource) { .width = width, .height = height, .n_channels = 3 }, error))
    return FALSE;

  method = nr_method_find (arguments->task, arguments->method, error);
  return method->estimate (arguments, width, height, seconds, memory_mib, error);
}
