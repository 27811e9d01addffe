/* One run of a task over some layers: see layer-job.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "layer-job.h"

#include <glib-unix.h>
#include <glib/gi18n.h>

#include "surface.h"

enum
{
  PROGRESS_INTERVAL_MS = 50
};

/* What the worker and the main thread share while nr_layer_job_compute () runs. */
typedef struct
{
  NrLayerJob            *job;
  const NrLayerJobWatch *watch;
  GMainLoop             *loop;
  GError                *error;

  gdouble pixels_before, pixels_now, pixels_all; /* of finished pieces, the present one and all; worker only */

  GMutex           mutex; /* of all below */
  gdouble          fraction, seconds_left;
  cairo_surface_t *shown; /* what has not been shown yet, or NULL */
  NrRect           shown_rect;
} Computation;

/* -- Pieces ------------------------------------------------------------------------------------------------------- */

static void
piece_free (gpointer data)
{
  NrPiece *piece = data;

  g_clear_pointer (&piece->result, nr_pixels_result_free);
  g_clear_pointer (&piece->snapshot, nr_snapshot_free);
  nr_report_clear (&piece->report);
  g_free (piece);
}

/* Whether GIMP can hold the enlarged layer and, with it, the enlarged image. */
static gboolean
check_size (const NrLayerJob *job, const NrSnapshot *snapshot, GError **error)
{
  gint width  = gimp_image_get_width (job->image);
  gint height = gimp_image_get_height (job->image);
  gint scale  = job->settings->arguments.scale;
  gint side   = MAX (MAX (snapshot->region.width, snapshot->region.height), MAX (width, height));

  if (job->settings->arguments.task != NR_TASK_SUPER_RESOLVE || side <= GIMP_MAX_IMAGE_SIZE / scale)
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
               _ ("The result would be larger than the %d pixels a side that GIMP can hold: choose a smaller scale."),
               GIMP_MAX_IMAGE_SIZE);
  return FALSE;
}

static gboolean
add_piece (NrLayerJob *job, GimpDrawable *drawable, GError **error)
{
  NrSnapshot *snapshot = nr_snapshot_new (drawable, error);
  NrPiece    *piece;

  if (snapshot == NULL)
    return FALSE;
  if (! check_size (job, snapshot, error))
    {
      nr_snapshot_free (snapshot);
      return FALSE;
    }

  /* A layer that must be replaced as a whole cannot be enlarged in part. */
  if (job->settings->output == NR_OUTPUT_SCALE_IMAGE && ! snapshot->is_stackable)
    nr_snapshot_select_all (snapshot);

  piece           = g_new0 (NrPiece, 1);
  piece->snapshot = snapshot;
  g_ptr_array_add (job->pieces, piece);
  return TRUE;
}

NrLayerJob *
nr_layer_job_new (GimpImage *image, GimpDrawable **drawables, const NrSettings *settings, GError **error)
{
  g_autoptr (NrLayerJob) job = NULL;

  if (! nr_snapshot_check (image, drawables, settings->arguments.task, error))
    return NULL;

  job           = g_new0 (NrLayerJob, 1);
  job->image    = g_object_ref (image);
  job->settings = settings;
  job->pieces   = g_ptr_array_new_with_free_func (piece_free);

  for (guint i = 0; drawables[i]; i++)
    if (! add_piece (job, drawables[i], error))
      return NULL;

  return g_steal_pointer (&job);
}

void
nr_layer_job_free (NrLayerJob *job)
{
  if (job == NULL)
    return;

  g_clear_pointer (&job->pieces, g_ptr_array_unref);
  g_clear_object (&job->image);
  g_free (job);
}

gchar *
nr_layer_job_report (const NrLayerJob *job)
{
  GString *reports = g_string_new (NULL);

  for (guint i = 0; i < job->pieces->len; i++)
    {
      NrPiece          *piece = job->pieces->pdata[i];
      g_autofree gchar *json  = nr_report_to_json (&piece->report);

      g_string_append_printf (reports, "%s%s", i ? "\n" : "", g_strstrip (json));
    }

  return g_string_free (reports, FALSE);
}

/* -- Worker ------------------------------------------------------------------------------------------------------- */

static gdouble
count_pixels (const NrPiece *piece)
{
  return (gdouble) piece->snapshot->region.width * piece->snapshot->region.height;
}

/* From the present piece to the whole job: the pieces to come take as long a pixel as this one. */
static void
piece_progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  Computation *computation = data;
  gdouble      done        = computation->pixels_before + fraction * computation->pixels_now;
  gdouble      left        = (1.0 - fraction) * computation->pixels_now;

  if (seconds_left >= 0.0 && left > 0.0)
    seconds_left *= (computation->pixels_all - done) / left;

  g_mutex_lock (&computation->mutex);
  computation->fraction     = done / computation->pixels_all;
  computation->seconds_left = seconds_left;
  g_mutex_unlock (&computation->mutex);
}

/* A piece under way, as its result's sink. */
typedef struct
{
  Computation *computation;
  NrPiece     *piece;
  gint         scale;
  NrSink       sink; /* the result's own */
} PieceSink;

