/* Model packages: darktable's layout, hostile files, the search order, adding and removing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <archive.h>
#include <archive_entry.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "package-files.h"
#include "package.h"

/* -- Helpers ------------------------------------------------------------------------------------------------------- */

static const NrPackage *
find (const GPtrArray *packages, const gchar *id)
{
  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      if (g_str_equal (package->id, id))
        return package;
    }
  return NULL;
}

static void
empty_folder (const gchar *folder)
{
  g_assert_true (nr_package_files_delete (folder, NULL));
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
}

static void
empty_all (void)
{
  empty_folder (fixture_installed_folder ());
  empty_folder (fixture_user_folder ());
  empty_folder (fixture_darktable_folder ());
}

/* Writes FOLDER/ID/config.json alone. */
static void
write_config (const gchar *folder, const gchar *id, const gchar *text, gssize length)
{
  g_autofree gchar *path = g_build_filename (folder, id, NULL);
  g_autofree gchar *file = g_build_filename (path, "config.json", NULL);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
  g_assert_true (g_file_set_contents (file, text, length, NULL));
}

typedef struct
{
  const gchar *name;
  const void  *data;
  gsize        size;
  const gchar *link; /* a symbolic link to it instead of data */
} Entry;

static void
write_zip (const gchar *path, const Entry *entries, guint n)
{
  struct archive *archive = archive_write_new ();

  g_assert_cmpint (archive_write_set_format_zip (archive), ==, ARCHIVE_OK);
  g_assert_cmpint (archive_write_open_filename (archive, path), ==, ARCHIVE_OK);
  for (guint i = 0; i < n; i++)
    {
      struct archive_entry *entry = archive_entry_new ();

      archive_entry_set_pathname (entry, entries[i].name);
      archive_entry_set_perm (entry, 0644);
      archive_entry_set_filetype (entry, entries[i].link ? AE_IFLNK : AE_IFREG);
      if (entries[i].link)
        archive_entry_set_symlink (entry, entries[i].link);
      archive_entry_set_size (entry, entries[i].link ? 0 : entries[i].size);
      g_assert_cmpint (archive_write_header (archive, entry), ==, ARCHIVE_OK);
      if (! entries[i].link)
        g_assert_cmpint (archive_write_data (archive, entries[i].data, entries[i].size), ==, entries[i].size);
      archive_entry_free (entry);
    }
  archive_write_close (archive);
  archive_write_free (archive);
}

#define CONFIG(id) "{\"id\": \"" id "\", \"name\": \"denoise nind\", \"description\": \"UNet denoiser\", " \
                   "\"task\": \"denoise\", \"backend\": \"onnx\", \"num_inputs\": 1}"

static gchar *
archive_path (const gchar *name)
{
  return g_build_filename (fixture_installed_folder (), "..", name, NULL);
}

/* Writes FOLDER/NAME.dtmodel as darktable packs it: all files in one folder. */
static gchar *
write_good_archive (const gchar *folder, const gchar *name)
{
  gchar             *path      = g_build_filename (folder, name, NULL);
  g_autoptr (GBytes) model     = fixture_network (FIXTURE_INVERT);
  const gchar        config[]  = CONFIG ("denoise-nind");
  const Entry        entries[] = {
    { "denoise-nind/config.json", config, strlen (config), NULL },
    { "denoise-nind/model.onnx", g_bytes_get_data (model, NULL), g_bytes_get_size (model), NULL },
  };

  write_zip (path, entries, G_N_ELEMENTS (entries));
  return path;
}

/* -- Listing ------------------------------------------------------------------------------------------------------- */

