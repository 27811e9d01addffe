/* Chooses a model package of a task: a list, "Add…" and the chosen one's card.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <libgimp/gimpui.h>

#include "nr-restore.h"

G_BEGIN_DECLS

#define NR_TYPE_MODEL_CHOOSER (nr_model_chooser_get_type ())
G_DECLARE_FINAL_TYPE (NrModelChooser, nr_model_chooser, NR, MODEL_CHOOSER, GtkGrid)

/* Follows and sets the string property "model" of CONFIG; empty means the task's default. */
GtkWidget *nr_model_chooser_new (GObject *config);

/* Lists the packages of TASK. A model chosen before that is none of them gives way to the default. */
void nr_model_chooser_set_task (NrModelChooser *chooser, NrTask task);

G_END_DECLS
