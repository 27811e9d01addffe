/* Content-aware fill without a network: bridging of thin holes, patch completion of wide ones.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The whole hole is bridged first. Where it is wide, patches then complete what the bridge could only smear, one
 * rectangle around each wide part at a time, and the two are mixed by the hole's local width.
 */

#include "patch-match.h"

#include "bridge.h"
#include "hole.h"
#include "patch-fill.h"
#include "patch-level.h"

#include <math.h>
#include <string.h>

/* Radii of the hole between which patches take over from the bridge. Brush strokes of radius up to 7 gain 0.6 dB with 8
 * and 11, but show as smears in rock and fur. */
static const gfloat bridged_radius = 4.0f, completed_radius = 7.0f;

/* The working copy: the part of the picture that matters, finite everywhere, and what is what in it. */
typedef struct
{
  NrRect  area;       /* of the picture */
  gint    n_planes;
  gfloat *planes;     /* n_planes times area.width * area.height */
  guint8 *is_hole;    /* 1: gets a new color */
  guint8 *is_unknown; /* 1: holds no color to go by: the hole, transparent and not finite pixels */
  gfloat *wide;       /* 0 bridged ... 1 completed by patches */
} Canvas;

static void
canvas_clear (Canvas *canvas)
{
  g_free (canvas->planes);
  g_free (canvas->is_hole);
  g_free (canvas->is_unknown);
  g_free (canvas->wide);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Canvas, canvas_clear)

static gboolean
is_transparent_at (const NrPicture *picture, gsize at)
{
  return picture->alpha != NULL && ! (picture->alpha[at] > 0.0f);
}

static gboolean
is_hole_at (const NrPicture *picture, gsize at)
{
  return (picture->weight == NULL || picture->weight[at] > 0.0f) && ! is_transparent_at (picture, at);
}

static gboolean
is_finite_at (const NrPicture *picture, gsize at)
{
  const gsize n_pixels = (gsize) picture->width * picture->height;

  for (gint p = 0; p < picture->n_channels; p++)
    if (! isfinite (picture->color[p * n_pixels + at]))
      return FALSE;

  return TRUE;
}

/* The hole's bounds and as much around them as may count; FALSE without a hole. */
static gboolean
find_area (const NrPicture *picture, gint context, NrRect *area)
{
  gint left = picture->width, right = 0, top = picture->height, bottom = 0;

  for (gint y = 0; y < picture->height; y++)
    for (gint x = 0; x < picture->width; x++)
      if (is_hole_at (picture, (gsize) y * picture->width + x))
        {
          left   = MIN (left, x);
          right  = MAX (right, x + 1);
          top    = MIN (top, y);
          bottom = y + 1;
        }
  if (right == 0)
    return FALSE;

  *area = (NrRect) { left, top, right - left, bottom - top };
  nr_hole_grow_box (area, context, picture->width, picture->height);

  return TRUE;
}

static gboolean
canvas_allocate (Canvas *canvas, gint n_planes, GError **error)
{
  const gsize n_pixels = (gsize) canvas->area.width * canvas->area.height;

  canvas->n_planes   = n_planes;
  canvas->planes     = g_try_new (gfloat, n_planes * n_pixels);
  canvas->is_hole    = g_try_new (guint8, n_pixels);
  canvas->is_unknown = g_try_new (guint8, n_pixels);
  canvas->wide       = g_try_new (gfloat, n_pixels);
  if (canvas->planes != NULL && canvas->is_hole != NULL && canvas->is_unknown != NULL && canvas->wide != NULL)
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
               "not enough memory to fill a hole within %d x %d pixels; select a smaller area",
               canvas->area.width, canvas->area.height);
  return FALSE;
}

static gboolean
canvas_read (Canvas *canvas, const NrPicture *picture, GError **error)
{
  const gsize n_pixels  = (gsize) canvas->area.width * canvas->area.height;
  const gsize n_picture = (gsize) picture->width * picture->height;
  gboolean    any_known = FALSE;

  for (gint y = 0; y < canvas->area.height; y++)
    for (gint x = 0; x < canvas->area.width; x++)
      {
        const gsize to   = (gsize) y * canvas->area.width + x;
        const gsize from = (gsize) (canvas->area.y + y) * picture->width + canvas->area.x + x;

        canvas->is_hole[to]    = is_hole_at (picture, from);
        canvas->is_unknown[to] = canvas->is_hole[to] || is_transparent_at (picture, from) ||
                                 ! is_finite_at (picture, from);
        any_known |= ! canvas->is_unknown[to];
        for (gint p = 0; p < canvas->n_planes; p++)
          canvas->planes[p * n_pixels + to] = canvas->is_unknown[to] ? 0.0f : picture->color[p * n_picture + from];
      }
  if (any_known)
    return TRUE;

  g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                       "the selection leaves no pixel around it to fill from; select a smaller area or look at more "
                       "context");
  return FALSE;
}

