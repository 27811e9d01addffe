/* Chooses a model package of a task: see model-chooser.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-chooser.h"

#include <glib/gi18n.h>

enum
{
  COLUMN_ID,
  COLUMN_LABEL,
  COLUMN_CARD,
  COLUMN_USABLE,
  N_COLUMNS
};

struct _NrModelChooser
{
  GtkGrid parent_instance;

  GObject      *config;
  NrTask        task;
  GtkListStore *models;
  GtkWidget    *combo, *card;
};

G_DEFINE_FINAL_TYPE (NrModelChooser, nr_model_chooser, GTK_TYPE_GRID)

/* -- The list ----------------------------------------------------------------------------------------------------- */

static void
add_package (NrModelChooser *chooser, const NrPackage *package)
{
  const gchar *name = package->name && *package->name ? package->name : package->id;

  gtk_list_store_insert_with_values (chooser->models, NULL, -1,
                                     COLUMN_ID, package->id,
                                     COLUMN_LABEL, name,
                                     COLUMN_CARD, package->problem ? package->problem : package->card,
                                     COLUMN_USABLE, package->problem == NULL,
                                     -1);
}

/* The task's default stands first, under the empty id that follows it when another package becomes the default. */
static void
fill_list (NrModelChooser *chooser)
{
  g_autoptr (GPtrArray) packages = nr_packages_list ();
  const NrPackage      *standard = NULL;
  g_autofree gchar     *label    = NULL;

  for (guint i = 0; i < packages->len && standard == NULL; i++)
    {
      const NrPackage *package = packages->pdata[i];

      if (package->task == chooser->task && package->is_default && package->problem == NULL)
        standard = package;
    }

  label = standard ? g_strdup_printf (_ ("Default (%s)"), standard->name) : g_strdup (_ ("Default"));
  gtk_list_store_clear (chooser->models);
  gtk_list_store_insert_with_values (chooser->models, NULL, -1, COLUMN_ID, "", COLUMN_LABEL, label,
                                     COLUMN_CARD, standard ? standard->card : _ ("No model is installed for this task."),
                                     COLUMN_USABLE, TRUE, -1);

  for (guint i = 0; i < packages->len; i++)
    if (((NrPackage *) packages->pdata[i])->task == chooser->task)
      add_package (chooser, packages->pdata[i]);
}

/* Shows the config's model as chosen; FALSE when the list does not have it. */
static gboolean
choose_configured (NrModelChooser *chooser)
{
  g_autofree gchar *model = NULL;

  g_object_get (chooser->config, "model", &model, NULL);
  return gtk_combo_box_set_active_id (GTK_COMBO_BOX (chooser->combo), model ? model : "");
}

static void
show_models (NrModelChooser *chooser)
{
  g_autofree gchar *model = NULL;

  /* Clearing the list unsets the combo box, which must not unset the model. */
  g_object_get (chooser->config, "model", &model, NULL);
  fill_list (chooser);
  if (! gtk_combo_box_set_active_id (GTK_COMBO_BOX (chooser->combo), model ? model : ""))
    gtk_combo_box_set_active_id (GTK_COMBO_BOX (chooser->combo), "");
}

static void
model_changed (GtkComboBox *combo, NrModelChooser *chooser)
{
  GtkTreeIter       iter;
  g_autofree gchar *id    = NULL;
  g_autofree gchar *card  = NULL;
  g_autofree gchar *model = NULL;

  if (! gtk_combo_box_get_active_iter (combo, &iter))
    return;

  gtk_tree_model_get (GTK_TREE_MODEL (chooser->models), &iter, COLUMN_ID, &id, COLUMN_CARD, &card, -1);
  gtk_label_set_text (GTK_LABEL (chooser->card), card);
  gtk_widget_set_tooltip_text (chooser->card, card);

  g_object_get (chooser->config, "model", &model, NULL);
  if (g_strcmp0 (model, id) != 0)
    g_object_set (chooser->config, "model", id, NULL);
}

static void
config_changed (GObject *config, GParamSpec *pspec, NrModelChooser *chooser)
{
  choose_configured (chooser);
}

/* -- Add… --------------------------------------------------------------------------------------------------------- */

static gboolean
ask_to_replace (GtkWindow *window, const gchar *message)
{
  GtkWidget *question = gtk_message_dialog_new (window, GTK_DIALOG_MODAL, GTK_MESSAGE_QUESTION, GTK_BUTTONS_NONE,
                                                "%s", message);
  gint       answer;

  gtk_dialog_add_buttons (GTK_DIALOG (question), _ ("_Cancel"), GTK_RESPONSE_CANCEL, _ ("_Replace"), GTK_RESPONSE_ACCEPT,
                          NULL);
  answer = gtk_dialog_run (GTK_DIALOG (question));
  gtk_widget_destroy (question);
  return answer == GTK_RESPONSE_ACCEPT;
}

static void
tell_problem (GtkWindow *window, const gchar *message)
{
  GtkWidget *notice = gtk_message_dialog_new (window, GTK_DIALOG_MODAL, GTK_MESSAGE_WARNING, GTK_BUTTONS_CLOSE,
                                              "%s", _ ("The model could not be added."));

  gtk_message_dialog_format_secondary_text (GTK_MESSAGE_DIALOG (notice), "%s", message);
  gtk_dialog_run (GTK_DIALOG (notice));
  gtk_widget_destroy (notice);
}

/* Adds FILE, where an id that is taken already is replaced only if the user wants that. */
static NrPackage *
add_file (GtkWindow *window, const gchar *file)
{
  g_autoptr (GError) error   = NULL;
  NrPackage         *package = nr_packages_add (file, FALSE, &error);

  if (package == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      if (! ask_to_replace (window, error->message))
        return NULL;
      g_clear_error (&error);
      package = nr_packages_add (file, TRUE, &error);
    }

  if (package == NULL)
    tell_problem (window, error->message);
  return package;
}

