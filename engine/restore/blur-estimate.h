/* How blurred a picture is, and in what way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur-blocks.h"
#include "blur-fit.h"

enum
{
  NR_BLUR_LEAST_SIDE = 48, /* smaller pictures tell nothing */
  NR_BLUR_N_SHAPES   = NR_BLUR_MOTION + 1,
  NR_BLUR_N_SIZES    = 14, /* of Gaussian blurs and of discs that are tried first */
  NR_BLUR_N_FEATURES = 1 + 2 * NR_BLUR_N_SIZES + 4 * NR_BLUR_N_SHAPES + NR_BLUR_N_EDGES + NR_BLUR_N_BANDS
};

/* What is known about a picture's blur before it is decided. */
typedef struct
{
  /* The one that explains the spectrum best, of each NrBlurShape. */
  NrBlurCandidate best[NR_BLUR_N_SHAPES];

  /* ln of the least cost of all; how much higher that of each of the first Gaussian blurs and discs is; of the best of each
   * shape: how much higher its cost is, its slope, ln of its noise, ln of its size; the edges' quantiles; the bands of the
   * spectrum. */
  gfloat features[NR_BLUR_N_FEATURES];
} NrBlurFindings;

/* Looks for the blurs that explain the spectrum of SOURCE. FALSE with the source's error or G_IO_ERROR_CANCELLED. SOURCE has
 * at least NR_BLUR_LEAST_SIDE pixels a side. */
gboolean nr_blur_search (const NrSource *source, guint threads, GCancellable *cancellable, NrBlurFindings *findings, GError **error);

/* Finds the one blur of SOURCE. The spectrum alone cannot always tell a weaker blur from a smoother picture, nor a disc from a
 * Gaussian; so a small network decides, from how well each blur explains it and from the width of the edges. What is in focus
 * outweighs what is not, so that a sharp subject before a soft background counts as sharp. Softness up to a sigma of 0.7
 * cannot be told from a lens.
 * Looks at blocks of the whole picture, about 200 at most. FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_blur_estimate (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error);
