/* What the dialog needs from the program: see dialog-host.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "dialog-host.h"

#include "settings.h"
#include "snapshot.h"

typedef struct
{
  NrDialogHost interface;

  GimpImage           *image;
  GimpDrawable       **drawables; /* borrowed */
  GimpProcedureConfig *config;
  guint                task;
  NrSnapshot          *snapshot; /* of the first drawable */
  gdouble              n_pixels; /* of all drawables */
  gdouble              noise;    /* as measured by the first preview; 0: not yet. Worker only */
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

/* BUFFER whole, in the display's colors. */
static cairo_surface_t *
surface_of (GeglBuffer *buffer)
{
  const GeglRectangle *extent  = gegl_buffer_get_extent (buffer);
  cairo_surface_t     *surface = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, extent->width, extent->height);

  cairo_surface_flush (surface);
  gegl_buffer_get (buffer, extent, 1.0, babl_format ("cairo-ARGB32"), cairo_image_surface_get_data (surface),
                   cairo_image_surface_get_stride (surface), GEGL_ABYSS_NONE);
  cairo_surface_mark_dirty (surface);
  return surface;
}

static cairo_surface_t *
restore (NrDialogHost *interface, gpointer request, NrRect *rect, GCancellable *cancellable, GError **error)
{
  Host                      *host      = (Host *) interface;
  NrArguments                arguments = ((const NrSettings *) request)->arguments;
  gboolean                   enlarge   = arguments.task == NR_TASK_SUPER_RESOLVE;
  NrSource                   source    = nr_pixels_source (host->snapshot->pixels);
  NrReport                   report;
  NrSink                     sink;
  g_autoptr (NrPixelsResult) result = NULL;

  /* Only the whole of a hole can be filled. */
  if (arguments.task == NR_TASK_FILL)
    *rect = interface->region;

  /* The noise is that of the whole picture: measuring it once is enough for all its patches. */
  if (arguments.task == NR_TASK_DENOISE && arguments.noise <= 0.0)
    arguments.noise = host->noise;

  source.has_weight = source.has_weight && ! enlarge;

  result = nr_pixels_result_new (host->snapshot->pixels, rect, enlarge ? arguments.scale : 1);
  sink   = nr_pixels_result_sink (result);

  if (! nr_restore_run (&arguments, &source, rect, &sink, NULL, NULL, cancellable, &report, error))
    return NULL;

  if (arguments.task == NR_TASK_DENOISE && arguments.noise <= 0.0)
    host->noise = MAX (report.noise_estimate, 0.0);
  nr_report_clear (&report);

  return surface_of (nr_pixels_result_buffer (result));
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
  g_clear_object (&host->config);
  g_clear_object (&host->image);
  g_free (host);
}
