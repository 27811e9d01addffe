/* Chooses the method of a task: a list and one line that says what the chosen one is good for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <libgimp/gimpui.h>

#include "nr-restore.h"

G_BEGIN_DECLS

#define NR_TYPE_METHOD_CHOOSER (nr_method_chooser_get_type ())
G_DECLARE_FINAL_TYPE (NrMethodChooser, nr_method_chooser, NR, METHOD_CHOOSER, GtkGrid)

/* Follows and sets the string property "method" of CONFIG; empty means the task's default. Another method begins with its
 * own default of the property "model". */
GtkWidget *nr_method_chooser_new (GObject *config);

/* Lists the methods of TASK. A method chosen before that is none of them gives way to the default. */
void nr_method_chooser_set_task (NrMethodChooser *chooser, NrTask task);

G_END_DECLS
