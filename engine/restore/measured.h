/* Noise and blur of a source, measured once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur.h"
#include "noise-estimate.h"

/* nr_noise_estimate () and nr_blur_estimate (), or what source->measured knows already. */
gboolean nr_measure_noise (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error);
gboolean nr_measure_blur (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error);