static gchar *
ask_for_file (GtkWindow *window)
{
  GtkFileChooserNative *native = gtk_file_chooser_native_new (_ ("Add a Model"), window, GTK_FILE_CHOOSER_ACTION_OPEN,
                                                              NULL, NULL);
  GtkFileFilter        *filter = gtk_file_filter_new ();
  gchar                *file   = NULL;

  gtk_file_filter_set_name (filter, _ ("Model packages (*.dtmodel)"));
  gtk_file_filter_add_pattern (filter, "*.dtmodel");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (native), filter);

  if (gtk_native_dialog_run (GTK_NATIVE_DIALOG (native)) == GTK_RESPONSE_ACCEPT)
    file = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (native));

  g_object_unref (native);
  return file;
}

static void
add_clicked (GtkButton *button, NrModelChooser *chooser)
{
  GtkWindow            *window  = GTK_WINDOW (gtk_widget_get_toplevel (GTK_WIDGET (chooser)));
  g_autofree gchar     *file    = ask_for_file (window);
  g_autoptr (NrPackage) package = file ? add_file (window, file) : NULL;

  if (package == NULL)
    return;

  show_models (chooser);
  if (package->task == chooser->task)
    gtk_combo_box_set_active_id (GTK_COMBO_BOX (chooser->combo), package->id);
}

/* -- Object ------------------------------------------------------------------------------------------------------- */

static void
nr_model_chooser_dispose (GObject *object)
{
  NrModelChooser *chooser = NR_MODEL_CHOOSER (object);

  g_clear_object (&chooser->models);
  g_clear_object (&chooser->config);
  G_OBJECT_CLASS (nr_model_chooser_parent_class)->dispose (object);
}

static void
nr_model_chooser_class_init (NrModelChooserClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = nr_model_chooser_dispose;
}

static GtkWidget *
combo_new (GtkTreeModel *models)
{
  GtkWidget       *combo    = gtk_combo_box_new_with_model (models);
  GtkCellRenderer *renderer = gtk_cell_renderer_text_new ();

  /* A long name must not widen the dialog. */
  g_object_set (renderer, "ellipsize", PANGO_ELLIPSIZE_END, "width-chars", 12, "max-width-chars", 16, NULL);
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo), renderer, TRUE);
  gtk_cell_layout_set_attributes (GTK_CELL_LAYOUT (combo), renderer, "text", COLUMN_LABEL, "sensitive", COLUMN_USABLE,
                                  NULL);
  gtk_combo_box_set_id_column (GTK_COMBO_BOX (combo), COLUMN_ID);
  gtk_widget_set_hexpand (combo, TRUE);
  return combo;
}

static GtkWidget *
card_new (void)
{
  GtkWidget *card = gtk_label_new (NULL);

  gtk_label_set_line_wrap (GTK_LABEL (card), TRUE);
  gtk_label_set_lines (GTK_LABEL (card), 3);
  gtk_label_set_ellipsize (GTK_LABEL (card), PANGO_ELLIPSIZE_END);
  gtk_label_set_max_width_chars (GTK_LABEL (card), 36);
  gtk_label_set_xalign (GTK_LABEL (card), 0.0);
  gtk_style_context_add_class (gtk_widget_get_style_context (card), GTK_STYLE_CLASS_DIM_LABEL);
  gimp_label_set_attributes (GTK_LABEL (card), PANGO_ATTR_SCALE, PANGO_SCALE_SMALL, -1);
  return card;
}

static void
nr_model_chooser_init (NrModelChooser *chooser)
{
  GtkGrid   *grid  = GTK_GRID (chooser);
  GtkWidget *label = gtk_label_new_with_mnemonic (_ ("_Model"));
  GtkWidget *add   = gtk_button_new_with_mnemonic (_ ("_Add…"));

  chooser->models = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_BOOLEAN);
  chooser->combo  = combo_new (GTK_TREE_MODEL (chooser->models));
  chooser->card   = card_new ();

  gtk_label_set_mnemonic_widget (GTK_LABEL (label), chooser->combo);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_widget_set_tooltip_text (chooser->combo, _ ("The network that does the work"));
  gtk_widget_set_tooltip_text (add, _ ("Add a model package from a file"));
  g_signal_connect (chooser->combo, "changed", G_CALLBACK (model_changed), chooser);
  g_signal_connect (add, "clicked", G_CALLBACK (add_clicked), chooser);

  gtk_grid_set_row_spacing (grid, 6);
  gtk_grid_set_column_spacing (grid, 6);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_grid_attach (grid, label, 0, 0, 1, 1);
  gtk_grid_attach (grid, add, 1, 0, 1, 1);
  gtk_grid_attach (grid, chooser->combo, 0, 1, 2, 1);
  gtk_grid_attach (grid, chooser->card, 0, 2, 2, 1);
  gtk_widget_show_all (GTK_WIDGET (chooser));
}

GtkWidget *
nr_model_chooser_new (GObject *config)
{
  NrModelChooser *chooser = g_object_new (NR_TYPE_MODEL_CHOOSER, NULL);

  chooser->config = g_object_ref (config);
  g_signal_connect_object (config, "notify::model", G_CALLBACK (config_changed), chooser, 0);
  return GTK_WIDGET (chooser);
}

void
nr_model_chooser_set_task (NrModelChooser *chooser, NrTask task)
{
  chooser->task = task;
  show_models (chooser);
}
