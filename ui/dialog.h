/* The dialog: task buttons, before/after preview, the task's arguments, progress and Cancel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * It computes nothing: everything about pictures comes from its host. Main thread only.
 */

#pragma once

#include <libgimp/gimpui.h>

#include "nr-restore.h"

G_BEGIN_DECLS

/* What the dialog asks of the program around it. A request is a copy of the user's present wishes that a worker thread
 * may read; the dialog treats it as a black box. Functions without another word run on the main thread. */
typedef struct _NrDialogHost NrDialogHost;

/* A result as it forms; takes SURFACE, which covers RECT. Worker thread. */
typedef void (*NrDialogShow) (cairo_surface_t *surface, const NrRect *rect, gpointer data);

struct _NrDialogHost
{
  gint   width, height; /* of the picture that is previewed */
  NrRect region;        /* the part of it that will be restored */

  /* RECT of the picture as WIDTH x HEIGHT pixels in the display's colors (ARGB32). */
  cairo_surface_t *(*show) (NrDialogHost *host, const NrRect *rect, gint width, gint height);

  /* Whether ARGUMENT, a property of the config, has a meaning for TASK. */
  gboolean (*has_argument) (NrDialogHost *host, NrTask task, const gchar *argument);

  /* NULL with a sentence when the present settings cannot be carried out. */
  gpointer (*request_new) (NrDialogHost *host, GError **error);
  void (*request_free) (NrDialogHost *host, gpointer request);

  /* Worker thread: seconds and MiB of the whole job. */
  gboolean (*estimate) (NrDialogHost *host, gpointer request, gdouble *seconds, gdouble *memory_mib, GError **error);

  /* Worker thread: RECT as it will look, in the display's colors. RECT is changed to what the surface covers, which may
   * be more (a hole is filled as a whole) or less (only the region is restored, and of it the middle where that takes
   * long). Super-resolve returns more pixels than RECT has. SHOW is called on the way by methods that take long. */
  cairo_surface_t *(*restore) (NrDialogHost *host,
                               gpointer      request,
                               NrRect       *rect,
                               NrDialogShow  show,
                               gpointer      show_data,
                               GCancellable *cancellable,
                               GError      **error);
};

typedef struct _NrDialog NrDialog;

/* TASK is fixed, or NR_N_TASKS: buttons choose CONFIG's "task". HOST must outlive nr_dialog_run (). */
NrDialog *nr_dialog_new (GimpProcedure       *procedure,
                         GimpProcedureConfig *config,
                         const gchar         *title,
                         guint                task,
                         NrDialogHost        *host);
void      nr_dialog_free (NrDialog *dialog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrDialog, nr_dialog_free)

/* Waits for the user; CONFIG then holds the settings. FALSE: cancelled. The preview has ended in both cases. */
gboolean nr_dialog_run (NrDialog *dialog);

/* After nr_dialog_run (): turns the dialog into a progress window whose Cancel (or closing it) triggers CANCELLABLE and,
 * where STOP is not NULL, whose Stop triggers that. */
void nr_dialog_begin (NrDialog *dialog, GCancellable *cancellable, GCancellable *stop);

/* Shows RECT of the result as it looks by now; nr_dialog_begin () was called. */
void nr_dialog_show_picture (cairo_surface_t *surface, const NrRect *rect, gpointer data);

/* An NrRestoreProgress for the main thread; DATA is the dialog. */
void nr_dialog_show_progress (gdouble fraction, gdouble seconds_left, gpointer data);

G_END_DECLS
