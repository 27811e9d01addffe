/* How noisy a picture is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "measured.h"
#include "noise-estimate.h"
#include "noise-features.h"
#include "noise-table.h"
#include "window.h"

/* Noise below this is not visible, and about what rounding to 8 bits leaves: taken as none. */
static const gdouble least_sigma = 0.5;
/* The networks know nothing stronger. */
static const gdouble most_sigma = 100;
/* Between these a faint sigma may be fine texture, whose loss is worse than some noise that stays: less of it is told. */
static const gdouble surely_clean = 1, surely_noisy = 3;
/* As in weights/train/noise_level.py. */
static const gdouble least_factor = 0.7, most_factor = 2.2;

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

/* Trained by weights/train/noise_level.py. */
static gdouble
sigma_from_features (gfloat features[3][NR_NOISE_N_FEATURES], guint c)
{
  const gfloat *own = features[c];
  const gfloat *a   = features[(c + 1) % 3];
  const gfloat *b   = features[(c + 2) % 3];
  gfloat        input[2 * NR_NOISE_N_FEATURES];
  gfloat        output;
  gdouble       sigma;

  for (guint i = 0; i < NR_NOISE_N_FEATURES; i++)
    {
      input[i]                       = own[i];
      input[NR_NOISE_N_FEATURES + i] = (a[i] + b[i]) / 2;
    }
  nr_small_network_run (&nr_noise_network, input, &output);

  sigma = exp (output) - 1;
  return sigma < least_sigma ? 0 : MIN (sigma, most_sigma);
}

/* 0 below LOW, 1 above HIGH. */
static gdouble
rise (gdouble value, gdouble low, gdouble high)
{
  return CLAMP ((value - low) / (high - low), 0, 1);
}

gdouble
nr_noise_sigma (const NrNoise *noise)
{
  const gdouble *sigma = noise->sigma;

  return sqrt ((sigma[0] * sigma[0] + sigma[1] * sigma[1] + sigma[2] * sigma[2]) / 3);
}

/* What a network is best told, from the noise FOUND and the channels' mean GRAIN. Grey pictures, whose grain says nothing of
 * differences, are told their sigma. */
static gdouble
calibrated_level (gdouble found, const gdouble grain[NR_NOISE_N_GRAIN])
{
  const gboolean is_grey = grain[3] == 0 && grain[4] == 0 && grain[5] == 0;
  const gdouble  level   = found * rise (found, surely_clean, surely_noisy);
  gdouble        sum     = nr_noise_calibration[NR_NOISE_N_GRAIN] * log1p (found) + nr_noise_calibration[NR_NOISE_N_GRAIN + 1];

  for (guint i = 0; i < NR_NOISE_N_GRAIN; i++)
    sum += nr_noise_calibration[i] * grain[i];
  if (is_grey)
    sum = 0;
  return MIN (level * CLAMP (exp (sum), least_factor, most_factor), most_sigma);
}

gboolean
nr_noise_estimate (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error)
{
  g_autoptr (NrNoiseBlocks) blocks                  = nr_noise_blocks_new ();
  gdouble                   grain[NR_NOISE_N_GRAIN] = { 0 };
  gfloat                    features[3][NR_NOISE_N_FEATURES];
  gboolean                  has_blocks = TRUE;

  *noise = (NrNoise) { .level = 0 };
  if (! collect (source, blocks, cancellable, error))
    return FALSE;
  for (guint c = 0; c < 3; c++)
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      has_blocks = has_blocks && nr_noise_blocks_features (blocks, c, features[c]);
    }
  for (guint c = 0; has_blocks && c < 3; c++)
    {
      gdouble channel_grain[NR_NOISE_N_GRAIN];

      noise->sigma[c] = sigma_from_features (features, c);
      nr_noise_grain (features[c], channel_grain);
      for (guint i = 0; i < NR_NOISE_N_GRAIN; i++)
        grain[i] += channel_grain[i] / 3;
    }
  noise->level = calibrated_level (nr_noise_sigma (noise), grain);
  nr_noise_blocks_curve (blocks, noise->curve);
  return TRUE;
}

/* -- Telling it ---------------------------------------------------------------------------------------------------- */

gboolean
nr_noise_has_map (const NrNoise *noise)
{
  for (guint i = 0; i < NR_NOISE_N_STEPS; i++)
    if (noise->curve[i] != 1)
      return noise->level > 0;
  return FALSE;
}

