/* Results into the image: see placement.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "placement.h"

#include <glib/gi18n.h>

/* -- Checks ------------------------------------------------------------------------------------------------------- */

/* GIMP stays usable while we compute: the user may have closed or deleted what we started from. */
static gboolean
check_still_there (const NrLayerJob *job, GError **error)
{
  if (! gimp_image_is_valid (job->image))
    {
      g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                           _ ("The image was closed meanwhile, so the result has no place to go."));
      return FALSE;
    }

  for (guint i = 0; i < job->pieces->len; i++)
    {
      const NrPiece *piece = job->pieces->pdata[i];

      if (! gimp_item_is_valid (GIMP_ITEM (piece->snapshot->source)))
        {
          g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                               _ ("The layer was deleted meanwhile, so the result has no place to go."));
          return FALSE;
        }
    }

  return TRUE;
}

/* -- A layer for a piece ------------------------------------------------------------------------------------------ */

static gchar *
result_name (const NrPiece *piece, NrTask task)
{
  static const gchar *const names[NR_N_TASKS] = { N_ ("%s (denoised)"), N_ ("%s (deblurred)"), N_ ("%s (enlarged)"),
                                                  N_ ("%s (filled)") };

  g_autofree gchar *source = gimp_item_get_name (GIMP_ITEM (piece->snapshot->source));

  return g_strdup_printf (_ (names[task]), source);
}

/* Whether the result takes its source's place instead of lying above it. */
static gboolean
is_replacement (const NrLayerJob *job, const NrPiece *piece)
{
  gboolean is_enlarged_beside = job->settings->arguments.task == NR_TASK_SUPER_RESOLVE &&
                                job->settings->output != NR_OUTPUT_SCALE_IMAGE;

  return ! piece->snapshot->is_stackable && ! is_enlarged_beside;
}

/* An empty layer of IMAGE, not yet part of it, for pixels of BUFFER's kind. */
static GimpLayer *
empty_layer_new (GimpImage *image, const gchar *name, GeglBuffer *buffer, gint width, gint height)
{
  gboolean      has_alpha = babl_format_has_alpha (gegl_buffer_get_format (buffer));
  GimpImageType type;

  if (gimp_image_get_base_type (image) == GIMP_RGB)
    type = has_alpha ? GIMP_RGBA_IMAGE : GIMP_RGB_IMAGE;
  else
    type = has_alpha ? GIMP_GRAYA_IMAGE : GIMP_GRAY_IMAGE;

  return gimp_layer_new (image, name, width, height, type, 100.0, GIMP_LAYER_MODE_NORMAL);
}

/* A layer with the piece's pixels at their place, not yet part of IMAGE: the result alone, or where it replaces a
 * source of its own size the whole source with the result in it. */
static GimpLayer *
piece_layer_new (const NrLayerJob *job, const NrPiece *piece, GimpImage *image)
{
  const NrSnapshot *snapshot    = piece->snapshot;
  NrTask            task        = job->settings->arguments.task;
  GeglBuffer       *result      = nr_pixels_result_buffer (piece->result);
  gboolean          holds_whole = is_replacement (job, piece) && task != NR_TASK_SUPER_RESOLVE;
  GeglBuffer       *extent      = holds_whole ? snapshot->buffer : result;
  gint              width       = gegl_buffer_get_width (extent);
  gint              height      = gegl_buffer_get_height (extent);
  g_autofree gchar *name        = result_name (piece, task);
  GimpLayer        *layer       = empty_layer_new (image, name, result, width, height);

  g_autoptr (GeglBuffer) pixels = gimp_drawable_get_buffer (GIMP_DRAWABLE (layer));

  if (holds_whole)
    {
      gegl_buffer_copy (snapshot->buffer, NULL, GEGL_ABYSS_NONE, pixels, NULL);
      gegl_buffer_copy (result, NULL, GEGL_ABYSS_NONE, pixels,
                        GEGL_RECTANGLE (snapshot->region.x, snapshot->region.y, snapshot->region.width,
                                        snapshot->region.height));
      gimp_layer_set_offsets (layer, snapshot->x, snapshot->y);
    }
  else
    {
      gegl_buffer_copy (result, NULL, GEGL_ABYSS_NONE, pixels, NULL);
      gimp_layer_set_offsets (layer, snapshot->x + snapshot->region.x, snapshot->y + snapshot->region.y);
    }

  gegl_buffer_flush (pixels);
  gimp_drawable_update (GIMP_DRAWABLE (layer), 0, 0, width, height);
  return layer;
}

/* The selection as it was when the job began, as the mask of LAYER. */
static void
add_selection_mask (GimpLayer *layer, const NrSnapshot *snapshot)
{
  GimpLayerMask         *mask   = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
  g_autoptr (GeglBuffer) values = NULL;
  GeglRectangle          from;

  gimp_layer_add_mask (layer, mask);

  values = gimp_drawable_get_buffer (GIMP_DRAWABLE (mask));
  from   = *gegl_buffer_get_extent (values);
  from.x = snapshot->x + snapshot->region.x;
  from.y = snapshot->y + snapshot->region.y;

  gegl_buffer_copy (snapshot->selection, &from, GEGL_ABYSS_NONE, values, gegl_buffer_get_extent (values));
  gegl_buffer_flush (values);
  gimp_drawable_update (GIMP_DRAWABLE (mask), 0, 0, from.width, from.height);
}

