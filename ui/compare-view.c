/* Before and after side by side in one picture: see compare-view.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "compare-view.h"

#include <glib/gi18n.h>
#include <math.h>

enum
{
  MINIMUM_WIDTH  = 540,
  MINIMUM_HEIGHT = 420,
  HANDLE_RADIUS  = 13,
  GRAB_DISTANCE  = 10,
  PAN_STEP       = 32,
  CHIP_MARGIN    = 10,
  CHECK_SIZE     = 8
};

static const gdouble levels[] = { 0.25, 0.5, 1.0, 2.0, 4.0, 8.0 };

typedef enum
{
  DRAG_NONE,
  DRAG_DIVIDER,
  DRAG_PICTURE
} Drag;

struct _NrCompareView
{
  GtkDrawingArea parent_instance;

  gint    width, height, enlargement;
  guint   level;              /* index of levels */
  gdouble center_x, center_y; /* the picture's point in the middle of the widget */
  gdouble divider;            /* 0 to 1, of the widget's width */

  cairo_surface_t *before, *after;
  NrRect           before_rect, after_rect;
  gboolean         is_busy;

  Drag    drag;
  gdouble drag_x, drag_y;
};

G_DEFINE_FINAL_TYPE (NrCompareView, nr_compare_view, GTK_TYPE_DRAWING_AREA)

static guint moved_signal;

/* -- Geometry ----------------------------------------------------------------------------------------------------- */

/* Widget units (not device pixels) a pixel of the picture. */
static gdouble
pixel_size (NrCompareView *view)
{
  return levels[view->level] * view->enlargement / gtk_widget_get_scale_factor (GTK_WIDGET (view));
}

/* Keeps the view on the picture; along a side where the picture is smaller than the widget it is centered. */
static gdouble
clamp_center (gdouble center, gint length, gdouble visible)
{
  return visible >= length ? length / 2.0 : CLAMP (center, visible / 2.0, length - visible / 2.0);
}

static void
look_at (NrCompareView *view, gdouble x, gdouble y)
{
  GtkWidget *widget = GTK_WIDGET (view);
  gdouble    size   = pixel_size (view);

  view->center_x = clamp_center (x, view->width, gtk_widget_get_allocated_width (widget) / size);
  view->center_y = clamp_center (y, view->height, gtk_widget_get_allocated_height (widget) / size);

  gtk_widget_queue_draw (widget);
  g_signal_emit (view, moved_signal, 0);
}

static void
widget_to_picture (NrCompareView *view, gdouble widget_x, gdouble widget_y, gdouble *x, gdouble *y)
{
  GtkWidget *widget = GTK_WIDGET (view);
  gdouble    size   = pixel_size (view);

  *x = view->center_x + (widget_x - gtk_widget_get_allocated_width (widget) / 2.0) / size;
  *y = view->center_y + (widget_y - gtk_widget_get_allocated_height (widget) / 2.0) / size;
}

void
nr_compare_view_get_visible (NrCompareView *view, NrRect *visible)
{
  GtkWidget *widget = GTK_WIDGET (view);
  gdouble    x1, y1, x2, y2;

  widget_to_picture (view, 0, 0, &x1, &y1);
  widget_to_picture (view, gtk_widget_get_allocated_width (widget), gtk_widget_get_allocated_height (widget), &x2, &y2);

  visible->x      = CLAMP ((gint) floor (x1), 0, view->width - 1);
  visible->y      = CLAMP ((gint) floor (y1), 0, view->height - 1);
  visible->width  = CLAMP ((gint) ceil (x2), visible->x + 1, view->width) - visible->x;
  visible->height = CLAMP ((gint) ceil (y2), visible->y + 1, view->height) - visible->y;
}

/* Another zoom level with the picture's point under (ANCHOR_X, ANCHOR_Y) of the widget kept in its place. */
static void
zoom_at (NrCompareView *view, gint steps, gdouble anchor_x, gdouble anchor_y)
{
  gdouble x, y, now_x, now_y;

  widget_to_picture (view, anchor_x, anchor_y, &x, &y);
  view->level = CLAMP ((gint) view->level + steps, 0, (gint) G_N_ELEMENTS (levels) - 1);
  widget_to_picture (view, anchor_x, anchor_y, &now_x, &now_y);

  look_at (view, view->center_x + x - now_x, view->center_y + y - now_y);
}

/* -- Drawing ------------------------------------------------------------------------------------------------------ */

