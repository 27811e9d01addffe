/* The dialog: see dialog.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "dialog.h"

#include <glib/gi18n.h>
#include <math.h>

#include "argument-rows.h"
#include "compare-view.h"
#include "navigator.h"
#include "preview-worker.h"
#include "word-buttons.h"

enum
{
  PANEL_WIDTH      = 310,
  THUMBNAIL_WIDTH  = 310,
  THUMBNAIL_HEIGHT = 150
};

struct _NrDialog
{
  GtkWidget           *window; /* a GimpProcedureDialog */
  GimpProcedureConfig *config;
  guint                fixed_task;
  NrDialogHost        *host;
  gulong               config_handler;

  GtkWidget      *view, *navigator, *zoom_label;
  NrArgumentRows *rows;
  GtkWidget      *problem, *problem_icon, *estimate; /* below the preview; the estimate is of the whole job */
  GtkWidget      *progress_bar;                      /* shown while computing */

  NrPreviewWorker *worker;
  NrRect           previewed;   /* what the shown result covers; empty: nothing that is still true */
  GCancellable    *cancellable; /* of the job, once nr_dialog_begin () was called */
  GCancellable    *stop;        /* NULL: the job cannot stop with what it has */
};

/* Beside those of GTK. */
enum
{
  RESPONSE_STOP = 1
};

/* -- Texts -------------------------------------------------------------------------------------------------------- */

static gchar *
duration_text (gdouble seconds)
{
  gint whole = (gint) ceil (MIN (seconds, 360000.0));

  if (whole < 60)
    return g_strdup_printf (g_dngettext (NULL, "%d second", "%d seconds", MAX (whole, 1)), MAX (whole, 1));
  if (whole < 3600)
    return g_strdup_printf (_ ("%d min %02d s"), whole / 60, whole % 60);
  return g_strdup_printf (_ ("%d h %02d min"), whole / 3600, whole / 60 % 60);
}

/* Says why there is no result; NULL: nothing is wrong. */
static void
show_problem (NrDialog *dialog, const gchar *text)
{
  gtk_label_set_text (GTK_LABEL (dialog->problem), text ? text : "");
  gtk_widget_set_tooltip_text (dialog->problem, text);
  gtk_widget_set_visible (dialog->problem_icon, text != NULL);
}

static void
show_zoom (NrDialog *dialog)
{
  g_autofree gchar *text = g_strdup_printf (_ ("%.0f %%"), 100.0 * nr_compare_view_get_level (NR_COMPARE_VIEW (dialog->view)));

  gtk_label_set_text (GTK_LABEL (dialog->zoom_label), text);
}

/* -- Preview ------------------------------------------------------------------------------------------------------ */

static NrTask
get_task (NrDialog *dialog)
{
  return dialog->fixed_task < NR_N_TASKS ? (NrTask) dialog->fixed_task
                                         : (NrTask) gimp_procedure_config_get_choice_id (dialog->config, "task");
}

static gboolean
covers (const NrRect *outer, const NrRect *inner)
{
  return outer->x <= inner->x && outer->y <= inner->y &&
         outer->x + outer->width >= inner->x + inner->width && outer->y + outer->height >= inner->y + inner->height;
}

static gboolean
intersect (const NrRect *a, const NrRect *b, NrRect *both)
{
  return gdk_rectangle_intersect (&(GdkRectangle) { a->x, a->y, a->width, a->height },
                                  &(GdkRectangle) { b->x, b->y, b->width, b->height }, (GdkRectangle *) both);
}

static void
preview_estimated (gdouble seconds, gdouble memory_mib, gpointer data)
{
  NrDialog         *dialog   = data;
  g_autofree gchar *duration = duration_text (seconds);
  g_autofree gchar *text     = g_strdup_printf (_ ("About %s, %.0f MiB"), duration, memory_mib);

  gtk_label_set_text (GTK_LABEL (dialog->estimate), text);
}

