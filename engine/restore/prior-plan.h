/* What the tasks of the method "deep-image-prior" share: their network, how long it is fitted, what that takes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"
#include "prior-fit.h"

/* The network that ARGUMENTS ask for, for windows whose smaller side is about SIDE: a file's, or ours of KIND. */
gboolean nr_prior_plan_network (const NrArguments *arguments, NrPriorKind kind, gint side, NrPriorNetwork *network, GError **error);

/* How a window of WIDTH x HEIGHT (of the network's picture) is fitted. */
void nr_prior_plan_fit (const NrArguments *arguments, gint width, gint height, NrPriorFitOptions *options);

/* Seconds that fitting N windows of WIDTH x HEIGHT (of the network's picture) usually takes, from a calibration kept for
 * the process. */
gboolean nr_prior_plan_seconds (const NrArguments *arguments,
                                NrPriorKind        kind,
                                gdouble            n,
                                gint               width,
                                gint               height,
                                gdouble           *seconds,
                                GError           **error);

/* N rounded up to a multiple. */
gint nr_prior_plan_round_up (gint n, gint multiple);
