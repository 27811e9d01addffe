/* Computes previews in a thread of its own, the latest wish first.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A new wish cancels the computation of the one before and waits a moment for more, so that dragging a slider does not
 * start a computation a step. Main thread only; so are its answers.
 */

#pragma once

#include "dialog.h"

G_BEGIN_DECLS

typedef struct _NrPreviewWorker NrPreviewWorker;

typedef struct
{
  /* What the whole job would take. */
  void (*estimated) (gdouble seconds, gdouble memory_mib, gpointer data);

  /* AFTER, which covers RECT, as it looks on the way; belongs to the caller. */
  void (*shown) (cairo_surface_t *after, const NrRect *rect, gpointer data);

  /* AFTER, which covers RECT, or NULL and why; both belong to the caller. Not called for cancelled wishes. */
  void (*finished) (cairo_surface_t *after, const NrRect *rect, const GError *error, gpointer data);

  gpointer data;
} NrPreviewAnswer;

NrPreviewWorker *nr_preview_worker_new (NrDialogHost *host, const NrPreviewAnswer *answer);

/* Cancels, and waits for the thread to end. */
void nr_preview_worker_free (NrPreviewWorker *worker);

/* Takes REQUEST. */
void nr_preview_worker_wish (NrPreviewWorker *worker, gpointer request, const NrRect *rect);

/* Cancels what is under way and forgets what was wished; waits for the thread, which ends within 100 ms. */
void nr_preview_worker_stop (NrPreviewWorker *worker);

G_END_DECLS