static void
preview_shown (cairo_surface_t *after, const NrRect *rect, gpointer data)
{
  NrDialog *dialog = data;

  nr_compare_view_set_after (NR_COMPARE_VIEW (dialog->view), after, rect);
}

static void
preview_finished (cairo_surface_t *after, const NrRect *rect, const GError *error, gpointer data)
{
  NrDialog *dialog = data;

  nr_compare_view_set_busy (NR_COMPARE_VIEW (dialog->view), FALSE);
  nr_compare_view_set_after (NR_COMPARE_VIEW (dialog->view), after, rect);
  dialog->previewed = after ? *rect : (NrRect) { 0, 0, 0, 0 };
  show_problem (dialog, error ? error->message : NULL);
}

/* Asks for the visible part of the result unless it is there. */
static void
request_preview (NrDialog *dialog)
{
  g_autoptr (GError) error = NULL;
  NrRect             visible, wanted;
  gpointer           request;

  nr_compare_view_get_visible (NR_COMPARE_VIEW (dialog->view), &visible);
  if (dialog->cancellable ||
      ! intersect (&visible, &dialog->host->region, &wanted) || covers (&dialog->previewed, &wanted))
    return;

  request = dialog->host->request_new (dialog->host, &error);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->window), GTK_RESPONSE_OK, request != NULL);
  if (request == NULL)
    {
      nr_preview_worker_stop (dialog->worker);
      preview_finished (NULL, NULL, error, dialog);
      gtk_label_set_text (GTK_LABEL (dialog->estimate), "");
      return;
    }

  nr_compare_view_set_busy (NR_COMPARE_VIEW (dialog->view), TRUE);
  nr_preview_worker_wish (dialog->worker, request, &wanted);
}

/* Another part of the picture is in view. */
static void
view_moved (NrCompareView *view, NrDialog *dialog)
{
  cairo_surface_t *before;
  NrRect           visible;
  gdouble          scale = MIN (nr_compare_view_get_level (view), 1.0);

  nr_compare_view_get_visible (view, &visible);
  before = dialog->host->show (dialog->host, &visible, MAX ((gint) (visible.width * scale), 1),
                               MAX ((gint) (visible.height * scale), 1));
  nr_compare_view_set_before (view, before, &visible);
  cairo_surface_destroy (before);

  nr_navigator_set_visible (NR_NAVIGATOR (dialog->navigator), &visible);
  show_zoom (dialog);
  request_preview (dialog);
}

static void
thumbnail_picked (NrNavigator *navigator, gdouble x, gdouble y, NrDialog *dialog)
{
  nr_compare_view_center_on (NR_COMPARE_VIEW (dialog->view), x, y);
}

/* The settings are others than those of the shown result. */
static void
forget_result (NrDialog *dialog)
{
  gint enlargement = 1;

  if (get_task (dialog) == NR_TASK_SUPER_RESOLVE)
    g_object_get (dialog->config, "scale", &enlargement, NULL);

  dialog->previewed = (NrRect) { 0, 0, 0, 0 };
  nr_compare_view_set_enlargement (NR_COMPARE_VIEW (dialog->view), enlargement);
  request_preview (dialog);
}

static void
config_changed (GObject *config, GParamSpec *pspec, NrDialog *dialog)
{
  const gboolean is_other_task = g_str_equal (pspec->name, "task");

  if (is_other_task || g_str_equal (pspec->name, "method"))
    nr_argument_rows_set_task (dialog->rows, get_task (dialog));

  /* A weaker denoising may stay in view until the new one is there, a denoised picture beside "Deblur" may not. */
  if (is_other_task || g_str_equal (pspec->name, "scale"))
    nr_compare_view_set_after (NR_COMPARE_VIEW (dialog->view), NULL, NULL);

  forget_result (dialog);
}

/* -- Widgets ------------------------------------------------------------------------------------------------------ */

