/* How noisy a picture is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"
#include "noise-features.h"

typedef struct
{
  /* Standard deviation of the noise in each channel, on the 0-255 scale; grey has three equal ones. */
  gdouble sigma[3];

  /* The level that a network is best told; 0: no noise. nr_noise_sigma (), which is what networks were told in training,
   * times 0.7 to 2.2 for coarse noise: part of that is taken for texture unless more is told; less below 3, where it may be
   * texture. weights/train/noise_level.py fits the factor to what the network of nr-denoise makes of told levels. */
  gdouble level;

  /* What the level is to be multiplied with at each step of brightness (noise-features.h). */
  gfloat curve[NR_NOISE_N_STEPS];
} NrNoise;

/* Looks at SOURCE (all of it up to 16 megapixels, else at blocks on a fixed grid) a band at a time.
 * FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_noise_estimate (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error);

/* The noise itself: the root of the mean square over the channels. For methods that are no networks. */
gdouble nr_noise_sigma (const NrNoise *noise);

/* Whether the noise depends on brightness. Told noise does not. */
gboolean nr_noise_has_map (const NrNoise *noise);

/* Pixels around a pixel whose mean is its brightness for the noise map. */
enum
{
  NR_NOISE_MAP_RADIUS = 8
};

/* Fills PLANE with what INPUT's pixels are to be told of NOISE, on the scale of the picture (level / 255): the level times
 * the curve at each pixel's brightness, linear between the middles of the steps. INPUT: three planes, nominal 0 to 1; beyond
 * its border its pixels repeat. */
void nr_noise_map (const NrNoise *noise, const NrPicture *input, gfloat *plane);

/* Mean square over all channels of what NOISE has done to INPUT, whose values end at 0 and 1 and so cut it off; INPUT's local
 * means stand for what it was. INPUT as above; negative, with an error: no memory. */
gdouble nr_noise_mean_square (const NrNoise *noise, const NrPicture *input, GError **error);

/* The noise that JOB is to be restored with, told (the same at all brightnesses) or estimated; its level is the report's
 * noise_estimate. The estimate is SHARE of the job's progress. A level of 0: nothing is to be done. */
gboolean nr_noise_find (NrJob *job, gdouble share, NrNoise *noise, GError **error);
