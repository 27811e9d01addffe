/* Results into the image: layers, masks, undo.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "layer-job.h"

G_BEGIN_DECLS

typedef struct
{
  GimpImage *image;  /* the job's, or the new one */
  GPtrArray *layers; /* GimpLayer, one a piece */
} NrPlacement;

/* Puts the results of a computed JOB into its image (one undo step) or, as the settings say, into a new one. When the
 * image or a source was closed or deleted meanwhile, or GIMP refuses a step, everything is as before and NULL is
 * returned. */
NrPlacement *nr_placement_new (const NrLayerJob *job, GError **error);
void         nr_placement_free (NrPlacement *placement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPlacement, nr_placement_free)

G_END_DECLS
