/* From the bytes of an ONNX file to an NrModel: structure, names, operators, attributes, versions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The order of work: decode the messages with a bounded allocator; versions; initialisers and inputs; nodes, each
 * checked against its operator class; outputs; every name that is read must be defined; sort.
 */

#include "onnx-reader.h"
#include "aligned.h"

#include <stdlib.h>
#include <string.h>

enum
{
  MIN_OPSET       = 9,
  MAX_OPSET       = 21,
  MIN_IR_VERSION  = 3,
  MAX_IR_VERSION  = 13,
  MAX_NAME_LENGTH = 1024,
  MAX_NODES       = 50000 /* far above any network; planning time grows with its square */
};

/* Attribute types as the format numbers them. */
enum
{
  ATTRIBUTE_FLOAT  = 1,
  ATTRIBUTE_INT    = 2,
  ATTRIBUTE_STRING = 3,
  ATTRIBUTE_TENSOR = 4,
  ATTRIBUTE_GRAPH  = 5,
  ATTRIBUTE_FLOATS = 6,
  ATTRIBUTE_INTS   = 7
};

typedef struct
{
  NrModel    *model;
  GHashTable *indices; /* name -> index of the value + 1; names belong to the tensors */
  GArray     *defined; /* gboolean for each value: input, initialiser or a node's output */
} Reader;

static gboolean G_GNUC_PRINTF (3, 4)
    fail (GError **error, NrEngineError code, const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (NR_ENGINE_ERROR, code, format, args);
  va_end (args);

  return FALSE;
}

/* -- Decoding ----------------------------------------------------------------------------------------------------- */

/* A few bytes of a file can stand for a message of some hundred: the decoder gets no more than a sane file needs. */
typedef struct
{
  gsize left;
} Budget;

static void *
budget_alloc (void *data, size_t size)
{
  Budget *budget = data;

  if (size > budget->left)
    return NULL;

  budget->left -= size;
  return malloc (size);
}

static void
budget_free (void *data, void *block)
{
  free (block);
}

static NrOnnx__Model *
decode (const guint8 *bytes, gsize size, Budget *budget, ProtobufCAllocator *allocator, GError **error)
{
  NrOnnx__Model *message;

  if (size == 0)
    {
      fail (error, NR_ENGINE_ERROR_FILE, "the file is empty");
      return NULL;
    }

  /* Weights are copied once; small messages grow to a multiple of their size. */
  if (! g_size_checked_mul (&budget->left, size, 16) || ! g_size_checked_add (&budget->left, budget->left, 1 << 20))
    budget->left = G_MAXSIZE;

  *allocator = (ProtobufCAllocator) { .alloc = budget_alloc, .free = budget_free, .allocator_data = budget };
  message    = nr_onnx__model__unpack (allocator, size, bytes);
  if (message == NULL)
    fail (error, NR_ENGINE_ERROR_FILE, "it is not an ONNX file, or it is damaged");
  return message;
}

/* -- Names -------------------------------------------------------------------------------------------------------- */