static GtkWidget *
task_buttons_new (GObject *config)
{
  static const NrWord tasks[] = {
    { "denoise", N_ ("De_noise"), N_ ("Removes noise and keeps detail") },
    { "deblur", N_ ("De_blur"), N_ ("Sharpens what is slightly out of focus") },
    { "super-resolve", N_ ("S_uper-resolve"), N_ ("Enlarges the picture with new detail") },
    { "fill", N_ ("_Fill"), N_ ("Replaces the selection by its surroundings") },
  };

  return nr_word_buttons_new (config, "task", tasks, G_N_ELEMENTS (tasks));
}

static GtkWidget *
zoom_button_new (const gchar *icon, const gchar *tooltip, GCallback clicked, NrDialog *dialog)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon, GTK_ICON_SIZE_MENU);

  gtk_button_set_relief (GTK_BUTTON (button), GTK_RELIEF_NONE);
  gtk_widget_set_tooltip_text (button, tooltip);
  g_signal_connect (button, "clicked", clicked, dialog);
  return button;
}

static void
zoom_out_clicked (GtkButton *button, NrDialog *dialog)
{
  nr_compare_view_step_zoom (NR_COMPARE_VIEW (dialog->view), -1);
}

static void
zoom_in_clicked (GtkButton *button, NrDialog *dialog)
{
  nr_compare_view_step_zoom (NR_COMPARE_VIEW (dialog->view), 1);
}

/* Below the preview: zoom, what is wrong, what the whole job takes. */
static GtkWidget *
preview_bar_new (NrDialog *dialog)
{
  GtkWidget *bar = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  dialog->zoom_label = gtk_label_new (NULL);
  gtk_label_set_width_chars (GTK_LABEL (dialog->zoom_label), 6);

  dialog->problem_icon = gtk_image_new_from_icon_name ("dialog-warning", GTK_ICON_SIZE_MENU);
  gtk_widget_set_no_show_all (dialog->problem_icon, TRUE);
  dialog->problem = gtk_label_new (NULL);
  gtk_label_set_xalign (GTK_LABEL (dialog->problem), 0.0);
  gtk_label_set_ellipsize (GTK_LABEL (dialog->problem), PANGO_ELLIPSIZE_END);

  dialog->estimate = gtk_label_new (NULL);
  gtk_widget_set_tooltip_text (dialog->estimate, _ ("Estimated time and memory for the whole result"));

  gtk_box_pack_start (GTK_BOX (bar), zoom_button_new (GIMP_ICON_ZOOM_OUT, _ ("Zoom out"), G_CALLBACK (zoom_out_clicked), dialog),
                      FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (bar), dialog->zoom_label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (bar), zoom_button_new (GIMP_ICON_ZOOM_IN, _ ("Zoom in"), G_CALLBACK (zoom_in_clicked), dialog),
                      FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (bar), dialog->problem_icon, FALSE, FALSE, 6);
  gtk_box_pack_start (GTK_BOX (bar), dialog->problem, TRUE, TRUE, 0);
  gtk_box_pack_end (GTK_BOX (bar), dialog->estimate, FALSE, FALSE, 0);
  return bar;
}

static GtkWidget *
preview_new (NrDialog *dialog)
{
  GtkWidget *box   = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *frame = gtk_frame_new (NULL);

  dialog->view = nr_compare_view_new (dialog->host->width, dialog->host->height);
  gtk_widget_set_tooltip_text (dialog->view, _ ("Drag the divider to compare, the picture to move it; the wheel zooms"));
  g_signal_connect (dialog->view, "moved", G_CALLBACK (view_moved), dialog);

  gtk_container_add (GTK_CONTAINER (frame), dialog->view);
  gtk_box_pack_start (GTK_BOX (box), frame, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), preview_bar_new (dialog), FALSE, FALSE, 0);
  return box;
}

