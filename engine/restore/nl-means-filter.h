/* Non-local means of a picture in memory.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "filter-run.h"

/* Squared difference of the patches at p and q, q within SEARCH pixels of p in each direction:
 *   d2 (p, q) = mean over the patch and the three planes of (guide (p + i) - guide (q + i))^2
 *   w (p, q)  = exp (-max (d2 - floor, 0) / h2)
 * Whole patches are averaged, so that a pixel gets its share of every patch that it lies in:
 *   output (p) = sum over q, i: w (p - i, q - i) source (q)  /  sum over q, i: w (p - i, q - i) */
typedef struct
{
  gint   patch;  /* radius: a patch has 2 patch + 1 pixels a side */
  gint   search; /* radius */
  gfloat floor;  /* what noise alone makes of d2: twice its variance in the guide */
  gfloat h2;     /* above 0 */
} NrNlMeans;

/* Pixels around a result pixel that it depends on. */
gint nr_nl_means_reach (const NrNlMeans *rules);

/* OUTPUT from SOURCE, with patches compared in GUIDE: three planes of one size, finite values; GUIDE may be SOURCE,
 * OUTPUT neither. Beyond the border the planes are mirrored. exp (-x) is computed as max (0, 1 - x / 16)^16. FALSE
 * with an error when cancelled. All of the window's WORK, same bytes for any number of threads. Source: Buades, Coll, Morel, A non-local algorithm for image denoising, CVPR 2005; the floor and the averaging of whole
 * patches: the same authors, Non-local means denoising, Image Processing On Line 1, 2011. */
gboolean nr_nl_means (const NrNlMeans *rules,
                      const NrPicture *guide,
                      const NrPicture *source,
                      NrPicture       *output,
                      NrFilterWork    *work,
                      GError         **error);

/* Bytes that nr_nl_means () takes for planes of WIDTH x HEIGHT. */
guint64 nr_nl_means_memory (const NrNlMeans *rules, gint width, gint height, guint n_threads);
