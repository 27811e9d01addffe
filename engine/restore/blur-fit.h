/* How well a blur explains a picture's spectrum.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur.h"

enum
{
  NR_BLUR_N_BANDS = 10
};

/* The frequencies of a power spectrum that count. */
typedef struct _NrBlurFit NrBlurFit;

typedef struct
{
  NrBlur  blur; /* shape, size and angle are given, noise is fitted */
  gdouble cost; /* mean error of log P, 0: explains all */
  gdouble slope;
} NrBlurCandidate;

/* The noise that is found at least: less than rounding to 8 bits leaves, 0-255 scale. */
extern const gdouble nr_blur_least_noise;

/* POWER: NR_BLUR_BLOCK rows of NR_BLUR_HALF (blur-blocks.h). */
NrBlurFit *nr_blur_fit_new (const gdouble *power);
void       nr_blur_fit_free (NrBlurFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrBlurFit, nr_blur_fit_free)

/* A photograph's power falls with a power of the frequency, differently in different directions; a blur takes from it what
 * its transfer function says, down to the floor of the noise:
 *   P (f) = c |f|^-2a g (direction) |H (f)|^2 + n
 * c, a (the slope), g (two harmonics) and n are fitted to log P for the blur of CANDIDATE. Any thread. */
void nr_blur_fit_run (const NrBlurFit *fit, NrBlurCandidate *candidate);

/* Mean log P of rings of equal width from the lowest frequency that counts to the highest. */
void nr_blur_fit_bands (const NrBlurFit *fit, gfloat bands[NR_BLUR_N_BANDS]);
