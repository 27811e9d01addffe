/* Holes far from each other are filled one after the other, so that two specks of dust at opposite corners of a large
 * picture do not need all of it in memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* Holes close to each other, in source coordinates. */
typedef struct
{
  NrRect bounds; /* of the pixels with weight above 0 */
  NrRect area;   /* bounds and their context: what a method reads */
} NrHoleGroup;

/* Groups the pixels of weight above 0 inside REGION of SOURCE, which has a selection. Holes whose areas touch are one
 * group, so that no two bounds overlap. CONTEXT: pixels around a group, 0: as many as its longer side, from 64 to 512.
 * An array of NrHoleGroup, from top to bottom; empty when nothing is selected. NULL with the source's error or
 * G_IO_ERROR_CANCELLED. */
GArray *nr_hole_groups_find (const NrSource *source, const NrRect *region, gint context, GCancellable *cancellable, GError **error);

/* Appends GROUP to GROUPS, cut into blocks whose areas have at most MAX_PIXELS, row by row. Blocks are to be filled in
 * order, each taking what was filled before as known. FALSE when that is too little for any block with its context. */
gboolean nr_hole_groups_append (GArray *groups, const NrSource *source, const NrHoleGroup *group, gint context, guint64 max_pixels);
