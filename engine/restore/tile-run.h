/* Running a network over a tile plan.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"
#include "tile-plan.h"

/* What stands between tiling and network: makes OUTPUT from INPUT.
 *   input    three planes of the plan's window size, every value finite and in the range
 *   known    the rectangle of it that is the picture; the rest continues it beyond its border
 *   output   three planes, scale times as large; every value is to be written
 * position and n_pixels of progress: PROGRESS is called with the share of this tile, 0 to 1, from the same thread.
 * FALSE with an error; G_IO_ERROR_CANCELLED within 100 ms of a cancellation. */
typedef void (*NrTileProgress) (gdouble fraction, gpointer data);
typedef gboolean (*NrTileFunc) (gpointer         data,
                                const NrPicture *input,
                                const NrRect    *known,
                                NrPicture       *output,
                                NrTileProgress   progress,
                                gpointer         progress_data,
                                GCancellable    *cancellable,
                                GError         **error);

/* A network and how its pictures are to be cut. */
typedef struct
{
  NrTilePlan plan;
  gint       scale;     /* result pixels per source pixel */
  gfloat     low, high; /* the range the network sees, and its answers are clipped to */
  NrTileFunc func;
  gpointer   data;
} NrTileRun;

/* Runs every tile in order and delivers the job's region (deliver.h). From FIRST_FRACTION to 1 of the job's progress. */
gboolean nr_tile_run (const NrTileRun *run, NrJob *job, gdouble first_fraction, GError **error);

/* Bytes that nr_tile_run () holds at most beside what FUNC does, for a source of N_CHANNELS. */
guint64 nr_tile_run_memory (const NrTileRun *run);
