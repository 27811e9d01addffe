/* A row of buttons of which one is pressed: chooses one of a few words.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct
{
  const gchar *word;  /* value of the property; the number as text where that is an integer */
  const gchar *label; /* with mnemonic, not yet translated */
  const gchar *tooltip;
} NrWord;

/* Follows and sets PROPERTY (string or int) of OBJECT. WORDS must live as long as the buttons. */
GtkWidget *nr_word_buttons_new (GObject *object, const gchar *property, const NrWord *words, guint n_words);

G_END_DECLS