gboolean
nr_onnx_check_name (const gchar *name, const gchar *what, GError **error)
{
  gsize length = strlen (name);

  if (length > MAX_NAME_LENGTH)
    return fail (error, NR_ENGINE_ERROR_FILE, "%s has %" G_GSIZE_FORMAT " characters, at most %d are allowed",
                 what, length, MAX_NAME_LENGTH);

  if (! g_utf8_validate (name, -1, NULL))
    return fail (error, NR_ENGINE_ERROR_FILE, "%s is not valid text", what);

  for (const gchar *c = name; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return fail (error, NR_ENGINE_ERROR_FILE, "%s contains control characters", what);

  return TRUE;
}

/* The index of the value called NAME, made when it is new. */
static guint
value_index (Reader *reader, const gchar *name)
{
  gpointer  found = g_hash_table_lookup (reader->indices, name);
  gboolean  no    = FALSE;
  NrTensor *tensor;

  if (found != NULL)
    return GPOINTER_TO_UINT (found) - 1;

  tensor = nr_tensor_new (name);
  g_ptr_array_add (reader->model->values, tensor);
  g_array_append_val (reader->defined, no);
  g_hash_table_insert (reader->indices, tensor->name, GUINT_TO_POINTER (reader->model->values->len));
  return reader->model->values->len - 1;
}

static gboolean
define_value (Reader *reader, const gchar *name, const gchar *what, guint *index, GError **error)
{
  if (*name == '\0')
    return fail (error, NR_ENGINE_ERROR_FILE, "%s has no name", what);

  if (! nr_onnx_check_name (name, "the name of a value", error))
    return FALSE;

  *index = value_index (reader, name);
  if (g_array_index (reader->defined, gboolean, *index))
    return fail (error, NR_ENGINE_ERROR_FILE, "'%s' is defined twice", name);

  g_array_index (reader->defined, gboolean, *index) = TRUE;
  return TRUE;
}

/* Puts a constant in the place of the value INDEX. */
static void
set_constant (Reader *reader, guint index, NrTensor *tensor)
{
  NrTensor *value = nr_model_value (reader->model, index);

  value->shape       = tensor->shape;
  value->n           = tensor->n;
  value->data        = g_steal_pointer (&tensor->data);
  value->is_constant = TRUE;
  value->is_shared   = TRUE;
  value->owns_data   = TRUE;
  nr_tensor_free (tensor);
}

/* -- Initialisers, inputs, outputs -------------------------------------------------------------------------------- */

static gboolean
read_initializer (Reader *reader, const NrOnnx__Tensor *message, GError **error)
{
  g_autofree gchar *what = NULL;
  NrTensor         *tensor;
  guint             index;

  if (! define_value (reader, message->name, "an initialiser", &index, error))
    return FALSE;

  what   = g_strdup_printf ("initialiser '%s'", message->name);
  tensor = nr_onnx_read_tensor (message, what, error);
  if (tensor == NULL)
    return FALSE;

  if (tensor->shape.type == NR_TYPE_FLOAT32)
    reader->model->n_parameters += tensor->n;
  set_constant (reader, index, tensor);
  return TRUE;
}

static gboolean
read_dimension (const NrOnnx__Dimension *message, const gchar *name, gint64 *dim, GError **error)
{
  if (message->value_case != NR_ONNX__DIMENSION__VALUE_DIM_VALUE)
    {
      *dim = -1;
      return TRUE;
    }

  if (message->dim_value < 0)
    return fail (error, NR_ENGINE_ERROR_FILE, "input '%s' has the dimension %" G_GINT64_FORMAT,
                 name, message->dim_value);

  *dim = message->dim_value;
  return TRUE;
}

static gboolean
read_input_shape (const NrOnnx__ValueInfo *message, NrShape *shape, GError **error)
{
  const NrOnnx__TensorType *type = message->type != NULL ? message->type->tensor_type : NULL;

  if (type == NULL || type->shape == NULL)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "input '%s' is not a tensor with a number of dimensions",
                 message->name);

  shape->type = nr_onnx_type (type->elem_type);
  if (shape->type == NR_TYPE_UNDEFINED)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "input '%s' has element type %s (%d), which is not supported",
                 message->name, nr_onnx_type_name (type->elem_type), type->elem_type);

  if (type->shape->n_dim > NR_MAX_RANK)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED,
                 "input '%s' has %" G_GSIZE_FORMAT " dimensions, at most %d are supported",
                 message->name, type->shape->n_dim, NR_MAX_RANK);

  shape->rank = type->shape->n_dim;
  for (guint i = 0; i < shape->rank; i++)
    if (! read_dimension (type->shape->dim[i], message->name, &shape->dims[i], error))
      return FALSE;

  return TRUE;
}

