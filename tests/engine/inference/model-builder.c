/* Small ONNX models made in C, for tests.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"

#include <stdlib.h>
#include <string.h>

/* The messages are freed by the decoder's own function, with free (): so all they hold comes from malloc (), as GLib's
 * memory does. Its empty strings are a static object, which the default initialisers refer to as well. */

#define APPEND(parent, field, item)                                                                                           \
  G_STMT_START                                                                                                                \
  {                                                                                                                           \
    (parent)->field                        = g_realloc_n ((parent)->field, (parent)->n_##field + 1, sizeof *(parent)->field); \
    (parent)->field[(parent)->n_##field++] = (item);                                                                          \
  }                                                                                                                           \
  G_STMT_END

NrOnnx__Model *
nr_builder_new (gint64 opset)
{
  NrOnnx__Model       *model = g_new (NrOnnx__Model, 1);
  NrOnnx__OperatorSet *set   = g_new (NrOnnx__OperatorSet, 1);

  nr_onnx__model__init (model);
  nr_onnx__operator_set__init (set);
  model->ir_version = 8;
  model->graph      = g_new (NrOnnx__Graph, 1);
  nr_onnx__graph__init (model->graph);
  set->version = opset;
  APPEND (model, opset_import, set);
  return model;
}

void
nr_builder_free (NrOnnx__Model *model)
{
  nr_onnx__model__free_unpacked (model, NULL);
}

static NrOnnx__ValueInfo *
new_value (const gchar *name)
{
  NrOnnx__ValueInfo *value = g_new (NrOnnx__ValueInfo, 1);

  nr_onnx__value_info__init (value);
  value->name = g_strdup (name);
  return value;
}

void
nr_builder_input (NrOnnx__Model *model, const gchar *name, gint32 type, guint rank, const gint64 *dims)
{
  NrOnnx__ValueInfo  *value  = new_value (name);
  NrOnnx__TensorType *tensor = g_new (NrOnnx__TensorType, 1);

  value->type = g_new (NrOnnx__Type, 1);
  nr_onnx__type__init (value->type);
  nr_onnx__tensor_type__init (tensor);
  value->type->tensor_type = tensor;
  tensor->elem_type        = type;
  tensor->shape            = g_new (NrOnnx__TensorShape, 1);
  nr_onnx__tensor_shape__init (tensor->shape);

  for (guint i = 0; i < rank; i++)
    {
      NrOnnx__Dimension *dim = g_new (NrOnnx__Dimension, 1);

      nr_onnx__dimension__init (dim);
      if (dims[i] != -1)
        {
          dim->value_case = NR_ONNX__DIMENSION__VALUE_DIM_VALUE;
          dim->dim_value  = dims[i];
        }
      APPEND (tensor->shape, dim, dim);
    }

  APPEND (model->graph, input, value);
}

void
nr_builder_output (NrOnnx__Model *model, const gchar *name)
{
  APPEND (model->graph, output, new_value (name));
}

NrOnnx__Node *
nr_builder_node (NrOnnx__Model *model, const gchar *op, const gchar *inputs, const gchar *outputs)
{
  NrOnnx__Node  *node = g_new (NrOnnx__Node, 1);
  g_auto (GStrv) in   = g_strsplit (inputs, " ", -1);
  g_auto (GStrv) out  = g_strsplit (outputs, " ", -1);

  nr_onnx__node__init (node);
  node->op_type = g_strdup (op);
  node->name    = g_strdup_printf ("%s_%" G_GSIZE_FORMAT, op, model->graph->n_node);

  for (guint i = 0; in[i] != NULL && *in[i] != '\0'; i++)
    APPEND (node, input, g_strdup (g_str_equal (in[i], "-") ? "" : in[i]));
  for (guint i = 0; out[i] != NULL && *out[i] != '\0'; i++)
    APPEND (node, output, g_strdup (g_str_equal (out[i], "-") ? "" : out[i]));

  APPEND (model->graph, node, node);
  return node;
}

/* -- Attributes --------------------------------------------------------------------------------------------------- */

static NrOnnx__Attribute *
add_attribute (NrOnnx__Node *node, const gchar *name, gint32 type)
{
  NrOnnx__Attribute *attribute = g_new (NrOnnx__Attribute, 1);

  nr_onnx__attribute__init (attribute);
  attribute->name = g_strdup (name);
  attribute->type = type;
  APPEND (node, attribute, attribute);
  return attribute;
}

NrOnnx__Attribute *
nr_builder_float (NrOnnx__Node *node, const gchar *name, gfloat value)
{
  NrOnnx__Attribute *attribute = add_attribute (node, name, 1);

  attribute->f = value;
  return attribute;
}

NrOnnx__Attribute *
nr_builder_int (NrOnnx__Node *node, const gchar *name, gint64 value)
{
  NrOnnx__Attribute *attribute = add_attribute (node, name, 2);

  attribute->i = value;
  return attribute;
}

NrOnnx__Attribute *
nr_builder_string (NrOnnx__Node *node, const gchar *name, const gchar *value)
{
  NrOnnx__Attribute *attribute = add_attribute (node, name, 3);

  attribute->s.len  = strlen (value);
  attribute->s.data = (guint8 *) g_strdup (value);
  return attribute;
}

NrOnnx__Attribute *
nr_builder_floats (NrOnnx__Node *node, const gchar *name, gsize n, const gfloat *values)
{
  NrOnnx__Attribute *attribute = add_attribute (node, name, 6);

  attribute->n_floats = n;
  attribute->floats   = g_memdup2 (values, n * sizeof *values);
  return attribute;
}

NrOnnx__Attribute *
nr_builder_ints (NrOnnx__Node *node, const gchar *name, gsize n, const gint64 *values)
{
  NrOnnx__Attribute *attribute = add_attribute (node, name, 7);

  attribute->n_ints = n;
  attribute->ints   = g_memdup2 (values, n * sizeof *values);
  return attribute;
}

/* -- Initialisers ------------------------------------------------------------------------------------------------- */

NrOnnx__Tensor *
nr_builder_raw (NrOnnx__Model *model,
                const gchar   *name,
                gint32         type,
                guint          rank,
                const gint64  *dims,
                gconstpointer  data,
                gsize          size)
{
  NrOnnx__Tensor *tensor = g_new (NrOnnx__Tensor, 1);

  nr_onnx__tensor__init (tensor);
  tensor->name          = g_strdup (name);
  tensor->data_type     = type;
  tensor->n_dims        = rank;
  tensor->dims          = g_memdup2 (dims, rank * sizeof *dims);
  tensor->raw_data.len  = size;
  tensor->raw_data.data = g_memdup2 (data, size);
  APPEND (model->graph, initializer, tensor);
  return tensor;
}

static gsize
n_elements (guint rank, const gint64 *dims)
{
  gsize n = 1;

  for (guint i = 0; i < rank; i++)
    n *= dims[i];
  return n;
}

NrOnnx__Tensor *
nr_builder_f32 (NrOnnx__Model *model, const gchar *name, guint rank, const gint64 *dims, const gfloat *data)
{
  return nr_builder_raw (model, name, 1, rank, dims, data, n_elements (rank, dims) * sizeof *data);
}

NrOnnx__Tensor *
nr_builder_i64 (NrOnnx__Model *model, const gchar *name, guint rank, const gint64 *dims, const gint64 *data)
{
  return nr_builder_raw (model, name, 7, rank, dims, data, n_elements (rank, dims) * sizeof *data);
}

/* -- The file ----------------------------------------------------------------------------------------------------- */

GBytes *
nr_builder_pack (NrOnnx__Model *model)
{
  gsize   size  = nr_onnx__model__get_packed_size (model);
  guint8 *bytes = g_malloc (size);

  nr_onnx__model__pack (model, bytes);
  return g_bytes_new_take (bytes, size);
}

NrModel *
nr_builder_load (NrOnnx__Model *model, GError **error)
{
  g_autoptr (GBytes) bytes = nr_builder_pack (model);

  nr_builder_free (model);
  return nr_model_load_bytes (bytes, "test.onnx", error);
}
