/* The files of a model package, whether it is a folder or a .dtmodel archive.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "package-files.h"

typedef struct archive Archive;

static void
archive_close_and_free (Archive *archive)
{
  archive_read_free (archive);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Archive, archive_close_and_free)

static const gsize   mib          = 1024 * 1024;
static const gsize   block_size   = 1 << 16;
static const guint64 max_ratio    = 100;              /* weights hardly shrink; a bomb does */
static const guint64 max_harmless = 64 * 1024 * 1024; /* below this size no ratio is suspicious */

static gboolean
fail (GError **error, const gchar *path, const gchar *format, ...) G_GNUC_PRINTF (3, 4);

/* Sets "package 'PATH': TEXT" and returns FALSE. */
static gboolean
fail (GError **error, const gchar *path, const gchar *format, ...)
{
  g_autofree gchar *text = NULL;
  va_list           arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE, "package '%s': %s", path, text);
  return FALSE;
}

gboolean
nr_package_is_archive (const gchar *path)
{
  return g_str_has_suffix (path, ".dtmodel");
}

/* -- Archives ------------------------------------------------------------------------------------------------------ */

/* A name that may be written below a folder: relative, without "..", backslash, colon or control character. */
static gboolean
is_safe_name (const gchar *name)
{
  g_auto (GStrv) parts = NULL;

  if (! name || ! name[0] || name[0] == '/' || strlen (name) > 512 || ! g_utf8_validate (name, -1, NULL) ||
      strpbrk (name, "\\:"))
    return FALSE;
  for (const gchar *p = name; *p; p++)
    if (g_ascii_iscntrl (*p))
      return FALSE;

  parts = g_strsplit (name, "/", -1);
  for (guint i = 0; parts[i]; i++)
    if (g_str_equal (parts[i], ".."))
      return FALSE;
  return TRUE;
}

static Archive *
open_archive (const gchar *path, GError **error)
{
  g_autoptr (Archive) archive = archive_read_new ();

  if (! archive || archive_read_support_format_zip (archive) != ARCHIVE_OK ||
      archive_read_open_filename (archive, path, block_size) != ARCHIVE_OK)
    {
      fail (error, path, "cannot be opened as a zip archive (%s)",
            archive ? archive_error_string (archive) : "not enough memory");
      return NULL;
    }
  return g_steal_pointer (&archive);
}

/* Reads on to the next regular file; checks every entry on the way. *ENTRY is NULL at the end. N_ENTRIES counts. */
static gboolean
next_file (Archive *archive, const gchar *path, guint *n_entries, struct archive_entry **entry, GError **error)
{
  int status;

  *entry = NULL;
  while ((status = archive_read_next_header (archive, entry)) == ARCHIVE_OK)
    {
      const gchar *name = archive_entry_pathname (*entry);

      if (++*n_entries > NR_PACKAGE_MAX_FILES)
        return fail (error, path, "it has more than %d files", NR_PACKAGE_MAX_FILES);
      if (! is_safe_name (name))
        {
          g_autofree gchar *shown = g_strescape (name ? name : "", NULL);

          return fail (error, path, "the file name '%.100s' in it is not allowed; names must be relative, without '..'", shown);
        }
      if (archive_entry_hardlink (*entry) || archive_entry_symlink (*entry) ||
          (archive_entry_filetype (*entry) != AE_IFREG && archive_entry_filetype (*entry) != AE_IFDIR))
        return fail (error, path, "'%.100s' in it is a link or device; only files and folders are allowed", name);
      if (archive_entry_filetype (*entry) == AE_IFREG)
        return TRUE;
    }
  *entry = NULL;
  return status == ARCHIVE_EOF || fail (error, path, "the archive is damaged (%s)", archive_error_string (archive));
}

/* The name of an entry inside the package: without the one folder that all lie in; NULL for files in deeper folders. */
static const gchar *
name_in_package (struct archive_entry *entry)
{
  const gchar *name = archive_entry_pathname (entry);
  const gchar *slash;

  while (g_str_has_prefix (name, "./"))
    name += 2;
  slash = strchr (name, '/');
  if (! slash)
    return name;
  return strchr (slash + 1, '/') || ! slash[1] ? NULL : slash + 1;
}