/* Files of before IR version 4 list initialisers as inputs too: those are not inputs here. */
static gboolean
read_input (Reader *reader, const NrOnnx__ValueInfo *message, GError **error)
{
  NrShape  shape = { 0 };
  gpointer found = g_hash_table_lookup (reader->indices, message->name);
  guint    index;

  if (found != NULL && nr_model_value (reader->model, GPOINTER_TO_UINT (found) - 1)->is_constant)
    return TRUE;

  if (! define_value (reader, message->name, "an input", &index, error) ||
      ! read_input_shape (message, &shape, error))
    return FALSE;

  g_array_append_val (reader->model->inputs, index);
  g_array_append_val (reader->model->input_shapes, shape);
  return TRUE;
}

static gboolean
read_outputs (Reader *reader, const NrOnnx__Graph *graph, GError **error)
{
  if (graph->n_output == 0)
    return fail (error, NR_ENGINE_ERROR_FILE, "the graph has no outputs");

  for (gsize i = 0; i < graph->n_output; i++)
    {
      gpointer found = g_hash_table_lookup (reader->indices, graph->output[i]->name);
      guint    index = found != NULL ? GPOINTER_TO_UINT (found) - 1 : 0;

      if (! nr_onnx_check_name (graph->output[i]->name, "the name of an output", error))
        return FALSE;

      if (found == NULL || ! g_array_index (reader->defined, gboolean, index))
        return fail (error, NR_ENGINE_ERROR_FILE, "output '%s' is made by no node", graph->output[i]->name);

      g_array_append_val (reader->model->outputs, index);
    }

  return TRUE;
}

/* -- Attributes --------------------------------------------------------------------------------------------------- */

static gboolean
attr_type (gint32 type, NrAttrType *result)
{
  switch (type)
    {
    case ATTRIBUTE_FLOAT:
      *result = NR_ATTR_FLOAT;
      return TRUE;
    case ATTRIBUTE_INT:
      *result = NR_ATTR_INT;
      return TRUE;
    case ATTRIBUTE_STRING:
      *result = NR_ATTR_STRING;
      return TRUE;
    case ATTRIBUTE_TENSOR:
      *result = NR_ATTR_TENSOR;
      return TRUE;
    case ATTRIBUTE_FLOATS:
      *result = NR_ATTR_FLOATS;
      return TRUE;
    case ATTRIBUTE_INTS:
      *result = NR_ATTR_INTS;
      return TRUE;
    default:
      return FALSE;
    }
}

/* The value of a message whose type is one of ours; WHERE: "node 'x' (Conv)". */
static NrAttr *
read_attr (const NrOnnx__Attribute *message, NrAttrType type, const gchar *where, GError **error)
{
  NrAttr           *attr = g_new0 (NrAttr, 1);
  g_autofree gchar *what = NULL;

  attr->name = g_strdup (message->name);
  attr->type = type;
  attr->i    = message->i;
  attr->f    = message->f;

  if (type == NR_ATTR_STRING)
    {
      /* A field that the file leaves out has no data. */
      attr->s = message->s.len > 0 ? g_strndup ((const gchar *) message->s.data, message->s.len) : g_strdup ("");
      what    = g_strdup_printf ("%s: the value of attribute '%s'", where, message->name);
      if (! nr_onnx_check_name (attr->s, what, error))
        g_clear_pointer (&attr, nr_attr_free);
    }
  else if (type == NR_ATTR_INTS)
    {
      attr->n    = message->n_ints;
      attr->ints = g_memdup2 (message->ints, message->n_ints * sizeof (gint64));
    }
  else if (type == NR_ATTR_FLOATS)
    {
      attr->n      = message->n_floats;
      attr->floats = g_memdup2 (message->floats, message->n_floats * sizeof (gfloat));
    }
  else if (type == NR_ATTR_TENSOR)
    {
      what = g_strdup_printf ("%s: attribute '%s'", where, message->name);
      if (message->t == NULL)
        fail (error, NR_ENGINE_ERROR_FILE, "%s has no value", what);
      else
        attr->t = nr_onnx_read_tensor (message->t, what, error);
      if (attr->t == NULL)
        g_clear_pointer (&attr, nr_attr_free);
    }

  return attr;
}

