/* The files of a model package, whether it is a folder or a .dtmodel archive. All of it is hostile until checked.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-restore.h"

/* What a package may hold at most. */
enum
{
  NR_PACKAGE_MAX_FILES    = 256,
  NR_PACKAGE_MAX_CONFIG   = 1 << 20, /* bytes of config.json */
  NR_PACKAGE_MAX_FILE_MIB = 1024,
  NR_PACKAGE_MAX_MIB      = 2048 /* unpacked */
};

/* TRUE when PATH ends like an archive of a package. */
gboolean nr_package_is_archive (const gchar *path);

/* The file NAME (a plain file name) of the package at PATH, NULL with an error when it is missing, larger than MAX bytes
 * or not a regular file. An archive may have its files at the top or in one folder. */
GBytes *nr_package_files_load (const gchar *path, const gchar *name, gsize max, GError **error);

/* Whether the package at PATH has a regular file NAME. */
gboolean nr_package_files_has (const gchar *path, const gchar *name);

/* Copies the regular files of the package at PATH (those directly in its folder) into the existing folder TO.
 * FALSE with an error at the first thing that is wrong: a name that leaves the folder, a link, too many or too large
 * files, an archive that unpacks to far more than it is. What was copied until then stays in TO. */
gboolean nr_package_files_extract (const gchar *path, const gchar *to, GError **error);

/* Deletes PATH and all below it, never following links. */
gboolean nr_package_files_delete (const gchar *path, GError **error);
