/* Results as the dialog shows them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <cairo.h>

#include "pixels.h"

G_BEGIN_DECLS

/* BUFFER whole, in the display's colors (ARGB32). Any thread; the caller destroys. */
cairo_surface_t *nr_surface_new (GeglBuffer *buffer);

/* A result as it forms: the part RECT of PIXELS, enlarged SCALE times, with the colors of FROM. */
cairo_surface_t *nr_surface_new_of_part (NrPixels *pixels, const NrRect *rect, gint scale, const NrPicture *from);

G_END_DECLS
