/* Previews in a thread of their own: see preview-worker.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "preview-worker.h"

enum
{
  PATIENCE_MS = 200
};

/* One computation; made on the main thread, filled by the worker, answered on the main thread. */
typedef struct
{
  NrPreviewWorker *worker;
  gpointer         request;
  NrRect           rect;
  GCancellable    *cancellable;

  gdouble          seconds, memory_mib;
  cairo_surface_t *after;
  GError          *error;

  GMutex           mutex; /* of the two below */
  cairo_surface_t *shown; /* the latest on the way, until it is answered */
  NrRect           shown_rect;
} Computation;

struct _NrPreviewWorker
{
  NrDialogHost   *host;
  NrPreviewAnswer answer;

  gpointer wished; /* the next request, or NULL */
  NrRect   wished_rect;
  guint    patience; /* source that starts it */

  GThread     *thread;
  Computation *computation; /* the thread's, until it is answered */
};

static void
computation_free (Computation *computation)
{
  computation->worker->host->request_free (computation->worker->host, computation->request);
  g_clear_pointer (&computation->after, cairo_surface_destroy);
  g_clear_pointer (&computation->shown, cairo_surface_destroy);
  g_mutex_clear (&computation->mutex);
  g_clear_error (&computation->error);
  g_object_unref (computation->cancellable);
  g_free (computation);
}

/* -- Worker thread ------------------------------------------------------------------------------------------------ */

static gboolean answer_estimate (gpointer data);
static gboolean answer_finished (gpointer data);
static gboolean answer_shown (gpointer data);

static void
show (cairo_surface_t *surface, const NrRect *rect, gpointer data)
{
  Computation *computation = data;

  g_mutex_lock (&computation->mutex);
  g_clear_pointer (&computation->shown, cairo_surface_destroy);
  computation->shown      = surface;
  computation->shown_rect = *rect;
  g_mutex_unlock (&computation->mutex);
  g_idle_add (answer_shown, computation);
}

static gpointer
compute (gpointer data)
{
  Computation  *computation = data;
  NrDialogHost *host        = computation->worker->host;

  if (host->estimate (host, computation->request, &computation->seconds, &computation->memory_mib, NULL))
    g_idle_add (answer_estimate, computation);

  computation->after = host->restore (host, computation->request, &computation->rect, show, computation,
                                      computation->cancellable, &computation->error);
  g_idle_add (answer_finished, computation);
  return NULL;
}

/* -- Main thread -------------------------------------------------------------------------------------------------- */

static gboolean
answer_estimate (gpointer data)
{
  Computation     *computation = data;
  NrPreviewAnswer *answer      = &computation->worker->answer;

  if (! g_cancellable_is_cancelled (computation->cancellable))
    answer->estimated (computation->seconds, computation->memory_mib, answer->data);
  return G_SOURCE_REMOVE;
}

static gboolean
answer_shown (gpointer data)
{
  Computation     *computation = data;
  NrPreviewAnswer *answer      = &computation->worker->answer;
  cairo_surface_t *surface;
  NrRect           rect;

  g_mutex_lock (&computation->mutex);
  surface = g_steal_pointer (&computation->shown);
  rect    = computation->shown_rect;
  g_mutex_unlock (&computation->mutex);

  if (surface && ! g_cancellable_is_cancelled (computation->cancellable))
    answer->shown (surface, &rect, answer->data);
  g_clear_pointer (&surface, cairo_surface_destroy);
  return G_SOURCE_REMOVE;
}

/* Starts the wished computation, once nobody has wished for anything else for a moment and the thread is free. */
static gboolean
start (gpointer data)
{
  NrPreviewWorker *worker = data;
  Computation     *computation;

  worker->patience = 0;
  if (worker->wished == NULL || worker->thread)
    return G_SOURCE_REMOVE; /* answer_finished () will be back */

  computation              = g_new0 (Computation, 1);
  computation->worker      = worker;
  computation->request     = g_steal_pointer (&worker->wished);
  computation->rect        = worker->wished_rect;
  computation->cancellable = g_cancellable_new ();
  g_mutex_init (&computation->mutex);

  worker->computation = computation;
  worker->thread      = g_thread_new ("preview", compute, computation);
  return G_SOURCE_REMOVE;
}

static gboolean
answer_finished (gpointer data)
{
  Computation     *computation = data;
  NrPreviewWorker *worker      = computation->worker;
  NrPreviewAnswer *answer      = &worker->answer;

  g_thread_join (g_steal_pointer (&worker->thread));
  worker->computation = NULL;

  if (! g_cancellable_is_cancelled (computation->cancellable))
    answer->finished (computation->after, &computation->rect, computation->error, answer->data);
  computation_free (computation);

  if (worker->patience == 0)
    start (worker);
  return G_SOURCE_REMOVE;
}

static void
forget_wish (NrPreviewWorker *worker)
{
  g_clear_handle_id (&worker->patience, g_source_remove);
  if (worker->wished)
    worker->host->request_free (worker->host, g_steal_pointer (&worker->wished));
}

NrPreviewWorker *
nr_preview_worker_new (NrDialogHost *host, const NrPreviewAnswer *answer)
{
  NrPreviewWorker *worker = g_new0 (NrPreviewWorker, 1);

  worker->host   = host;
  worker->answer = *answer;
  return worker;
}

void
nr_preview_worker_free (NrPreviewWorker *worker)
{
  if (worker == NULL)
    return;

  nr_preview_worker_stop (worker);
  g_free (worker);
}

void
nr_preview_worker_wish (NrPreviewWorker *worker, gpointer request, const NrRect *rect)
{
  forget_wish (worker);
  if (worker->computation)
    g_cancellable_cancel (worker->computation->cancellable);

  worker->wished      = request;
  worker->wished_rect = *rect;
  worker->patience    = g_timeout_add (PATIENCE_MS, start, worker);
}

void
nr_preview_worker_stop (NrPreviewWorker *worker)
{
  Computation *computation = worker->computation;

  forget_wish (worker);
  if (computation == NULL)
    return;

  g_cancellable_cancel (computation->cancellable);
  g_thread_join (g_steal_pointer (&worker->thread));
  worker->computation = NULL;

  /* Its answers are queued but have not been given. */
  while (g_idle_remove_by_data (computation))
    ;
  computation_free (computation);
}
