/* A thumbnail of the whole picture: see navigator.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "navigator.h"

#include <math.h>

struct _NrNavigator
{
  GtkDrawingArea parent_instance;

  cairo_surface_t *thumbnail;
  gint             width, height; /* of the picture */
  NrRect           visible;
  gboolean         is_dragging;
};

G_DEFINE_FINAL_TYPE (NrNavigator, nr_navigator, GTK_TYPE_DRAWING_AREA)

static guint picked_signal;

void
nr_navigator_fit (gint picture_width, gint picture_height, gint *width, gint *height)
{
  gdouble scale = MIN ((gdouble) *width / picture_width, (gdouble) *height / picture_height);

  *width  = MAX ((gint) round (picture_width * scale), 1);
  *height = MAX ((gint) round (picture_height * scale), 1);
}

/* The thumbnail's corner in the widget. */
static void
get_origin (NrNavigator *navigator, gint *x, gint *y)
{
  GtkWidget *widget = GTK_WIDGET (navigator);

  *x = (gtk_widget_get_allocated_width (widget) - cairo_image_surface_get_width (navigator->thumbnail)) / 2;
  *y = (gtk_widget_get_allocated_height (widget) - cairo_image_surface_get_height (navigator->thumbnail)) / 2;
}

/* Everything but the visible part is dimmed, which marks it on bright and on dark pictures alike. */
static void
draw_marker (NrNavigator *navigator, cairo_t *cr)
{
  gdouble width  = cairo_image_surface_get_width (navigator->thumbnail);
  gdouble height = cairo_image_surface_get_height (navigator->thumbnail);
  gdouble x1     = floor (navigator->visible.x * width / navigator->width);
  gdouble y1     = floor (navigator->visible.y * height / navigator->height);
  gdouble x2     = ceil ((navigator->visible.x + navigator->visible.width) * width / navigator->width);
  gdouble y2     = ceil ((navigator->visible.y + navigator->visible.height) * height / navigator->height);

  cairo_set_fill_rule (cr, CAIRO_FILL_RULE_EVEN_ODD);
  cairo_rectangle (cr, 0, 0, width, height);
  cairo_rectangle (cr, x1, y1, x2 - x1, y2 - y1);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.45);
  cairo_fill (cr);

  cairo_rectangle (cr, x1 + 0.5, y1 + 0.5, MAX (x2 - x1 - 1, 2), MAX (y2 - y1 - 1, 2));
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_set_line_width (cr, 1);
  cairo_stroke (cr);
}

static gboolean
nr_navigator_draw (GtkWidget *widget, cairo_t *cr)
{
  NrNavigator *navigator = NR_NAVIGATOR (widget);
  gint         x, y;

  get_origin (navigator, &x, &y);
  cairo_translate (cr, x, y);
  cairo_set_source_surface (cr, navigator->thumbnail, 0, 0);
  cairo_paint (cr);
  draw_marker (navigator, cr);
  return FALSE;
}

static void
pick (NrNavigator *navigator, gdouble x, gdouble y)
{
  gint origin_x, origin_y;

  get_origin (navigator, &origin_x, &origin_y);
  g_signal_emit (navigator, picked_signal, 0,
                 (x - origin_x) * navigator->width / cairo_image_surface_get_width (navigator->thumbnail),
                 (y - origin_y) * navigator->height / cairo_image_surface_get_height (navigator->thumbnail));
}

static gboolean
nr_navigator_button_press (GtkWidget *widget, GdkEventButton *event)
{
  NrNavigator *navigator = NR_NAVIGATOR (widget);

  if (event->button != GDK_BUTTON_PRIMARY)
    return FALSE;

  navigator->is_dragging = TRUE;
  pick (navigator, event->x, event->y);
  return TRUE;
}

static gboolean
nr_navigator_button_release (GtkWidget *widget, GdkEventButton *event)
{
  NR_NAVIGATOR (widget)->is_dragging = FALSE;
  return TRUE;
}

static gboolean
nr_navigator_motion (GtkWidget *widget, GdkEventMotion *event)
{
  NrNavigator *navigator = NR_NAVIGATOR (widget);

  if (navigator->is_dragging)
    pick (navigator, event->x, event->y);
  return TRUE;
}

static void
nr_navigator_finalize (GObject *object)
{
  g_clear_pointer (&NR_NAVIGATOR (object)->thumbnail, cairo_surface_destroy);
  G_OBJECT_CLASS (nr_navigator_parent_class)->finalize (object);
}

static void
nr_navigator_class_init (NrNavigatorClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize   = nr_navigator_finalize;
  widget_class->draw                 = nr_navigator_draw;
  widget_class->button_press_event   = nr_navigator_button_press;
  widget_class->button_release_event = nr_navigator_button_release;
  widget_class->motion_notify_event  = nr_navigator_motion;

  picked_signal = g_signal_new ("picked", NR_TYPE_NAVIGATOR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                2, G_TYPE_DOUBLE, G_TYPE_DOUBLE);
}

static void
nr_navigator_init (NrNavigator *navigator)
{
  gtk_widget_add_events (GTK_WIDGET (navigator),
                         GDK_BUTTON_PRESS_MASK | GDK_BUTTON_RELEASE_MASK | GDK_BUTTON1_MOTION_MASK);
}

GtkWidget *
nr_navigator_new (cairo_surface_t *thumbnail, gint width, gint height)
{
  NrNavigator *navigator = g_object_new (NR_TYPE_NAVIGATOR, NULL);

  navigator->thumbnail = cairo_surface_reference (thumbnail);
  navigator->width     = width;
  navigator->height    = height;
  navigator->visible   = (NrRect) { 0, 0, width, height };

  gtk_widget_set_size_request (GTK_WIDGET (navigator), cairo_image_surface_get_width (thumbnail),
                               cairo_image_surface_get_height (thumbnail));
  return GTK_WIDGET (navigator);
}

void
nr_navigator_set_visible (NrNavigator *navigator, const NrRect *visible)
{
  navigator->visible = *visible;
  gtk_widget_queue_draw (GTK_WIDGET (navigator));
}
