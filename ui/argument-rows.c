/* A row of the dialog for each argument: see argument-rows.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "argument-rows.h"

#include <glib/gi18n.h>

#include "method-chooser.h"
#include "model-chooser.h"
#include "word-buttons.h"

typedef GtkWidget *(*RowFunc) (GObject *config, const gchar *argument);

typedef struct
{
  const gchar *argument;
  RowFunc      row_new;
  gboolean     is_advanced;
} RowKind;

struct _NrArgumentRows
{
  GObject         *config;
  NrArgumentFilter filter;
  gpointer         filter_data;

  GtkWidget  *box, *advanced_box;
  GtkWidget  *method_chooser, *model_chooser;
  GHashTable *rows; /* argument → widget */
};

/* -- Kinds of rows ------------------------------------------------------------------------------------------------ */

/* LABEL (with mnemonic) on the left, WIDGET on the right. */
static GtkWidget *
labelled (const gchar *text, GtkWidget *widget)
{
  GtkWidget *row   = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *label = gtk_label_new_with_mnemonic (text);

  gtk_label_set_mnemonic_widget (GTK_LABEL (label), widget);
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_box_pack_start (GTK_BOX (row), label, TRUE, TRUE, 0);
  gtk_box_pack_end (GTK_BOX (row), widget, FALSE, FALSE, 0);
  return row;
}

static const gchar *
nick_of (GObject *config, const gchar *argument)
{
  return g_param_spec_get_nick (g_object_class_find_property (G_OBJECT_GET_CLASS (config), argument));
}

static const gchar *
blurb_of (GObject *config, const gchar *argument)
{
  return g_param_spec_get_blurb (g_object_class_find_property (G_OBJECT_GET_CLASS (config), argument));
}

/* A share, 0 to 1, shown in percent. */
static GtkWidget *
percent_row_new (GObject *config, const gchar *argument)
{
  GtkWidget        *scale = gimp_prop_spin_scale_new (config, argument, 0.01, 0.1, 0);
  g_autofree gchar *label = g_strdup_printf (_ ("%s (%%)"), nick_of (config, argument));

  gimp_spin_scale_set_label (GIMP_SPIN_SCALE (scale), label);
  gimp_prop_widget_set_factor (scale, 100.0, 1.0, 10.0, 0);
  return scale;
}

/* A number whose 0 leaves the choice to the program. Small numbers are the frequent ones. */
static GtkWidget *
automatic_row_new (GObject *config, const gchar *argument, gint digits)
{
  gdouble           step  = digits > 0 ? 0.1 : 1.0;
  GtkWidget        *scale = gimp_prop_spin_scale_new (config, argument, step, 10.0 * step, digits);
  g_autofree gchar *label = g_strdup_printf (_ ("%s (0: automatic)"), nick_of (config, argument));

  gimp_spin_scale_set_label (GIMP_SPIN_SCALE (scale), label);
  gimp_spin_scale_set_gamma (GIMP_SPIN_SCALE (scale), 2.0);
  return scale;
}

static GtkWidget *
real_row_new (GObject *config, const gchar *argument)
{
  return automatic_row_new (config, argument, 1);
}

static GtkWidget *
pixels_row_new (GObject *config, const gchar *argument)
{
  return automatic_row_new (config, argument, 0);
}

static GtkWidget *
number_row_new (GObject *config, const gchar *argument)
{
  return labelled (nick_of (config, argument), gimp_prop_spin_button_new (config, argument, 1.0, 16.0, 0));
}

static GtkWidget *
scale_row_new (GObject *config, const gchar *argument)
{
  static const NrWord scales[] = { { "2", "× _2", NULL }, { "3", "× _3", NULL }, { "4", "× _4", NULL } };

  return labelled (nick_of (config, argument),
                   nr_word_buttons_new (config, argument, scales, G_N_ELEMENTS (scales)));
}