static void
draw_checks (cairo_t *cr, gdouble x, gdouble y, gdouble width, gdouble height)
{
  cairo_save (cr);
  cairo_rectangle (cr, x, y, width, height);
  cairo_clip (cr);
  cairo_set_source_rgb (cr, 0.6, 0.6, 0.6);
  cairo_paint (cr);
  cairo_set_source_rgb (cr, 0.4, 0.4, 0.4);

  for (gint row = 0; row * CHECK_SIZE < height; row++)
    for (gint column = row % 2; column * CHECK_SIZE < width; column += 2)
      cairo_rectangle (cr, x + column * CHECK_SIZE, y + row * CHECK_SIZE, CHECK_SIZE, CHECK_SIZE);

  cairo_fill (cr);
  cairo_restore (cr);
}

/* SURFACE, which covers RECT of the picture, at its place in the widget. Enlarged pixels stay crisp squares when one
 * looks closer than 1:1, unless SMOOTH says that plain enlargement is what is to be seen. */
static void
draw_surface (NrCompareView *view, cairo_t *cr, cairo_surface_t *surface, const NrRect *rect, gboolean smooth)
{
  GtkWidget *widget = GTK_WIDGET (view);
  gdouble    size   = pixel_size (view);
  gdouble    x      = gtk_widget_get_allocated_width (widget) / 2.0 + (rect->x - view->center_x) * size;
  gdouble    y      = gtk_widget_get_allocated_height (widget) / 2.0 + (rect->y - view->center_y) * size;
  gdouble    device = gtk_widget_get_scale_factor (widget);

  /* On whole device pixels, else 1:1 would be blurred. */
  x = round (x * device) / device;
  y = round (y * device) / device;

  draw_checks (cr, x, y, rect->width * size, rect->height * size);

  cairo_save (cr);
  cairo_rectangle (cr, x, y, rect->width * size, rect->height * size);
  cairo_clip (cr);
  cairo_translate (cr, x, y);
  cairo_scale (cr, rect->width * size / cairo_image_surface_get_width (surface),
               rect->height * size / cairo_image_surface_get_height (surface));
  cairo_set_source_surface (cr, surface, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr),
                            smooth || levels[view->level] < 1.0 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_restore (cr);
}

static void
draw_rounded (cairo_t *cr, gdouble x, gdouble y, gdouble width, gdouble height, gdouble radius)
{
  cairo_new_sub_path (cr);
  cairo_arc (cr, x + width - radius, y + radius, radius, -G_PI_2, 0);
  cairo_arc (cr, x + width - radius, y + height - radius, radius, 0, G_PI_2);
  cairo_arc (cr, x + radius, y + height - radius, radius, G_PI_2, G_PI);
  cairo_arc (cr, x + radius, y + radius, radius, G_PI, 3 * G_PI_2);
  cairo_close_path (cr);
}

/* A label on the picture, in its lower left or lower right corner. */
static void
draw_chip (NrCompareView *view, cairo_t *cr, const gchar *text, gboolean is_left)
{
  GtkWidget              *widget = GTK_WIDGET (view);
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (widget, text);
  gint                    width, height;
  gdouble                 x, y;

  pango_layout_get_pixel_size (layout, &width, &height);
  x = is_left ? CHIP_MARGIN : gtk_widget_get_allocated_width (widget) - CHIP_MARGIN - width - 16;
  y = gtk_widget_get_allocated_height (widget) - CHIP_MARGIN - height - 8;

  draw_rounded (cr, x, y, width + 16, height + 8, 4);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.6);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_move_to (cr, x + 8, y + 4);
  pango_cairo_show_layout (cr, layout);
}

static void
draw_arrow (cairo_t *cr, gdouble x, gdouble y, gdouble direction)
{
  cairo_move_to (cr, x + 3 * direction, y - 4.5);
  cairo_line_to (cr, x + 8 * direction, y);
  cairo_line_to (cr, x + 3 * direction, y + 4.5);
  cairo_close_path (cr);
  cairo_fill (cr);
}

static void
draw_divider (NrCompareView *view, cairo_t *cr)
{
  gdouble height = gtk_widget_get_allocated_height (GTK_WIDGET (view));
  gdouble x      = round (view->divider * gtk_widget_get_allocated_width (GTK_WIDGET (view)));
  gdouble y      = round (height / 2.0);

  cairo_rectangle (cr, x - 2, 0, 4, height);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.35);
  cairo_fill (cr);
  cairo_rectangle (cr, x - 1, 0, 2, height);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_fill (cr);

  cairo_arc (cr, x, y, HANDLE_RADIUS + 1, 0, 2 * G_PI);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.35);
  cairo_fill (cr);
  cairo_arc (cr, x, y, HANDLE_RADIUS, 0, 2 * G_PI);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 0.2, 0.2, 0.2);
  draw_arrow (cr, x, y, -1);
  draw_arrow (cr, x, y, 1);
}

