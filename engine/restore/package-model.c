/* The networks of a model package.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "package.h"
#include "package-files.h"
#include "sharpen.h"

static gboolean
fail (GError **error, const NrPackage *package, const gchar *format, ...) G_GNUC_PRINTF (3, 4);

/* Sets "model package 'ID': TEXT" and returns FALSE. */
static gboolean
fail (GError **error, const NrPackage *package, const gchar *format, ...)
{
  g_autofree gchar *text = NULL;
  va_list           arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE, "model package '%s': %s", package->id, text);
  return FALSE;
}

/* -1 in a file's shape stands for "any". */
static gboolean
dimension_fits (gint64 dimension, gint64 wanted)
{
  return dimension == wanted || dimension < 0;
}

static gboolean
check_input (const NrPackage *package, const NrModel *model, guint i, gint64 channels, GError **error)
{
  const NrShape *shape = nr_model_input_shape (model, i);

  if (shape->type == NR_TYPE_FLOAT32 && shape->rank == 4 && dimension_fits (shape->dims[0], 1) &&
      dimension_fits (shape->dims[1], channels))
    return TRUE;
  else
    {
      g_autofree gchar *text = nr_shape_to_string (shape);

      return fail (error, package, "input '%s' of its network is %s but must be float32 [1, %d, height, width]",
                   nr_model_input_name (model, i), text, (gint) channels);
    }
}

gint
nr_package_second_planes (const NrPackage *package)
{
  if (package->n_inputs < 2)
    return 0;
  return package->task == NR_TASK_DEBLUR ? NR_SHARPEN_PLANES : 1;
}

static gboolean
check_model (const NrPackage *package, NrModel *model, gint scale, NrReach *reach, GError **error)
{
  if ((gint) nr_model_n_inputs (model) != package->n_inputs)
    return fail (error, package, "its network has %u inputs but config.json says %d",
                 nr_model_n_inputs (model), package->n_inputs);
  if (! check_input (package, model, 0, 3, error) ||
      (package->n_inputs == 2 && ! check_input (package, model, 1, nr_package_second_planes (package), error)))
    return FALSE;
  if (! nr_model_get_reach (model, reach, error))
    {
      g_prefix_error (error, "model package '%s': ", package->id);
      return FALSE;
    }
  if ((gint) reach->scale != scale)
    return fail (error, package, "its network enlarges %u times, not %d times as it should", reach->scale, scale);
  return TRUE;
}

/* The file with the network for SCALE. */
static gchar *
model_file_name (const NrPackage *package, gint scale)
{
  g_autofree gchar *name = g_strdup_printf ("model_x%d.onnx", scale);

  if (package->task == NR_TASK_SUPER_RESOLVE && nr_package_files_has (package->path, name))
    return g_steal_pointer (&name);
  return g_strdup ("model.onnx");
}

NrModel *
nr_package_load_file (const NrPackage *package, const gchar *file, GError **error)
{
  g_autofree gchar  *label = g_strdup_printf ("%s/%s", package->id, file);
  g_autoptr (GBytes) bytes = nr_package_files_load (package->path, file, (gsize) NR_PACKAGE_MAX_FILE_MIB << 20, error);

  return bytes ? nr_model_load_bytes (bytes, label, error) : NULL;
}

NrModel *
nr_package_load_model (const NrPackage *package,
                       gint             scale,
                       NrPackageHints  *hints,
                       NrReach         *reach,
                       GError         **error)
{
  g_autofree gchar     *name    = model_file_name (package, scale);
  g_autoptr (NrPackage) current = nr_package_read (package->path, package->origin, hints);
  g_autoptr (NrModel)   model   = NULL;

  if (current->problem)
    {
      fail (error, package, "%s", current->problem);
      return NULL;
    }
  model = nr_package_load_file (package, name, error);
  if (! model || ! check_model (package, model, scale, reach, error))
    return NULL;
  return g_steal_pointer (&model);
}

/* A generator makes pictures from a list of numbers, its discriminator judges pictures. */
static gboolean
check_generative (const NrPackage *package, GError **error)
{
  g_autoptr (NrModel) generator     = nr_package_load_file (package, "generator.onnx", error);
  g_autoptr (NrModel) discriminator = generator ? nr_package_load_file (package, "discriminator.onnx", error) : NULL;

  if (! discriminator)
    return FALSE;
  if (nr_model_n_inputs (generator) != 1 || nr_model_input_shape (generator, 0)->rank != 2)
    return fail (error, package, "generator.onnx must have one input [N, numbers]");
  if (nr_model_n_inputs (discriminator) != 1)
    return fail (error, package, "discriminator.onnx must have one input [N, 3, height, width]");
  return check_input (package, discriminator, 0, 3, error);
}

gboolean
nr_package_check_models (const NrPackage *package, GError **error)
{
  NrPackageHints hints;
  NrReach        reach;

  if (package->task == NR_TASK_FILL && nr_package_files_has (package->path, "generator.onnx"))
    return check_generative (package, error);
  for (gint scale = 1; scale <= 4; scale++)
    {
      g_autoptr (NrModel) model = NULL;

      if (package->task == NR_TASK_SUPER_RESOLVE ? ! (package->scales & (1u << scale)) : scale > 1)
        continue;
      model = nr_package_load_model (package, scale, &hints, &reach, error);
      if (! model)
        return FALSE;
    }
  return TRUE;
}
