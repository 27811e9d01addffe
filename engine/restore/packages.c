/* The packages that are there: found, chosen, added and removed.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <errno.h>
#include <glib/gstdio.h>

#include "packages.h"
#include "package-files.h"

/* Folders with more entries than this hold no packages of ours. */
static const guint max_entries = 1000;

/* Where the program's own packages are; see nr_packages_set_installed_dir (). */
static gchar *installed_dir;

void
nr_packages_set_installed_dir (const gchar *path)
{
  g_free (installed_dir);
  installed_dir = g_strdup (path);
}

static gchar *
user_folder (void)
{
  return g_build_filename (g_get_user_data_dir (), "neural-restore", "models", NULL);
}

static gchar *
darktable_folder (void)
{
  return g_build_filename (g_get_user_data_dir (), "darktable", "models", NULL);
}

static gchar *
installed_folder (void)
{
  const gchar *environment = g_getenv ("NEURAL_RESTORE_WEIGHTS");

  if (environment && environment[0])
    return g_strdup (environment);
  return g_strdup (installed_dir ? installed_dir : NR_WEIGHTS_DIR);
}

/* -- Finding ------------------------------------------------------------------------------------------------------- */

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const gchar *const *) a, *(const gchar *const *) b);
}

/* Names in FOLDER that may be packages, sorted, so that the list does not depend on the file system. */
static GPtrArray *
candidate_names (const gchar *folder)
{
  GPtrArray       *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir   = g_dir_open (folder, 0, NULL);
  const gchar     *name;

  while (dir && (name = g_dir_read_name (dir)) && names->len < max_entries)
    {
      g_autofree gchar *path   = g_build_filename (folder, name, NULL);
      g_autofree gchar *config = g_build_filename (path, "config.json", NULL);

      if (name[0] != '.' && (nr_package_is_archive (name) || g_file_test (config, G_FILE_TEST_EXISTS)))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  return names;
}

static gboolean
has_id (const GPtrArray *packages, const gchar *id)
{
  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (g_str_equal (package->id, id))
        return TRUE;
    }
  return FALSE;
}

static void
add_folder (GPtrArray *packages, const gchar *folder, const gchar *origin)
{
  g_autoptr (GPtrArray) names = candidate_names (folder);

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree gchar     *path    = g_build_filename (folder, g_ptr_array_index (names, i), NULL);
      g_autoptr (NrPackage) package = nr_package_read (path, origin, NULL);

      if (has_id (packages, package->id) || (g_str_equal (origin, "darktable") && nr_package_is_foreign (package)))
        continue;
      g_ptr_array_add (packages, g_steal_pointer (&package));
    }
}

/* All packages; their networks have not been opened. */
static GPtrArray *
find_all (void)
{
  GPtrArray        *packages  = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_package_free);
  g_autofree gchar *user      = user_folder ();
  g_autofree gchar *darktable = darktable_folder ();
  g_autofree gchar *installed = installed_folder ();

  add_folder (packages, user, "user");
  add_folder (packages, darktable, "darktable");
  add_folder (packages, installed, "installed");
  return packages;
}

GPtrArray *
nr_packages_list (void)
{
  GPtrArray *packages = find_all ();

  for (guint i = 0; i < packages->len; i++)
    {
      NrPackage         *package = g_ptr_array_index (packages, i);
      g_autoptr (GError) error   = NULL;

      if (! package->problem && ! nr_package_check_models (package, &error))
        package->problem = g_strdup (error->message);
    }
  return packages;
}

/* -- Choosing ------------------------------------------------------------------------------------------------------ */

static gboolean
has_scale (const NrPackage *package, const NrArguments *arguments)
{
  return arguments->task != NR_TASK_SUPER_RESOLVE || (package->scales & (1u << arguments->scale));
}

static gboolean
has_variant (const NrPackage *package, const NrArguments *arguments)
{
  const gchar *variant = arguments->variant && arguments->variant[0] ? arguments->variant : "photo";

  return arguments->task != NR_TASK_SUPER_RESOLVE ||
         g_str_equal (package->variant[0] ? package->variant : "photo", variant);
}