static void
draw_after (NrCompareView *view, cairo_t *cr)
{
  gdouble width = gtk_widget_get_allocated_width (GTK_WIDGET (view));

  cairo_save (cr);
  cairo_rectangle (cr, view->divider * width, 0, width, gtk_widget_get_allocated_height (GTK_WIDGET (view)));
  cairo_clip (cr);
  draw_surface (view, cr, view->after, &view->after_rect, FALSE);
  cairo_restore (cr);
}

static gboolean
nr_compare_view_draw (GtkWidget *widget, cairo_t *cr)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);

  cairo_set_source_rgb (cr, 0.18, 0.18, 0.18);
  cairo_paint (cr);

  if (view->before)
    draw_surface (view, cr, view->before, &view->before_rect, view->enlargement > 1);
  if (view->after)
    draw_after (view, cr);

  draw_divider (view, cr);
  draw_chip (view, cr, _ ("Before"), TRUE);
  if (view->is_busy || view->after)
    draw_chip (view, cr, view->is_busy ? _ ("Computing…") : _ ("After"), FALSE);

  if (gtk_widget_has_visible_focus (widget))
    gtk_render_focus (gtk_widget_get_style_context (widget), cr, 0, 0, gtk_widget_get_allocated_width (widget),
                      gtk_widget_get_allocated_height (widget));

  return FALSE;
}

/* -- Mouse and keyboard ------------------------------------------------------------------------------------------- */

static gboolean
is_on_divider (NrCompareView *view, gdouble x)
{
  return fabs (x - view->divider * gtk_widget_get_allocated_width (GTK_WIDGET (view))) <= GRAB_DISTANCE;
}

static void
move_divider (NrCompareView *view, gdouble x)
{
  view->divider = CLAMP (x / gtk_widget_get_allocated_width (GTK_WIDGET (view)), 0.0, 1.0);
  gtk_widget_queue_draw (GTK_WIDGET (view));
}

static void
show_cursor (NrCompareView *view, const gchar *name)
{
  GtkWidget            *widget = GTK_WIDGET (view);
  g_autoptr (GdkCursor) cursor = gdk_cursor_new_from_name (gtk_widget_get_display (widget), name);

  gdk_window_set_cursor (gtk_widget_get_window (widget), cursor);
}

static gboolean
nr_compare_view_button_press (GtkWidget *widget, GdkEventButton *event)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);

  if (event->type != GDK_BUTTON_PRESS || event->button != GDK_BUTTON_PRIMARY)
    return FALSE;

  gtk_widget_grab_focus (widget);
  view->drag   = is_on_divider (view, event->x) ? DRAG_DIVIDER : DRAG_PICTURE;
  view->drag_x = event->x;
  view->drag_y = event->y;
  show_cursor (view, view->drag == DRAG_DIVIDER ? "col-resize" : "grabbing");
  return TRUE;
}

static gboolean
nr_compare_view_button_release (GtkWidget *widget, GdkEventButton *event)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);

  view->drag = DRAG_NONE;
  show_cursor (view, is_on_divider (view, event->x) ? "col-resize" : "grab");
  return TRUE;
}

static gboolean
nr_compare_view_motion (GtkWidget *widget, GdkEventMotion *event)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);
  gdouble        size = pixel_size (view);

  switch (view->drag)
    {
    case DRAG_NONE:
      show_cursor (view, is_on_divider (view, event->x) ? "col-resize" : "grab");
      break;
    case DRAG_DIVIDER:
      move_divider (view, event->x);
      break;
    case DRAG_PICTURE:
      look_at (view, view->center_x - (event->x - view->drag_x) / size,
               view->center_y - (event->y - view->drag_y) / size);
      view->drag_x = event->x;
      view->drag_y = event->y;
      break;
    }

  return TRUE;
}

static gboolean
nr_compare_view_scroll (GtkWidget *widget, GdkEventScroll *event)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);

  if (event->direction == GDK_SCROLL_UP)
    zoom_at (view, 1, event->x, event->y);
  else if (event->direction == GDK_SCROLL_DOWN)
    zoom_at (view, -1, event->x, event->y);
  else
    return FALSE;

  return TRUE;
}

static gboolean
nr_compare_view_key_press (GtkWidget *widget, GdkEventKey *event)
{
  NrCompareView *view    = NR_COMPARE_VIEW (widget);
  gboolean       control = (event->state & GDK_CONTROL_MASK) != 0;
  gdouble        step    = PAN_STEP / pixel_size (view);
  gdouble        at      = view->divider * gtk_widget_get_allocated_width (widget);

  switch (event->keyval)
    {
    case GDK_KEY_Left:
      control ? move_divider (view, at - PAN_STEP) : look_at (view, view->center_x - step, view->center_y);
      return TRUE;
    case GDK_KEY_Right:
      control ? move_divider (view, at + PAN_STEP) : look_at (view, view->center_x + step, view->center_y);
      return TRUE;
    case GDK_KEY_Up:
      look_at (view, view->center_x, view->center_y - step);
      return TRUE;
    case GDK_KEY_Down:
      look_at (view, view->center_x, view->center_y + step);
      return TRUE;
    case GDK_KEY_plus:
    case GDK_KEY_KP_Add:
      nr_compare_view_step_zoom (view, 1);
      return TRUE;
    case GDK_KEY_minus:
    case GDK_KEY_KP_Subtract:
      nr_compare_view_step_zoom (view, -1);
      return TRUE;
    default:
      return GTK_WIDGET_CLASS (nr_compare_view_parent_class)->key_press_event (widget, event);
    }
}

