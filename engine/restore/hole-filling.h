/* A picture with a hole as a network is shown it, and the network's answer put into the hole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

typedef struct
{
  gint    width, height; /* of all planes: the picture lies in their upper left corner, mirrored beyond its border */
  gfloat *known;         /* 3 planes within [0, 1]; 0.5 where nothing is known */
  gfloat *weight;        /* 3 equal planes: 1 known, 0 hole, transparent or not finite */
} NrHoleFilling;

/* Reads PICTURE, whose hole are the pixels of weight and alpha above 0. NR_RESTORE_ERROR_PICTURE when nothing is known.
 * WIDTH and HEIGHT are at least the picture's. */
gboolean nr_hole_filling_init (NrHoleFilling *filling, const NrPicture *picture, gint width, gint height, GError **error);
void     nr_hole_filling_clear (NrHoleFilling *filling);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (NrHoleFilling, nr_hole_filling_clear)

/* FILLING at a SCALE-th of its size, of whose sides SCALE is a divisor: a pixel is the mean of those known, and known where
 * there is one. */
void nr_hole_filling_reduce (const NrHoleFilling *filling, gint scale, NrHoleFilling *reduced);

/* Adds to ANSWER (3 planes of width x height) in the hole the smooth continuation of known - answer around it: the
 * gradients stay the answer's, the border is the picture's, as in Poisson blending (Perez, Gangnet, Blake, Poisson image
 * editing, 2003). G_IO_ERROR_CANCELLED. */
gboolean nr_hole_filling_match (const NrHoleFilling *filling, gfloat *answer, guint threads, GCancellable *cancellable, GError **error);

/* Writes ANSWER into the hole of PICTURE, clipped to [0, 1]; grey gets its luma. */
void nr_hole_filling_put (const NrHoleFilling *filling, const gfloat *answer, NrPicture *picture);
