/* A progress bar on a terminal: see progress-bar.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "progress-bar.h"

#include <string.h>
#include <unistd.h>

enum
{
  BAR_CELLS = 30
};

NrProgressBar
nr_progress_bar_new (gchar *label, gboolean quiet)
{
  NrProgressBar bar = { label, ! quiet && isatty (STDERR_FILENO), 0 };

  return bar;
}

void
nr_progress_bar_update (gdouble fraction, gdouble seconds_left, gpointer data)
{
  NrProgressBar *bar = data;
  gint64         now = g_get_monotonic_time ();
  gchar          cells[BAR_CELLS + 1];
  gint           full = (gint) (fraction * BAR_CELLS + 0.5);

  if (! bar->shown || now - bar->last < G_USEC_PER_SEC / 10)
    return;

  bar->last = now;
  memset (cells, '.', BAR_CELLS);
  memset (cells, '#', CLAMP (full, 0, BAR_CELLS));
  cells[BAR_CELLS] = '\0';

  g_printerr ("\r\033[K%s [%s] %3.0f %%", bar->label, cells, fraction * 100);
  if (seconds_left >= 0)
    g_printerr ("  %.0f s left", seconds_left);
}

void
nr_progress_bar_end (NrProgressBar *bar)
{
  if (bar->shown && bar->last)
    g_printerr ("\r\033[K");
}
