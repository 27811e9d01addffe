/* A layer's pixels and selection: see snapshot.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "snapshot.h"

#include <glib/gi18n.h>

/* -- Checks ------------------------------------------------------------------------------------------------------- */

static gboolean
check_drawable (GimpDrawable *drawable, GError **error)
{
  g_autofree gchar *name     = gimp_item_get_name (GIMP_ITEM (drawable));
  const gchar      *sentence = NULL;

  if (GIMP_IS_LAYER_MASK (drawable))
    sentence = _ ("“%s” is a layer mask: click the layer's own picture in the Layers dialog, then try again.");
  else if (! GIMP_IS_LAYER (drawable))
    sentence = _ ("“%s” is a channel: select a layer in the Layers dialog, then try again.");
  else if (gimp_drawable_is_indexed (drawable))
    sentence = _ ("“%s” has indexed colors: choose Image → Mode → RGB first, then try again.");

  if (sentence == NULL)
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE, sentence, name);
  return FALSE;
}

gboolean
nr_snapshot_check (GimpImage *image, GimpDrawable **drawables, NrTask task, GError **error)
{
  const gchar *sentence = NULL;

  if (drawables == NULL || drawables[0] == NULL)
    sentence = _ ("No layer is selected: select one in the Layers dialog, then try again.");
  else if (gimp_image_get_floating_sel (image))
    sentence = _ ("The image has a floating selection: anchor it or make it a layer, then try again.");
  else if (task == NR_TASK_FILL && gimp_selection_is_empty (image))
    sentence = _ ("Nothing is selected: select what is to be filled, then try again.");

  if (sentence)
    {
      g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE, sentence);
      return FALSE;
    }

  for (guint i = 0; drawables[i]; i++)
    if (! check_drawable (drawables[i], error))
      return FALSE;

  return TRUE;
}

/* -- Copies ------------------------------------------------------------------------------------------------------- */

static GeglBuffer *
copy_buffer (GimpDrawable *drawable)
{
  g_autoptr (GeglBuffer) live = gimp_drawable_get_buffer (drawable);
  GeglBuffer            *copy = gegl_buffer_new (gegl_buffer_get_extent (live), gegl_buffer_get_format (live));

  gegl_buffer_copy (live, NULL, GEGL_ABYSS_NONE, copy, NULL);
  return copy;
}

static gboolean
has_filters (GimpDrawable *drawable)
{
  g_autofree GimpDrawableFilter **filters = gimp_drawable_get_filters (drawable);

  return filters && filters[0];
}

/* A drawable's buffer holds the pixels below its non-destructive filters. They are merged on a copy in an image of its
 * own: merging on a copy inside the user's image would mark that as changed. */
static GeglBuffer *
copy_filtered (GimpDrawable *source, gint *x, gint *y)
{
  GimpImage                   *image   = gimp_item_get_image (GIMP_ITEM (source));
  GimpImage                   *scratch = gimp_image_new_with_precision (gimp_image_get_width (image), gimp_image_get_height (image),
                                                                        gimp_image_get_base_type (image),
                                                                        gimp_image_get_precision (image));
  GimpLayer                   *layer;
  GeglBuffer                  *copy;
  g_autoptr (GimpColorProfile) profile = gimp_image_get_color_profile (image);

  gimp_image_undo_disable (scratch);
  if (profile)
    gimp_image_set_color_profile (scratch, profile);

  layer = gimp_layer_new_from_drawable (source, scratch);
  gimp_image_insert_layer (scratch, layer, NULL, 0);
  if (gimp_item_is_group (GIMP_ITEM (layer)))
    layer = gimp_group_layer_merge (GIMP_GROUP_LAYER (layer));
  gimp_drawable_merge_filters (GIMP_DRAWABLE (layer));

  gimp_drawable_get_offsets (GIMP_DRAWABLE (layer), x, y);
  copy = copy_buffer (GIMP_DRAWABLE (layer));
  gimp_image_delete (scratch);

  return copy;
}

