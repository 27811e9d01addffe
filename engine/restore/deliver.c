/* The picture contracts: from a network's answer to what the sink gets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "deliver.h"
#include "enlarge.h"
#include "window.h"

/* A network's answer, placed. */
typedef struct
{
  const NrPicture *picture;
  gint             x, y;
  gfloat           low, high;
} Answer;

/* The answer for channel C of N_CHANNELS at (x, y) of the rectangle; grey gets the luma of the three. */
static gfloat
answer_at (const Answer *answer, gint n_channels, gint c, gint x, gint y)
{
  const gsize   plane = (gsize) answer->picture->width * answer->picture->height;
  const gfloat *at    = answer->picture->color + (gsize) (answer->y + y) * answer->picture->width + answer->x + x;

  if (n_channels == 3)
    return CLAMP (at[c * plane], answer->low, answer->high);
  return nr_luma_weights[0] * CLAMP (at[0], answer->low, answer->high) +
         nr_luma_weights[1] * CLAMP (at[plane], answer->low, answer->high) +
         nr_luma_weights[2] * CLAMP (at[2 * plane], answer->low, answer->high);
}

static gfloat
selection (const NrArguments *arguments, const gfloat *weight, gsize i)
{
  if (! weight)
    return 1;
  if (! (weight[i] > 0))
    return 0;
  return arguments->blend ? MIN (weight[i], 1) : 1;
}

gboolean
nr_deliver_result (NrJob *job, const NrRect *rect, const NrPicture *result, gint scale, GError **error)
{
  return job->sink->write (job->sink->data, (rect->x - job->region.x) * scale, (rect->y - job->region.y) * scale,
                           result, error);
}

/* The rows of RECT that are delivered together, from its row Y on. */
static NrRect
band (const NrRect *rect, gint y)
{
  return (NrRect) { rect->x, rect->y + y, rect->width, MIN (NR_DELIVER_ROWS, rect->height - y) };
}

/* -- The same size ------------------------------------------------------------------------------------------------- */

/* Adds the change to SOURCE, which becomes the result. VIEW is the source as the network saw it. */
static void
apply_change (const NrArguments *arguments, NrPicture *source, const NrPicture *view, const Answer *answer)
{
  const gsize plane = (gsize) source->width * source->height;

  for (gint y = 0; y < source->height; y++)
    for (gint x = 0; x < source->width; x++)
      {
        const gsize  i     = (gsize) y * source->width + x;
        const gfloat share = arguments->strength * selection (arguments, source->weight, i);

        if (! (share > 0) || (source->alpha && ! (source->alpha[i] > 0)))
          continue;
        for (gint c = 0; c < source->n_channels; c++)
          {
            gfloat *value = source->color + c * plane + i;

            if (isfinite (*value))
              *value += share * (answer_at (answer, source->n_channels, c, x, y) - view->color[c * plane + i]);
          }
      }
}

static gboolean
deliver_same_size (NrJob *job, const NrRect *rect, const Answer *answer, GError **error)
{
  g_autoptr (NrPicture) result = nr_window_read_source (job->source, rect, error);
  g_autoptr (NrPicture) view   = NULL;

  if (! result)
    return FALSE;
  view = nr_window_read (job->source, rect, answer->low, answer->high, error);
  if (! view)
    return FALSE;
  apply_change (job->arguments, result, view, answer);
  return nr_deliver_result (job, rect, result, 1, error);
}

/* -- Enlarged ------------------------------------------------------------------------------------------------------ */

/* The source around a rectangle, and where the rectangle lies in it. */
typedef struct
{
  NrPicture *source, *view;
  gint       x, y, width, height, scale;
} Surroundings;

static gfloat *
enlarge (const Surroundings *around, const gfloat *plane, NrEnlargeFilter filter)
{
  return nr_enlarge_plane (plane, around->source->width, around->source->height,
                           around->x, around->y, around->width, around->height, around->scale, filter);
}

