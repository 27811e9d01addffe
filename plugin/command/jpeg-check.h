/* Whether a JPEG file can be decoded to its end.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

/* Decodes the file and throws the pixels away: NULL when it is whole, else what is wrong with it (free it). GEGL's own
 * loader ends the program at a damaged file and fills the rest of a truncated one with grey. */
gchar *nr_jpeg_find_damage (const gchar *path);