static void
test_darktable_packages (void)
{
  g_autoptr (GPtrArray) packages = NULL;
  g_autoptr (NrPicture) picture  = fixture_picture (40, 30, 3, FALSE, FALSE, 1);
  const gchar          *models[] = { "denoise-one", "denoise-two", "denoise-nind" };
  g_autofree gchar     *archive  = NULL;
  NrArguments           arguments;

  empty_all ();
  fixture_write_package (fixture_darktable_folder (), "denoise-one", "denoise", 1,
                         "{\"input_sizes\": [512, 256], \"shadow_boost\": true}", "model.onnx", FIXTURE_INVERT);
  fixture_write_package (fixture_darktable_folder (), "denoise-two", "denoise", 2, NULL, "model.onnx", FIXTURE_SIGMA);
  fixture_write_package (fixture_darktable_folder (), "upscale-two", "upscale", 1, NULL, "model_x2.onnx", FIXTURE_ENLARGE2);
  write_config (fixture_darktable_folder (), "mask-sam", "{\"id\": \"mask-sam\", \"name\": \"sam\", \"task\": \"mask\"}", -1);
  archive  = write_good_archive (fixture_darktable_folder (), "denoise-nind.dtmodel");
  packages = nr_packages_list ();

  g_assert_cmpuint (packages->len, ==, 4); /* darktable's mask package is none of ours */
  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = g_ptr_array_index (packages, i);

      g_assert_cmpstr (package->problem, ==, NULL);
      g_assert_cmpstr (package->origin, ==, "darktable");
    }
  g_assert_cmpint (find (packages, "denoise-two")->n_inputs, ==, 2);
  g_assert_cmpuint (find (packages, "upscale-two")->scales, ==, 1 << 2);
  g_assert_cmpint (find (packages, "upscale-two")->task, ==, NR_TASK_SUPER_RESOLVE);

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autoptr (NrPicture) result = NULL;
      g_autoptr (GError)    error  = NULL;

      nr_arguments_init (&arguments, NR_TASK_DENOISE);
      arguments.model = models[i];
      arguments.noise = 25;
      result          = fixture_run (&arguments, picture, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (result->color[77], i == 1 ? 25 / 255.0 : 1 - picture->color[77], 1e-6);
    }
}

static void
test_our_attributes (void)
{
  g_autoptr (NrPackage) package = NULL;
  NrPackageHints        hints;
  g_autofree gchar     *path = g_build_filename (fixture_installed_folder (), "ours", NULL);

  empty_all ();
  fixture_write_package (fixture_installed_folder (), "ours", "denoise", 1,
                         "{\"neural_restore\": {\"halo\": 12, \"multiple_of\": 4, \"range\": [-0.5, 1.5], \"default\": true, "
                         "\"scale\": 1}}",
                         "model.onnx", FIXTURE_COPY);
  package = nr_package_read (path, "installed", &hints);
  g_assert_cmpstr (package->problem, ==, NULL);
  g_assert_true (package->is_default);
  g_assert_cmpint (hints.halo, ==, 12);
  g_assert_cmpint (hints.multiple, ==, 4);
  g_assert_cmpfloat (hints.low, ==, -0.5f);
  g_assert_cmpfloat (hints.high, ==, 1.5f);
}