static NrPackage *
take (GPtrArray *packages, guint i)
{
  return g_ptr_array_steal_index (packages, i);
}

/* "2 and 4" */
static gchar *
scales_text (guint scales)
{
  GString *text = g_string_new (NULL);

  for (guint s = 2; s <= 4; s++)
    if (scales & (1u << s))
      g_string_append_printf (text, "%s%u", text->len == 0 ? "" : (scales >> (s + 1)) ? ", "
                                                                                      : " and ",
                              s);
  return g_string_free (text, FALSE);
}

static NrPackage *
find_named (GPtrArray *packages, const NrArguments *arguments, GError **error)
{
  g_autoptr (GString) known = g_string_new (NULL);

  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (! g_str_equal (package->id, arguments->model))
        {
          if (package->task == arguments->task && ! package->problem)
            g_string_append_printf (known, "%s%s", known->len ? ", " : "", package->id);
          continue;
        }
      if (package->problem)
        g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                     "model package '%s' cannot be used: %s", package->id, package->problem);
      else if (package->task != arguments->task)
        g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                     "model package '%s' is for %s, not for %s",
                     package->id, nr_task_name (package->task), nr_task_name (arguments->task));
      else if (! has_scale (package, arguments))
        {
          g_autofree gchar *scales = scales_text (package->scales);

          g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                       "model package '%s' has no network for scale %d; it has %s",
                       package->id, arguments->scale, scales);
        }
      else
        return take (packages, i);
      return NULL;
    }

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "there is no model package '%s' for %s; there is: %s",
               arguments->model, nr_task_name (arguments->task), known->len ? known->str : "none");
  return NULL;
}

/* The better the higher; 0: cannot be used. The order of the list decides among equals. A package of the other variant
 * is better than none. */
static guint
fitness (const NrPackage *package, const NrArguments *arguments)
{
  if (package->problem || package->task != arguments->task || ! has_scale (package, arguments))
    return 0;
  return 1 + (has_variant (package, arguments) ? 2 : 0) + (package->is_default ? 1 : 0);
}

static NrPackage *
find_default (GPtrArray *packages, const NrArguments *arguments, GError **error)
{
  guint best   = 0;
  guint winner = 0;
  guint scales = 0;

  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (fitness (package, arguments) > best)
        {
          best   = fitness (package, arguments);
          winner = i;
        }
      if (! package->problem && package->task == arguments->task)
        scales |= package->scales;
    }
  if (best > 0)
    return take (packages, winner);

  if (scales)
    {
      g_autofree gchar *text = scales_text (scales);

      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "no model package has a network for scale %d; there are networks for scale %s",
                   arguments->scale, text);
    }
  else
    g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                 "no model package for %s was found; add one with 'neural-restore models add FILE.dtmodel'",
                 nr_task_name (arguments->task));
  return NULL;
}

NrPackage *
nr_packages_find (const NrArguments *arguments, GError **error)
{
  g_autoptr (GPtrArray) packages = find_all ();

  if (arguments->model && arguments->model[0])
    return find_named (packages, arguments, error);
  return find_default (packages, arguments, error);
}

/* -- Adding and removing ------------------------------------------------------------------------------------------- */

/* The package with ID in the user's folder, or NULL. */
static NrPackage *
find_in_user_folder (const gchar *id)
{
  g_autoptr (GPtrArray) packages = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_package_free);
  g_autofree gchar     *folder   = user_folder ();

  add_folder (packages, folder, "user");
  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (g_str_equal (package->id, id))
        return take (packages, i);
    }
  return NULL;
}

