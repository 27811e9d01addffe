/* Picture files through GEGL, metadata through Exiv2.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gegl.h>
#include <gio/gio.h>

/* Reads PNG, JPEG, TIFF, WebP, OpenEXR, Radiance or PPM, told by content, into a buffer of the file's own precision and
 * color space at (0, 0), turned as its EXIF orientation says. Only pictures that can be restored are returned (RGB or
 * grey): others are refused with a sentence. Unref the buffer. */
GeglBuffer *nr_picture_file_load (const gchar *path, GError **error);

/* Checks before any work that PATH can be written: known ending, room for HAS_ALPHA, not there yet unless FORCE. */
gboolean nr_picture_file_check_target (const gchar *path, gboolean has_alpha, gboolean force, GError **error);

/* Writes BUFFER to PATH in the format of its ending (precision as near to the buffer's as the format has, color profile
 * embedded) with the EXIF, IPTC and XMP data of METADATA_FROM. Written beside PATH and renamed: PATH is either the old
 * file or the whole new one. quality: 1 to 100, JPEG and WebP. */
gboolean nr_picture_file_save (GeglBuffer   *buffer,
                               const gchar  *path,
                               const gchar  *metadata_from,
                               gint          quality,
                               gboolean      force,
                               GCancellable *cancellable,
                               GError      **error);
