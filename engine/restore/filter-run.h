/* The frame around methods that compute on planes without a network: windows, threads, budget.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"
#include "nr-inference.h"
#include "tile-run.h"

typedef struct _NrFilter NrFilter;

/* The work on one window, 1 in all, as it proceeds. Start with pool, progress, progress_data and cancellable. */
typedef struct
{
  NrPool        *pool;
  NrTileProgress progress;
  gpointer       progress_data;
  GCancellable  *cancellable;
  gdouble        done;
  gdouble        share;   /* of the pass that is running */
  gsize          n_items; /* of it */
} NrFilterWork;

/* SHARE (0 to 1) of a window's work as nr_pool_for (): FUNC on pieces of one of N_ITEMS. Tells progress and looks for
 * cancellation: then FALSE with G_IO_ERROR_CANCELLED, and what FUNC writes is undefined. */
gboolean nr_filter_for (NrFilterWork *work, gdouble share, gsize n_items, NrRangeFunc func, gpointer data, GError **error);

/* Threads that run FUNC, for scratch memory of their own. */
guint nr_filter_n_threads (const NrFilterWork *work);

struct _NrFilter
{
  gfloat  low, high; /* the range of values that it sees */
  gint    halo;      /* pixels around a result pixel that it depends on */
  gint    padding;   /* pixels mirrored around the picture, so that its border lies inside the window */
  gdouble work; /* operations a pixel, about: only to tell how long it takes */

  /* Makes OUTPUT from INPUT, three planes of one size with finite values in its range; KNOWN of it is the picture. Mirrors
   * beyond the border. Long loops are nr_filter_for ()'s, so that threads, progress and cancelling are cared for. */
  gboolean (*run) (const NrFilter  *filter,
                   const NrPicture *input,
                   const NrRect    *known,
                   NrPicture       *output,
                   NrFilterWork    *work,
                   GError         **error);

  /* Bytes that it takes beside INPUT and OUTPUT. */
  guint64 (*memory) (const NrFilter *filter, gint width, gint height, guint n_threads);
};

/* Runs FILTER, the first member of its method's own structure, over JOB's region in windows that fit into the budget, from
 * FIRST_FRACTION to 1 of the progress; fills tiles, threads and peak_memory_mib of the report. */
gboolean nr_filter_run (const NrFilter *filter, NrJob *job, gdouble first_fraction, GError **error);

/* NrMethod's estimate for FILTER. */
gboolean nr_filter_estimate (const NrFilter    *filter,
                             const NrArguments *arguments,
                             gint               width,
                             gint               height,
                             gdouble           *seconds,
                             gdouble           *memory_mib,
                             GError           **error);
