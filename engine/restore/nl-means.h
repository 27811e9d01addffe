/* The method "nl-means" of denoise.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* As NrMethod (method.h) says. */
gboolean nr_nl_means_run (NrJob *job, GError **error);
gboolean nr_nl_means_estimate (const NrArguments *arguments,
                               gint               width,
                               gint               height,
                               gdouble           *seconds,
                               gdouble           *memory_mib,
                               GError           **error);
