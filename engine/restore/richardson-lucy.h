/* The method "richardson-lucy" of deblur.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* As NrMethod (method.h) says. */
gboolean nr_richardson_lucy_run (NrJob *job, GError **error);
gboolean nr_richardson_lucy_estimate (const NrArguments *arguments,
                                      gint               width,
                                      gint               height,
                                      gdouble           *seconds,
                                      gdouble           *memory_mib,
                                      GError           **error);
