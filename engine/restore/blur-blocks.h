/* What the blur estimate looks at: the spectrum and the edges of a picture's luma.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur-edges.h"
#include "nr-inference.h"
#include "nr-restore.h"

enum
{
  NR_BLUR_BLOCK = 128,                  /* side of the blocks whose spectra are averaged */
  NR_BLUR_HALF  = NR_BLUR_BLOCK / 2 + 1 /* columns of the spectrum of a real block */
};

typedef struct
{
  gdouble power[NR_BLUR_BLOCK * NR_BLUR_HALF]; /* mean power spectrum, rows of NR_BLUR_HALF columns */
  gfloat  edges[NR_BLUR_N_EDGES];
} NrBlurEvidence;

/* Looks at blocks of the whole of SOURCE, about 200 at most; the same result for any number of threads. The caller frees
 * with g_free (); NULL with the source's error or G_IO_ERROR_CANCELLED. */
NrBlurEvidence *nr_blur_blocks_read (const NrSource *source, NrPool *pool, GCancellable *cancellable, GError **error);
