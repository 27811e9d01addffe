/* The frame around fill methods: finds the holes, hands each with its surroundings to a method, delivers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "deliver.h"
#include "fill.h"
#include "hole-groups.h"
#include "patch-match.h"
#include "window.h"

/* Memory for a pixel of a group's area: two copies of the picture, and what patch-match says it takes. */
static const guint64 bytes_per_pixel = 2 * 5 * sizeof (gfloat) + 40 + 140;

/* Rows delivered at a time. */
static const gint deliver_rows = 128;

/* What became of a group: its bounds, filled. */
typedef struct
{
  NrRect     bounds;
  NrPicture *picture;
} Patch;

static void
patch_clear (gpointer data)
{
  nr_picture_free (((Patch *) data)->picture);
}

void
nr_fill_group_progress (const NrFillGroup *group, gdouble fraction)
{
  nr_job_progress (group->job, group->first + group->share * fraction);
}

static guint64
n_pixels (const NrRect *rect)
{
  return (guint64) rect->width * rect->height;
}

/* The rectangle RECT (source coordinates) of PICTURE, whose corner is FROM's. */
static NrPicture *
crop (const NrPicture *picture, const NrRect *from, const NrRect *rect, GError **error)
{
  NrPicture     *cropped = nr_window_picture_new (rect->width, rect->height, picture->n_channels, FALSE, FALSE, error);
  const NrSource source  = nr_picture_source ((NrPicture *) picture);

  if (cropped && ! source.read (source.data, rect->x - from->x, rect->y - from->y, cropped, error))
    g_clear_pointer (&cropped, nr_picture_free);
  return cropped;
}

/* The part of FIRST that lies in SECOND; width 0 or height 0: none. */
static NrRect
intersect (const NrRect *first, const NrRect *second)
{
  NrRect both;

  both.x      = MAX (first->x, second->x);
  both.y      = MAX (first->y, second->y);
  both.width  = MAX (MIN (first->x + first->width, second->x + second->width) - both.x, 0);
  both.height = MAX (MIN (first->y + first->height, second->y + second->height) - both.y, 0);
  return both;
}

/* What was filled before is known in PICTURE, which lies at AREA. */
static void
take_over (NrPicture *picture, const NrRect *area, const Patch *patch)
{
  const gsize  plane       = (gsize) picture->width * picture->height;
  const gsize  patch_plane = (gsize) patch->picture->width * patch->picture->height;
  const NrRect both        = intersect (area, &patch->bounds);

  for (gint y = both.y; y < both.y + both.height; y++)
    for (gint x = both.x; x < both.x + both.width; x++)
      {
        const gsize i    = (gsize) (y - area->y) * picture->width + x - area->x;
        const gsize from = (gsize) (y - patch->bounds.y) * patch->picture->width + x - patch->bounds.x;

        if (! (picture->weight[i] > 0))
          continue;
        for (gint c = 0; c < picture->n_channels; c++)
          picture->color[c * plane + i] = patch->picture->color[c * patch_plane + from];
        picture->weight[i] = 0;
      }
}

static gboolean
has_hole (const NrPicture *picture)
{
  for (gsize i = 0; i < (gsize) picture->width * picture->height; i++)
    if (picture->weight[i] > 0)
      return TRUE;
  return FALSE;
}

/* Fills GROUP and adds its patch to PATCHES. */
static gboolean
fill_group (const NrFillGroup *group, const NrFillMethod *method, GArray *patches, GError **error)
{
  g_autoptr (NrPicture) picture = nr_window_read_source (group->job->source, &group->area, error);
  Patch                 patch   = { .bounds = group->bounds };

  if (! picture)
    return FALSE;
  for (guint i = 0; i < patches->len; i++)
    take_over (picture, &group->area, &g_array_index (patches, Patch, i));
  if (has_hole (picture) && ! method->func (method->data, group, picture, error))
    return FALSE;
  patch.picture = crop (picture, &group->area, &group->bounds, error);
  if (! patch.picture)
    return FALSE;
  g_array_append_val (patches, patch);
  return TRUE;
}

/* source + strength * selection * (filled - source) where PATCH and ROWS (at RECT) overlap. A value that is not finite
 * in the hole is simply replaced. */
