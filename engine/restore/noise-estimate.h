/* How noisy a picture is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* Standard deviation of the noise in each channel, on the 0-255 scale; grey has three equal ones. */
typedef struct
{
  gdouble sigma[3];
} NrNoise;

/* Looks at SOURCE (all of it up to 16 megapixels, else at blocks on a fixed grid) a band at a time.
 * FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_noise_estimate (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error);

/* The one level that a network is told. */
gdouble nr_noise_level (const NrNoise *noise);