static GtkWidget *
combo_row_new (GObject *config, const gchar *argument, const NrWord *words, guint n_words)
{
  GtkListStore *store = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget    *combo;

  for (guint i = 0; i < n_words; i++)
    gtk_list_store_insert_with_values (store, NULL, -1, 0, words[i].word, 1, _ (words[i].label), -1);

  combo = gimp_prop_string_combo_box_new (config, argument, GTK_TREE_MODEL (store), 0, 1);
  g_object_unref (store);
  return labelled (nick_of (config, argument), combo);
}

static GtkWidget *
variant_row_new (GObject *config, const gchar *argument)
{
  static const NrWord variants[] = { { "photo", N_ ("Photo"), NULL }, { "clean", N_ ("Clean original"), NULL } };

  return combo_row_new (config, argument, variants, G_N_ELEMENTS (variants));
}

/* A blur of width 0 is found, and its shape with it. */
static void
on_blur (GObject *config, GParamSpec *pspec, GtkWidget *kernel_row)
{
  gdouble blur;

  g_object_get (config, "blur", &blur, NULL);
  gtk_widget_set_sensitive (kernel_row, blur > 0);
}

/* Only a motion has an angle. */
static void
on_blur_or_kernel (GObject *config, GParamSpec *pspec, GtkWidget *angle_row)
{
  g_autofree gchar *kernel = NULL;
  gdouble           blur;

  g_object_get (config, "blur", &blur, "kernel", &kernel, NULL);
  gtk_widget_set_sensitive (angle_row, blur > 0 && g_strcmp0 (kernel, "motion") == 0);
}

static GtkWidget *
kernel_row_new (GObject *config, const gchar *argument)
{
  static const NrWord kernels[] = { { "gaussian", N_ ("Soft (Gaussian)"), NULL },
                                    { "disc", N_ ("Out of focus (disc)"), NULL },
                                    { "motion", N_ ("Moved (straight)"), NULL } };
  GtkWidget          *row       = combo_row_new (config, argument, kernels, G_N_ELEMENTS (kernels));

  g_signal_connect_object (config, "notify::blur", G_CALLBACK (on_blur), row, 0);
  on_blur (config, NULL, row);
  return row;
}

static GtkWidget *
angle_row_new (GObject *config, const gchar *argument)
{
  GtkWidget *row = number_row_new (config, argument);

  g_signal_connect_object (config, "notify::blur", G_CALLBACK (on_blur_or_kernel), row, 0);
  g_signal_connect_object (config, "notify::kernel", G_CALLBACK (on_blur_or_kernel), row, 0);
  on_blur_or_kernel (config, NULL, row);
  return row;
}

static GtkWidget *
output_row_new (GObject *config, const gchar *argument)
{
  static const NrWord outputs[] = { { "new-image", N_ ("New image"), NULL },
                                    { "scale-image", N_ ("This image, enlarged"), NULL },
                                    { "layer", N_ ("New layer"), NULL } };

  return combo_row_new (config, argument, outputs, G_N_ELEMENTS (outputs));
}

static GtkWidget *
method_row_new (GObject *config, const gchar *argument)
{
  return nr_method_chooser_new (config);
}

static GtkWidget *
model_row_new (GObject *config, const gchar *argument)
{
  return nr_model_chooser_new (config);
}

/* In the order of the dialog. */
static const RowKind kinds[] = {
  { "method", method_row_new, FALSE },
  { "scale", scale_row_new, FALSE },
  { "variant", variant_row_new, FALSE },
  { "output", output_row_new, FALSE },
  { "strength", percent_row_new, FALSE },
  { "noise", real_row_new, FALSE },
  { "detail", percent_row_new, FALSE },
  { "blur", real_row_new, FALSE },
  { "kernel", kernel_row_new, FALSE },
  { "angle", angle_row_new, FALSE },
  { "context", pixels_row_new, FALSE },
  { "iterations", pixels_row_new, FALSE },
  { "seed", number_row_new, FALSE },
  { "model", model_row_new, FALSE },
  { "passes", number_row_new, TRUE },
  { "threads", number_row_new, TRUE },
  { "memory", number_row_new, TRUE },
};

