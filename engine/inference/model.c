/* Models: load, share, describe.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model.h"
#include "aligned.h"
#include "onnx/onnx-reader.h"

/* The format's own limit: lengths in it are 31 bits. */
#define MAX_FILE_SIZE ((gsize) G_MAXINT32)

void
nr_model_node_free (NrModelNode *node)
{
  g_free (node->name);
  g_ptr_array_unref (node->attrs);
  g_free (node->in);
  g_free (node->out);
  g_free (node);
}

NrModel *
nr_model_new (const gchar *name)
{
  NrModel *model = g_new0 (NrModel, 1);

  g_atomic_ref_count_init (&model->ref_count);
  g_mutex_init (&model->lock);
  model->name         = g_strdup (name);
  model->values       = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_tensor_free);
  model->nodes        = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_model_node_free);
  model->inputs       = g_array_new (FALSE, FALSE, sizeof (guint));
  model->input_shapes = g_array_new (FALSE, FALSE, sizeof (NrShape));
  model->outputs      = g_array_new (FALSE, FALSE, sizeof (guint));
  model->derived      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) nr_tensor_free);
  model->packed       = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, nr_aligned_free);
  return model;
}

NrModel *
nr_model_ref (NrModel *model)
{
  g_return_val_if_fail (model != NULL, NULL);

  g_atomic_ref_count_inc (&model->ref_count);
  return model;
}

void
nr_model_unref (NrModel *model)
{
  if (model == NULL || ! g_atomic_ref_count_dec (&model->ref_count))
    return;

  g_hash_table_unref (model->packed);
  g_hash_table_unref (model->derived);
  g_ptr_array_unref (model->nodes);
  g_ptr_array_unref (model->values);
  g_array_unref (model->inputs);
  g_array_unref (model->input_shapes);
  g_array_unref (model->outputs);
  g_clear_pointer (&model->parameters, g_array_unref);
  g_mutex_clear (&model->lock);
  g_free (model->name);
  g_free (model);
}

/* -- Load --------------------------------------------------------------------------------------------------------- */

NrModel *
nr_model_load_bytes (GBytes *bytes, const gchar *name, GError **error)
{
  g_autoptr (NrModel) model = NULL;
  gsize               size;
  gconstpointer       data;

  g_return_val_if_fail (bytes != NULL && name != NULL, NULL);

  data  = g_bytes_get_data (bytes, &size);
  model = nr_model_new (name);

  if (size > MAX_FILE_SIZE)
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_FILE, "%s: the file is larger than 2 GiB", name);
      return NULL;
    }

  if (! nr_onnx_read (model, data, size, error))
    {
      g_prefix_error (error, "%s: ", name);
      return NULL;
    }

  g_debug ("%s: opset %d, %u nodes, %" G_GSIZE_FORMAT " parameters",
           name, model->opset, model->nodes->len, model->n_parameters);
  return g_steal_pointer (&model);
}

NrModel *
nr_model_load (const gchar *path, GError **error)
{
  g_autoptr (GMappedFile) file  = NULL;
  g_autoptr (GBytes)      bytes = NULL;
  g_autoptr (GError)      local = NULL;
  g_autofree gchar       *name  = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  file = g_mapped_file_new (path, FALSE, &local);
  if (file == NULL)
    {
      g_set_error_literal (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_FILE, local->message);
      return NULL;
    }

  name  = g_filename_display_basename (path);
  bytes = g_mapped_file_get_bytes (file);
  return nr_model_load_bytes (bytes, name, error);
}

/* -- Describe ----------------------------------------------------------------------------------------------------- */

NrTensor *
nr_model_value (const NrModel *model, guint i)
{
  return g_ptr_array_index (model->values, i);
}

NrModelNode *
nr_model_node (const NrModel *model, guint i)
{
  return g_ptr_array_index (model->nodes, i);
}

guint
nr_model_n_inputs (const NrModel *model)
{
  return model->inputs->len;
}

const gchar *
nr_model_input_name (const NrModel *model, guint i)
{
  g_return_val_if_fail (i < model->inputs->len, NULL);

  return nr_model_value (model, g_array_index (model->inputs, guint, i))->name;
}

const NrShape *
nr_model_input_shape (const NrModel *model, guint i)
{
  g_return_val_if_fail (i < model->inputs->len, NULL);

  return &g_array_index (model->input_shapes, NrShape, i);
}

guint
nr_model_n_outputs (const NrModel *model)
{
  return model->outputs->len;
}

const gchar *
nr_model_output_name (const NrModel *model, guint i)
{
  g_return_val_if_fail (i < model->outputs->len, NULL);

  return nr_model_value (model, g_array_index (model->outputs, guint, i))->name;
}

gsize
nr_model_n_parameters (const NrModel *model)
{
  return model->n_parameters;
}

/* -- What sessions share ------------------------------------------------------------------------------------------ */

NrTensor *
nr_model_derive (NrModel *model, const gchar *key, NrDeriveFunc make, gpointer data, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&model->lock);
  NrTensor                *tensor = g_hash_table_lookup (model->derived, key);

  if (tensor == NULL)
    {
      tensor = make (data, error);
      if (tensor != NULL)
        g_hash_table_insert (model->derived, g_strdup (key), tensor);
    }

  return tensor;
}
