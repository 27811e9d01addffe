/* Orthonormal cosine transform (DCT-II) of 8 x 8 blocks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

/* In place, 64 floats row-major, 16-byte aligned. forward leaves the coefficients transposed (row = horizontal frequency), which
 * inverse expects; coefficient 0 is 8 times the block's mean in either order. Allocates nothing, any thread. */
void nr_dct8_forward (gfloat *block);
void nr_dct8_inverse (gfloat *block);