/* The source's mask again on the layer that replaces it; they may differ in size where a filter grew the pixels. */
static void
copy_mask (GimpLayer *from, GimpLayer *to)
{
  GimpLayerMask         *source = gimp_layer_get_mask (from);
  GimpLayerMask         *mask;
  g_autoptr (GeglBuffer) read  = NULL;
  g_autoptr (GeglBuffer) write = NULL;
  gint                   from_x, from_y, to_x, to_y;

  if (source == NULL)
    return;

  mask = gimp_layer_create_mask (to, GIMP_ADD_MASK_WHITE);
  gimp_layer_add_mask (to, mask);
  gimp_layer_set_apply_mask (to, gimp_layer_get_apply_mask (from));

  gimp_drawable_get_offsets (GIMP_DRAWABLE (from), &from_x, &from_y);
  gimp_drawable_get_offsets (GIMP_DRAWABLE (to), &to_x, &to_y);
  read  = gimp_drawable_get_buffer (GIMP_DRAWABLE (source));
  write = gimp_drawable_get_buffer (GIMP_DRAWABLE (mask));

  gegl_buffer_copy (read, NULL, GEGL_ABYSS_NONE, write,
                    GEGL_RECTANGLE (from_x - to_x, from_y - to_y, gegl_buffer_get_width (read),
                                    gegl_buffer_get_height (read)));
  gegl_buffer_flush (write);
  gimp_drawable_update (GIMP_DRAWABLE (mask), 0, 0, gegl_buffer_get_width (write), gegl_buffer_get_height (write));
}

/* Mode, opacity and mask of FROM: TO will look like it in its place. */
static void
copy_look (GimpLayer *from, GimpLayer *to)
{
  GimpLayerMode mode = gimp_layer_get_mode (from);

  /* Only groups can pass through. */
  gimp_layer_set_mode (to, mode == GIMP_LAYER_MODE_PASS_THROUGH ? GIMP_LAYER_MODE_NORMAL : mode);
  gimp_layer_set_opacity (to, gimp_layer_get_opacity (from));
  gimp_layer_set_blend_space (to, gimp_layer_get_blend_space (from));
  gimp_layer_set_composite_space (to, gimp_layer_get_composite_space (from));
  gimp_layer_set_composite_mode (to, gimp_layer_get_composite_mode (from));
  copy_mask (from, to);
}

/* -- The same image ----------------------------------------------------------------------------------------------- */

/* Makes the layer of one piece ready for its place above the source. The image was already enlarged SCALE times. */
static void
dress_layer (const NrLayerJob *job, const NrPiece *piece, GimpLayer *layer, gint scale)
{
  const NrSnapshot *snapshot = piece->snapshot;
  GimpLayer        *source   = GIMP_LAYER (snapshot->source);

  if (scale > 1)
    gimp_layer_set_offsets (layer, (snapshot->x + snapshot->region.x) * scale,
                            (snapshot->y + snapshot->region.y) * scale);

  gimp_item_set_visible (GIMP_ITEM (layer), gimp_item_get_visible (GIMP_ITEM (source)));

  if (is_replacement (job, piece))
    copy_look (source, layer);
  else if (snapshot->selection && scale > 1)
    gimp_layer_add_mask (layer, gimp_layer_create_mask (layer, GIMP_ADD_MASK_SELECTION)); /* was enlarged, too */
  else if (snapshot->selection && job->settings->arguments.task != NR_TASK_SUPER_RESOLVE)
    add_selection_mask (layer, snapshot);
}

static gboolean
insert_layer (GimpImage *image, GimpItem *source, GimpLayer *layer)
{
  return gimp_image_insert_layer (image, layer, GIMP_LAYER (gimp_item_get_parent (source)),
                                  gimp_image_get_item_position (image, source));
}

/* A lock keeps the user from hiding a layer by mistake, not the step that puts another one in its place. */
static void
hide (GimpItem *item)
{
  gboolean is_locked = gimp_item_get_lock_visibility (item);

  if (is_locked)
    gimp_item_set_lock_visibility (item, FALSE);
  gimp_item_set_visible (item, FALSE);
  if (is_locked)
    gimp_item_set_lock_visibility (item, TRUE);
}