static void
canvas_write (const Canvas *canvas, NrPicture *picture)
{
  const gsize n_pixels  = (gsize) canvas->area.width * canvas->area.height;
  const gsize n_picture = (gsize) picture->width * picture->height;

  for (gint y = 0; y < canvas->area.height; y++)
    for (gint x = 0; x < canvas->area.width; x++)
      {
        const gsize from = (gsize) y * canvas->area.width + x;
        const gsize to   = (gsize) (canvas->area.y + y) * picture->width + canvas->area.x + x;

        if (canvas->is_hole[from])
          for (gint p = 0; p < canvas->n_planes; p++)
            picture->color[p * n_picture + to] = canvas->planes[p * n_pixels + from];
      }
}

static gboolean
is_wide_at (const Canvas *canvas, gsize at)
{
  return canvas->is_hole[at] && canvas->wide[at] > 0.0f;
}

/* Completes the wide parts inside BOX and mixes them into the canvas. */
static gboolean
complete_box (NrFillJob *job, Canvas *canvas, const NrRect *box, guint seed)
{
  const gsize        n_pixels     = (gsize) canvas->area.width * canvas->area.height;
  const gsize        n_box_pixels = (gsize) box->width * box->height;
  g_autofree gfloat *planes       = g_new (gfloat, canvas->n_planes * n_box_pixels);
  g_autofree guint8 *is_wide      = g_new (guint8, n_box_pixels);
  g_autofree guint8 *is_unclean   = g_new (guint8, n_box_pixels);

  for (gint y = 0; y < box->height; y++)
    {
      const gsize from = (gsize) (box->y + y) * canvas->area.width + box->x;
      const gsize to   = (gsize) y * box->width;

      for (gint x = 0; x < box->width; x++)
        is_wide[to + x] = is_wide_at (canvas, from + x);
      memcpy (is_unclean + to, canvas->is_unknown + from, box->width);
      for (gint p = 0; p < canvas->n_planes; p++)
        memcpy (planes + p * n_box_pixels + to, canvas->planes + p * n_pixels + from, box->width * sizeof (gfloat));
    }

  if (! nr_patch_fill (job, planes, canvas->n_planes, box->width, box->height, is_wide, is_unclean, NR_PATCH_ANY_GUESS, seed))
    return FALSE;

  for (gint p = 0; p < canvas->n_planes; p++)
    for (gint y = 0; y < box->height; y++)
      for (gint x = 0; x < box->width; x++)
        {
          const gsize  at    = (gsize) (box->y + y) * canvas->area.width + box->x + x;
          const gfloat found = planes[p * n_box_pixels + (gsize) y * box->width + x];

          if (is_wide_at (canvas, at))
            canvas->planes[p * n_pixels + at] += canvas->wide[at] * (found - canvas->planes[p * n_pixels + at]);
        }

  return TRUE;
}

static gboolean
complete_wide_parts (NrFillJob *job, Canvas *canvas, const GArray *boxes, guint seed)
{
  for (guint i = 0; i < boxes->len; i++)
    {
      const NrRect *box = &g_array_index (boxes, NrRect, i);

      if (MIN (box->width, box->height) >= NR_PATCH_SIZE && ! complete_box (job, canvas, box, seed))
        return FALSE;
    }

  return TRUE;
}

static gboolean
fill_canvas (NrFillJob *job, Canvas *canvas, gint context, guint seed)
{
  const gint         width    = canvas->area.width;
  const gint         height   = canvas->area.height;
  const gsize        n_pixels = (gsize) width * height;
  g_autofree guint8 *is_wide  = g_new (guint8, n_pixels);
  g_autofree guint8 *skip     = g_new (guint8, n_pixels);
  g_autoptr (GArray) boxes    = NULL;

  if (! nr_hole_width (job, canvas->is_unknown, width, height, bridged_radius, completed_radius, canvas->wide))
    return FALSE;
  for (gsize i = 0; i < n_pixels; i++)
    {
      is_wide[i] = is_wide_at (canvas, i);
      skip[i]    = ! canvas->is_hole[i] || canvas->wide[i] >= 1.0f;
    }
  boxes           = nr_hole_boxes (is_wide, width, height, context);
  job->work_total = nr_bridge_work (width, height, canvas->is_unknown, skip) +
                    nr_patch_fill_work (width, height, is_wide);

  return nr_bridge_fill (job, canvas->planes, canvas->n_planes, width, height, canvas->is_unknown, skip) &&
         complete_wide_parts (job, canvas, boxes, seed);
}

gboolean
nr_patch_match_fill (NrPicture         *picture,
                     const NrArguments *arguments,
                     NrRestoreProgress  progress,
                     gpointer           progress_data,
                     GCancellable      *cancellable,
                     GError           **error)
{
  g_auto (Canvas)    canvas = { 0 };
  g_autoptr (NrPool) pool   = NULL;
  NrFillJob          job    = {
                .cancellable   = cancellable,
                .progress      = progress,
                .progress_data = progress_data,
                .start_time    = g_get_monotonic_time (),
  };

  if (! find_area (picture, arguments->context, &canvas.area))
    return TRUE;
  if (! canvas_allocate (&canvas, picture->n_channels, error) || ! canvas_read (&canvas, picture, error))
    return FALSE;

  job.pool = pool = nr_pool_new (arguments->threads);
  if (! fill_canvas (&job, &canvas, arguments->context, arguments->seed))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the fill was cancelled");
      return FALSE;
    }

  canvas_write (&canvas, picture);
  if (progress != NULL)
    progress (1.0, 0.0, progress_data);

  return TRUE;
}
