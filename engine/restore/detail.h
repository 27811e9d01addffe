/* Fine luminance texture back into a denoised picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* Pixels around a result pixel that it depends on. */
enum
{
  NR_DETAIL_RADIUS = 8
};

/* Adds to DENOISED (three planes) what it has lost of NOISY's fine luminance texture, AMOUNT (0 to 1) of it:
 *   lost   = luma (noisy) - luma (denoised)
 *   fine   = lost - its local mean
 *   share  = T / (T + N), T the variance of luma (denoised) around the pixel, N that of lost
 *   result = denoised + amount * share * fine, the same in all channels
 * Where the denoised picture is flat (sky, skin out of focus) the share is near 0 and the noise stays away; in grass,
 * hair and cloth it hides in the texture, which looks less smoothed. Colors never get noise back. Local means are
 * Gaussian, sigma 1.5; beyond the planes' border its pixels repeat. Both pictures have one size. */
void nr_detail_restore (const NrPicture *noisy, NrPicture *denoised, gfloat amount);
