/* What the sub-commands of `neural-restore` share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gio/gio.h>

/* Exit statuses. */
enum
{
  NR_EXIT_DONE        = 0,
  NR_EXIT_FAILED      = 1,
  NR_EXIT_USAGE       = 2,
  NR_EXIT_INTERRUPTED = 130
};

/* Each gets its own arguments, argv[0] being the sub-command's name, and returns an exit status. */
int nr_task_command (int argc, char **argv);
int nr_models_command (int argc, char **argv);
int nr_compare_command (int argc, char **argv);
int nr_run_command (int argc, char **argv);

/* Parses options into ENTRIES' variables; FALSE after printing one sentence (and where help is to be had). argv is
 * modified: what is left are the command's words. SUMMARY says what the command does. */
gboolean nr_command_parse (int                *argc,
                           char             ***argv,
                           const GOptionEntry *entries,
                           const gchar        *words,
                           const gchar        *summary);

/* Prints "neural-restore: MESSAGE" on standard error. */
void nr_command_complain (const gchar *format, ...) G_GNUC_PRINTF (1, 2);

/* Prints an error and returns the status that belongs to it. */
int nr_command_fail (const GError *error);
