/* Lists of axes, which moved from an attribute to an input in later opsets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/node.h"

/* Marks in IS_AXIS (room for NR_MAX_RANK) each axis of the list: attribute "axes" or, from opset SINCE on, constant input
 * I. An axis outside [-rank, rank) or listed twice is an error. *n: how many; 0 with an empty or no list. */
gboolean nr_axes_read (const NrNode *node, gint since, guint i, guint rank, gboolean *is_axis, guint *n, GError **error);

/* The same, in the list's order into AXES (room for NR_MAX_RANK). */
gboolean nr_axes_read_list (const NrNode *node, gint since, guint i, guint rank, guint *axes, guint *n, GError **error);