static void
apply_patch (const NrArguments *arguments, NrPicture *rows, const NrRect *rect, const Patch *patch)
{
  const gsize  plane       = (gsize) rows->width * rows->height;
  const gsize  patch_plane = (gsize) patch->picture->width * patch->picture->height;
  const NrRect both        = intersect (rect, &patch->bounds);

  for (gint y = both.y; y < both.y + both.height; y++)
    for (gint x = both.x; x < both.x + both.width; x++)
      {
        const gsize  i      = (gsize) (y - rect->y) * rows->width + x - rect->x;
        const gsize  from   = (gsize) (y - patch->bounds.y) * patch->picture->width + x - patch->bounds.x;
        const gfloat weight = arguments->blend ? MIN (rows->weight[i], 1) : 1;
        const gfloat share  = arguments->strength * weight;

        if (! (rows->weight[i] > 0) || (rows->alpha && ! (rows->alpha[i] > 0)))
          continue;
        for (gint c = 0; c < rows->n_channels; c++)
          {
            gfloat      *value  = rows->color + c * plane + i;
            const gfloat filled = patch->picture->color[c * patch_plane + from];

            *value = isfinite (*value) && share < 1 ? *value + share * (filled - *value) : filled;
          }
      }
}

static gboolean
deliver_patches (NrJob *job, const GArray *patches, GError **error)
{
  const NrRect *region = &job->region;

  for (gint y = 0; y < region->height; y += deliver_rows)
    {
      const NrRect          rect = { region->x, region->y + y, region->width, MIN (deliver_rows, region->height - y) };
      g_autoptr (NrPicture) rows = NULL;

      if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
        return FALSE;
      rows = nr_window_read_source (job->source, &rect, error);
      if (! rows)
        return FALSE;
      for (guint i = 0; i < patches->len; i++)
        apply_patch (job->arguments, rows, &rect, &g_array_index (patches, Patch, i));
      if (! nr_deliver_result (job, &rect, rows, 1, error))
        return FALSE;
    }
  return TRUE;
}

void
nr_fill_group_show (const NrFillGroup *group, const NrPicture *picture)
{
  const NrJob          *job   = group->job;
  g_autoptr (NrPicture) rows  = NULL;
  Patch                 patch = { .bounds = group->bounds };

  if (! job->sink->show)
    return;
  rows          = nr_window_read_source (job->source, &group->bounds, NULL);
  patch.picture = crop (picture, &group->area, &group->bounds, NULL);
  if (rows && patch.picture)
    {
      apply_patch (job->arguments, rows, &group->bounds, &patch);
      job->sink->show (job->sink->data, group->bounds.x - job->region.x, group->bounds.y - job->region.y, rows);
    }
  patch_clear (&patch);
}

/* The holes in the order in which they are to be filled, each small enough for the budget; NULL with an error. */
static GArray *
find_groups (NrJob *job, const NrFillMethod *method, GError **error)
{
  const gint         context = job->arguments->context > 0 ? job->arguments->context : method->context;
  g_autoptr (GArray) found   = NULL;
  g_autoptr (GArray) groups  = g_array_new (FALSE, FALSE, sizeof (NrHoleGroup));

  if (! job->source->has_weight)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                   "fill needs a selection or mask that says what to fill");
      return NULL;
    }
  found = nr_hole_groups_find (job->source, &job->region, context, job->cancellable, error);
  if (! found)
    return NULL;

  for (guint i = 0; i < found->len; i++)
    if (! nr_hole_groups_append (groups, job->source, &g_array_index (found, NrHoleGroup, i), context,
                                 MIN (job->memory / method->bytes_per_pixel, method->max_pixels)))
      {
        g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
                     "%" G_GUINT64_FORMAT " MiB are too little to fill with a context of %d pixels; "
                     "allow more memory or set a smaller context",
                     job->memory >> 20, context);
        return NULL;
      }
  return g_steal_pointer (&groups);
}

static void
report_groups (NrJob *job, const NrFillMethod *method, const GArray *groups)
{
  guint64 largest = 0;
  guint64 kept    = 0;

  for (guint i = 0; i < groups->len; i++)
    {
      const NrHoleGroup *group = &g_array_index (groups, NrHoleGroup, i);

      largest = MAX (largest, n_pixels (&group->area));
      kept += n_pixels (&group->bounds) * job->source->n_channels * sizeof (gfloat);
    }
  job->report->tiles           = groups->len;
  job->report->peak_memory_mib = (largest * method->bytes_per_pixel + kept) / 1048576.0;
}

