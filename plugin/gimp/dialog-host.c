/* What the dialog needs from the program: see dialog-host.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "dialog-host.h"

#include "settings.h"
#include "snapshot.h"
#include "surface.h"

enum
{
  SLOW_PREVIEW_SIZE = 256
};

typedef struct
{
  NrDialogHost interface;

  GimpImage           *image;
  GimpDrawable       **drawables; /* borrowed */
  GimpProcedureConfig *config;
  guint                task;
  NrSnapshot          *snapshot; /* of the first drawable */
  gdouble              n_pixels; /* of all drawables */
  NrMeasured          *measured; /* of the snapshot, by the first preview for all others. Worker only */
} Host;

/* -- Main thread -------------------------------------------------------------------------------------------------- */

static cairo_surface_t *
show (NrDialogHost *interface, const NrRect *rect, gint width, gint height)
{
  Host            *host    = (Host *) interface;
  GeglBuffer      *buffer  = host->snapshot->buffer;
  gdouble          scale   = (gdouble) width / rect->width;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, width, height);
  GeglRectangle    scaled  = { (gint) (rect->x * scale), (gint) (rect->y * scale), width, height };

  cairo_surface_flush (surface);
  gegl_buffer_get (buffer, &scaled, scale, babl_format ("cairo-ARGB32"), cairo_image_surface_get_data (surface),
                   cairo_image_surface_get_stride (surface), GEGL_ABYSS_CLAMP);
  cairo_surface_mark_dirty (surface);
  return surface;
}

static gboolean
has_argument (NrDialogHost *interface, NrTask task, const gchar *argument)
{
  return nr_settings_has_argument (task, argument);
}

static gpointer
request_new (NrDialogHost *interface, GError **error)
{
  Host *host = (Host *) interface;

  if (! nr_snapshot_check (host->image, host->drawables, nr_settings_get_task (host->config, host->task), error))
    return NULL;

  return nr_settings_new (host->config, host->task, error);
}

static void
request_free (NrDialogHost *interface, gpointer request)
{
  nr_settings_free (request);
}

/* -- Worker thread ------------------------------------------------------------------------------------------------ */

/* The first drawable's time holds for the others by their size. */
static gboolean
estimate (NrDialogHost *interface, gpointer request, gdouble *seconds, gdouble *memory_mib, GError **error)
{
  Host             *host     = (Host *) interface;
  const NrSettings *settings = request;
  const NrRect     *region   = &interface->region;

  if (! nr_restore_estimate (&settings->arguments, region->width, region->height, seconds, memory_mib, error))
    return FALSE;

  *seconds *= host->n_pixels / ((gdouble) region->width * region->height);
  return TRUE;
}

/* The middle of RECT, small enough to be learned while a user waits. */
static void
shrink (NrRect *rect)
{
  const gint width  = MIN (rect->width, SLOW_PREVIEW_SIZE);
  const gint height = MIN (rect->height, SLOW_PREVIEW_SIZE);

  rect->x += (rect->width - width) / 2;
  rect->y += (rect->height - height) / 2;
  rect->width  = width;
  rect->height = height;
}

/* A preview under way. */
typedef struct
{
  NrPixels    *pixels;
  NrRect       rect;
  gint         scale;
  NrSink       sink; /* the real one */
  NrDialogShow show;
  gpointer     show_data;
} Preview;

static gboolean
preview_write (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  const Preview *preview = data;

  return preview->sink.write (preview->sink.data, x, y, from, error);
}

static void
preview_show (gpointer data, gint x, gint y, const NrPicture *from)
{
  const Preview   *preview = data;
  const gint       scale   = preview->scale;
  NrRect           part    = { preview->rect.x + x / scale, preview->rect.y + y / scale, from->width / scale, from->height / scale };
  cairo_surface_t *surface = nr_surface_new_of_part (preview->pixels, &part, scale, from);

  if (surface)
    preview->show (surface, &part, preview->show_data);
}

static cairo_surface_t *
restore (NrDialogHost *interface,
         gpointer      request,
         NrRect       *rect,
         NrDialogShow  show_part,
         gpointer      show_data,
         GCancellable *cancellable,
         GError      **error)
{
  Host                      *host      = (Host *) interface;
  NrArguments                arguments = ((const NrSettings *) request)->arguments;
  gboolean                   enlarge   = arguments.task == NR_TASK_SUPER_RESOLVE;
  NrSource                   source    = nr_pixels_source (host->snapshot->pixels);
  NrReport                   report;
  NrSink                     sink;
  Preview                    preview;
  g_autoptr (NrPixelsResult) result = NULL;

  /* Only the whole of a hole can be filled. */
  if (arguments.task == NR_TASK_FILL)
    *rect = interface->region;
  else if (nr_task_method_can_stop (arguments.task, arguments.method))
    shrink (rect);

  source.has_weight = source.has_weight && ! enlarge;
  source.measured   = host->measured;

  preview = (Preview) { host->snapshot->pixels, *rect, enlarge ? arguments.scale : 1, { 0 }, show_part, show_data };

  result       = nr_pixels_result_new (preview.pixels, rect, preview.scale);
  preview.sink = nr_pixels_result_sink (result);
  sink         = (NrSink) { preview_write, &preview, preview_show };

  if (! nr_restore_run (&arguments, &source, rect, &sink, NULL, NULL, cancellable, &report, error))
    return NULL;

  nr_report_clear (&report);

  return nr_surface_new (nr_pixels_result_buffer (result));
}

/* -- Host --------------------------------------------------------------------------------------------------------- */

static gdouble
count_pixels (GimpDrawable **drawables)
{
  gdouble n = 0.0;

  for (guint i = 0; drawables[i]; i++)
    {
      gint x, y, width, height;

      if (gimp_drawable_mask_intersect (drawables[i], &x, &y, &width, &height))
        n += (gdouble) width * height;
    }

  return n;
}

NrDialogHost *
nr_dialog_host_new (GimpImage           *image,
                    GimpDrawable       **drawables,
                    GimpProcedureConfig *config,
                    guint                task,
                    GError             **error)
{
  NrSnapshot *snapshot = nr_snapshot_new (drawables[0], error);
  Host       *host;

  if (snapshot == NULL)
    return NULL;

  host            = g_new0 (Host, 1);
  host->image     = g_object_ref (image);
  host->drawables = drawables;
  host->config    = g_object_ref (config);
  host->task      = task;
  host->snapshot  = snapshot;
  host->measured  = nr_measured_new ();
  host->n_pixels  = count_pixels (drawables);

  host->interface = (NrDialogHost) {
    .width        = gegl_buffer_get_width (snapshot->buffer),
    .height       = gegl_buffer_get_height (snapshot->buffer),
    .region       = snapshot->region,
    .show         = show,
    .has_argument = has_argument,
    .request_new  = request_new,
    .request_free = request_free,
    .estimate     = estimate,
    .restore      = restore,
  };

  return &host->interface;
}

void
nr_dialog_host_free (NrDialogHost *interface)
{
  Host *host = (Host *) interface;

  if (host == NULL)
    return;

  g_clear_pointer (&host->snapshot, nr_snapshot_free);
  g_clear_pointer (&host->measured, nr_measured_free);
  g_clear_object (&host->config);
  g_clear_object (&host->image);
  g_free (host);
}
