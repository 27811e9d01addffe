/* Which initialisers of a model are trained.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "model.h"

/* Indices of values (guint), as nr-gradient.h says; free with g_array_unref (). */
GArray *nr_parameters_find (const NrModel *model);
