/* Ctrl+C as a GCancellable: see interrupt.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "interrupt.h"

#include <glib-unix.h>

typedef struct
{
  GCancellable *cancellable;
  GMainContext *context;
  GMainLoop    *loop;
} Watch;

static gboolean
interrupted (gpointer data)
{
  Watch *watch = data;

  g_cancellable_cancel (watch->cancellable);
  g_main_loop_quit (watch->loop);
  return G_SOURCE_CONTINUE;
}

/* Waits for one signal. With its sources gone, GLib gives the signals back their usual meaning: a second one ends the
 * program at once. */
static gpointer
watch_signals (gpointer data)
{
  static const gint signals[] = { SIGINT, SIGTERM, SIGHUP };

  Watch   *watch = data;
  GSource *sources[G_N_ELEMENTS (signals)];

  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      sources[i] = g_unix_signal_source_new (signals[i]);
      g_source_set_callback (sources[i], interrupted, watch, NULL);
      g_source_attach (sources[i], watch->context);
    }

  g_main_loop_run (watch->loop);

  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      g_source_destroy (sources[i]);
      g_source_unref (sources[i]);
    }
  g_main_loop_unref (watch->loop);
  g_main_context_unref (watch->context);
  g_object_unref (watch->cancellable);
  g_free (watch);
  return NULL;
}

GCancellable *
nr_interrupt_cancellable (void)
{
  GCancellable *cancellable = g_cancellable_new ();
  Watch        *watch       = g_new (Watch, 1);

  watch->cancellable = g_object_ref (cancellable);
  watch->context     = g_main_context_new ();
  watch->loop        = g_main_loop_new (watch->context, FALSE);
  g_thread_unref (g_thread_new ("nr-interrupt", watch_signals, watch));
  return cancellable;
}