/* -- Rows --------------------------------------------------------------------------------------------------------- */

static void
add_row (NrArgumentRows *rows, const RowKind *kind)
{
  GtkWidget *row = kind->row_new (rows->config, kind->argument);

  if (gtk_widget_get_tooltip_text (row) == NULL)
    gtk_widget_set_tooltip_text (row, blurb_of (rows->config, kind->argument));

  gtk_box_pack_start (GTK_BOX (kind->is_advanced ? rows->advanced_box : rows->box), row, FALSE, FALSE, 0);
  gtk_widget_show_all (row);
  g_hash_table_insert (rows->rows, (gpointer) kind->argument, row);

  if (NR_IS_METHOD_CHOOSER (row))
    rows->method_chooser = row;
  if (NR_IS_MODEL_CHOOSER (row))
    rows->model_chooser = row;
}

NrArgumentRows *
nr_argument_rows_new (GObject *config, NrArgumentFilter filter, gpointer filter_data)
{
  NrArgumentRows *rows     = g_new0 (NrArgumentRows, 1);
  GtkWidget      *expander = gtk_expander_new_with_mnemonic (_ ("Ad_vanced"));

  rows->config       = g_object_ref (config);
  rows->filter       = filter;
  rows->filter_data  = filter_data;
  rows->rows         = g_hash_table_new (g_str_hash, g_str_equal);
  rows->box          = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  rows->advanced_box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_object_class_find_property (G_OBJECT_GET_CLASS (config), kinds[i].argument))
      add_row (rows, &kinds[i]);

  gtk_widget_set_margin_top (rows->advanced_box, 6);
  gtk_container_add (GTK_CONTAINER (expander), rows->advanced_box);
  gtk_box_pack_end (GTK_BOX (rows->box), expander, FALSE, FALSE, 0);
  gtk_widget_show_all (expander);
  gtk_widget_show (rows->box);

  return rows;
}

void
nr_argument_rows_free (NrArgumentRows *rows)
{
  if (rows == NULL)
    return;

  g_hash_table_unref (rows->rows);
  g_object_unref (rows->config);
  g_free (rows);
}

GtkWidget *
nr_argument_rows_get_widget (NrArgumentRows *rows)
{
  return rows->box;
}

/* The method that the config asks for, where the rows have one; the task's default else. */
static gchar *
get_method (NrArgumentRows *rows)
{
  gchar *method = NULL;

  if (rows->method_chooser)
    g_object_get (rows->config, "method", &method, NULL);
  return method;
}

/* Whether there is anything to choose in a row that TASK and METHOD have. */
static gboolean
has_choice (NrArgumentRows *rows, gpointer row, NrTask task, const gchar *method)
{
  if (row == rows->method_chooser)
    return nr_task_methods (task)[1] != NULL;
  if (row == rows->model_chooser) /* the others take a file, or what there is */
    return g_str_equal (method && *method ? method : nr_task_methods (task)[0], "network");
  return TRUE;
}

void
nr_argument_rows_set_task (NrArgumentRows *rows, NrTask task)
{
  g_autofree gchar *method = NULL;
  GHashTableIter    iter;
  gpointer          argument, row;

  if (rows->method_chooser)
    nr_method_chooser_set_task (NR_METHOD_CHOOSER (rows->method_chooser), task);
  if (rows->model_chooser)
    nr_model_chooser_set_task (NR_MODEL_CHOOSER (rows->model_chooser), task);

  method = get_method (rows);
  g_hash_table_iter_init (&iter, rows->rows);
  while (g_hash_table_iter_next (&iter, &argument, &row))
    gtk_widget_set_visible (row, rows->filter (argument, task, rows->filter_data) &&
                                     nr_task_method_uses (task, method, argument) &&
                                     has_choice (rows, row, task, method));
}