/* The data of the entry just read, at most MAX bytes. */
static GBytes *
read_entry (Archive *archive, const gchar *path, const gchar *name, gsize max, GError **error)
{
  g_autoptr (GByteArray) data  = g_byte_array_new ();
  g_autofree guint8     *block = g_malloc (block_size);
  gssize                 n_read;

  while ((n_read = archive_read_data (archive, block, block_size)) > 0)
    {
      if (data->len + (gsize) n_read > max)
        {
          fail (error, path, "'%s' is larger than %" G_GSIZE_FORMAT " bytes", name, max);
          return NULL;
        }
      g_byte_array_append (data, block, n_read);
    }
  if (n_read < 0)
    {
      fail (error, path, "'%s' cannot be unpacked (%s)", name, archive_error_string (archive));
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&data));
}

/* Goes to the file NAME; FALSE with an error when there is none. */
static gboolean
find_entry (Archive *archive, const gchar *path, const gchar *name, GError **error)
{
  struct archive_entry *entry;
  guint                 n_entries = 0;

  while (next_file (archive, path, &n_entries, &entry, error))
    {
      if (! entry)
        return fail (error, path, "'%s' is missing in it", name);
      if (g_strcmp0 (name_in_package (entry), name) == 0)
        return TRUE;
    }
  return FALSE;
}

static GBytes *
load_from_archive (const gchar *path, const gchar *name, gsize max, GError **error)
{
  g_autoptr (Archive) archive = open_archive (path, error);

  if (! archive || ! find_entry (archive, path, name, error))
    return NULL;
  return read_entry (archive, path, name, max, error);
}

/* Writes the entry just read to FOLDER/NAME; adds its size to N_WRITTEN. */
static gboolean
extract_entry (Archive *archive, const gchar *path, const gchar *folder, const gchar *name, guint64 max_total, guint64 *n_written, GError **error)
{
  g_autofree gchar             *target = g_build_filename (folder, name, NULL);
  g_autoptr (GFile)             file   = g_file_new_for_path (target);
  g_autoptr (GFileOutputStream) stream = g_file_create (file, G_FILE_CREATE_NONE, NULL, error);
  g_autofree guint8            *block  = g_malloc (block_size);
  guint64                       size   = 0;
  gssize                        n_read;

  if (! stream)
    return FALSE;
  while ((n_read = archive_read_data (archive, block, block_size)) > 0)
    {
      size += n_read;
      *n_written += n_read;
      if (size > NR_PACKAGE_MAX_FILE_MIB * mib || *n_written > max_total)
        return fail (error, path, "it unpacks to more than is allowed for its size; is it a zip bomb?");
      if (! g_output_stream_write_all (G_OUTPUT_STREAM (stream), block, n_read, NULL, NULL, error))
        return FALSE;
    }
  if (n_read < 0)
    return fail (error, path, "'%s' cannot be unpacked (%s)", name, archive_error_string (archive));
  return g_output_stream_close (G_OUTPUT_STREAM (stream), NULL, error);
}

static gboolean
extract_archive (const gchar *path, const gchar *to, GError **error)
{
  g_autoptr (Archive)   archive   = open_archive (path, error);
  struct archive_entry *entry     = NULL;
  guint                 n_entries = 0;
  guint64               n_written = 0;
  guint64               max_total;
  GStatBuf              info;

  if (! archive)
    return FALSE;
  if (g_stat (path, &info) != 0)
    return fail (error, path, "%s", g_strerror (errno));
  max_total = MIN (MAX (max_harmless, info.st_size * max_ratio), NR_PACKAGE_MAX_MIB * mib);

  while (next_file (archive, path, &n_entries, &entry, error))
    {
      if (! entry)
        return TRUE;
      if (name_in_package (entry) &&
          ! extract_entry (archive, path, to, name_in_package (entry), max_total, &n_written, error))
        return FALSE;
    }
  return FALSE;
}

/* -- Folders ------------------------------------------------------------------------------------------------------- */

/* Size of the regular file at PATH; links are not followed. */
static gboolean
regular_file_size (const gchar *path, guint64 *size)
{
  GStatBuf info;

  if (g_lstat (path, &info) != 0 || ! S_ISREG (info.st_mode))
    return FALSE;
  *size = info.st_size;
  return TRUE;
}