gboolean
nr_fill_run (NrJob *job, const NrFillMethod *method, GError **error)
{
  g_autoptr (GArray) groups  = find_groups (job, method, error);
  g_autoptr (GArray) patches = NULL;
  NrFillGroup        group   = { .job = job };
  gdouble            total   = 0;

  if (! groups)
    return FALSE;
  report_groups (job, method, groups);
  patches = g_array_new (FALSE, TRUE, sizeof (Patch));
  g_array_set_clear_func (patches, patch_clear);
  for (guint i = 0; i < groups->len; i++)
    total += n_pixels (&g_array_index (groups, NrHoleGroup, i).area);

  for (guint i = 0; i < groups->len; i++)
    {
      const NrHoleGroup *holes = &g_array_index (groups, NrHoleGroup, i);

      group.area   = holes->area;
      group.bounds = holes->bounds;
      group.share  = n_pixels (&holes->area) / total;
      if (! fill_group (&group, method, patches, error))
        return FALSE;
      group.first += group.share;
    }
  return deliver_patches (job, patches, error);
}

guint64
nr_fill_area_pixels (const NrArguments *arguments, gint width, gint height)
{
  const NrSource source = { .width = G_MAXINT / 4, .height = G_MAXINT / 4 };
  const NrRect   hole   = { G_MAXINT / 8, G_MAXINT / 8, MIN (width, 1 << 20), MIN (height, 1 << 20) };
  const gint     side   = MAX (hole.width, hole.height);
  const NrRect   area   = nr_window_grow (&source, &hole, arguments->context > 0 ? arguments->context : CLAMP (side, 64, 512));

  return n_pixels (&area);
}

/* -- Patch-match --------------------------------------------------------------------------------------------------- */

static void
patch_match_progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  nr_fill_group_progress (data, fraction);
}

static gboolean
fill_by_patches (gpointer data, const NrFillGroup *group, NrPicture *picture, GError **error)
{
  NrFillGroup own = *group;

  return nr_patch_match_fill (picture, group->job->arguments, patch_match_progress, &own, group->job->cancellable, error);
}

gboolean
nr_fill_run_patch_match (NrJob *job, GError **error)
{
  const NrFillMethod method = { fill_by_patches, NULL, bytes_per_pixel, G_MAXUINT64, 0 };

  return nr_fill_run (job, &method, error);
}

/* Side of the picture that is used to find how long filling takes, and of its hole. */
static const gint calibration_size = 128;
static const gint calibration_hole = 32;

/* Seconds for a pixel of hole, measured once for the process on a hole in stripes. */
static gdouble
seconds_per_hole_pixel (void)
{
  static gsize   is_measured;
  static gdouble seconds;

  if (g_once_init_enter (&is_measured))
    {
      g_autoptr (NrPicture) picture = nr_picture_new (calibration_size, calibration_size, 3, FALSE, TRUE);
      const gsize           n       = (gsize) calibration_size * calibration_size;
      const gint64          start   = g_get_monotonic_time ();
      NrArguments           arguments;

      for (gsize i = 0; i < n; i++)
        {
          const gint x = i % calibration_size - (calibration_size - calibration_hole) / 2;
          const gint y = i / calibration_size - (calibration_size - calibration_hole) / 2;

          picture->weight[i] = x >= 0 && y >= 0 && x < calibration_hole && y < calibration_hole;
          for (gint c = 0; c < 3; c++)
            picture->color[c * n + i] = (x + y) % 16 / 16.0;
        }
      nr_arguments_init (&arguments, NR_TASK_FILL);
      nr_patch_match_fill (picture, &arguments, NULL, NULL, NULL, NULL);
      seconds = (g_get_monotonic_time () - start) / (gdouble) G_USEC_PER_SEC / (calibration_hole * calibration_hole);
      g_once_init_leave (&is_measured, 1);
    }
  return seconds;
}

/* Taken as a hole of WIDTH x HEIGHT, since nothing is known of it. */
gboolean
nr_fill_estimate_patch_match (const NrArguments *arguments,
                              gint               width,
                              gint               height,
                              gdouble           *seconds,
                              gdouble           *memory_mib,
                              GError           **error)
{
  *seconds    = (gdouble) width * height * seconds_per_hole_pixel ();
  *memory_mib = nr_fill_area_pixels (arguments, width, height) * bytes_per_pixel / 1048576.0;
  return TRUE;
}