/* Means over the pixels up to NR_NOISE_MAP_RADIUS away, along a line of N values STEP apart. */
static void
average_line (const gfloat *from, gfloat *to, gsize step, gint n)
{
  gdouble sum = 0;

  for (gint i = -NR_NOISE_MAP_RADIUS; i < NR_NOISE_MAP_RADIUS; i++)
    sum += from[CLAMP (i, 0, n - 1) * step];
  for (gint i = 0; i < n; i++)
    {
      sum += from[MIN (i + NR_NOISE_MAP_RADIUS, n - 1) * step];
      to[i * step] = sum / (2 * NR_NOISE_MAP_RADIUS + 1);
      sum -= from[MAX (i - NR_NOISE_MAP_RADIUS, 0) * step];
    }
}

static gfloat
curve_at (const gfloat *curve, gfloat brightness)
{
  const gfloat place = CLAMP (brightness * NR_NOISE_N_STEPS - 0.5f, 0, NR_NOISE_N_STEPS - 1);
  const gint   below = MIN ((gint) place, NR_NOISE_N_STEPS - 2);

  return curve[below] + (curve[below + 1] - curve[below]) * (place - below);
}

/* PLANE becomes its local means; SPARE is as large. */
static void
average_plane (gfloat *plane, gfloat *spare, gint width, gint height)
{
  for (gint y = 0; y < height; y++)
    average_line (plane + (gsize) y * width, spare + (gsize) y * width, 1, width);
  for (gint x = 0; x < width; x++)
    average_line (spare + x, plane + x, width, height);
}

void
nr_noise_map (const NrNoise *noise, const NrPicture *input, gfloat *plane)
{
  const gsize        n     = (gsize) input->width * input->height;
  g_autofree gfloat *spare = NULL;

  if (! nr_noise_has_map (noise))
    {
      for (gsize i = 0; i < n; i++)
        plane[i] = noise->level / 255;
      return;
    }
  spare = g_new (gfloat, n);
  for (gsize i = 0; i < n; i++)
    plane[i] = (input->color[i] + input->color[n + i] + input->color[2 * n + i]) / 3;
  average_plane (plane, spare, input->width, input->height);
  for (gsize i = 0; i < n; i++)
    plane[i] = noise->level / 255 * curve_at (noise->curve, plane[i]);
}

/* Mean square of min (max (VALUE + noise, 0), 1) - VALUE for normal noise. */
static gdouble
clipped_square (gdouble value, gdouble sigma)
{
  const gdouble low        = -value / sigma;
  const gdouble high       = (1 - value) / sigma;
  const gdouble below      = erfc (-low * sqrt (0.5)) / 2;
  const gdouble above      = erfc (high * sqrt (0.5)) / 2;
  const gdouble at_low     = exp (-low * low / 2) / sqrt (2 * G_PI);
  const gdouble at_high    = exp (-high * high / 2) / sqrt (2 * G_PI);
  const gdouble not_cut    = sigma * sigma * (1 - below - above - high * at_high + low * at_low);
  const gdouble cut_at_end = value * value * below + (1 - value) * (1 - value) * above;

  return not_cut + cut_at_end;
}

gdouble
nr_noise_mean_square (const NrNoise *noise, const NrPicture *input, GError **error)
{
  const gsize        n      = (gsize) input->width * input->height;
  g_autofree gfloat *planes = g_try_new (gfloat, 3 * n);
  gfloat            *told   = planes;
  gfloat            *means  = planes + n;
  gfloat            *spare  = planes + 2 * n;
  gdouble            share, sum = 0;

  if (! planes)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY, "not enough memory for the noise of %d x %d pixels",
                   input->width, input->height);
      return -1;
    }
  if (! (noise->level > 0))
    return 0;
  share = nr_noise_sigma (noise) / noise->level;
  nr_noise_map (noise, input, told);
  for (guint c = 0; c < 3; c++)
    {
      memcpy (means, input->color + c * n, n * sizeof (gfloat));
      average_plane (means, spare, input->width, input->height);
      for (gsize i = 0; i < n; i++)
        sum += told[i] > 0 ? clipped_square (CLAMP (means[i], 0, 1), share * told[i]) : 0;
    }
  return sum / (3 * n);
}

gboolean
nr_noise_find (NrJob *job, gdouble share, NrNoise *noise, GError **error)
{
  const gdouble told = job->arguments->noise;

  if (told > 0)
    {
      *noise = (NrNoise) { { told, told, told }, told };
      for (guint i = 0; i < NR_NOISE_N_STEPS; i++)
        noise->curve[i] = 1;
    }
  else if (! nr_measure_noise (job->source, job->cancellable, noise, error))
    {
      return FALSE;
    }
  job->report->noise_estimate = noise->level;
  nr_job_progress (job, share);
  return TRUE;
}