static void
test_search_order (void)
{
  g_autoptr (GPtrArray) packages = NULL;

  empty_all ();
  fixture_write_package (fixture_installed_folder (), "a", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_installed_folder (), "b", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_installed_folder (), "c", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_darktable_folder (), "a", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_darktable_folder (), "b", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_user_folder (), "a", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  packages = nr_packages_list ();
  g_assert_cmpuint (packages->len, ==, 3);
  g_assert_cmpstr (find (packages, "a")->origin, ==, "user");
  g_assert_cmpstr (find (packages, "b")->origin, ==, "darktable");
  g_assert_cmpstr (find (packages, "c")->origin, ==, "installed");
}

static void
test_default_is_chosen (void)
{
  g_autoptr (NrPicture) picture = fixture_picture (20, 20, 3, FALSE, FALSE, 2);
  g_autoptr (NrPicture) result  = NULL;
  NrArguments           arguments;

  empty_all ();
  fixture_write_package (fixture_installed_folder (), "a", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_installed_folder (), "b", "denoise", 1, "{\"neural_restore\": {\"default\": true}}",
                         "model.onnx", FIXTURE_INVERT);
  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  result = fixture_run (&arguments, picture, NULL, NULL);
  g_assert_cmpfloat_with_epsilon (result->color[0], 1 - picture->color[0], 1e-6);
}

static void
test_broken_configs (void)
{
  static const struct
  {
    const gchar *text, *problem;
  } cases[] = {
    { "", "config.json" },
    { "{", "not valid JSON" },
    { "[]", "not a JSON object" },
    { "null", "not a JSON object" },
    { "\xff\xfe{}", "UTF-8" },
    { "{}", "lacks \"id\"" },
    { "{\"id\": 7}", "must be a string" },
    { "{\"id\": \"\", \"name\": \"x\"}", "empty" },
    { "{\"id\": \"../evil\", \"name\": \"x\"}", "must begin with a letter" },
    { "{\"id\": \"x y\", \"name\": \"x\"}", "must begin with a letter" },
    { "{\"id\": \".x\", \"name\": \"x\"}", "must begin with a letter" },
    { "{\"id\": \"x\"}", "lacks \"name\"" },
    { "{\"id\": \"x\", \"name\": \"x\"}", "lacks \"task\"" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"fly\"}", "'fly'" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"backend\": \"magic\"}", "only onnx" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"num_inputs\": 3}", "between 1 and 2" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"upscale\", \"num_inputs\": 2}", "between 1 and 1" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"num_inputs\": \"1\"}", "whole number" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"attributes\": []}", "must be an object" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"attributes\": {\"neural_restore\": 1}}", "must be an object" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"attributes\": {\"neural_restore\": {\"halo\": 99999999999}}}", "between" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"attributes\": {\"neural_restore\": {\"range\": [0]}}}", "two numbers" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"attributes\": {\"neural_restore\": {\"range\": [0, \"a\"]}}}", "numbers" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\", \"model_card\": {\"license\": []}}", "must be a string" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"denoise\"}", "model.onnx is missing" },
    { "{\"id\": \"x\", \"name\": \"x\", \"task\": \"upscale\"}", "model_x2.onnx" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GPtrArray) packages = NULL;

      empty_all ();
      write_config (fixture_user_folder (), "broken", cases[i].text, -1);
      fixture_write_package (fixture_user_folder (), "good", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
      packages = nr_packages_list ();
      g_assert_cmpuint (packages->len, ==, 2);
      for (guint j = 0; j < 2; j++)
        {
          const NrPackage *package = g_ptr_array_index (packages, j);

          if (g_str_equal (package->id, "good"))
            g_assert_cmpstr (package->problem, ==, NULL);
          else if (! package->problem || ! strstr (package->problem, cases[i].problem))
            g_error ("case %u '%s': problem is '%s'", i, cases[i].text, package->problem);
        }
    }
}

static void
test_huge_configs (void)
{
  g_autoptr (GPtrArray) packages = NULL;
  g_autofree gchar     *nested   = g_strnfill (500000, '[');
  g_autofree gchar     *large    = g_strnfill (NR_PACKAGE_MAX_CONFIG + 1, ' ');

  empty_all ();
  write_config (fixture_user_folder (), "nested", nested, -1);
  write_config (fixture_user_folder (), "large", large, -1);
  packages = nr_packages_list ();
  g_assert_cmpuint (packages->len, ==, 2);
  g_assert_nonnull (strstr (find (packages, "nested")->problem, "nested"));
  g_assert_nonnull (strstr (find (packages, "large")->problem, "larger than"));
}

static void
test_broken_networks (void)
{
  g_autoptr (GPtrArray) packages = NULL;
  g_autofree gchar     *model    = g_build_filename (fixture_user_folder (), "garbage", "model.onnx", NULL);

  empty_all ();
  fixture_write_package (fixture_user_folder (), "garbage", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  g_assert_true (g_file_set_contents (model, "\x08\x07 this is no network", -1, NULL));
  fixture_write_package (fixture_user_folder (), "two-inputs-told", "denoise", 2, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_user_folder (), "one-input-told", "denoise", 1, NULL, "model.onnx", FIXTURE_SIGMA);
  fixture_write_package (fixture_user_folder (), "wrong-scale", "upscale", 1, NULL, "model_x2.onnx", FIXTURE_ENLARGE3);
  packages = nr_packages_list ();
  g_assert_cmpuint (packages->len, ==, 4);
  for (guint i = 0; i < packages->len; i++)
    g_assert_nonnull (((NrPackage *) g_ptr_array_index (packages, i))->problem);
  g_assert_nonnull (strstr (find (packages, "two-inputs-told")->problem, "has 1 inputs but config.json says 2"));
  g_assert_nonnull (strstr (find (packages, "wrong-scale")->problem, "enlarges 3 times"));
}

/* Completion by a generative network takes a pair, which no other method can run. */
static void
test_generative_pairs (void)
{
  const gchar          *folder   = fixture_user_folder ();
  g_autoptr (GPtrArray) packages = NULL;

  empty_all ();
  fixture_write_package (folder, "pair", "fill", 1, NULL, "generator.onnx", FIXTURE_LATENT);
  fixture_write_package (folder, "pair", "fill", 1, NULL, "discriminator.onnx", FIXTURE_BLUR);
  fixture_write_package (folder, "half", "fill", 1, NULL, "generator.onnx", FIXTURE_LATENT);
  fixture_write_package (folder, "swapped", "fill", 1, NULL, "generator.onnx", FIXTURE_BLUR);
  fixture_write_package (folder, "swapped", "fill", 1, NULL, "discriminator.onnx", FIXTURE_LATENT);
  packages = nr_packages_list ();
  g_assert_cmpuint (packages->len, ==, 3);
  g_assert_cmpstr (find (packages, "pair")->problem, ==, NULL);
  g_assert_nonnull (strstr (find (packages, "half")->problem, "discriminator.onnx is missing"));
  g_assert_nonnull (strstr (find (packages, "swapped")->problem, "one input [N, numbers]"));
}

static void
test_links_are_not_followed (void)
{
  g_autoptr (GPtrArray) packages = NULL;
  g_autofree gchar     *model    = g_build_filename (fixture_user_folder (), "linked", "model.onnx", NULL);

  empty_all ();
  fixture_write_package (fixture_user_folder (), "linked", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  g_assert_cmpint (g_remove (model), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", model), ==, 0);
  packages = nr_packages_list ();
  g_assert_nonnull (strstr (find (packages, "linked")->problem, "missing"));
}

/* -- Choosing ------------------------------------------------------------------------------------------------------ */

static void
test_wrong_choices (void)
{
  static const struct
  {
    NrTask       task;
    const gchar *model, *problem;
  } cases[] = {
    { NR_TASK_DENOISE, "nobody", "there is: clean" },
    { NR_TASK_DENOISE, "enlarge", "is for super-resolve" },
    { NR_TASK_DENOISE, "broken", "cannot be used" },
    { NR_TASK_SUPER_RESOLVE, "enlarge", "no network for scale 4; it has 2" },
    { NR_TASK_DEBLUR, "", "no model package for deblur" },
  };
  g_autoptr (NrPicture) picture = fixture_picture (20, 20, 3, FALSE, FALSE, 3);

  empty_all ();
  fixture_write_package (fixture_user_folder (), "clean", "denoise", 1, NULL, "model.onnx", FIXTURE_COPY);
  fixture_write_package (fixture_user_folder (), "enlarge", "upscale", 1, NULL, "model_x2.onnx", FIXTURE_ENLARGE2);
  write_config (fixture_user_folder (), "broken", "{\"id\": \"broken\"}", -1);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      NrArguments        arguments;
      g_autoptr (GError) error = NULL;

      nr_arguments_init (&arguments, cases[i].task);
      arguments.model = cases[i].model;
      arguments.scale = 4;
      g_assert_null (fixture_run (&arguments, picture, NULL, &error));
      g_assert_nonnull (error);
      if (! strstr (error->message, cases[i].problem))
        g_error ("case %u: '%s'", i, error->message);
    }
}

/* -- Adding -------------------------------------------------------------------------------------------------------- */

static void
assert_user_folder_has (guint n)
{
  g_autoptr (GDir) dir   = g_dir_open (fixture_user_folder (), 0, NULL);
  guint            count = 0;

  while (g_dir_read_name (dir)) /* also hidden ones: nothing temporary may be left */
    count++;
  g_assert_cmpuint (count, ==, n);
}

static void
test_add_and_remove (void)
{
  g_autofree gchar     *archive = NULL;
  g_autoptr (NrPackage) package = NULL;
  g_autoptr (NrPackage) again   = NULL;
  g_autoptr (GError)    error   = NULL;

  empty_all ();
  archive = write_good_archive (fixture_installed_folder (), "x.dtmodel");
  package = nr_packages_add (archive, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (package->id, ==, "denoise-nind");
  g_assert_cmpstr (package->origin, ==, "user");
  assert_user_folder_has (1);

  g_assert_null (nr_packages_add (archive, FALSE, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE);
  g_clear_error (&error);
  again = nr_packages_add (archive, TRUE, &error);
  g_assert_no_error (error);
  assert_user_folder_has (1);

  g_assert_true (nr_packages_remove ("denoise-nind", &error));
  assert_user_folder_has (0);
  g_assert_false (nr_packages_remove ("denoise-nind", &error)); /* the installed archive stays */
  g_assert_nonnull (strstr (error->message, "belongs to the program"));
  g_clear_error (&error);
  g_assert_false (nr_packages_remove ("nobody", &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT);
}

static void
test_add_folder (void)
{
  g_autofree gchar     *folder  = g_build_filename (fixture_installed_folder (), "mine", NULL);
  g_autoptr (NrPackage) package = NULL;
  g_autoptr (GError)    error   = NULL;

  empty_all ();
  fixture_write_package (fixture_installed_folder (), "mine", "denoise", 1, NULL, "model.onnx", FIXTURE_BLUR);
  package = nr_packages_add (folder, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (package->id, ==, "mine");
  assert_user_folder_has (1);
}

static void
refuse (const gchar *path, const gchar *problem)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (nr_packages_add (path, TRUE, &error));
  g_assert_nonnull (error);
  if (! strstr (error->message, problem))
    g_error ("'%s' instead of '%s'", error->message, problem);
  assert_user_folder_has (0);
}

static void
test_hostile_archives (void)
{
  const gchar        config[]   = CONFIG ("evil");
  g_autofree gchar  *path       = archive_path ("evil.dtmodel");
  g_autofree gchar  *outside    = archive_path ("escaped");
  g_autofree gchar  *bomb       = g_malloc0 (200 << 20);
  g_autoptr (GBytes) model      = fixture_network (FIXTURE_COPY);
  const void        *network    = g_bytes_get_data (model, NULL);
  const gsize        size       = g_bytes_get_size (model);
  const Entry        names[][3] = {
    { { "evil/config.json", config, strlen (config), NULL }, { "evil/../../escaped", "x", 1, NULL }, { NULL } },
    { { "evil/config.json", config, strlen (config), NULL }, { "/tmp/escaped", "x", 1, NULL }, { NULL } },
    { { "evil/config.json", config, strlen (config), NULL }, { "evil/..\\escaped", "x", 1, NULL }, { NULL } },
    { { "evil/config.json", config, strlen (config), NULL }, { "C:evil", "x", 1, NULL }, { NULL } },
  };

  empty_all ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      write_zip (path, names[i], 2);
      refuse (path, "not allowed");
      g_assert_false (g_file_test (outside, G_FILE_TEST_EXISTS));
    }

  write_zip (path, (Entry[]) { { "evil/config.json", config, strlen (config), NULL }, { "evil/model.onnx", NULL, 0, "/etc/passwd" } }, 2);
  refuse (path, "link");
  write_zip (path, (Entry[]) { { "evil/config.json", config, strlen (config), NULL }, { "evil/model.onnx", bomb, 200 << 20, NULL } }, 2);
  refuse (path, "zip bomb");
  write_zip (path, (Entry[]) { { "evil/config.json", config, strlen (config), NULL } }, 1);
  refuse (path, "model.onnx is missing");
  write_zip (path, (Entry[]) { { "evil/model.onnx", network, size, NULL } }, 1);
  refuse (path, "config.json");
  write_zip (path, (Entry[]) { { "evil/config.json", config, strlen (config), NULL }, { "evil/model.onnx", network, size / 2, NULL } }, 2);
  refuse (path, "model.onnx");

  g_assert_true (g_file_set_contents (path, "PK\x03\x04 not really", -1, NULL));
  refuse (path, "archive");
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  refuse (path, "archive");
  g_assert_cmpint (g_remove (path), ==, 0);
  refuse (path, "archive");
  refuse ("/etc/passwd", "neither");
}

static void
test_many_files (void)
{
  const gchar           config[] = CONFIG ("many");
  g_autofree gchar     *path     = archive_path ("many.dtmodel");
  g_autofree Entry     *entries  = g_new0 (Entry, NR_PACKAGE_MAX_FILES + 2);
  g_autoptr (GPtrArray) names    = g_ptr_array_new_with_free_func (g_free);

  empty_all ();
  for (guint i = 0; i < NR_PACKAGE_MAX_FILES + 2; i++)
    {
      g_ptr_array_add (names, i == 0 ? g_strdup ("config.json") : g_strdup_printf ("%u.txt", i));
      entries[i] = (Entry) { g_ptr_array_index (names, i), config, strlen (config), NULL };
    }
  write_zip (path, entries, NR_PACKAGE_MAX_FILES + 2);
  refuse (path, "more than");
}

static void
test_truncated_archives (void)
{
  g_autofree gchar *good = NULL;
  g_autofree gchar *path = archive_path ("cut.dtmodel");
  g_autofree gchar *data = NULL;
  gsize             length;

  empty_all ();
  good = write_good_archive (fixture_installed_folder (), "good.dtmodel");
  g_assert_true (g_file_get_contents (good, &data, &length, NULL));
  for (gsize cut = 0; cut < length; cut += 7)
    {
      g_autoptr (NrPackage) package = NULL;

      g_assert_true (g_file_set_contents (path, data, cut, NULL));
      package = nr_packages_add (path, TRUE, NULL); /* either a sound package or nothing */
      assert_user_folder_has (package ? 1 : 0);
      if (package)
        g_assert_true (nr_packages_remove (package->id, NULL));
    }
}

gint
main (gint argc, gchar *argv[])
{
  gint status;

  fixture_init ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/packages/darktable's-packages-are-listed-and-run", test_darktable_packages);
  g_test_add_func ("/restore/packages/our-attributes-are-read", test_our_attributes);
  g_test_add_func ("/restore/packages/first-of-an-id-wins", test_search_order);
  g_test_add_func ("/restore/packages/default-is-chosen", test_default_is_chosen);
  g_test_add_func ("/restore/packages/broken-configs-are-listed-with-their-problem", test_broken_configs);
  g_test_add_func ("/restore/packages/huge-configs-are-refused", test_huge_configs);
  g_test_add_func ("/restore/packages/broken-networks-are-listed-with-their-problem", test_broken_networks);
  g_test_add_func ("/restore/packages/generative-pairs-are-listed-with-their-problem", test_generative_pairs);
  g_test_add_func ("/restore/packages/links-are-not-followed", test_links_are_not_followed);
  g_test_add_func ("/restore/packages/wrong-choices-name-what-there-is", test_wrong_choices);
  g_test_add_func ("/restore/packages/archives-are-added-replaced-and-removed", test_add_and_remove);
  g_test_add_func ("/restore/packages/folders-are-added", test_add_folder);
  g_test_add_func ("/restore/packages/hostile-archives-leave-nothing", test_hostile_archives);
  g_test_add_func ("/restore/packages/archives-of-many-files-are-refused", test_many_files);
  g_test_add_func ("/restore/packages/archives-cut-anywhere-leave-nothing-half-done", test_truncated_archives);
  status = g_test_run ();
  fixture_clear ();
  return status;
}
