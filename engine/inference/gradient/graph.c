/* NrGraph: a network made in C.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * It fills an NrModel as the reader of files does: values, nodes in the order in which they were made, which is one in
 * which they can run.
 */

#include "nr-gradient.h"
#include "model.h"

#include <string.h>

enum
{
  OPSET = 21
};

struct _NrGraph
{
  NrModel    *model; /* NULL once it was given away */
  GError     *error; /* the first mistake */
  GHashTable *names; /* of inputs, parameters and outputs; strings belong to the values */
};

NrGraph *
nr_graph_new (const gchar *name)
{
  NrGraph *graph = g_new0 (NrGraph, 1);

  g_return_val_if_fail (name != NULL, NULL);

  graph->model             = nr_model_new (name);
  graph->model->opset      = OPSET;
  graph->model->parameters = g_array_new (FALSE, FALSE, sizeof (guint));
  graph->names             = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return graph;
}

void
nr_graph_free (NrGraph *graph)
{
  if (graph == NULL)
    return;

  nr_model_unref (graph->model);
  g_clear_error (&graph->error);
  g_hash_table_unref (graph->names);
  g_free (graph);
}

/* Whether the graph still takes something; there must be no mistake before. */
static gboolean
is_open (const NrGraph *graph)
{
  return graph->model != NULL && graph->error == NULL;
}

G_GNUC_PRINTF (3, 4)
static NrValue
fail (NrGraph *graph, NrEngineError code, const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  graph->error = g_error_new_valist (NR_ENGINE_ERROR, code, format, args);
  va_end (args);
  g_prefix_error (&graph->error, "%s: ", graph->model->name);

  return NR_VALUE_NONE;
}

/* -- Values -------------------------------------------------------------------------------------------------------- */

static NrValue
add_value (NrGraph *graph, const gchar *name)
{
  g_ptr_array_add (graph->model->values, nr_tensor_new (name));
  return (NrValue) graph->model->values->len - 1;
}

static gboolean
claim_name (NrGraph *graph, const gchar *name)
{
  if (g_hash_table_add (graph->names, g_strdup (name)))
    return TRUE;

  fail (graph, NR_ENGINE_ERROR_FILE, "there are two values named '%s'", name);
  return FALSE;
}

NrValue
nr_graph_input (NrGraph *graph, const gchar *name, const NrShape *shape)
{
  g_return_val_if_fail (graph != NULL && name != NULL && shape != NULL, NR_VALUE_NONE);

  if (! is_open (graph) || ! claim_name (graph, name))
    return NR_VALUE_NONE;

  const NrValue value = add_value (graph, name);
  const guint   index = (guint) value;

  g_array_append_val (graph->model->inputs, index);
  g_array_append_vals (graph->model->input_shapes, shape, 1);
  return value;
}

static NrValue
add_constant (NrGraph *graph, const gchar *name, const NrShape *shape, gconstpointer data)
{
  const NrValue value  = add_value (graph, name);
  NrTensor     *tensor = nr_model_value (graph->model, (guint) value);

  if (! nr_tensor_set_shape (tensor, shape->type, shape->rank, shape->dims, &graph->error) ||
      ! nr_tensor_alloc (tensor, &graph->error))
    {
      g_prefix_error (&graph->error, "%s: ", graph->model->name);
      return NR_VALUE_NONE;
    }

  if (tensor->n > 0)
    memcpy (tensor->data, data, nr_tensor_bytes (tensor));
  tensor->is_constant = TRUE;
  tensor->is_shared   = TRUE;
  if (shape->type == NR_TYPE_FLOAT32)
    graph->model->n_parameters += tensor->n;
  return value;
}

NrValue
nr_graph_parameter (NrGraph *graph, const gchar *name, const NrShape *shape, const gfloat *data)
{
  NrValue value;

  g_return_val_if_fail (graph != NULL && name != NULL && shape != NULL && data != NULL, NR_VALUE_NONE);
  g_return_val_if_fail (shape->type == NR_TYPE_FLOAT32, NR_VALUE_NONE);

  if (! is_open (graph) || ! claim_name (graph, name))
    return NR_VALUE_NONE;

  value = add_constant (graph, name, shape, data);
  if (value != NR_VALUE_NONE)
    g_array_append_vals (graph->model->parameters, &(guint) { (guint) value }, 1);
  return value;
}

