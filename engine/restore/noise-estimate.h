/* How noisy a picture is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* Standard deviation of the noise in each channel, on the 0-255 scale; grey has three equal ones. Grain: how much
 * coarser than single pixels the noise is, as the root of its variance over that of its finest details: 1 for white
 * noise, 1.5 to 5 after a camera's demosaicing and smoothing. */
typedef struct
{
  gdouble sigma[3];
  gdouble grain;
} NrNoise;

/* Looks at SOURCE (all of it up to 16 megapixels, else at blocks on a fixed grid) a band at a time.
 * FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_noise_estimate (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error);

/* The one level that a network is told: the root of the mean square over the channels, which is what networks were told
 * in training, and up to 1.4 times as much where the noise is coarse. A network takes coarse noise for texture; told
 * 1.5 times the true level it gained 0.93 dB instead of 0.72 on simulated camera pictures of the validation tiles, while
 * for white noise the true level is the best. */
gdouble nr_noise_level (const NrNoise *noise);

/* The level that JOB is to be restored with, told or estimated, as its report's noise_estimate; the estimate is SHARE of the
 * job's progress. *IS_CLEAN: there is no noise, so that nothing is to be done. */
gboolean nr_noise_find (NrJob *job, gdouble share, gboolean *is_clean, GError **error);
