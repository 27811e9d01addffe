/* Chooses the method of a task: see method-chooser.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "method-chooser.h"

#include <glib/gi18n.h>

struct _NrMethodChooser
{
  GtkGrid parent_instance;

  GObject   *config;
  NrTask     task;
  GtkWidget *combo, *help;
};

G_DEFINE_FINAL_TYPE (NrMethodChooser, nr_method_chooser, GTK_TYPE_GRID)

/* What the user reads. A method without an entry goes by its own name. */
typedef struct
{
  const gchar *name, *label, *help;
} Text;

static const Text texts[] = {
  { "network", N_ ("Neural network"), N_ ("Fast; has learned from many photographs.") },
  { "nl-means", N_ ("Non-local means"), N_ ("Averages places that look alike; the classic, without learning.") },
  { "richardson-lucy", N_ ("Richardson-Lucy"), N_ ("Undoes the blur that is found in the picture, step by step; the classic, without learning.") },
  { "deep-image-prior", N_ ("Deep image prior"),
    N_ ("Slow; learns from this picture alone. Stop keeps the best so far.") },
  { "generative", N_ ("Generator of faces"),
    N_ ("Knows upright faces only, seen from the front; the hole is taken to lie in the middle of one.") },
  { "patch-match", N_ ("Patches"), N_ ("Continues edges and repeats what surrounds the hole.") },
};

static const Text *
text_of (const gchar *method)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (g_strcmp0 (texts[i].name, method) == 0)
      return &texts[i];
  return NULL;
}

/* -- The list ----------------------------------------------------------------------------------------------------- */

static const gchar *
default_of (NrTask task)
{
  return nr_task_methods (task)[0];
}

/* The task's default is written as the empty word, which follows it when another method becomes the default. */
static void
fill_list (NrMethodChooser *chooser)
{
  const gchar *const *methods = nr_task_methods (chooser->task);
  GtkComboBoxText    *combo   = GTK_COMBO_BOX_TEXT (chooser->combo);

  gtk_combo_box_text_remove_all (combo);
  for (guint i = 0; methods[i]; i++)
    {
      const Text *text = text_of (methods[i]);

      gtk_combo_box_text_append (combo, i == 0 ? "" : methods[i], text ? _ (text->label) : methods[i]);
    }
}

static gboolean
choose (NrMethodChooser *chooser, const gchar *method)
{
  const gboolean is_default = method == NULL || g_str_equal (method, default_of (chooser->task));

  return gtk_combo_box_set_active_id (GTK_COMBO_BOX (chooser->combo), is_default ? "" : method);
}

static void
method_chosen (GtkComboBox *combo, NrMethodChooser *chooser)
{
  const gchar      *id     = gtk_combo_box_get_active_id (combo);
  const Text       *text   = id ? text_of (*id ? id : default_of (chooser->task)) : NULL;
  g_autofree gchar *method = NULL;

  gtk_label_set_text (GTK_LABEL (chooser->help), text ? _ (text->help) : "");
  if (id == NULL) /* while the list is filled */
    return;

  g_object_get (chooser->config, "method", &method, NULL);
  if (g_strcmp0 (method, id) != 0 && ! (*id == '\0' && g_strcmp0 (method, default_of (chooser->task)) == 0))
    g_object_set (chooser->config, "model", "", "method", id, NULL);
}

static void
config_changed (GObject *config, GParamSpec *pspec, NrMethodChooser *chooser)
{
  g_autofree gchar *method = NULL;

  g_object_get (config, "method", &method, NULL);
  choose (chooser, method);
}

/* -- Object ------------------------------------------------------------------------------------------------------- */

static void
nr_method_chooser_dispose (GObject *object)
{
  g_clear_object (&NR_METHOD_CHOOSER (object)->config);
  G_OBJECT_CLASS (nr_method_chooser_parent_class)->dispose (object);
}

static void
nr_method_chooser_class_init (NrMethodChooserClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = nr_method_chooser_dispose;
}

static GtkWidget *
help_new (void)
{
  GtkWidget *help = gtk_label_new (NULL);

  gtk_label_set_line_wrap (GTK_LABEL (help), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (help), 36);
  gtk_label_set_xalign (GTK_LABEL (help), 0.0);
  gtk_style_context_add_class (gtk_widget_get_style_context (help), GTK_STYLE_CLASS_DIM_LABEL);
  gimp_label_set_attributes (GTK_LABEL (help), PANGO_ATTR_SCALE, PANGO_SCALE_SMALL, -1);
  return help;
}

static void
nr_method_chooser_init (NrMethodChooser *chooser)
{
  GtkGrid   *grid  = GTK_GRID (chooser);
  GtkWidget *label = gtk_label_new_with_mnemonic (_ ("Met_hod"));

  chooser->combo = gtk_combo_box_text_new ();
  chooser->help  = help_new ();

  gtk_label_set_mnemonic_widget (GTK_LABEL (label), chooser->combo);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_widget_set_tooltip_text (chooser->combo, _ ("How the task is done"));
  g_signal_connect (chooser->combo, "changed", G_CALLBACK (method_chosen), chooser);

  gtk_grid_set_row_spacing (grid, 6);
  gtk_grid_set_column_spacing (grid, 6);
  gtk_grid_attach (grid, label, 0, 0, 1, 1);
  gtk_grid_attach (grid, chooser->combo, 1, 0, 1, 1);
  gtk_grid_attach (grid, chooser->help, 0, 1, 2, 1);
  gtk_widget_show_all (GTK_WIDGET (chooser));
}

GtkWidget *
nr_method_chooser_new (GObject *config)
{
  NrMethodChooser *chooser = g_object_new (NR_TYPE_METHOD_CHOOSER, NULL);

  chooser->config = g_object_ref (config);
  g_signal_connect_object (config, "notify::method", G_CALLBACK (config_changed), chooser, 0);
  return GTK_WIDGET (chooser);
}

void
nr_method_chooser_set_task (NrMethodChooser *chooser, NrTask task)
{
  g_autofree gchar *method = NULL;

  chooser->task = task;
  g_object_get (chooser->config, "method", &method, NULL);
  fill_list (chooser);
  if (! choose (chooser, method))
    choose (chooser, NULL);
}