NrValue
nr_graph_constant (NrGraph *graph, const NrShape *shape, gconstpointer data)
{
  g_autofree gchar *name = NULL;

  g_return_val_if_fail (graph != NULL && shape != NULL && data != NULL, NR_VALUE_NONE);

  if (! is_open (graph))
    return NR_VALUE_NONE;

  name = g_strdup_printf ("constant %u", graph->model->values->len);
  return add_constant (graph, name, shape, data);
}

/* -- Attributes ---------------------------------------------------------------------------------------------------- */

static const NrAttrSpec *
find_spec (const NrOpClass *op, const gchar *name)
{
  for (const NrAttrSpec *spec = op->attrs; spec != NULL && spec->name != NULL; spec++)
    if (g_str_equal (spec->name, name))
      return spec;

  return NULL;
}

/* "1,2,3" into NUMBERS of the spec's kind; FALSE if it is something else. */
static gboolean
parse_numbers (NrAttr *attr, const gchar *text)
{
  const gboolean is_int  = attr->type == NR_ATTR_INT || attr->type == NR_ATTR_INTS;
  const gboolean is_list = attr->type == NR_ATTR_INTS || attr->type == NR_ATTR_FLOATS;
  g_auto (GStrv) parts   = g_strsplit (text, ",", -1);
  const guint    n       = g_strv_length (parts);

  if (n == 0 || (n > 1 && ! is_list))
    return FALSE;

  attr->n = n;
  if (attr->type == NR_ATTR_INTS)
    attr->ints = g_new (gint64, n);
  else if (attr->type == NR_ATTR_FLOATS)
    attr->floats = g_new (gfloat, n);

  for (guint k = 0; k < n; k++)
    {
      gchar        *end;
      const gint64  i = is_int ? g_ascii_strtoll (parts[k], &end, 10) : 0;
      const gdouble f = is_int ? 0.0 : g_ascii_strtod (parts[k], &end);

      if (end == parts[k] || *end != '\0')
        return FALSE;

      if (attr->type == NR_ATTR_INTS)
        attr->ints[k] = i;
      else if (attr->type == NR_ATTR_FLOATS)
        attr->floats[k] = (gfloat) f;
      attr->i = i;
      attr->f = (gfloat) f;
    }

  return TRUE;
}

static gboolean
add_attr (NrGraph *graph, NrModelNode *node, const gchar *text)
{
  const gchar      *equals = strchr (text, '=');
  g_autofree gchar *name   = equals != NULL ? g_strndup (text, (gsize) (equals - text)) : g_strdup (text);
  const NrAttrSpec *spec   = find_spec (node->op, name);
  NrAttr           *attr;

  if (equals == NULL || spec == NULL || spec->type == NR_ATTR_TENSOR)
    {
      fail (graph, NR_ENGINE_ERROR_UNSUPPORTED, "node '%s' (%s): attribute '%s' is not supported", node->name, node->op->type, text);
      return FALSE;
    }

  attr       = g_new0 (NrAttr, 1);
  attr->name = g_strdup (name);
  attr->type = spec->type;
  g_ptr_array_add (node->attrs, attr);

  if (spec->type == NR_ATTR_STRING)
    {
      attr->s = g_strdup (equals + 1);
      return TRUE;
    }

  if (parse_numbers (attr, equals + 1))
    return TRUE;

  fail (graph, NR_ENGINE_ERROR_UNSUPPORTED, "node '%s' (%s): attribute '%s' has another type", node->name, node->op->type, text);
  return FALSE;
}

/* -- Nodes --------------------------------------------------------------------------------------------------------- */

