/* How noisy a picture is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "noise-estimate.h"
#include "noise-features.h"
#include "window.h"

/* Pixels that do not count: without alpha, or without a finite value. */
static gboolean
counts (const NrPicture *pixels, gsize i)
{
  const gsize plane = (gsize) pixels->width * pixels->height;

  if (pixels->alpha && ! (pixels->alpha[i] > 0))
    return FALSE;
  for (gint c = 0; c < pixels->n_channels; c++)
    if (! isfinite (pixels->color[c * plane + i]))
      return FALSE;
  return TRUE;
}

/* RECT of SOURCE as nr_noise_blocks_add () wants it. */
static NrPicture *
read_window (const NrSource *source, const NrRect *rect, GError **error)
{
  g_autoptr (NrPicture) pixels = nr_window_read_source (source, rect, error);
  g_autoptr (NrPicture) window = NULL;
  const gsize           plane  = (gsize) rect->width * rect->height;

  if (pixels)
    window = nr_window_picture_new (rect->width, rect->height, 3, FALSE, FALSE, error);
  if (! window)
    return NULL;
  for (gint c = 0; c < 3; c++)
    for (gsize i = 0; i < plane; i++)
      window->color[c * plane + i] = counts (pixels, i) ? 255 * pixels->color[(pixels->n_channels == 3 ? c * plane : 0) + i]
                                                        : NAN;
  return g_steal_pointer (&window);
}

/* Windows of the grid that are looked at lie this many windows apart in both directions. */
static gint
grid_step (const NrSource *source)
{
  const gint64 n_x  = (source->width + NR_NOISE_WINDOW - 1) / NR_NOISE_WINDOW;
  const gint64 n_y  = (source->height + NR_NOISE_WINDOW - 1) / NR_NOISE_WINDOW;
  gint64       step = 1;

  while (((n_x + step - 1) / step) * ((n_y + step - 1) / step) > NR_NOISE_MAX_WINDOWS)
    step++;
  return step;
}

/* Where the steps begin: the grid is centered in the picture. */
static gint
grid_start (gint size, gint step)
{
  return (size / NR_NOISE_WINDOW) % step / 2 * NR_NOISE_WINDOW;
}

static gboolean
collect (const NrSource *source, NrNoiseBlocks *blocks, GCancellable *cancellable, GError **error)
{
  const gint step = grid_step (source);

  for (gint y = grid_start (source->height, step); y < source->height; y += step * NR_NOISE_WINDOW)
    for (gint x = grid_start (source->width, step); x < source->width; x += step * NR_NOISE_WINDOW)
      {
        const NrRect          rect   = { x, y, MIN (NR_NOISE_WINDOW, source->width - x), MIN (NR_NOISE_WINDOW, source->height - y) };
        g_autoptr (NrPicture) window = NULL;

        if (g_cancellable_set_error_if_cancelled (cancellable, error))
          return FALSE;
        window = read_window (source, &rect, error);
        if (! window)
          return FALSE;
        nr_noise_blocks_add (blocks, window);
      }
  return TRUE;
}

gboolean
nr_noise_estimate (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error)
{
  g_autoptr (NrNoiseBlocks) blocks = nr_noise_blocks_new ();

  *noise = (NrNoise) { { 0 } };
  if (! collect (source, blocks, cancellable, error))
    return FALSE;
  for (guint c = 0; c < 3; c++)
    {
      gfloat features[NR_NOISE_N_FEATURES];

      if (nr_noise_blocks_features (blocks, c, features))
        noise->sigma[c] = MAX (exp (features[2]) - 0.1, 0);
    }
  return TRUE;
}

/* The root of the mean square: what the networks were told in training where channels differ. */
gdouble
nr_noise_level (const NrNoise *noise)
{
  const gdouble square = noise->sigma[0] * noise->sigma[0] + noise->sigma[1] * noise->sigma[1] + noise->sigma[2] * noise->sigma[2];

  return sqrt (square / 3);
}