static gboolean
piece_write (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  const PieceSink *to = data;

  return to->sink.write (to->sink.data, x, y, from, error);
}

static void
piece_show (gpointer data, gint x, gint y, const NrPicture *from)
{
  const PieceSink *to          = data;
  Computation     *computation = to->computation;
  const NrRect    *region      = &to->piece->snapshot->region;
  NrRect           part        = { region->x + x / to->scale, region->y + y / to->scale, from->width / to->scale, from->height / to->scale };
  cairo_surface_t *surface     = nr_surface_new_of_part (to->piece->snapshot->pixels, &part, to->scale, from);

  g_mutex_lock (&computation->mutex);
  g_clear_pointer (&computation->shown, cairo_surface_destroy);
  computation->shown      = surface;
  computation->shown_rect = part;
  g_mutex_unlock (&computation->mutex);
}

static gboolean
restore_piece (Computation *computation, NrPiece *piece)
{
  NrArguments arguments = computation->job->settings->arguments;
  gint        scale     = arguments.task == NR_TASK_SUPER_RESOLVE ? arguments.scale : 1;
  NrSource    source    = nr_pixels_source (piece->snapshot->pixels);
  PieceSink   to        = { computation, piece, scale, { 0 } };
  NrSink      sink      = { piece_write, &to, NULL };

  /* A stacked layer carries the selection as its mask, so it must not be blended by it once more. An enlarged layer has
   * other pixels than the selection. */
  arguments.blend   = ! piece->snapshot->is_stackable;
  arguments.stop    = computation->watch->stop;
  source.has_weight = source.has_weight && scale == 1;

  piece->result = nr_pixels_result_new (piece->snapshot->pixels, &piece->snapshot->region, scale);
  to.sink       = nr_pixels_result_sink (piece->result);
  if (computation->watch->show && piece == computation->job->pieces->pdata[0])
    sink.show = piece_show;

  return nr_restore_run (&arguments, &source, &piece->snapshot->region, &sink, piece_progress, computation,
                         computation->watch->cancellable, &piece->report, &computation->error);
}

static gboolean
computation_finished (gpointer data)
{
  Computation *computation = data;

  g_main_loop_quit (computation->loop);
  return G_SOURCE_REMOVE;
}

static gpointer
compute_in_worker (gpointer data)
{
  Computation *computation = data;
  GPtrArray   *pieces      = computation->job->pieces;

  for (guint i = 0; i < pieces->len && computation->error == NULL; i++)
    {
      NrPiece *piece = pieces->pdata[i];

      computation->pixels_now = count_pixels (piece);
      if (restore_piece (computation, piece))
        computation->pixels_before += computation->pixels_now;
    }

  g_idle_add_full (G_PRIORITY_DEFAULT, computation_finished, computation, NULL);
  return NULL;
}

/* -- Main thread -------------------------------------------------------------------------------------------------- */

static gboolean
report_progress (gpointer data)
{
  Computation           *computation = data;
  const NrLayerJobWatch *watch       = computation->watch;
  gdouble                fraction, seconds_left;
  cairo_surface_t       *shown;
  NrRect                 rect;

  g_mutex_lock (&computation->mutex);
  fraction     = computation->fraction;
  seconds_left = computation->seconds_left;
  shown        = g_steal_pointer (&computation->shown);
  rect         = computation->shown_rect;
  g_mutex_unlock (&computation->mutex);

  if (shown)
    {
      watch->show (shown, &rect, watch->data);
      cairo_surface_destroy (shown);
    }
  watch->progress (fraction, seconds_left, watch->data);
  return G_SOURCE_CONTINUE;
}

static gboolean
cancel_on_signal (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_CONTINUE;
}

gboolean
nr_layer_job_compute (NrLayerJob *job, const NrLayerJobWatch *watch, GError **error)
{
  Computation computation = {
    .job          = job,
    .watch        = watch,
    .loop         = g_main_loop_new (NULL, FALSE),
    .seconds_left = -1.0,
  };
  guint    sources[3];
  GThread *worker;

  for (guint i = 0; i < job->pieces->len; i++)
    computation.pixels_all += count_pixels (job->pieces->pdata[i]);
  g_mutex_init (&computation.mutex);

  sources[0] = g_timeout_add (PROGRESS_INTERVAL_MS, report_progress, &computation);
  sources[1] = g_unix_signal_add (SIGTERM, cancel_on_signal, watch->cancellable);
  sources[2] = g_unix_signal_add (SIGINT, cancel_on_signal, watch->cancellable);

  worker = g_thread_new ("restore", compute_in_worker, &computation);
  g_main_loop_run (computation.loop);
  g_thread_join (worker);

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  g_clear_pointer (&computation.shown, cairo_surface_destroy);
  g_main_loop_unref (computation.loop);
  g_mutex_clear (&computation.mutex);

  if (computation.error)
    {
      g_propagate_error (error, computation.error);
      return FALSE;
    }

  return TRUE;
}
