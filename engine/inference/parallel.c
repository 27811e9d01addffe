/* Worker threads that take pieces of a range in turn.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A job is open while the calling thread works on it. A worker that wakes in time joins in; one that does not is not
 * waited for. So a busy machine costs at most the pieces that are under way.
 */

#include "parallel.h"

#include <stdatomic.h>
#include <stdbool.h>

#include <cblas.h>

enum
{
  MAX_THREADS = 256,

  /* How long a thread watches for work, or for the others to finish, before it sleeps: some 20 microseconds, longer than
   * the gap between two nodes and shorter than a futex's way through the kernel and back. */
  SPINS = 2000
};

typedef struct
{
  NrRangeFunc   func;
  gpointer      data;
  gsize         n_items, grain;
  atomic_size_t next; /* first item not taken yet */
  atomic_size_t n_done;
  atomic_bool   is_stopped;
} Job;

typedef struct
{
  NrPool  *pool;
  guint    index;
  GThread *thread;
} Worker;

struct _NrPool
{
  guint   n_threads; /* the calling one included */
  Worker *workers;   /* n_threads - 1 */
  Job     job;

  atomic_uint generation; /* of jobs; workers watch it */
  atomic_uint n_active;   /* workers in the job */

  GMutex   lock; /* guards what follows, and writing the two above */
  GCond    work_cond, done_cond;
  guint    n_sleeping;
  gboolean is_open, is_closing;
};

static void
pause_cpu (void)
{
#if defined(__x86_64__)
  __builtin_ia32_pause ();
#endif
}

/* Takes pieces until there are none; TICK on the calling thread only. */
static void
work (Job *job, guint thread, NrTickFunc tick, gpointer tick_data)
{
  while (! atomic_load_explicit (&job->is_stopped, memory_order_relaxed))
    {
      gsize begin = atomic_fetch_add (&job->next, job->grain);
      gsize end, n_done;

      if (begin >= job->n_items)
        return;

      end = begin + MIN (job->grain, job->n_items - begin);
      job->func (begin, end, thread, job->data);
      n_done = atomic_fetch_add (&job->n_done, end - begin) + end - begin;

      if (tick != NULL && ! tick (n_done, tick_data))
        atomic_store (&job->is_stopped, true);
    }
}

static gpointer
worker_main (gpointer data)
{
  Worker *worker = data;
  NrPool *pool   = worker->pool;
  guint   seen   = 0;

  for (;;)
    {
      for (guint i = 0; i < SPINS && atomic_load (&pool->generation) == seen; i++)
        pause_cpu ();

      g_mutex_lock (&pool->lock);
      while (pool->generation == seen && ! pool->is_closing)
        {
          pool->n_sleeping++;
          g_cond_wait (&pool->work_cond, &pool->lock);
          pool->n_sleeping--;
        }

      if (pool->is_closing)
        {
          g_mutex_unlock (&pool->lock);
          return NULL;
        }

      seen = pool->generation;
      if (pool->is_open)
        {
          pool->n_active++;
          g_mutex_unlock (&pool->lock);
          work (&pool->job, worker->index, NULL, NULL);
          g_mutex_lock (&pool->lock);
          if (--pool->n_active == 0)
            g_cond_signal (&pool->done_cond);
        }
      g_mutex_unlock (&pool->lock);
    }
}

NrPool *
nr_pool_new (guint threads)
{
  NrPool *pool = g_new0 (NrPool, 1);
  guint   n    = CLAMP (threads == 0 ? g_get_num_processors () : threads, 1, MAX_THREADS);

  /* Products run inside our threads: OpenBLAS must not start its own. */
  openblas_set_num_threads (1);

  g_mutex_init (&pool->lock);
  g_cond_init (&pool->work_cond);
  g_cond_init (&pool->done_cond);
  pool->workers   = g_new0 (Worker, n);
  pool->n_threads = 1;

  while (pool->n_threads < n)
    {
      Worker *worker = &pool->workers[pool->n_threads - 1];

      worker->pool   = pool;
      worker->index  = pool->n_threads;
      worker->thread = g_thread_try_new ("nr-worker", worker_main, worker, NULL);
      if (worker->thread == NULL)
        break; /* the system has no more to give: fewer threads do */
      pool->n_threads++;
    }

  return pool;
}

void
nr_pool_free (NrPool *pool)
{
  if (pool == NULL)
    return;

  g_mutex_lock (&pool->lock);
  pool->is_closing = TRUE;
  g_cond_broadcast (&pool->work_cond);
  g_mutex_unlock (&pool->lock);

  for (guint i = 0; i + 1 < pool->n_threads; i++)
    g_thread_join (pool->workers[i].thread);

  g_cond_clear (&pool->work_cond);
  g_cond_clear (&pool->done_cond);
  g_mutex_clear (&pool->lock);
  g_free (pool->workers);
  g_free (pool);
}

guint
nr_pool_n_threads (const NrPool *pool)
{
  return pool->n_threads;
}

static void
open_job (NrPool *pool)
{
  g_mutex_lock (&pool->lock);
  pool->is_open = TRUE;
  pool->generation++;
  if (pool->n_sleeping > 0)
    g_cond_broadcast (&pool->work_cond);
  g_mutex_unlock (&pool->lock);
}

static void
close_job (NrPool *pool)
{
  for (guint i = 0; i < SPINS && atomic_load (&pool->n_active) > 0; i++)
    pause_cpu ();

  g_mutex_lock (&pool->lock);
  pool->is_open = FALSE;
  while (pool->n_active > 0)
    g_cond_wait (&pool->done_cond, &pool->lock);
  g_mutex_unlock (&pool->lock);
}

gboolean
nr_pool_for (NrPool     *pool,
             gsize       n_items,
             gsize       grain,
             NrRangeFunc func,
             gpointer    data,
             NrTickFunc  tick,
             gpointer    tick_data)
{
  Job *job = &pool->job;

  job->func    = func;
  job->data    = data;
  job->n_items = n_items;
  job->grain   = MAX (grain, 1);
  atomic_store (&job->next, 0);
  atomic_store (&job->n_done, 0);
  atomic_store (&job->is_stopped, false);

  if (pool->n_threads == 1 || n_items <= job->grain)
    {
      work (job, 0, tick, tick_data);
    }
  else
    {
      open_job (pool);
      work (job, 0, tick, tick_data);
      close_job (pool);
    }

  return ! atomic_load (&job->is_stopped);
}
