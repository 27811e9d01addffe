/* The frame around fill methods: finds the holes, hands each with its surroundings to a method, delivers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* As NrMethod (method.h) says. */
gboolean nr_fill_run_patch_match (NrJob *job, GError **error);
gboolean nr_fill_estimate_patch_match (const NrArguments *arguments,
                                       gint               width,
                                       gint               height,
                                       gdouble           *seconds,
                                       gdouble           *memory_mib,
                                       GError           **error);
