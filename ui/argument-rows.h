/* A row of the dialog for each argument; only those of the present task are to be seen.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <libgimp/gimpui.h>

#include "nr-restore.h"

G_BEGIN_DECLS

typedef struct _NrArgumentRows NrArgumentRows;

/* Whether ARGUMENT has a meaning for TASK. */
typedef gboolean (*NrArgumentFilter) (const gchar *argument, NrTask task, gpointer data);

/* Rows for those properties of CONFIG that it has, labelled by their nicks and explained by their blurbs. */
NrArgumentRows *nr_argument_rows_new (GObject *config, NrArgumentFilter filter, gpointer filter_data);

/* Not before the widget is destroyed. */
void nr_argument_rows_free (NrArgumentRows *rows);

GtkWidget *nr_argument_rows_get_widget (NrArgumentRows *rows);

/* Shows the rows of TASK and of the method that CONFIG has for it. */
void nr_argument_rows_set_task (NrArgumentRows *rows, NrTask task);

G_END_DECLS
