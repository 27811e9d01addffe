/* Enlarging a plane by a whole number with a plain filter: alpha, selection, and what a network must not see.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

typedef enum
{
  NR_FILTER_LINEAR, /* never overshoots */
  NR_FILTER_CUBIC   /* Keys' cubic convolution, a = -0.5 */
} NrEnlargeFilter;

/* Source pixels that a result pixel may need on each side of its own. */
enum
{
  NR_ENLARGE_MARGIN = 2
};

/* Enlarges the pixels [x, x + width) x [y, y + height) of FROM (from_width x from_height, rows first) by SCALE; pixel
 * centers as pictures have them: result pixel j lies at (j + 0.5) / scale - 0.5. Beyond FROM its border pixels repeat,
 * so FROM needs NR_ENLARGE_MARGIN pixels around the rectangle wherever the picture goes on. A uniform plane comes back
 * exactly. Returns width * scale x height * scale floats; g_free (). */
gfloat *nr_enlarge_plane (const gfloat   *from,
                          gint            from_width,
                          gint            from_height,
                          gint            x,
                          gint            y,
                          gint            width,
                          gint            height,
                          gint            scale,
                          NrEnlargeFilter filter);

/* The whole of N_PLANES planes, each as nr_enlarge_plane () does it; SCALE 1: a copy. TO: scale^2 times as many floats. */
void nr_enlarge_planes (const gfloat   *from,
                        gint            n_planes,
                        gint            width,
                        gint            height,
                        gint            scale,
                        NrEnlargeFilter filter,
                        gfloat         *to);
