/* `neural-restore models [list | show ID | add FILE.dtmodel | remove ID]`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "command.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "nr-restore.h"

static void
add_package_json (JsonBuilder *builder, const NrPackage *package)
{
  const struct
  {
    const gchar *name, *value;
  } strings[] = {
    { "id", package->id },
    { "name", package->name },
    { "description", package->description },
    { "task", nr_task_name (package->task) },
    { "version", package->version },
    { "card", package->card },
    { "origin", package->origin },
    { "path", package->path },
    { "problem", package->problem },
  };

  json_builder_begin_object (builder);
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      json_builder_set_member_name (builder, strings[i].name);
      json_builder_add_string_value (builder, strings[i].value);
    }
  json_builder_set_member_name (builder, "default");
  json_builder_add_boolean_value (builder, package->is_default);
  json_builder_end_object (builder);
}

static void
print_json (GPtrArray *packages)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode)    root    = NULL;
  g_autofree gchar       *text    = NULL;

  json_builder_begin_array (builder);
  for (guint i = 0; i < packages->len; i++)
    add_package_json (builder, packages->pdata[i]);
  json_builder_end_array (builder);

  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  g_print ("%s\n", text);
}

static int
list_packages (gboolean json)
{
  g_autoptr (GPtrArray) packages = nr_packages_list ();

  if (json)
    {
      print_json (packages);
      return NR_EXIT_DONE;
    }

  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = packages->pdata[i];

      if (package->problem)
        g_print ("%-18s cannot be used: %s\n", package->id, package->problem);
      else
        g_print ("%-18s %-14s %-10s %s%s\n", package->id, nr_task_name (package->task), package->origin, package->name,
                 package->is_default ? " (default)" : "");
    }
  if (packages->len == 0)
    nr_command_complain ("no model packages found");

  return NR_EXIT_DONE;
}

static int
show_package (const gchar *id)
{
  g_autoptr (GPtrArray) packages = nr_packages_list ();

  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = packages->pdata[i];

      if (g_strcmp0 (package->id, id) != 0)
        continue;

      g_print ("%s: %s %s\n", package->id, package->name ? package->name : "", package->version ? package->version : "");
      if (package->problem)
        g_print ("cannot be used: %s\n", package->problem);
      else
        g_print ("%s\n%s\ntask: %s%s\n", package->description, package->card, nr_task_name (package->task),
                 package->is_default ? " (its default)" : "");
      g_print ("%s package at %s\n", package->origin, package->path);
      return NR_EXIT_DONE;
    }

  nr_command_complain ("there is no model '%s' (see neural-restore models)", id);
  return NR_EXIT_FAILED;
}

static int
add_package (const gchar *file, gboolean force)
{
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrPackage) package = nr_packages_add (file, force, &error);

  if (package == NULL)
    return nr_command_fail (error);

  g_print ("added %s (%s) for %s\n", package->id, package->name, nr_task_name (package->task));
  return NR_EXIT_DONE;
}

static int
remove_package (const gchar *id)
{
  g_autoptr (GError) error = NULL;

  if (! nr_packages_remove (id, &error))
    return nr_command_fail (error);

  g_print ("removed %s\n", id);
  return NR_EXIT_DONE;
}

int
nr_models_command (int argc, char **argv)
{
  gboolean           json = FALSE, force = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "List as JSON", NULL },
    { "force", 'f', 0, G_OPTION_ARG_NONE, &force, "Replace a package of the same id when adding", NULL },
    { NULL }
  };
  const gchar *verb;

  if (! nr_command_parse (&argc, &argv, entries, "[list | show ID | add FILE.dtmodel | remove ID]",
                          "Lists, shows, adds and removes model packages."))
    return NR_EXIT_USAGE;

  verb = argc > 1 ? argv[1] : "list";
  if (strcmp (verb, "list") == 0 && argc <= 2)
    return list_packages (json);
  if (strcmp (verb, "show") == 0 && argc == 3)
    return show_package (argv[2]);
  if (strcmp (verb, "add") == 0 && argc == 3)
    return add_package (argv[2], force);
  if (strcmp (verb, "remove") == 0 && argc == 3)
    return remove_package (argv[2]);

  nr_command_complain ("models takes list, show ID, add FILE.dtmodel or remove ID (see neural-restore models --help)");
  return NR_EXIT_USAGE;
}
