/* The method "deep-image-prior": denoise, super-resolve and fill by fitting a network to the one picture there is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Only the region with some context is fitted, in one window or, where that would be too large, in windows that overlap
 * and are blended, each of which begins with the network of the one before. It can stop: the window or hole under way gets
 * the best there is, those not begun keep the source (super-resolve: its cubic enlargement).
 */

#pragma once

#include "job.h"
#include "prior-fit.h"

/* As NrMethod (method.h) says. */
gboolean nr_prior_run (NrJob *job, GError **error);
gboolean nr_prior_run_fill (NrJob *job, GError **error);
gboolean nr_prior_estimate (const NrArguments *arguments,
                            gint               width,
                            gint               height,
                            gdouble           *seconds,
                            gdouble           *memory_mib,
                            GError           **error);
gboolean nr_prior_estimate_fill (const NrArguments *arguments,
                                 gint               width,
                                 gint               height,
                                 gdouble           *seconds,
                                 gdouble           *memory_mib,
                                 GError           **error);
