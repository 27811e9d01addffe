/* One model package: its config.json.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <json-glib/json-glib.h>
#include <string.h>

#include "package.h"
#include "package-files.h"

/* json-glib parses by recursion: a file of brackets alone must not reach it. */
static const guint max_depth = 32;

static const gchar foreign_task[] = "its task is";

void
nr_package_free (NrPackage *package)
{
  if (! package)
    return;
  g_free (package->id);
  g_free (package->name);
  g_free (package->description);
  g_free (package->version);
  g_free (package->card);
  g_free (package->path);
  g_free (package->origin);
  g_free (package->variant);
  g_free (package->problem);
  g_free (package);
}

gboolean
nr_package_is_foreign (const NrPackage *package)
{
  return package->problem && g_str_has_prefix (package->problem, foreign_task);
}

static gboolean
fail (GError **error, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const gchar *format, ...)
{
  g_autofree gchar *text = NULL;
  va_list           arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE, text);
  return FALSE;
}

/* -- Typed members: missing is fine unless required, another type is an error -------------------------------------- */

/* *VALUE gets a new string: the member's, on one line, at most MAX bytes; "" when it is missing. */
static gboolean
get_string (JsonObject *object, const gchar *name, gboolean is_required, gsize max, gchar **value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (! node)
    {
      *value = g_strdup ("");
      return ! is_required || fail (error, "config.json lacks \"%s\"", name);
    }
  if (! JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (error, "\"%s\" in config.json must be a string", name);
  *value = g_strdup (json_node_get_string (node));
  if (strlen (*value) > max)
    return fail (error, "\"%s\" in config.json is longer than %" G_GSIZE_FORMAT " bytes", name, max);
  if (is_required && ! **value)
    return fail (error, "\"%s\" in config.json is empty", name);
  g_strdelimit (*value, "\r\n\t", ' ');
  return TRUE;
}

static gboolean
get_int (JsonObject *object, const gchar *name, gint low, gint high, gint *value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);
  gint64    number;

  if (! node)
    return TRUE;
  if (! JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return fail (error, "\"%s\" in config.json must be a whole number", name);
  number = json_node_get_int (node);
  if (number < low || number > high)
    return fail (error, "\"%s\" in config.json is %" G_GINT64_FORMAT " but must lie between %d and %d",
                 name, number, low, high);
  *value = number;
  return TRUE;
}

static gboolean
get_boolean (JsonObject *object, const gchar *name, gboolean *value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (! node)
    return TRUE;
  if (! JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return fail (error, "\"%s\" in config.json must be true or false", name);
  *value = json_node_get_boolean (node);
  return TRUE;
}

/* *VALUE is borrowed, NULL when missing. */
static gboolean
get_object (JsonObject *object, const gchar *name, JsonObject **value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);

  *value = NULL;
  if (! node || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (! JSON_NODE_HOLDS_OBJECT (node))
    return fail (error, "\"%s\" in config.json must be an object", name);
  *value = json_node_get_object (node);
  return TRUE;
}

static gboolean
get_array (JsonObject *object, const gchar *name, JsonArray **value, GError **error)
{
  JsonNode *node = json_object_get_member (object, name);

  *value = NULL;
  if (! node || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (! JSON_NODE_HOLDS_ARRAY (node))
    return fail (error, "\"%s\" in config.json must be a list", name);
  *value = json_node_get_array (node);
  return TRUE;
}

static gboolean
get_number_element (JsonArray *array, guint i, const gchar *name, gdouble low, gdouble high, gdouble *value, GError **error)
{
  JsonNode *node = json_array_get_element (array, i);

  if (! JSON_NODE_HOLDS_VALUE (node) ||
      (json_node_get_value_type (node) != G_TYPE_INT64 && json_node_get_value_type (node) != G_TYPE_DOUBLE))
    return fail (error, "\"%s\" in config.json must be a list of numbers", name);
  *value = json_node_get_double (node);
  if (! (*value >= low && *value <= high))
    return fail (error, "\"%s\" in config.json holds %g, which must lie between %g and %g", name, *value, low, high);
  return TRUE;
}

/* -- config.json --------------------------------------------------------------------------------------------------- */

static gboolean
check_depth (const gchar *text, gsize length, GError **error)
{
  guint    depth     = 0;
  gboolean in_string = FALSE;

  for (gsize i = 0; i < length; i++)
    {
      if (in_string && text[i] == '\\')
        i++;
      else if (text[i] == '"')
        in_string = ! in_string;
      else if (! in_string && (text[i] == '[' || text[i] == '{') && ++depth > max_depth)
        return fail (error, "config.json is nested more than %u levels deep", max_depth);
      else if (! in_string && (text[i] == ']' || text[i] == '}') && depth > 0)
        depth--;
    }
  return TRUE;
}

static JsonParser *
parse_config (const gchar *path, GError **error)
{
  g_autoptr (JsonParser) parser  = json_parser_new ();
  g_autoptr (GBytes)     bytes   = nr_package_files_load (path, "config.json", NR_PACKAGE_MAX_CONFIG, error);
  g_autoptr (GError)     problem = NULL;
  const gchar           *text;
  gsize                  length;

  if (! bytes)
    return NULL;
  text = g_bytes_get_data (bytes, &length);
  if (! check_depth (text, length, error))
    return NULL;
  if (! g_utf8_validate (text, length, NULL))
    {
      fail (error, "config.json is not UTF-8 text");
      return NULL;
    }
  if (! json_parser_load_from_data (parser, text, length, &problem))
    {
      fail (error, "config.json is not valid JSON: %s", problem->message);
      return NULL;
    }
  if (! json_parser_get_root (parser) || ! JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    {
      fail (error, "config.json is not a JSON object");
      return NULL;
    }
  return g_steal_pointer (&parser);
}

/* An id becomes the name of a folder. */
static gboolean
check_id (const gchar *id, GError **error)
{
  static const gchar allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

  if (g_ascii_isalnum (id[0]) && strlen (id) <= 64 && strspn (id, allowed) == strlen (id))
    return TRUE;
  return fail (error, "\"id\" in config.json must begin with a letter or digit and have at most 64 letters, digits, '-', '_' and '.'");
}

static gboolean
read_task (NrPackage *package, JsonObject *root, GError **error)
{
  g_autofree gchar *name    = NULL;
  g_autofree gchar *backend = NULL;

  if (! get_string (root, "task", TRUE, 64, &name, error) || ! get_string (root, "backend", FALSE, 64, &backend, error))
    return FALSE;
  if (g_str_equal (name, "upscale"))
    package->task = NR_TASK_SUPER_RESOLVE;
  else if (! nr_task_from_name (name, &package->task))
    return fail (error, "%s '%s', but Neural Restore has denoise, deblur, upscale and fill", foreign_task, name);
  if (*backend && ! g_str_equal (backend, "onnx"))
    return fail (error, "\"backend\" in config.json is '%s' but only onnx is supported", backend);
  return TRUE;
}

static gboolean
read_range (JsonObject *ours, NrPackageHints *hints, GError **error)
{
  JsonArray *range;
  gdouble    low, high;

  if (! get_array (ours, "range", &range, error))
    return FALSE;
  if (! range)
    return TRUE;
  if (json_array_get_length (range) != 2)
    return fail (error, "\"range\" in config.json must be a list of two numbers");
  if (! get_number_element (range, 0, "range", -16, 0, &low, error) ||
      ! get_number_element (range, 1, "range", 1, 16, &high, error))
    return FALSE;
  hints->low  = low;
  hints->high = high;
  return TRUE;
}

/* Super-resolve packages may list their scales; the files decide, only a model.onnx needs to be told its own. */
static gboolean
read_scale (JsonObject *ours, gint *scale, GError **error)
{
  JsonNode *node = json_object_get_member (ours, "scale");

  if (node && JSON_NODE_HOLDS_ARRAY (node))
    return TRUE;
  return get_int (ours, "scale", 1, 4, scale, error);
}

static gboolean
read_attributes (NrPackage *package, NrPackageHints *hints, JsonObject *root, gint *scale, GError **error)
{
  JsonObject *attributes;
  JsonObject *ours = NULL;

  if (! get_object (root, "attributes", &attributes, error) ||
      (attributes && ! get_object (attributes, "neural_restore", &ours, error)))
    return FALSE;
  if (! ours)
    return TRUE;

  g_clear_pointer (&package->variant, g_free);
  return get_string (ours, "variant", FALSE, 32, &package->variant, error) &&
         get_int (ours, "halo", 0, 4096, &hints->halo, error) &&
         get_int (ours, "multiple_of", 1, 1024, &hints->multiple, error) &&
         read_scale (ours, scale, error) &&
         get_boolean (ours, "default", &package->is_default, error) &&
         read_range (ours, hints, error);
}

/* "DESCRIPTION, AUTHOR, LICENSE" as far as they are there. */
static gboolean
read_card (NrPackage *package, JsonObject *root, GError **error)
{
  g_autofree gchar *author  = NULL;
  g_autofree gchar *license = NULL;
  GString          *card;
  JsonObject       *object;

  if (! get_object (root, "model_card", &object, error) ||
      (object && (! get_string (object, "author", FALSE, 1024, &author, error) ||
                  ! get_string (object, "license", FALSE, 1024, &license, error))))
    return FALSE;

  card = g_string_new (*package->description ? package->description : package->name);
  if (author && *author)
    g_string_append_printf (card, ", by %s", author);
  if (license && *license)
    g_string_append_printf (card, ", license %s", license);
  package->card = g_string_free (card, FALSE);
  return TRUE;
}

/* Which networks there are: model.onnx; for super-resolve model_x2.onnx to model_x4.onnx; for fill instead generator.onnx
 * with discriminator.onnx. SCALE: what the package says its model.onnx does, 1: nothing said. */
static gboolean
find_models (NrPackage *package, gint scale, GError **error)
{
  if (package->task == NR_TASK_FILL && nr_package_files_has (package->path, "generator.onnx"))
    return nr_package_files_has (package->path, "discriminator.onnx") ||
           fail (error, "discriminator.onnx is missing beside generator.onnx");
  if (package->task != NR_TASK_SUPER_RESOLVE)
    return nr_package_files_has (package->path, "model.onnx") || fail (error, "model.onnx is missing");

  for (gint s = 2; s <= 4; s++)
    {
      g_autofree gchar *name = g_strdup_printf ("model_x%d.onnx", s);

      if (nr_package_files_has (package->path, name))
        package->scales |= 1u << s;
    }
  if (scale > 1 && nr_package_files_has (package->path, "model.onnx"))
    package->scales |= 1u << scale;
  return package->scales != 0 || fail (error, "model_x2.onnx, model_x3.onnx and model_x4.onnx are all missing");
}

static gboolean
read_config (NrPackage *package, NrPackageHints *hints, GError **error)
{
  g_autoptr (JsonParser) parser = parse_config (package->path, error);
  g_autofree gchar      *id     = NULL;
  JsonObject            *root;
  gint                   scale = 1;

  if (! parser)
    return FALSE;
  root = json_node_get_object (json_parser_get_root (parser));
  if (! get_string (root, "id", TRUE, 1024, &id, error) || ! check_id (id, error))
    return FALSE;
  g_free (package->id);
  package->id = g_steal_pointer (&id);

  g_clear_pointer (&package->name, g_free);
  g_clear_pointer (&package->description, g_free);
  g_clear_pointer (&package->version, g_free);
  return get_string (root, "name", TRUE, 256, &package->name, error) &&
         get_string (root, "description", FALSE, 4096, &package->description, error) &&
         get_string (root, "version", FALSE, 64, &package->version, error) &&
         read_task (package, root, error) &&
         get_int (root, "num_inputs", 1, package->task == NR_TASK_SUPER_RESOLVE ? 1 : 2, &package->n_inputs, error) &&
         read_attributes (package, hints, root, &scale, error) &&
         read_card (package, root, error) &&
         find_models (package, scale, error);
}

static void
fill_missing (gchar **text)
{
  if (! *text)
    *text = g_strdup ("");
}

NrPackage *
nr_package_read (const gchar *path, const gchar *origin, NrPackageHints *hints)
{
  NrPackage         *package = g_new0 (NrPackage, 1);
  NrPackageHints     own_hints;
  g_autoptr (GError) error    = NULL;
  g_autofree gchar  *basename = g_path_get_basename (path);

  if (! hints)
    hints = &own_hints;
  *hints            = (NrPackageHints) { .halo = -1, .multiple = 1, .low = 0, .high = 1 };
  package->id       = g_utf8_make_valid (basename, -1);
  package->path     = g_strdup (path);
  package->origin   = g_strdup (origin);
  package->n_inputs = 1;

  if (! read_config (package, hints, &error))
    package->problem = g_strdup (error->message);
  fill_missing (&package->name);
  fill_missing (&package->description);
  fill_missing (&package->version);
  fill_missing (&package->variant);
  fill_missing (&package->card);
  if (! *package->name)
    {
      g_free (package->name);
      package->name = g_strdup (package->id);
    }
  return package;
}