/* Index in the surroundings of the source pixel under result pixel (x, y). */
static gsize
source_index (const Surroundings *around, gint x, gint y)
{
  return (gsize) (around->y + y / around->scale) * around->source->width + around->x + x / around->scale;
}

/* Enlarged difference between channel C of the source and its view, or NULL when there is none: nothing outside the
 * network's range. Pixels that the view made up count as inside. */
static gfloat *
enlarge_excess (const Surroundings *around, gint c)
{
  const NrPicture   *source = around->source;
  const gsize        plane  = (gsize) source->width * source->height;
  g_autofree gfloat *excess = g_new0 (gfloat, plane);
  gboolean           is_any = FALSE;

  for (gsize i = 0; i < plane; i++)
    {
      const gfloat value = source->color[c * plane + i];

      if (! isfinite (value) || (source->alpha && ! (source->alpha[i] > 0)))
        continue;
      excess[i] = value - around->view->color[c * plane + i];
      is_any    = is_any || excess[i] != 0;
    }
  return is_any ? enlarge (around, excess, NR_FILTER_LINEAR) : NULL;
}

static void
enlarge_alpha (const Surroundings *around, NrPicture *result)
{
  const gsize n = (gsize) result->width * result->height;

  result->alpha = enlarge (around, around->source->alpha, NR_FILTER_CUBIC);
  for (gsize i = 0; i < n; i++)
    result->alpha[i] = CLAMP (result->alpha[i], 0, 1);
}

/* Fills channel C of RESULT; SHARE is the enlarged selection or NULL. */
static void
enlarge_channel (const Surroundings *around, const Answer *answer, const gfloat *share, gint c, NrPicture *result)
{
  const NrPicture   *source = around->source;
  const gsize        plane  = (gsize) source->width * source->height;
  const gsize        n      = (gsize) result->width * result->height;
  const gfloat      *color  = source->color + c * plane;
  g_autofree gfloat *excess = enlarge_excess (around, c);
  g_autofree gfloat *plain  = share ? enlarge (around, around->view->color + c * plane, NR_FILTER_CUBIC) : NULL;

  for (gint y = 0; y < result->height; y++)
    for (gint x = 0; x < result->width; x++)
      {
        const gsize i     = (gsize) y * result->width + x;
        const gsize from  = source_index (around, x, y);
        gfloat      value = answer_at (answer, result->n_channels, c, x, y);

        if (share)
          {
            const gfloat base = CLAMP (plain[i], answer->low, answer->high);

            value = base + share[i] * (value - base);
          }
        if (excess)
          value += excess[i];
        if (! isfinite (color[from]) || (result->alpha && ! (result->alpha[i] > 0)))
          value = color[from];
        result->color[c * n + i] = value;
      }
}

/* The enlarged selection, or NULL without one. */
static gfloat *
enlarge_selection (const NrArguments *arguments, const Surroundings *around)
{
  const gsize n     = (gsize) around->width * around->height * around->scale * around->scale;
  gfloat     *share = NULL;

  if (! around->source->weight)
    return NULL;
  share = enlarge (around, around->source->weight, NR_FILTER_CUBIC);
  for (gsize i = 0; i < n; i++)
    share[i] = selection (arguments, share, i);
  return share;
}

static gboolean
deliver_enlarged (NrJob *job, const NrRect *rect, const Answer *answer, gint scale, GError **error)
{
  const NrSource       *source = job->source;
  g_autoptr (NrPicture) pixels = NULL;
  g_autoptr (NrPicture) view   = NULL;
  g_autoptr (NrPicture) result = NULL;
  g_autofree gfloat    *share  = NULL;
  Surroundings          around = { .width = rect->width, .height = rect->height, .scale = scale };
  NrRect                grown;

  grown    = nr_window_grow (source, rect, NR_ENLARGE_MARGIN);
  around.x = rect->x - grown.x;
  around.y = rect->y - grown.y;
  pixels   = nr_window_read_source (source, &grown, error);
  view     = pixels ? nr_window_read (source, &grown, answer->low, answer->high, error) : NULL;
  if (! view)
    return FALSE;
  around.source = pixels;
  around.view   = view;
  result        = nr_window_picture_new (rect->width * scale, rect->height * scale, source->n_channels, FALSE, FALSE, error);
  if (! result)
    return FALSE;

  if (pixels->alpha)
    enlarge_alpha (&around, result);
  share = enlarge_selection (job->arguments, &around);
  for (gint c = 0; c < result->n_channels; c++)
    enlarge_channel (&around, answer, share, c, result);
  return nr_deliver_result (job, rect, result, scale, error);
}