static const NrAttrSpec *
find_spec (const NrAttrSpec *specs, const gchar *name)
{
  for (; specs != NULL && specs->name != NULL; specs++)
    if (g_str_equal (specs->name, name))
      return specs;

  return NULL;
}

static gboolean
read_attrs (const NrOnnx__Node *message,
            const NrAttrSpec   *specs,
            const gchar        *where,
            GPtrArray          *attrs,
            GError            **error)
{
  for (gsize i = 0; i < message->n_attribute; i++)
    {
      const NrOnnx__Attribute *attribute = message->attribute[i];
      const NrAttrSpec        *spec;
      NrAttrType               type;
      NrAttr                  *attr;

      if (! nr_onnx_check_name (attribute->name, "the name of an attribute", error))
        return FALSE;

      spec = find_spec (specs, attribute->name);
      if (spec == NULL)
        return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "%s: attribute '%s' is not supported",
                     where, attribute->name);

      if (! attr_type (attribute->type, &type) || type != spec->type || *attribute->ref_attr_name != '\0')
        return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "%s: attribute '%s' has a type that is not supported (%d)",
                     where, attribute->name, attribute->type);

      for (guint k = 0; k < attrs->len; k++)
        if (g_str_equal (((NrAttr *) g_ptr_array_index (attrs, k))->name, attribute->name))
          return fail (error, NR_ENGINE_ERROR_FILE, "%s: attribute '%s' stands twice", where, attribute->name);

      attr = read_attr (attribute, type, where, error);
      if (attr == NULL)
        return FALSE;
      g_ptr_array_add (attrs, attr);
    }

  return TRUE;
}

/* -- Nodes -------------------------------------------------------------------------------------------------------- */

/* Optional values left out at the end are as if they were not listed. */
static guint
count_names (char **names, gsize n)
{
  while (n > 0 && *names[n - 1] == '\0')
    n--;
  return n;
}

static const gchar *
node_name (const NrOnnx__Node *message)
{
  if (*message->name != '\0')
    return message->name;

  for (gsize i = 0; i < message->n_output; i++)
    if (*message->output[i] != '\0')
      return message->output[i];

  return "";
}

static gboolean
check_op (const NrModel *model, const NrOnnx__Node *message, const NrOpClass *op, const gchar *where, GError **error)
{
  const guint n_in  = count_names (message->input, message->n_input);
  const guint n_out = count_names (message->output, message->n_output);

  if (*message->domain != '\0' && ! g_str_equal (message->domain, "ai.onnx"))
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "%s: operators of domain '%s' are not supported",
                 where, message->domain);

  if (op == NULL)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "%s: the operator is not supported (opset %d)",
                 where, model->opset);

  if ((op->since_opset != 0 && model->opset < op->since_opset) ||
      (op->last_opset != 0 && model->opset > op->last_opset))
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "%s: the operator does not exist in opset %d",
                 where, model->opset);

  if (n_in < op->min_in || n_in > op->max_in)
    return fail (error, NR_ENGINE_ERROR_FILE, "%s: %u inputs are not what the operator takes", where, n_in);

  if (n_out < op->min_out || n_out > op->max_out)
    return fail (error, NR_ENGINE_ERROR_FILE, "%s: %u outputs are not what the operator makes", where, n_out);

  return TRUE;
}