/* Unpacks FILE into FOLDER and checks what came out; the package, still there, or NULL. */
static NrPackage *
unpack_and_check (const gchar *file, const gchar *folder, GError **error)
{
  g_autoptr (NrPackage) package = NULL;

  if (! nr_package_files_extract (file, folder, error))
    return NULL;
  package = nr_package_read (folder, "user", NULL);
  if (package->problem)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "'%s' is not a usable model package: %s", file, package->problem);
      return NULL;
    }
  if (! nr_package_check_models (package, error))
    return NULL;
  return g_steal_pointer (&package);
}

static gboolean
rename_path (const gchar *from, const gchar *to, GError **error)
{
  if (g_rename (from, to) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               "'%s' cannot be renamed to '%s': %s", from, to, g_strerror (errno));
  return FALSE;
}

/* Moves the checked folder TEMPORARY to TARGET; what is at OLD (NULL: nothing) goes only when that has succeeded. */
static gboolean
move_into_place (const gchar *temporary, const gchar *target, const gchar *old, GError **error)
{
  g_autofree gchar *aside = NULL;

  if (! old)
    return rename_path (temporary, target, error);

  aside = g_strconcat (temporary, ".old", NULL);
  if (! rename_path (old, aside, error))
    return FALSE;
  if (! rename_path (temporary, target, error))
    {
      if (g_rename (aside, old) != 0)
        g_warning ("the replaced model package is left at '%s'", aside);
      return FALSE;
    }
  if (! nr_package_files_delete (aside, NULL))
    g_warning ("the replaced model package could not be deleted from '%s'", aside);
  return TRUE;
}

/* Puts the package unpacked at TEMPORARY into FOLDER under its id. */
static NrPackage *
install (NrPackage *package, const gchar *temporary, const gchar *folder, gboolean replace, GError **error)
{
  g_autofree gchar     *target = g_build_filename (folder, package->id, NULL);
  g_autoptr (NrPackage) old    = find_in_user_folder (package->id);

  if (old && ! replace)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "a model package '%s' is already there (%s); remove it first or ask to replace it", old->id, old->path);
      return NULL;
    }
  if (! old && g_file_test (target, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "'%s' exists but is not the model package '%s'; move it away first", target, package->id);
      return NULL;
    }
  if (! move_into_place (temporary, target, old ? old->path : NULL, error))
    return NULL;
  return nr_package_read (target, "user", NULL);
}

NrPackage *
nr_packages_add (const gchar *file, gboolean replace, GError **error)
{
  g_autofree gchar     *folder    = user_folder ();
  g_autofree gchar     *temporary = g_build_filename (folder, ".adding-XXXXXX", NULL);
  g_autoptr (NrPackage) unpacked  = NULL;
  NrPackage            *added     = NULL;

  g_return_val_if_fail (file, NULL);

  if (! g_file_test (file, G_FILE_TEST_IS_DIR) && ! nr_package_is_archive (file))
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "'%s' is neither a folder nor a .dtmodel file", file);
      return NULL;
    }
  if (g_mkdir_with_parents (folder, 0755) != 0 || ! g_mkdtemp_full (temporary, 0755))
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "the folder '%s' for model packages cannot be written: %s", folder, g_strerror (errno));
      return NULL;
    }

  unpacked = unpack_and_check (file, temporary, error);
  if (unpacked)
    added = install (unpacked, temporary, folder, replace, error);
  if (! added && g_file_test (temporary, G_FILE_TEST_EXISTS))
    nr_package_files_delete (temporary, NULL);
  return added;
}

gboolean
nr_packages_remove (const gchar *id, GError **error)
{
  g_autoptr (NrPackage) own      = find_in_user_folder (id);
  g_autoptr (GPtrArray) packages = NULL;

  if (own)
    return nr_package_files_delete (own->path, error);

  packages = find_all ();
  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (g_str_equal (package->id, id))
        {
          g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                       "model package '%s' belongs to %s (%s) and is not removed; only packages you have added are",
                       id, g_str_equal (package->origin, "darktable") ? "darktable" : "the program", package->path);
          return FALSE;
        }
    }
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT, "there is no model package '%s'", id);
  return FALSE;
}
