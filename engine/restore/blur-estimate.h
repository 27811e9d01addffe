/* How blurred a picture is, and in what way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur.h"

/* Finds the one blur of SOURCE that explains its spectrum best. A photograph's power falls with a power of the frequency,
 * differently in different directions; a blur takes from it what its transfer function says, down to the floor of the
 * noise:
 *   P (f) = c |f|^-2a g (direction) |H (f)|^2 + n
 * c, a, g (two harmonics) and n are fitted to log P for every blur that is considered, and the blur with the least error
 * wins. What is in focus outweighs what is not, so that a sharp subject before a soft background counts as sharp. Softness
 * up to a sigma of 0.7 cannot be told from a lens.
 * Looks at blocks of the whole picture, about 200 at most. FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_blur_estimate (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error);
