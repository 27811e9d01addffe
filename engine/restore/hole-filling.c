/* A picture with a hole as a network is shown it: see hole-filling.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "hole-filling.h"

#include <math.h>

#include "membrane.h"
#include "window.h"

static gboolean
is_visible (const NrPicture *picture, gsize i)
{
  return ! picture->alpha || picture->alpha[i] > 0;
}

static gboolean
is_hole (const NrPicture *picture, gsize i)
{
  return (! picture->weight || picture->weight[i] > 0) && is_visible (picture, i);
}

static gboolean
is_known (const NrPicture *picture, gsize i)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gint c = 0; c < picture->n_channels; c++)
    if (! isfinite (picture->color[c * plane + i]))
      return FALSE;
  return is_visible (picture, i) && ! is_hole (picture, i);
}

void
nr_hole_filling_clear (NrHoleFilling *filling)
{
  g_clear_pointer (&filling->known, g_free);
  g_clear_pointer (&filling->weight, g_free);
}

/* Pixel I of the filling from pixel FROM of the picture; whether it is known. */
static gboolean
take (NrHoleFilling *filling, const NrPicture *picture, gsize i, gsize from)
{
  const gsize    plane         = (gsize) filling->width * filling->height;
  const gsize    picture_plane = (gsize) picture->width * picture->height;
  const gboolean known         = is_known (picture, from);

  for (gint c = 0; c < 3; c++)
    {
      const gsize channel = picture->n_channels == 3 ? c : 0;

      filling->known[c * plane + i]  = known ? CLAMP (picture->color[channel * picture_plane + from], 0, 1) : 0.5f;
      filling->weight[c * plane + i] = known;
    }
  return known;
}

gboolean
nr_hole_filling_init (NrHoleFilling *filling, const NrPicture *picture, gint width, gint height, GError **error)
{
  const gsize n         = (gsize) width * height;
  gboolean    any_known = FALSE;

  *filling = (NrHoleFilling) { width, height, g_try_new (gfloat, 3 * n), g_try_new (gfloat, 3 * n) };
  if (! filling->known || ! filling->weight)
    {
      nr_hole_filling_clear (filling);
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
                   "not enough memory to fill a hole within %d x %d pixels; select a smaller area", width, height);
      return FALSE;
    }

  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      {
        const gsize from = (gsize) nr_window_mirror (y, picture->height) * picture->width + nr_window_mirror (x, picture->width);

        any_known |= take (filling, picture, (gsize) y * width + x, from);
      }
  if (any_known)
    return TRUE;

  nr_hole_filling_clear (filling);
  g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                       "the selection leaves no pixel around it to fill from; select a smaller area or look at more "
                       "context");
  return FALSE;
}

/* Pixel (X, Y) of a filling reduced by SCALE. */
static void
reduce_pixel (const NrHoleFilling *filling, gint scale, NrHoleFilling *reduced, gint x, gint y)
{
  const gsize plane         = (gsize) filling->width * filling->height;
  const gsize reduced_plane = (gsize) reduced->width * reduced->height;
  const gsize to            = (gsize) y * reduced->width + x;
  gfloat      sum[3]        = { 0, 0, 0 };
  gint        n_known       = 0;

  for (gint v = 0; v < scale; v++)
    for (gint u = 0; u < scale; u++)
      {
        const gsize from = (gsize) (y * scale + v) * filling->width + x * scale + u;

        if (! (filling->weight[from] > 0))
          continue;
        n_known++;
        for (gint c = 0; c < 3; c++)
          sum[c] += filling->known[c * plane + from];
      }
  for (gint c = 0; c < 3; c++)
    {
      reduced->known[c * reduced_plane + to]  = n_known > 0 ? sum[c] / n_known : 0.5f;
      reduced->weight[c * reduced_plane + to] = n_known > 0;
    }
}

void
nr_hole_filling_reduce (const NrHoleFilling *filling, gint scale, NrHoleFilling *reduced)
{
  const gint  width  = filling->width / scale;
  const gint  height = filling->height / scale;
  const gsize n      = (gsize) width * height;

  *reduced = (NrHoleFilling) { width, height, g_new (gfloat, 3 * n), g_new (gfloat, 3 * n) };
  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      reduce_pixel (filling, scale, reduced, x, y);
}

gboolean
nr_hole_filling_match (const NrHoleFilling *filling, gfloat *answer, guint threads, GCancellable *cancellable, GError **error)
{
  const gsize        n          = (gsize) filling->width * filling->height;
  g_autofree gfloat *difference = g_new (gfloat, 3 * n);
  g_autofree guint8 *is_unknown = g_new (guint8, n);
  g_autoptr (NrPool) pool       = nr_pool_new (threads);
  NrFillJob          job        = { .pool = pool, .cancellable = cancellable };

  for (gsize i = 0; i < 3 * n; i++)
    difference[i] = filling->known[i] - answer[i];
  for (gsize i = 0; i < n; i++)
    is_unknown[i] = ! (filling->weight[i] > 0);

  if (! nr_membrane_fill (&job, difference, 3, filling->width, filling->height, is_unknown))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the fill was cancelled");
      return FALSE;
    }
  for (gsize i = 0; i < 3 * n; i++)
    if (is_unknown[i % n])
      answer[i] += difference[i];
  return TRUE;
}

void
nr_hole_filling_put (const NrHoleFilling *filling, const gfloat *answer, NrPicture *picture)
{
  const gsize plane         = (gsize) filling->width * filling->height;
  const gsize picture_plane = (gsize) picture->width * picture->height;

  for (gint y = 0; y < picture->height; y++)
    for (gint x = 0; x < picture->width; x++)
      {
        const gsize   to   = (gsize) y * picture->width + x;
        const gfloat *from = answer + (gsize) y * filling->width + x;

        if (! is_hole (picture, to))
          continue;
        if (picture->n_channels == 1)
          picture->color[to] = CLAMP (nr_luma_weights[0] * from[0] + nr_luma_weights[1] * from[plane] + nr_luma_weights[2] * from[2 * plane], 0, 1);
        else
          for (gint c = 0; c < 3; c++)
            picture->color[c * picture_plane + to] = CLAMP (from[c * plane], 0, 1);
      }
}