gboolean
nr_deliver (NrJob           *job,
            const NrRect    *rect,
            const NrPicture *restored,
            gint             x,
            gint             y,
            gint             scale,
            gfloat           low,
            gfloat           high,
            GError         **error)
{
  for (gint row = 0; row < rect->height; row += NR_DELIVER_ROWS)
    {
      const NrRect rows   = band (rect, row);
      const Answer answer = { restored, x, y + row * scale, low, high };

      if (! (scale == 1 ? deliver_same_size (job, &rows, &answer, error) : deliver_enlarged (job, &rows, &answer, scale, error)))
        return FALSE;
    }
  return TRUE;
}

guint64
nr_deliver_memory (gint width, gint scale)
{
  const guint64 n_pixels = (guint64) width * (NR_DELIVER_ROWS + 2 * NR_ENLARGE_MARGIN);
  const guint64 n_scaled = (guint64) width * NR_DELIVER_ROWS * scale * scale;

  /* The source and its view; the result, and while a channel is enlarged the selection, the plain one and the excess. */
  return (n_pixels * (5 + 3 + 1) + (scale > 1 ? n_scaled * (4 + 3) : 0)) * sizeof (gfloat);
}

static gboolean
show (gpointer data, gint x, gint y, const NrPicture *from, GError **error)
{
  const NrSink *sink = data;

  sink->show (sink->data, x, y, from);
  return TRUE;
}

void
nr_deliver_show (NrJob           *job,
                 const NrRect    *rect,
                 const NrPicture *restored,
                 gint             x,
                 gint             y,
                 gint             scale,
                 gfloat           low,
                 gfloat           high)
{
  const NrSink sink    = { show, (gpointer) job->sink, NULL };
  NrJob        showing = *job;

  showing.sink = &sink;
  if (job->sink->show) /* a source that cannot be read will say so when it counts */
    nr_deliver (&showing, rect, restored, x, y, scale, low, high, NULL);
}

gboolean
nr_deliver_is_seen (NrJob *job, const NrRect *rect, gint scale, gboolean *is_seen, GError **error)
{
  const NrSource *source = job->source;

  *is_seen = scale != 1 || (! source->has_weight && ! source->has_alpha);
  for (gint y = 0; y < rect->height && ! *is_seen; y += NR_DELIVER_ROWS)
    {
      const NrRect          rows   = band (rect, y);
      g_autoptr (NrPicture) pixels = nr_window_read_source (source, &rows, error);

      if (! pixels)
        return FALSE;
      for (gsize i = 0; i < (gsize) rows.width * rows.height && ! *is_seen; i++)
        *is_seen = (! pixels->weight || pixels->weight[i] > 0) && (! pixels->alpha || pixels->alpha[i] > 0);
    }
  return TRUE;
}

gboolean
nr_deliver_unchanged (NrJob *job, const NrRect *rect, gdouble share, GError **error)
{
  const gdouble first = job->fraction;

  for (gint y = 0; y < rect->height; y += NR_DELIVER_ROWS)
    {
      const NrRect          rows   = band (rect, y);
      g_autoptr (NrPicture) source = NULL;

      if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
        return FALSE;
      source = nr_window_read_source (job->source, &rows, error);
      if (! source || ! nr_deliver_result (job, &rows, source, 1, error))
        return FALSE;
      nr_job_progress (job, first + share * (y + rows.height) / rect->height);
    }
  return TRUE;
}