static gboolean
set_inputs (NrGraph *graph, NrModelNode *node, guint n_inputs, const NrValue *inputs)
{
  const gchar *type = node->op->type;

  node->in = g_new (guint, n_inputs);
  for (guint i = 0; i < n_inputs; i++)
    {
      if (inputs[i] == NR_VALUE_NONE)
        node->in[i] = NR_NO_VALUE;
      else if (inputs[i] >= 0 && inputs[i] < (NrValue) graph->model->values->len)
        node->in[i] = (guint) inputs[i];
      else
        return fail (graph, NR_ENGINE_ERROR_FILE, "node '%s' (%s): input %u is no value of this graph", node->name, type, i) != NR_VALUE_NONE;

      if (node->in[i] != NR_NO_VALUE)
        node->n_in = i + 1;
      else if (i < node->op->min_in)
        return fail (graph, NR_ENGINE_ERROR_FILE, "node '%s' (%s): input %u is missing", node->name, type, i) != NR_VALUE_NONE;
    }

  if (node->n_in >= node->op->min_in && node->n_in <= node->op->max_in)
    return TRUE;

  fail (graph, NR_ENGINE_ERROR_FILE, "node '%s' (%s): %u inputs are not what the operator takes", node->name, type, node->n_in);
  return FALSE;
}

NrValue
nr_graph_op (NrGraph *graph, const gchar *type, guint n_inputs, const NrValue *inputs, const gchar *attributes)
{
  const NrOpClass *op;
  NrModelNode     *node;
  g_auto (GStrv)   texts = NULL;

  g_return_val_if_fail (graph != NULL && type != NULL && (inputs != NULL || n_inputs == 0), NR_VALUE_NONE);

  if (! is_open (graph))
    return NR_VALUE_NONE;

  op = nr_op_lookup (type);
  if (op == NULL || (op->since_opset != 0 && OPSET < op->since_opset) || (op->last_opset != 0 && OPSET > op->last_opset))
    return fail (graph, NR_ENGINE_ERROR_UNSUPPORTED, "the operator %s is not supported (opset %d)", type, OPSET);

  node        = g_new0 (NrModelNode, 1);
  node->op    = op;
  node->name  = g_strdup_printf ("%s %u", type, graph->model->nodes->len);
  node->attrs = g_ptr_array_new_with_free_func ((GDestroyNotify) nr_attr_free);
  node->out   = g_new (guint, 1);
  node->n_out = 1;
  g_ptr_array_add (graph->model->nodes, node);

  if (! set_inputs (graph, node, n_inputs, inputs))
    return NR_VALUE_NONE;

  texts = g_strsplit (attributes != NULL ? attributes : "", " ", -1);
  for (guint i = 0; texts[i] != NULL; i++)
    if (*texts[i] != '\0' && ! add_attr (graph, node, texts[i]))
      return NR_VALUE_NONE;

  const NrValue value = add_value (graph, node->name);

  node->out[0] = (guint) value;
  return value;
}

/* -- The network --------------------------------------------------------------------------------------------------- */

void
nr_graph_output (NrGraph *graph, NrValue value, const gchar *name)
{
  NrTensor *tensor;

  g_return_if_fail (graph != NULL && name != NULL);

  if (! is_open (graph))
    return;

  if (value < 0 || value >= (NrValue) graph->model->values->len)
    {
      fail (graph, NR_ENGINE_ERROR_FILE, "output '%s' is no value of this graph", name);
      return;
    }

  if (! claim_name (graph, name))
    return;

  /* What a node made gets the output's name, others keep theirs. */
  tensor = nr_model_value (graph->model, (guint) value);
  if (! tensor->is_constant && ! g_hash_table_contains (graph->names, tensor->name))
    {
      g_free (tensor->name);
      tensor->name = g_strdup (name);
    }

  g_array_append_vals (graph->model->outputs, &(guint) { (guint) value }, 1);
}

NrModel *
nr_graph_to_model (NrGraph *graph, GError **error)
{
  g_return_val_if_fail (graph != NULL && graph->model != NULL, NULL);

  if (graph->error == NULL && graph->model->outputs->len == 0)
    fail (graph, NR_ENGINE_ERROR_FILE, "the graph has no outputs");

  if (graph->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&graph->error));
      g_clear_pointer (&graph->model, nr_model_unref);
      return NULL;
    }

  return g_steal_pointer (&graph->model);
}