/* -- Snapshot ----------------------------------------------------------------------------------------------------- */

/* Whether any pixel of REGION is neither opaque nor wholly transparent: stacked upon itself it would get denser. */
static gboolean
has_partial_alpha (GeglBuffer *buffer, const NrRect *region)
{
  const Babl          *alpha = babl_format ("A float");
  const GeglRectangle *whole = gegl_buffer_get_extent (buffer);
  g_autofree gfloat   *row   = NULL;

  if (! babl_format_has_alpha (gegl_buffer_get_format (buffer)))
    return FALSE;

  row = g_new (gfloat, region->width);
  for (gint y = 0; y < region->height; y++)
    {
      GeglRectangle rect = { whole->x + region->x, whole->y + region->y + y, region->width, 1 };

      gegl_buffer_get (buffer, &rect, 1.0, alpha, row, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      for (gint x = 0; x < region->width; x++)
        if (row[x] > 0.0f && row[x] < 1.0f)
          return TRUE;
    }

  return FALSE;
}

static gboolean
is_plain (GimpLayer *layer)
{
  GimpLayerMode          mode      = gimp_layer_get_mode (layer);
  GimpLayerCompositeMode composite = gimp_layer_get_composite_mode (layer);

  return (mode == GIMP_LAYER_MODE_NORMAL || mode == GIMP_LAYER_MODE_NORMAL_LEGACY) &&
         (composite == GIMP_LAYER_COMPOSITE_AUTO || composite == GIMP_LAYER_COMPOSITE_UNION) &&
         gimp_layer_get_opacity (layer) >= 100.0 &&
         gimp_layer_get_mask (layer) == NULL;
}

static void
look_at_pixels (NrSnapshot *snapshot)
{
  g_clear_pointer (&snapshot->pixels, nr_pixels_free);
  snapshot->pixels = nr_pixels_new (snapshot->buffer, snapshot->selection, babl_format ("Y float"),
                                    -snapshot->x, -snapshot->y);
}

NrSnapshot *
nr_snapshot_new (GimpDrawable *source, GError **error)
{
  g_autoptr (NrSnapshot) snapshot = g_new0 (NrSnapshot, 1);
  GimpImage             *image    = gimp_item_get_image (GIMP_ITEM (source));

  snapshot->source = g_object_ref (source);
  if (has_filters (source))
    {
      snapshot->buffer = copy_filtered (source, &snapshot->x, &snapshot->y);
    }
  else
    {
      gimp_drawable_get_offsets (source, &snapshot->x, &snapshot->y);
      snapshot->buffer = copy_buffer (source);
    }

  if (! gimp_selection_is_empty (image))
    snapshot->selection = copy_buffer (GIMP_DRAWABLE (gimp_image_get_selection (image)));

  look_at_pixels (snapshot);
  if (! nr_pixels_selected_bounds (snapshot->pixels, &snapshot->region))
    {
      g_autofree gchar *name = gimp_item_get_name (GIMP_ITEM (source));

      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                   _ ("The selection does not touch the layer “%s”: move it there or choose Select → None, then try again."),
                   name);
      return NULL;
    }

  snapshot->is_stackable = is_plain (GIMP_LAYER (source)) && ! has_partial_alpha (snapshot->buffer, &snapshot->region);
  return g_steal_pointer (&snapshot);
}

void
nr_snapshot_free (NrSnapshot *snapshot)
{
  if (snapshot == NULL)
    return;

  g_clear_pointer (&snapshot->pixels, nr_pixels_free);
  g_clear_object (&snapshot->selection);
  g_clear_object (&snapshot->buffer);
  g_clear_object (&snapshot->source);
  g_free (snapshot);
}

void
nr_snapshot_select_all (NrSnapshot *snapshot)
{
  g_clear_object (&snapshot->selection);
  look_at_pixels (snapshot);
  nr_pixels_selected_bounds (snapshot->pixels, &snapshot->region);
}
