/* A thumbnail of the whole picture with a marker of the part in view; clicking it moves the view.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gtk/gtk.h>

#include "nr-restore.h"

G_BEGIN_DECLS

#define NR_TYPE_NAVIGATOR (nr_navigator_get_type ())
G_DECLARE_FINAL_TYPE (NrNavigator, nr_navigator, NR, NAVIGATOR, GtkDrawingArea)

/* THUMBNAIL shows a picture of WIDTH x HEIGHT pixels; a reference is taken. Emits "picked" with a point of the picture
 * (two doubles) when the user clicks or drags there. */
GtkWidget *nr_navigator_new (cairo_surface_t *thumbnail, gint width, gint height);

void nr_navigator_set_visible (NrNavigator *navigator, const NrRect *visible);

/* The largest size that fits into WIDTH x HEIGHT with the picture's proportions, at least one pixel a side. */
void nr_navigator_fit (gint picture_width, gint picture_height, gint *width, gint *height);

G_END_DECLS