/* Inserts LAYERS, each above its source; none of them when GIMP refuses one. */
static gboolean
insert_layers (const NrLayerJob *job, GPtrArray *layers, gint scale)
{
  for (guint i = 0; i < layers->len; i++)
    {
      const NrPiece *piece = job->pieces->pdata[i];

      dress_layer (job, piece, layers->pdata[i], scale);
      if (insert_layer (job->image, GIMP_ITEM (piece->snapshot->source), layers->pdata[i]))
        continue;

      for (guint k = 0; k < layers->len; k++)
        if (k < i)
          gimp_image_remove_layer (job->image, layers->pdata[k]);
        else
          gimp_item_delete (layers->pdata[k]);
      return FALSE;
    }

  for (guint i = 0; i < layers->len; i++)
    if (is_replacement (job, job->pieces->pdata[i]))
      hide (GIMP_ITEM (((NrPiece *) job->pieces->pdata[i])->snapshot->source));

  return TRUE;
}

/* -- A new image -------------------------------------------------------------------------------------------------- */

/* The smallest rectangle of the canvas that holds all regions. */
static GeglRectangle
union_of_regions (const NrLayerJob *job)
{
  GeglRectangle all = { 0, 0, 0, 0 };

  for (guint i = 0; i < job->pieces->len; i++)
    {
      const NrSnapshot *snapshot = ((NrPiece *) job->pieces->pdata[i])->snapshot;
      GeglRectangle     one      = { snapshot->x + snapshot->region.x, snapshot->y + snapshot->region.y,
                                     snapshot->region.width, snapshot->region.height };

      gegl_rectangle_bounding_box (&all, &all, &one);
    }

  return all;
}

/* An empty image like the job's, with the enlarged regions' size. */
static GimpImage *
enlarged_image_new (const NrLayerJob *job, const GeglRectangle *regions)
{
  gint                         scale    = job->settings->arguments.scale;
  GimpImage                   *image    = gimp_image_new_with_precision (regions->width * scale, regions->height * scale,
                                                                         gimp_image_get_base_type (job->image),
                                                                         gimp_image_get_precision (job->image));
  g_autoptr (GimpColorProfile) profile  = gimp_image_get_color_profile (job->image);
  g_autoptr (GimpMetadata)     metadata = gimp_image_get_metadata (job->image);
  gdouble                      x_resolution, y_resolution;

  gimp_image_undo_disable (image);
  if (profile)
    gimp_image_set_color_profile (image, profile);
  gimp_image_get_resolution (job->image, &x_resolution, &y_resolution);
  gimp_image_set_resolution (image, x_resolution, y_resolution);
  if (metadata)
    gimp_image_set_metadata (image, metadata);

  return image;
}

static GimpImage *
place_in_new_image (const NrLayerJob *job, GPtrArray *layers)
{
  GeglRectangle regions = union_of_regions (job);
  GimpImage    *image   = enlarged_image_new (job, &regions);
  gint          scale   = job->settings->arguments.scale;

  for (guint i = 0; i < job->pieces->len; i++)
    {
      const NrPiece    *piece    = job->pieces->pdata[i];
      const NrSnapshot *snapshot = piece->snapshot;
      GimpLayer        *layer    = piece_layer_new (job, piece, image);

      gimp_layer_set_offsets (layer, (snapshot->x + snapshot->region.x - regions.x) * scale,
                              (snapshot->y + snapshot->region.y - regions.y) * scale);
      gimp_image_insert_layer (image, layer, NULL, i);
      g_ptr_array_add (layers, layer);
    }

  gimp_image_undo_enable (image);
  return image;
}

/* -- Placement ---------------------------------------------------------------------------------------------------- */

/* Everything that changes the image, in one undo group. */
static gboolean
place_in_same_image (const NrLayerJob *job, GPtrArray *layers, GError **error)
{
  gint     scale = job->settings->output == NR_OUTPUT_SCALE_IMAGE ? job->settings->arguments.scale : 1;
  gboolean done;

  for (guint i = 0; i < job->pieces->len; i++)
    g_ptr_array_add (layers, piece_layer_new (job, job->pieces->pdata[i], job->image));

  gimp_image_undo_group_start (job->image);

  done = scale == 1 || gimp_image_scale (job->image, gimp_image_get_width (job->image) * scale,
                                         gimp_image_get_height (job->image) * scale);
  done = done && insert_layers (job, layers, scale);

  gimp_image_undo_group_end (job->image);

  if (! done)
    g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                         _ ("GIMP could not put the result beside its layer: check whether the layer or its group is locked, then try again."));
  return done;
}

NrPlacement *
nr_placement_new (const NrLayerJob *job, GError **error)
{
  g_autoptr (NrPlacement) placement = NULL;

  if (! check_still_there (job, error))
    return NULL;

  placement         = g_new0 (NrPlacement, 1);
  placement->layers = g_ptr_array_new ();

  if (job->settings->output == NR_OUTPUT_NEW_IMAGE)
    placement->image = place_in_new_image (job, placement->layers);
  else if (place_in_same_image (job, placement->layers, error))
    placement->image = job->image;
  else
    return NULL;

  return g_steal_pointer (&placement);
}

void
nr_placement_free (NrPlacement *placement)
{
  if (placement == NULL)
    return;

  g_clear_pointer (&placement->layers, g_ptr_array_unref);
  g_free (placement);
}
