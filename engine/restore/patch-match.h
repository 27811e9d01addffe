/* Content-aware fill without a network: bridging of thin holes, patch completion of wide ones.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* Fills the hole of a picture from its surroundings: pixels of weight above 0 (NULL: everything, which is refused)
 * get new colors, all others keep theirs bit for bit, as do pixels of alpha 0 everywhere, which are not copied from
 * either. NaN and infinity outside the hole are kept and not copied from, inside they are filled. Nothing is weighted
 * by the selection's feather: that is the caller's.
 * arguments->context: pixels looked at around each wide hole, 0: by its size; seed; threads.
 * progress is called on the calling thread. Takes about 50 bytes for each pixel of the hole's bounds with their context,
 * and 90 for each pixel of a wide part's bounds with theirs, beyond the picture itself.
 * Errors: NR_RESTORE_ERROR_PICTURE without any pixel to copy from, G_IO_ERROR_CANCELLED; the hole is undefined then.
 * The same bytes for any number of threads. */
gboolean nr_patch_match_fill (NrPicture         *picture,
                              const NrArguments *arguments,
                              NrRestoreProgress  progress,
                              gpointer           progress_data,
                              GCancellable      *cancellable,
                              GError           **error);