static GBytes *
load_from_folder (const gchar *path, const gchar *name, gsize max, GError **error)
{
  g_autofree gchar *file = g_build_filename (path, name, NULL);
  g_autofree gchar *data = NULL;
  guint64           size;
  gsize             length;

  if (! regular_file_size (file, &size))
    {
      fail (error, path, "'%s' is missing or not a regular file", name);
      return NULL;
    }
  if (size > max)
    {
      fail (error, path, "'%s' is larger than %" G_GSIZE_FORMAT " bytes", name, max);
      return NULL;
    }
  if (! g_file_get_contents (file, &data, &length, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&data), length);
}

static gboolean
copy_file (const gchar *path, const gchar *name, const gchar *to, guint64 *n_written, GError **error)
{
  g_autofree gchar *from_path = g_build_filename (path, name, NULL);
  g_autofree gchar *to_path   = g_build_filename (to, name, NULL);
  g_autoptr (GFile) from      = g_file_new_for_path (from_path);
  g_autoptr (GFile) target    = g_file_new_for_path (to_path);
  guint64           size;

  if (g_file_test (from_path, G_FILE_TEST_IS_DIR) && ! g_file_test (from_path, G_FILE_TEST_IS_SYMLINK))
    return TRUE;
  if (! regular_file_size (from_path, &size))
    return fail (error, path, "'%s' in it is a link or device; only files and folders are allowed", name);
  *n_written += size;
  if (size > NR_PACKAGE_MAX_FILE_MIB * mib || *n_written > NR_PACKAGE_MAX_MIB * mib)
    return fail (error, path, "its files are larger than %d MiB", NR_PACKAGE_MAX_MIB);
  return g_file_copy (from, target, G_FILE_COPY_NOFOLLOW_SYMLINKS, NULL, NULL, NULL, error);
}

static gboolean
copy_folder (const gchar *path, const gchar *to, GError **error)
{
  g_autoptr (GDir) dir       = g_dir_open (path, 0, error);
  guint64          n_written = 0;
  guint            n_files   = 0;
  const gchar     *name;

  if (! dir)
    return FALSE;
  while ((name = g_dir_read_name (dir)))
    {
      if (++n_files > NR_PACKAGE_MAX_FILES)
        return fail (error, path, "it has more than %d files", NR_PACKAGE_MAX_FILES);
      if (! copy_file (path, name, to, &n_written, error))
        return FALSE;
    }
  return TRUE;
}

/* -- Both ---------------------------------------------------------------------------------------------------------- */

GBytes *
nr_package_files_load (const gchar *path, const gchar *name, gsize max, GError **error)
{
  g_return_val_if_fail (! strpbrk (name, "/\\"), NULL);

  return nr_package_is_archive (path) ? load_from_archive (path, name, max, error)
                                      : load_from_folder (path, name, max, error);
}

gboolean
nr_package_files_has (const gchar *path, const gchar *name)
{
  if (nr_package_is_archive (path))
    {
      g_autoptr (Archive) archive = open_archive (path, NULL);

      return archive && find_entry (archive, path, name, NULL);
    }
  else
    {
      g_autofree gchar *file = g_build_filename (path, name, NULL);
      guint64           size;

      return regular_file_size (file, &size);
    }
}

gboolean
nr_package_files_extract (const gchar *path, const gchar *to, GError **error)
{
  return nr_package_is_archive (path) ? extract_archive (path, to, error) : copy_folder (path, to, error);
}

gboolean
nr_package_files_delete (const gchar *path, GError **error)
{
  if (g_file_test (path, G_FILE_TEST_IS_DIR) && ! g_file_test (path, G_FILE_TEST_IS_SYMLINK))
    {
      g_autoptr (GDir) dir = g_dir_open (path, 0, error);
      const gchar     *name;

      if (! dir)
        return FALSE;
      while ((name = g_dir_read_name (dir)))
        {
          g_autofree gchar *child = g_build_filename (path, name, NULL);

          if (! nr_package_files_delete (child, error))
            return FALSE;
        }
    }
  if (g_remove (path) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "'%s' cannot be deleted: %s", path, g_strerror (errno));
  return FALSE;
}
