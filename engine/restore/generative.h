/* The method "generative" of fill: completes a hole with what a generator of pictures makes of its surroundings. It knows
 * only what its generator has learned; the one that comes with the program knows aligned faces of 64 x 64 pixels.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The package holds generator.onnx and discriminator.onnx (latent-search.h). A square around the hole, as wide as hole and
 * context, is reduced to the generator's size; what the search finds is enlarged and takes its color from what surrounds
 * the hole (hole-filling.h).
 */

#pragma once

#include "job.h"

/* As NrMethod (method.h) says. */
gboolean nr_generative_run (NrJob *job, GError **error);
gboolean nr_generative_estimate (const NrArguments *arguments,
                                 gint               width,
                                 gint               height,
                                 gdouble           *seconds,
                                 gdouble           *memory_mib,
                                 GError           **error);