static gboolean
read_names (Reader             *reader,
            NrModelNode        *node,
            const NrOnnx__Node *message,
            const gchar        *where,
            GError            **error)
{
  node->n_in  = count_names (message->input, message->n_input);
  node->n_out = count_names (message->output, message->n_output);
  node->in    = g_new (guint, node->n_in);
  node->out   = g_new (guint, node->n_out);

  for (guint i = 0; i < node->n_in; i++)
    {
      if (! nr_onnx_check_name (message->input[i], "the name of a value", error))
        return FALSE;

      node->in[i] = *message->input[i] == '\0' ? NR_NO_VALUE : value_index (reader, message->input[i]);
      if (node->in[i] == NR_NO_VALUE && i < node->op->min_in)
        return fail (error, NR_ENGINE_ERROR_FILE, "%s: input %u is missing", where, i);
    }

  for (guint i = 0; i < node->n_out; i++)
    if (*message->output[i] == '\0' && i < node->op->min_out)
      return fail (error, NR_ENGINE_ERROR_FILE, "%s: output %u is missing", where, i);
    else if (*message->output[i] == '\0')
      node->out[i] = NR_NO_VALUE;
    else if (! define_value (reader, message->output[i], "an output", &node->out[i], error))
      return FALSE;

  return TRUE;
}

/* -- Constant: becomes an initialiser ----------------------------------------------------------------------------- */

static const NrAttrSpec constant_attrs[] = {
  { "value", NR_ATTR_TENSOR },
  { "value_float", NR_ATTR_FLOAT },
  { "value_floats", NR_ATTR_FLOATS },
  { "value_int", NR_ATTR_INT },
  { "value_ints", NR_ATTR_INTS },
  { NULL }
};

static NrTensor *
tensor_from_attr (NrAttr *attr, GError **error)
{
  const gboolean       is_int = attr->type == NR_ATTR_INT || attr->type == NR_ATTR_INTS;
  const gboolean       is_one = attr->type == NR_ATTR_INT || attr->type == NR_ATTR_FLOAT;
  const gint64         n      = is_one ? 1 : (gint64) attr->n;
  g_autoptr (NrTensor) tensor = NULL;

  if (attr->type == NR_ATTR_TENSOR)
    return g_steal_pointer (&attr->t);

  tensor = nr_tensor_new (attr->name);
  if (! nr_tensor_set_shape (tensor, is_int ? NR_TYPE_INT64 : NR_TYPE_FLOAT32, is_one ? 0 : 1, &n, error) ||
      ! nr_tensor_alloc (tensor, error))
    return NULL;

  if (attr->type == NR_ATTR_INT)
    *nr_tensor_i64 (tensor) = attr->i;
  else if (attr->type == NR_ATTR_FLOAT)
    *nr_tensor_f32 (tensor) = attr->f;
  else if (n > 0)
    memcpy (tensor->data, is_int ? (gpointer) attr->ints : (gpointer) attr->floats, nr_tensor_bytes (tensor));

  return g_steal_pointer (&tensor);
}

static gboolean
read_constant (Reader *reader, const NrOnnx__Node *message, const gchar *where, GError **error)
{
  g_autoptr (GPtrArray) attrs = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_attr_free);
  NrTensor             *tensor;
  guint                 index;

  if (! read_attrs (message, constant_attrs, where, attrs, error))
    return FALSE;

  if (attrs->len != 1 || message->n_output != 1 || message->n_input != 0)
    return fail (error, NR_ENGINE_ERROR_FILE, "%s: it must have one value and one output", where);

  if (! define_value (reader, message->output[0], where, &index, error))
    return FALSE;

  tensor = tensor_from_attr (g_ptr_array_index (attrs, 0), error);
  if (tensor == NULL)
    return FALSE;

  set_constant (reader, index, tensor);
  return TRUE;
}

static gboolean
read_node (Reader *reader, const NrOnnx__Node *message, GError **error)
{
  const NrOpClass  *op;
  NrModelNode      *node;
  g_autofree gchar *where = NULL;

  if (! nr_onnx_check_name (message->name, "the name of a node", error) ||
      ! nr_onnx_check_name (message->op_type, "the operator of a node", error) ||
      ! nr_onnx_check_name (message->domain, "the domain of a node", error) ||
      ! nr_onnx_check_name (node_name (message), "the name of a value", error))
    return FALSE;

  where = g_strdup_printf ("node '%s' (%s)", node_name (message), message->op_type);

  if (g_str_equal (message->op_type, "Constant") && *message->domain == '\0')
    return read_constant (reader, message, where, error);

  op = nr_op_lookup (message->op_type);
  if (! check_op (reader->model, message, op, where, error))
    return FALSE;

  node        = g_new0 (NrModelNode, 1);
  node->name  = g_strdup (node_name (message));
  node->op    = op;
  node->attrs = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_attr_free);
  g_ptr_array_add (reader->model->nodes, node);

  return read_attrs (message, op->attrs, where, node->attrs, error) &&
         read_names (reader, node, message, where, error);
}

