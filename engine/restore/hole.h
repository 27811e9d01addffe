/* Shape of holes: distances, local width, where they lie.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "fill-job.h"

/* Exact Euclidean distance (between pixel centres) of every pixel to the nearest one whose is_seed is not 0; LIMIT
 * where that is farther or there is none. width * height floats, 0 on seeds. FALSE: cancelled, distance is undefined.
 * Source: Felzenszwalb and Huttenlocher, Distance transforms of sampled functions, 2012. */
gboolean nr_hole_distance (NrFillJob    *job,
                           const guint8 *is_seed,
                           gint          width,
                           gint          height,
                           gfloat        limit,
                           gfloat       *distance);

/* How wide the hole (is_hole 1) is around each of its pixels, softly: 0 where every disc inside the hole that reaches
 * the pixel is thinner than radius low, 1 where one is wider than radius high. 0 outside the hole.
 * Allocates 9 bytes a pixel. FALSE: cancelled, wide is undefined. */
gboolean nr_hole_width (NrFillJob    *job,
                        const guint8 *is_hole,
                        gint          width,
                        gint          height,
                        gfloat        low,
                        gfloat        high,
                        gfloat       *wide);

/* Whether a square of SIDE pixels fits into the hole (is_hole not 0). */
gboolean nr_hole_has_square (const guint8 *is_hole, gint width, gint height, gint side);

/* Grows a box around a hole by CONTEXT pixels a side, or by as much as filling it needs when that is 0, up to the
 * picture's border. */
void nr_hole_grow_box (NrRect *box, gint context, gint width, gint height);

/* Rectangles around the connected parts of the hole (is_hole not 0), grown as by nr_hole_grow_box (); those that then
 * overlap are joined. Elements NrRect; free with g_array_unref (). */
GArray *nr_hole_boxes (const guint8 *is_hole, gint width, gint height, gint context);