static GtkWidget *
thumbnail_new (NrDialog *dialog)
{
  NrDialogHost    *host   = dialog->host;
  gint             width  = THUMBNAIL_WIDTH;
  gint             height = THUMBNAIL_HEIGHT;
  cairo_surface_t *thumbnail;

  nr_navigator_fit (host->width, host->height, &width, &height);
  thumbnail         = host->show (host, &(NrRect) { 0, 0, host->width, host->height }, width, height);
  dialog->navigator = nr_navigator_new (thumbnail, host->width, host->height);
  cairo_surface_destroy (thumbnail);

  gtk_widget_set_tooltip_text (dialog->navigator, _ ("Click to preview another part"));
  g_signal_connect (dialog->navigator, "picked", G_CALLBACK (thumbnail_picked), dialog);
  return dialog->navigator;
}

static gboolean
row_is_wanted (const gchar *argument, NrTask task, gpointer data)
{
  NrDialog *dialog = data;

  return dialog->host->has_argument (dialog->host, task, argument);
}

static GtkWidget *
panel_new (NrDialog *dialog)
{
  GtkWidget *panel = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);

  dialog->rows = nr_argument_rows_new (G_OBJECT (dialog->config), row_is_wanted, dialog);

  gtk_widget_set_size_request (panel, PANEL_WIDTH, -1);
  gtk_box_pack_start (GTK_BOX (panel), thumbnail_new (dialog), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panel), nr_argument_rows_get_widget (dialog->rows), FALSE, FALSE, 0);
  return panel;
}

/* All that the user sets, above GIMP's own buttons. */
static GtkWidget *
inputs_new (NrDialog *dialog)
{
  GtkWidget *inputs  = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *columns = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);

  if (dialog->fixed_task == NR_N_TASKS)
    gtk_box_pack_start (GTK_BOX (inputs), task_buttons_new (G_OBJECT (dialog->config)), FALSE, FALSE, 0);

  gtk_box_pack_start (GTK_BOX (columns), preview_new (dialog), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (columns), panel_new (dialog), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (inputs), columns, TRUE, TRUE, 0);
  return inputs;
}

static GtkWidget *
progress_bar_new (void)
{
  GtkWidget *bar = gtk_progress_bar_new ();

  gtk_progress_bar_set_show_text (GTK_PROGRESS_BAR (bar), TRUE);
  return bar;
}

/* -- Dialog ------------------------------------------------------------------------------------------------------- */

NrDialog *
nr_dialog_new (GimpProcedure       *procedure,
               GimpProcedureConfig *config,
               const gchar         *title,
               guint                task,
               NrDialogHost        *host)
{
  NrDialog       *dialog = g_new0 (NrDialog, 1);
  NrPreviewAnswer answer = { preview_estimated, preview_shown, preview_finished, dialog };
  GtkWidget      *inputs;
  GtkBox         *content;

  dialog->config     = g_object_ref (config);
  dialog->fixed_task = task;
  dialog->host       = host;
  dialog->worker     = nr_preview_worker_new (host, &answer);

  dialog->window = gimp_procedure_dialog_new (procedure, config, title);
  content        = GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog->window)));

  inputs               = inputs_new (dialog);
  dialog->progress_bar = progress_bar_new ();
  gtk_box_set_spacing (content, 12);
  gtk_box_pack_start (content, inputs, TRUE, TRUE, 0);
  gtk_box_pack_start (content, dialog->progress_bar, FALSE, FALSE, 0);
  gtk_widget_show_all (inputs);

  nr_argument_rows_set_task (dialog->rows, get_task (dialog));
  forget_result (dialog);
  nr_compare_view_center_on (NR_COMPARE_VIEW (dialog->view), host->region.x + host->region.width / 2.0,
                             host->region.y + host->region.height / 2.0);
  dialog->config_handler = g_signal_connect (config, "notify", G_CALLBACK (config_changed), dialog);

  return dialog;
}

void
nr_dialog_free (NrDialog *dialog)
{
  if (dialog == NULL)
    return;

  g_clear_signal_handler (&dialog->config_handler, dialog->config);
  g_clear_pointer (&dialog->worker, nr_preview_worker_free);
  g_clear_pointer (&dialog->window, gtk_widget_destroy);
  g_clear_pointer (&dialog->rows, nr_argument_rows_free);
  g_clear_object (&dialog->cancellable);
  g_clear_object (&dialog->stop);
  g_clear_object (&dialog->config);
  g_free (dialog);
}

