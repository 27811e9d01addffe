/* Before and after side by side in one picture, with a divider to drag.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Dragging the divider moves it, dragging elsewhere pans, the wheel zooms; with the keyboard: arrows pan, Control and
 * arrows move the divider, plus and minus zoom. Coordinates are the picture's pixels.
 */

#pragma once

#include <gtk/gtk.h>

#include "nr-restore.h"

G_BEGIN_DECLS

#define NR_TYPE_COMPARE_VIEW (nr_compare_view_get_type ())
G_DECLARE_FINAL_TYPE (NrCompareView, nr_compare_view, NR, COMPARE_VIEW, GtkDrawingArea)

/* A view on a picture of WIDTH x HEIGHT pixels. Emits "moved" whenever another part of it becomes visible. */
GtkWidget *nr_compare_view_new (gint width, gint height);

/* One pixel of the result is shown at level 1 as one pixel of the screen; the result has ENLARGEMENT times the picture's
 * pixels a side. */
void    nr_compare_view_set_enlargement (NrCompareView *view, gint enlargement);
void    nr_compare_view_step_zoom (NrCompareView *view, gint steps);
gdouble nr_compare_view_get_level (NrCompareView *view);

void nr_compare_view_center_on (NrCompareView *view, gdouble x, gdouble y);

/* The visible part, whole pixels, never empty. */
void nr_compare_view_get_visible (NrCompareView *view, NrRect *visible);

/* The picture before and after, each with the part it covers; take a reference. AFTER may be NULL: not known yet. */
void nr_compare_view_set_before (NrCompareView *view, cairo_surface_t *before, const NrRect *rect);
void nr_compare_view_set_after (NrCompareView *view, cairo_surface_t *after, const NrRect *rect);

/* Says in the corner that the result is on its way. */
void nr_compare_view_set_busy (NrCompareView *view, gboolean is_busy);

G_END_DECLS
