/* Reading what a network sees: a rectangle of the source, continued beyond its border, in the network's range.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* Rec. 709 weights, applied to encoded values: what becomes of a color network's answer to a grey picture. The three
 * add up to 1, so equal planes come back unchanged up to rounding. */
extern const gfloat nr_luma_weights[3];

/* x mirrored at the picture's border without repeating the edge pixel (NumPy's "reflect") into 0 ... size - 1. */
gint nr_window_mirror (gint x, gint size);

/* RECT and MARGIN pixels around it, as far as the source reaches. */
NrRect nr_window_grow (const NrSource *source, const NrRect *rect, gint margin);

/* The rectangle RECT of SOURCE's coordinates as a network sees it: three planes, no alpha, every value finite and within
 * [LOW, HIGH]. RECT may lie partly or wholly outside: the source is mirrored. Grey gives three equal planes; pixels that
 * are not usable are filled (nr_repair). The result does not depend on how a picture is cut into rectangles.
 * The caller frees; NULL with NR_RESTORE_ERROR_MEMORY or the source's error. */
NrPicture *nr_window_read (const NrSource *source, const NrRect *rect, gfloat low, gfloat high, GError **error);

/* The rectangle RECT, inside SOURCE, with all its planes as they are. The caller frees. */
NrPicture *nr_window_read_source (const NrSource *source, const NrRect *rect, GError **error);

/* nr_picture_new () with an error. */
NrPicture *nr_window_picture_new (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight, GError **error);
