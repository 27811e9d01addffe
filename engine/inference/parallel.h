/* The one place that starts threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gio/gio.h>

typedef struct _NrPool NrPool;

/* threads 0: as many as the process may use. The calling thread is one of them. */
NrPool *nr_pool_new (guint threads);
void    nr_pool_free (NrPool *pool);
guint   nr_pool_n_threads (const NrPool *pool);

/* Work on items [begin, end); thread is 0 ... nr_pool_n_threads () - 1, for scratch memory of its own. */
typedef void (*NrRangeFunc) (gsize begin, gsize end, guint thread, gpointer data);

/* Splits [0, n_items) into pieces of at least GRAIN items, which all threads take in turn (dynamic). Returns when all
 * is done. What FUNC writes must not depend on how the range is cut. Between pieces the calling thread calls TICK (may
 * be NULL) with the items done; if it returns FALSE, no new piece is started and the function returns FALSE. */
typedef gboolean (*NrTickFunc) (gsize n_done, gpointer data);

gboolean nr_pool_for (NrPool     *pool,
                      gsize       n_items,
                      gsize       grain,
                      NrRangeFunc func,
                      gpointer    data,
                      NrTickFunc  tick,
                      gpointer    tick_data);