static void
nr_compare_view_size_allocate (GtkWidget *widget, GtkAllocation *allocation)
{
  NrCompareView *view = NR_COMPARE_VIEW (widget);

  GTK_WIDGET_CLASS (nr_compare_view_parent_class)->size_allocate (widget, allocation);
  look_at (view, view->center_x, view->center_y);
}

/* -- Object ------------------------------------------------------------------------------------------------------- */

static void
nr_compare_view_finalize (GObject *object)
{
  NrCompareView *view = NR_COMPARE_VIEW (object);

  g_clear_pointer (&view->before, cairo_surface_destroy);
  g_clear_pointer (&view->after, cairo_surface_destroy);
  G_OBJECT_CLASS (nr_compare_view_parent_class)->finalize (object);
}

static void
nr_compare_view_class_init (NrCompareViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize   = nr_compare_view_finalize;
  widget_class->draw                 = nr_compare_view_draw;
  widget_class->button_press_event   = nr_compare_view_button_press;
  widget_class->button_release_event = nr_compare_view_button_release;
  widget_class->motion_notify_event  = nr_compare_view_motion;
  widget_class->scroll_event         = nr_compare_view_scroll;
  widget_class->key_press_event      = nr_compare_view_key_press;
  widget_class->size_allocate        = nr_compare_view_size_allocate;

  moved_signal = g_signal_new ("moved", NR_TYPE_COMPARE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
nr_compare_view_init (NrCompareView *view)
{
  GtkWidget *widget = GTK_WIDGET (view);

  view->enlargement = 1;
  view->level       = 2;
  view->divider     = 0.5;

  gtk_widget_set_can_focus (widget, TRUE);
  gtk_widget_set_size_request (widget, MINIMUM_WIDTH, MINIMUM_HEIGHT);
  gtk_widget_add_events (widget, GDK_BUTTON_PRESS_MASK | GDK_BUTTON_RELEASE_MASK | GDK_POINTER_MOTION_MASK |
                                     GDK_SCROLL_MASK | GDK_KEY_PRESS_MASK);
}

GtkWidget *
nr_compare_view_new (gint width, gint height)
{
  NrCompareView *view = g_object_new (NR_TYPE_COMPARE_VIEW, NULL);

  view->width    = width;
  view->height   = height;
  view->center_x = width / 2.0;
  view->center_y = height / 2.0;
  return GTK_WIDGET (view);
}

void
nr_compare_view_set_enlargement (NrCompareView *view, gint enlargement)
{
  if (view->enlargement == enlargement)
    return;

  view->enlargement = enlargement;
  look_at (view, view->center_x, view->center_y);
}

void
nr_compare_view_step_zoom (NrCompareView *view, gint steps)
{
  GtkWidget *widget = GTK_WIDGET (view);

  zoom_at (view, steps, gtk_widget_get_allocated_width (widget) / 2.0, gtk_widget_get_allocated_height (widget) / 2.0);
}

gdouble
nr_compare_view_get_level (NrCompareView *view)
{
  return levels[view->level];
}

void
nr_compare_view_center_on (NrCompareView *view, gdouble x, gdouble y)
{
  look_at (view, x, y);
}

static void
replace_surface (NrCompareView *view, cairo_surface_t **place, NrRect *place_rect, cairo_surface_t *surface, const NrRect *rect)
{
  g_clear_pointer (place, cairo_surface_destroy);
  if (surface)
    {
      *place      = cairo_surface_reference (surface);
      *place_rect = *rect;
    }

  gtk_widget_queue_draw (GTK_WIDGET (view));
}

void
nr_compare_view_set_before (NrCompareView *view, cairo_surface_t *before, const NrRect *rect)
{
  replace_surface (view, &view->before, &view->before_rect, before, rect);
}

void
nr_compare_view_set_after (NrCompareView *view, cairo_surface_t *after, const NrRect *rect)
{
  replace_surface (view, &view->after, &view->after_rect, after, rect);
}

void
nr_compare_view_set_busy (NrCompareView *view, gboolean is_busy)
{
  view->is_busy = is_busy;
  gtk_widget_queue_draw (GTK_WIDGET (view));
}
