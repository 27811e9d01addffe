/* NumPy's .npy files, versions 1 to 3.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"

/* Reads a C-ordered, little-endian array of float64, float32, int64, int32, int8, uint8 or bool; float64 becomes float32.
 * Free with g_free (); NULL with an error. */
void *nr_npy_read (const gchar *path, NrShape *shape, GError **error);

/* Writes one, under another name first. */
gboolean nr_npy_write (const gchar *path, const NrShape *shape, const void *data, GError **error);
