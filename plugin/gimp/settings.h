/* What the user asked for: the arguments of the procedures, from one table.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table in settings.c is the only list of arguments in the plug-in: it registers them, decides which of them a task
 * has (and the dialog shows) and turns a procedure's config into the engine's NrArguments.
 */

#pragma once

#include <libgimp/gimp.h>

#include "nr-restore.h"

G_BEGIN_DECLS

/* Where super-resolve puts its result. */
typedef enum
{
  NR_OUTPUT_NEW_IMAGE,
  NR_OUTPUT_SCALE_IMAGE,
  NR_OUTPUT_LAYER
} NrOutput;

typedef struct
{
  NrArguments arguments; /* its strings belong to the settings */
  NrOutput    output;    /* NR_OUTPUT_LAYER for every task but super-resolve */
} NrSettings;

/* Adds the arguments of TASK to PROCEDURE; NR_N_TASKS adds a choice of the task and the arguments of all of them. */
void nr_settings_register (GimpProcedure *procedure, guint task);

/* Reads CONFIG, whose procedure was registered for TASK. NULL with one sentence when a value is out of range or a word
 * is unknown. */
NrSettings *nr_settings_new (GimpProcedureConfig *config, guint task, GError **error);
void        nr_settings_free (NrSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrSettings, nr_settings_free)

/* The task CONFIG asks for: TASK, or what its "task" argument says when TASK is NR_N_TASKS. */
NrTask nr_settings_get_task (GimpProcedureConfig *config, guint task);

/* Whether ARGUMENT, a name of the table, has a meaning for TASK. */
gboolean nr_settings_has_argument (NrTask task, const gchar *argument);

G_END_DECLS