gboolean
nr_dialog_run (NrDialog *dialog)
{
  gboolean is_confirmed = gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (dialog->window));

  g_clear_signal_handler (&dialog->config_handler, dialog->config);
  g_signal_handlers_disconnect_by_func (dialog->view, view_moved, dialog);
  nr_preview_worker_stop (dialog->worker);
  return is_confirmed;
}

/* -- Progress ----------------------------------------------------------------------------------------------------- */

/* Stop keeps what there is; everything else that ends a dialog throws it away. */
static void
progress_answered (GtkDialog *window, gint response, NrDialog *dialog)
{
  const gboolean is_stop = response == RESPONSE_STOP;

  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (dialog->progress_bar), is_stop ? _ ("Stopping…") : _ ("Cancelling…"));
  g_cancellable_cancel (is_stop ? dialog->stop : dialog->cancellable);
}

static void
add_stop_button (NrDialog *dialog)
{
  GtkWidget *button = gtk_dialog_add_button (GTK_DIALOG (dialog->window), _ ("_Stop"), RESPONSE_STOP);

  gtk_widget_set_tooltip_text (button, _ ("Ends now and keeps the best result so far; Cancel throws it away"));
}

/* Disables CHILD unless it is the progress bar, Cancel or holds Cancel. */
static void
disable (GtkWidget *child, gpointer data)
{
  NrDialog  *dialog = data;
  GtkWidget *button = gtk_dialog_get_widget_for_response (GTK_DIALOG (dialog->window), GTK_RESPONSE_CANCEL);

  if (child != dialog->progress_bar && child != button && ! gtk_widget_is_ancestor (button, child))
    gtk_widget_set_sensitive (child, FALSE);
}

void
nr_dialog_begin (NrDialog *dialog, GCancellable *cancellable, GCancellable *stop)
{
  GtkDialog *window = GTK_DIALOG (dialog->window);

  dialog->cancellable = g_object_ref (cancellable);
  dialog->stop        = stop ? g_object_ref (stop) : NULL;

  gtk_container_foreach (GTK_CONTAINER (gtk_dialog_get_content_area (window)), disable, dialog);
  gtk_container_foreach (GTK_CONTAINER (gtk_widget_get_parent (
                             gtk_dialog_get_widget_for_response (window, GTK_RESPONSE_CANCEL))),
                         disable, dialog);
  if (stop)
    add_stop_button (dialog);
  nr_compare_view_set_busy (NR_COMPARE_VIEW (dialog->view), FALSE);

  gtk_widget_show (dialog->progress_bar);
  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (dialog->progress_bar), _ ("Starting…"));

  /* Closing the window is Cancel, too; it must not take the progress bar away under us. */
  g_signal_connect (window, "response", G_CALLBACK (progress_answered), dialog);
  g_signal_connect (window, "delete-event", G_CALLBACK (gtk_true), NULL);
}

void
nr_dialog_show_picture (cairo_surface_t *surface, const NrRect *rect, gpointer data)
{
  NrDialog *dialog = data;

  nr_compare_view_set_after (NR_COMPARE_VIEW (dialog->view), surface, rect);
}

void
nr_dialog_show_progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  NrDialog         *dialog = data;
  GtkProgressBar   *bar    = GTK_PROGRESS_BAR (dialog->progress_bar);
  g_autofree gchar *left   = NULL;
  g_autofree gchar *text   = NULL;

  gtk_progress_bar_set_fraction (bar, fraction);
  if (seconds_left < 0.0 || g_cancellable_is_cancelled (dialog->cancellable) ||
      (dialog->stop && g_cancellable_is_cancelled (dialog->stop)))
    return;

  left = duration_text (seconds_left);
  text = g_strdup_printf (_ ("%.0f %%, about %s left"), 100.0 * fraction, left);
  gtk_progress_bar_set_text (bar, text);
}
