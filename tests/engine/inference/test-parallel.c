/* The worker pool: every item once, pieces as asked for, stopping.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-inference.h"

#include <stdatomic.h>

enum
{
  N_ITEMS = 10007,
  THREADS = 4
};

typedef struct
{
  atomic_uint seen[N_ITEMS];
  atomic_uint n_pieces;
  gsize       grain;
  guint       n_threads;
} Work;

static void
count (gsize begin, gsize end, guint thread, gpointer data)
{
  Work *work = data;

  g_assert_cmpuint (begin, <, end);
  g_assert_cmpuint (end - begin, <=, work->grain);
  g_assert_cmpuint (thread, <, work->n_threads);
  work->n_pieces++;
  for (gsize i = begin; i < end; i++)
    work->seen[i]++;
}

static void
test_every_item_once (void)
{
  const gsize grains[] = { 1, 7, 1000, N_ITEMS, 2 * N_ITEMS };

  for (guint threads = 1; threads <= THREADS; threads++)
    for (guint g = 0; g < G_N_ELEMENTS (grains); g++)
      {
        g_autoptr (NrPool) pool = nr_pool_new (threads);
        g_autofree Work   *work = g_new0 (Work, 1);

        work->grain     = grains[g];
        work->n_threads = nr_pool_n_threads (pool);
        g_assert_true (nr_pool_for (pool, N_ITEMS, grains[g], count, work, NULL, NULL));
        g_assert_cmpuint (work->n_pieces, ==, (N_ITEMS + grains[g] - 1) / grains[g]);
        for (guint i = 0; i < N_ITEMS; i++)
          g_assert_cmpuint (work->seen[i], ==, 1);
      }
}

/* Jobs one after the other, some too short to wake anybody for: none is lost, none runs twice. */
static void
test_many_short_jobs (void)
{
  g_autoptr (NrPool) pool = nr_pool_new (THREADS);
  g_autofree Work   *work = g_new0 (Work, 1);

  work->grain     = 3;
  work->n_threads = nr_pool_n_threads (pool);
  for (guint i = 0; i < 2000; i++)
    g_assert_true (nr_pool_for (pool, 1 + i % 20, 3, count, work, NULL, NULL));

  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (work->seen[i], ==, 2000 - i * 100);
}

static void
test_nothing_to_do (void)
{
  g_autoptr (NrPool) pool = nr_pool_new (2);

  g_assert_true (nr_pool_for (pool, 0, 1, NULL, NULL, NULL, NULL));
}

typedef struct
{
  GThread *thread;
  gsize    stop_at, last;
} Ticks;

static gboolean
tick (gsize n_done, gpointer data)
{
  Ticks *ticks = data;

  g_assert_true (g_thread_self () == ticks->thread);
  g_assert_cmpuint (n_done, >, ticks->last);
  ticks->last = n_done;
  return n_done < ticks->stop_at;
}

/* Alone it stops at once; the pieces that others have under way are still done. */
static void
test_tick_stops (void)
{
  for (guint threads = 1; threads <= THREADS; threads++)
    {
      g_autoptr (NrPool) pool   = nr_pool_new (threads);
      g_autofree Work   *work   = g_new0 (Work, 1);
      Ticks              ticks  = { g_thread_self (), 1000, 0 };
      gsize              n_seen = 0;

      work->grain     = 10;
      work->n_threads = nr_pool_n_threads (pool);
      g_assert_false (nr_pool_for (pool, N_ITEMS, 10, count, work, tick, &ticks));
      for (guint i = 0; i < N_ITEMS; i++)
        n_seen += work->seen[i];
      g_assert_cmpuint (n_seen, >=, 1000);
      if (threads == 1)
        g_assert_cmpuint (n_seen, ==, 1000);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/parallel/every-item-once", test_every_item_once);
  g_test_add_func ("/parallel/many-short-jobs", test_many_short_jobs);
  g_test_add_func ("/parallel/nothing-to-do", test_nothing_to_do);
  g_test_add_func ("/parallel/tick-on-the-calling-thread-stops", test_tick_stops);

  return g_test_run ();
}
