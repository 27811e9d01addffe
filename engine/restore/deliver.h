/* The picture contracts: from a network's answer to what the sink gets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* Source rows that are delivered at a time: a picture has many more, and what is delivered is held several times. */
enum
{
  NR_DELIVER_ROWS = 64
};

/* Writes the result of RECT (source pixels, inside the job's region) to the sink.
 *   restored   three planes of the network's answer, SCALE times as large as the source; the answer for RECT's corner
 *              lies at (x, y) of it; values are clipped to [low, high], the range that the network saw
 * Scale 1: result = source + strength * selection * (restored - source as the network saw it). Pixels without
 * selection, without alpha or without a finite value stay as they are, bit for bit; alpha is copied.
 * Scale 2 to 4: result = restored, mixed by the enlarged selection with the cubic enlargement of the source; what lies
 * outside [low, high] is enlarged linearly and added; a value that is not finite becomes a block of it; alpha is
 * enlarged by the cubic filter within [0, 1], and where it is 0 the colors are the source pixel's. */
gboolean nr_deliver (NrJob           *job,
                     const NrRect    *rect,
                     const NrPicture *restored,
                     gint             x,
                     gint             y,
                     gint             scale,
                     gfloat           low,
                     gfloat           high,
                     GError         **error);

/* Shows what nr_deliver () would write, where the sink wants to see it. */
void nr_deliver_show (NrJob           *job,
                      const NrRect    *rect,
                      const NrPicture *restored,
                      gint             x,
                      gint             y,
                      gint             scale,
                      gfloat           low,
                      gfloat           high);

/* Sets *IS_SEEN: whether anything of RECT's result will differ from the source: something in it is selected and not wholly
 * transparent. A result of another size is always new. */
gboolean nr_deliver_is_seen (NrJob *job, const NrRect *rect, gint scale, gboolean *is_seen, GError **error);

/* Delivers RECT of the source unchanged, at scale 1: what strength 0 means, or no selection. The job's progress moves on by
 * SHARE of it. */
gboolean nr_deliver_unchanged (NrJob *job, const NrRect *rect, gdouble share, GError **error);

/* Bytes that nr_deliver () takes for a rectangle of WIDTH source pixels, however high. */
guint64 nr_deliver_memory (gint width, gint scale);

/* Writes RESULT, the result of RECT at SCALE, to the sink. */
gboolean nr_deliver_result (NrJob *job, const NrRect *rect, const NrPicture *result, gint scale, GError **error);