/* -- The whole ---------------------------------------------------------------------------------------------------- */

static gboolean
read_versions (NrModel *model, const NrOnnx__Model *message, GError **error)
{
  gint64 opset = 0;

  if (message->ir_version < MIN_IR_VERSION || message->ir_version > MAX_IR_VERSION)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED,
                 "its format version (IR) is %" G_GINT64_FORMAT ", supported are %d to %d",
                 message->ir_version, MIN_IR_VERSION, MAX_IR_VERSION);

  for (gsize i = 0; i < message->n_opset_import; i++)
    {
      const NrOnnx__OperatorSet *set = message->opset_import[i];

      if (*set->domain == '\0' || g_str_equal (set->domain, "ai.onnx"))
        opset = set->version;
    }

  if (opset < MIN_OPSET || opset > MAX_OPSET)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED,
                 "its operator set is version %" G_GINT64_FORMAT ", supported are %d to %d", opset, MIN_OPSET, MAX_OPSET);

  model->opset = (gint) opset;
  return TRUE;
}

static gboolean
check_all_defined (Reader *reader, GError **error)
{
  for (guint i = 0; i < reader->model->nodes->len; i++)
    {
      const NrModelNode *node = nr_model_node (reader->model, i);

      for (guint k = 0; k < node->n_in; k++)
        if (node->in[k] != NR_NO_VALUE && ! g_array_index (reader->defined, gboolean, node->in[k]))
          return fail (error, NR_ENGINE_ERROR_FILE, "node '%s' (%s): input '%s' is made by no node",
                       node->name, node->op->type, nr_model_value (reader->model, node->in[k])->name);
    }

  return TRUE;
}

static gboolean
read_graph (Reader *reader, const NrOnnx__Graph *graph, GError **error)
{
  if (graph->n_sparse_initializer > 0)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "sparse initialisers are not supported");

  if (graph->n_node > MAX_NODES)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, "the graph has %" G_GSIZE_FORMAT " nodes, at most %d are supported",
                 graph->n_node, MAX_NODES);

  for (gsize i = 0; i < graph->n_initializer; i++)
    if (! read_initializer (reader, graph->initializer[i], error))
      return FALSE;

  for (gsize i = 0; i < graph->n_input; i++)
    if (! read_input (reader, graph->input[i], error))
      return FALSE;

  for (gsize i = 0; i < graph->n_node; i++)
    if (! read_node (reader, graph->node[i], error))
      return FALSE;

  return read_outputs (reader, graph, error) && check_all_defined (reader, error);
}

gboolean
nr_onnx_read (NrModel *model, const guint8 *bytes, gsize size, GError **error)
{
  Budget             budget;
  ProtobufCAllocator allocator;
  NrOnnx__Model     *message = decode (bytes, size, &budget, &allocator, error);
  Reader             reader  = { .model = model };
  gboolean           success;

  if (message == NULL)
    return FALSE;

  reader.indices = g_hash_table_new (g_str_hash, g_str_equal);
  reader.defined = g_array_new (FALSE, FALSE, sizeof (gboolean));

  if (! read_versions (model, message, error))
    success = FALSE;
  else if (message->graph == NULL)
    success = fail (error, NR_ENGINE_ERROR_FILE, "it holds no graph");
  else
    success = read_graph (&reader, message->graph, error) && nr_model_sort (model, error);

  g_hash_table_unref (reader.indices);
  g_array_unref (reader.defined);
  nr_onnx__model__free_unpacked (message, &allocator);
  return success;
}
