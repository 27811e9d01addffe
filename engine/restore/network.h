/* The method "network": denoise, deblur and super-resolve by a model package.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* As NrMethod (method.h) says. */
gboolean nr_network_run (NrJob *job, GError **error);
gboolean nr_network_estimate (const NrArguments *arguments,
                              gint               width,
                              gint               height,
                              gdouble           *seconds,
                              gdouble           *memory_mib,
                              GError           **error);
