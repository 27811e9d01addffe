/* A progress bar on a terminal.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

typedef struct
{
  gchar   *label; /* belongs to the caller */
  gboolean shown; /* FALSE: not a terminal, or quiet */
  gint64   last;  /* monotonic time of the last drawing */
} NrProgressBar;

NrProgressBar nr_progress_bar_new (gchar *label, gboolean quiet);

/* An NrRestoreProgress whose data is an NrProgressBar; draws ten times a second at most. */
void nr_progress_bar_update (gdouble fraction, gdouble seconds_left, gpointer bar);

/* Takes the bar off the terminal. */
void nr_progress_bar_end (NrProgressBar *bar);
