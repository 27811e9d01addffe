/* One run of a task over some layers: copy, compute, place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * nr_layer_job_new () copies what it needs, nr_layer_job_compute () works on the copies alone, placement.h puts the results into the
 * image. Until then the image is untouched, so a job may be thrown away at any moment. Main thread only.
 */

#pragma once

#include <cairo.h>

#include "settings.h"
#include "snapshot.h"

G_BEGIN_DECLS

/* One layer of a job. */
typedef struct
{
  NrSnapshot     *snapshot;
  NrPixelsResult *result; /* NULL before nr_layer_job_compute () */
  NrReport        report;
} NrPiece;

typedef struct
{
  GimpImage        *image;
  const NrSettings *settings;
  GPtrArray        *pieces; /* NrPiece, in the order of the drawables */
} NrLayerJob;

/* Copies DRAWABLES (NULL-terminated) of IMAGE. SETTINGS must outlive the job. NULL when one of the drawables cannot be
 * restored. */
NrLayerJob *nr_layer_job_new (GimpImage *image, GimpDrawable **drawables, const NrSettings *settings, GError **error);
void        nr_layer_job_free (NrLayerJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrLayerJob, nr_layer_job_free)

/* Who follows a job; its functions are called on the main thread. */
typedef struct
{
  NrRestoreProgress progress; /* the fraction of the whole job */

  /* Or NULL. SURFACE, which belongs to the job, shows RECT of the first piece's picture as it looks by now. */
  void (*show) (cairo_surface_t *surface, const NrRect *rect, gpointer data);

  gpointer      data;
  GCancellable *cancellable;
  GCancellable *stop; /* NrArguments.stop, or NULL */
} NrLayerJobWatch;

/* Restores every piece in a worker thread and keeps the default main context running meanwhile. All pieces or none: on an
 * error, G_IO_ERROR_CANCELLED among them, the job is only good for being freed. SIGTERM and SIGINT cancel it. */
gboolean nr_layer_job_compute (NrLayerJob *job, const NrLayerJobWatch *watch, GError **error);

/* The reports of all pieces, one JSON object a line. */
gchar *nr_layer_job_report (const NrLayerJob *job);

G_END_DECLS
