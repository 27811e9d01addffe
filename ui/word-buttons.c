/* A row of buttons of which one is pressed: see word-buttons.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "word-buttons.h"

#include <glib/gi18n.h>

static gboolean
is_the_word (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  const NrWord     *word = data;
  GValue            text = G_VALUE_INIT;
  g_autofree gchar *now  = NULL;

  g_value_init (&text, G_TYPE_STRING);
  g_value_transform (from, &text);
  now = g_value_dup_string (&text);
  g_value_unset (&text);

  /* The button that is to be pressed releases the others of its group. */
  if (g_strcmp0 (now, word->word) != 0)
    return FALSE;

  g_value_set_boolean (to, TRUE);
  return TRUE;
}

static gboolean
the_word (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  const NrWord *word = data;

  if (! g_value_get_boolean (from))
    return FALSE;

  if (G_VALUE_HOLDS_INT (to))
    g_value_set_int (to, (gint) g_ascii_strtoll (word->word, NULL, 10));
  else
    g_value_set_string (to, word->word);
  return TRUE;
}

GtkWidget *
nr_word_buttons_new (GObject *object, const gchar *property, const NrWord *words, guint n_words)
{
  GtkWidget *row   = gtk_button_box_new (GTK_ORIENTATION_HORIZONTAL);
  GtkWidget *first = NULL;

  gtk_button_box_set_layout (GTK_BUTTON_BOX (row), GTK_BUTTONBOX_EXPAND);

  for (guint i = 0; i < n_words; i++)
    {
      GtkWidget *button = gtk_radio_button_new_with_mnemonic_from_widget (GTK_RADIO_BUTTON (first), _ (words[i].label));

      gtk_toggle_button_set_mode (GTK_TOGGLE_BUTTON (button), FALSE);
      if (words[i].tooltip)
        gtk_widget_set_tooltip_text (button, _ (words[i].tooltip));
      gtk_container_add (GTK_CONTAINER (row), button);
      if (first == NULL)
        first = button;

      g_object_bind_property_full (object, property, button, "active",
                                   G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE,
                                   is_the_word, the_word, (gpointer) &words[i], NULL);
    }

  return row;
}
