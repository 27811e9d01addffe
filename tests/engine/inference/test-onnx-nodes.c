/* ONNX's own node tests: one model and its inputs and outputs a folder, as libonnx-testdata installs them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: test-onnx-nodes SKIPS DATA_FOLDER [OPERATOR...]
 *
 * Runs every case of DATA_FOLDER whose operators and element types the engine has, on each CPU level, with one and two
 * threads. With OPERATORs only cases in which one of them stands. SKIPS lists cases left out, "name: reason" a line, and
 * is checked both ways: a listed case that passes is an error, and so is one that does not exist.
 *
 * Two things are bent to fit, neither changes what an operator computes:
 *  - Versions outside 9 to 21 are taken as the nearest: 22 only added element types to operators of ours, and what stands
 *    at 7 did not change until 9.
 *  - In these cases even shapes and axes are inputs of the graph. An operator that needs such a value when the network is
 *    loaded gets it as an initialiser.
 */

#include "onnx/onnx-reader.h"

#include <math.h>
#include <string.h>

#define REL_TOLERANCE 1e-3 /* both as ONNX's own runner has them */
#define ABS_TOLERANCE 1e-7
#define HALF_TOLERANCE 2e-3 /* expected values rounded to 11 bits, sums of them more */
#define MAX_VALUES 16

typedef struct
{
  gchar *folder;
  gchar *name;
  gchar *skip_reason; /* NULL: must pass */
} Case;

typedef struct
{
  NrOnnx__Model *message;
  guint          n_in, n_out;
  NrTensor      *in[MAX_VALUES], *want[MAX_VALUES];
} Data;

/* -- Reading ------------------------------------------------------------------------------------------------------ */

static NrOnnx__Model *
read_model (const gchar *folder)
{
  g_autofree gchar *path  = g_build_filename (folder, "model.onnx", NULL);
  g_autofree gchar *bytes = NULL;
  gsize             size;

  if (! g_file_get_contents (path, &bytes, &size, NULL))
    return NULL;

  return nr_onnx__model__unpack (NULL, size, (guint8 *) bytes);
}

static NrTensor *
read_tensor (const gchar *folder, const gchar *kind, guint i)
{
  g_autofree gchar  *name    = g_strdup_printf ("%s_%u.pb", kind, i);
  g_autofree gchar  *path    = g_build_filename (folder, "test_data_set_0", name, NULL);
  g_autofree gchar  *bytes   = NULL;
  g_autoptr (GError) error   = NULL;
  NrOnnx__Tensor    *message = NULL;
  NrTensor          *tensor  = NULL;
  gsize              size;

  if (! g_file_get_contents (path, &bytes, &size, NULL))
    return NULL;

  message = nr_onnx__tensor__unpack (NULL, size, (guint8 *) bytes);
  if (message != NULL)
    {
      tensor = nr_onnx_read_tensor (message, name, &error);
      nr_onnx__tensor__free_unpacked (message, NULL);
    }

  return tensor;
}

static void
data_free (Data *data)
{
  for (guint i = 0; i < MAX_VALUES; i++)
    {
      nr_tensor_free (data->in[i]);
      nr_tensor_free (data->want[i]);
    }
  if (data->message != NULL)
    nr_onnx__model__free_unpacked (data->message, NULL);
  g_free (data);
}

static Data *
data_read (const gchar *folder)
{
  Data *data = g_new0 (Data, 1);

  data->message = read_model (folder);
  g_assert_nonnull (data->message);

  data->n_in  = data->message->graph->n_input;
  data->n_out = data->message->graph->n_output;
  g_assert_cmpuint (data->n_in, <=, MAX_VALUES);
  g_assert_cmpuint (data->n_out, <=, MAX_VALUES);

  for (guint i = 0; i < data->n_in; i++)
    data->in[i] = read_tensor (folder, "input", i);
  for (guint i = 0; i < data->n_out; i++)
    data->want[i] = read_tensor (folder, "output", i);

  for (gsize i = 0; i < data->message->n_opset_import; i++)
    data->message->opset_import[i]->version = CLAMP (data->message->opset_import[i]->version, 9, 21);

  return data;
}

/* -- Which cases run ---------------------------------------------------------------------------------------------- */

static gboolean
has_type (const NrOnnx__ValueInfo *value)
{
  const NrOnnx__TensorType *type = value->type != NULL ? value->type->tensor_type : NULL;

  return type != NULL && type->shape != NULL && nr_onnx_type (type->elem_type) != NR_TYPE_UNDEFINED;
}

static gboolean
has_operator (const NrOnnx__Node *node)
{
  if (*node->domain != '\0')
    return FALSE;

  return nr_op_lookup (node->op_type) != NULL || g_str_equal (node->op_type, "Constant");
}

static gboolean
is_in_scope (const NrOnnx__Model *message)
{
  const NrOnnx__Graph *graph = message->graph;

  for (gsize i = 0; i < graph->n_node; i++)
    if (! has_operator (graph->node[i]))
      return FALSE;

  for (gsize i = 0; i < graph->n_input; i++)
    if (! has_type (graph->input[i]))
      return FALSE;

  for (gsize i = 0; i < graph->n_output; i++)
    if (! has_type (graph->output[i]))
      return FALSE;

  return TRUE;
}

static gboolean
is_asked_for (const NrOnnx__Model *message, gchar **operators)
{
  if (operators[0] == NULL)
    return TRUE;

  for (gsize i = 0; i < message->graph->n_node; i++)
    if (g_strv_contains ((const gchar *const *) operators, message->graph->node[i]->op_type))
      return TRUE;

  return FALSE;
}

/* -- Running ------------------------------------------------------------------------------------------------------ */

/* The model with inputs FIRST, FIRST + 1, ... as initialisers. */
static NrModel *
load_with_constants (const Data *data, guint first, GError **error)
{
  NrOnnx__Graph              *graph   = data->message->graph;
  NrOnnx__Tensor            **old     = graph->initializer;
  const gsize                 n_old   = graph->n_initializer;
  const guint                 n_added = data->n_in > first ? data->n_in - first : 0;
  g_autofree NrOnnx__Tensor  *added   = g_new0 (NrOnnx__Tensor, n_added + 1);
  g_autofree NrOnnx__Tensor **all     = g_new0 (NrOnnx__Tensor *, n_old + n_added + 1);
  static const gint32         types[] = {
    [NR_TYPE_FLOAT32] = 1,
    [NR_TYPE_INT32]   = 6,
    [NR_TYPE_INT64]   = 7,
    [NR_TYPE_UINT8]   = 2,
    [NR_TYPE_INT8]    = 3,
    [NR_TYPE_BOOL]    = 9,
  };
  g_autoptr (GBytes) bytes = NULL;
  gsize              size;
  guint8            *packed;

  for (gsize i = 0; i < n_old; i++)
    all[i] = old[i];

  for (guint i = 0; i < n_added; i++)
    {
      const NrTensor *tensor = data->in[first + i];

      nr_onnx__tensor__init (&added[i]);
      added[i].name          = graph->input[first + i]->name;
      added[i].data_type     = types[tensor->shape.type];
      added[i].n_dims        = tensor->shape.rank;
      added[i].dims          = (gint64 *) tensor->shape.dims;
      added[i].raw_data.len  = nr_tensor_bytes (tensor);
      added[i].raw_data.data = tensor->data;
      all[n_old + i]         = &added[i];
    }

  graph->initializer   = all;
  graph->n_initializer = n_old + n_added;
  size                 = nr_onnx__model__get_packed_size (data->message);
  packed               = g_malloc (size);
  nr_onnx__model__pack (data->message, packed);
  graph->initializer   = old;
  graph->n_initializer = n_old;

  bytes = g_bytes_new_take (packed, size);
  return nr_model_load_bytes (bytes, "model.onnx", error);
}

static NrSession *
make_session (const Data *data, guint first_constant, const NrSessionOptions *options, GError **error)
{
  g_autoptr (NrModel) model = load_with_constants (data, first_constant, error);
  NrShape             shapes[MAX_VALUES];

  if (model == NULL)
    return NULL;

  for (guint i = 0; i < MIN (first_constant, data->n_in); i++)
    shapes[i] = data->in[i]->shape;

  return nr_session_new (model, shapes, options, error);
}

/* All inputs at run time; if a value must be known earlier, all but the first; if that one too, all. */
static NrSession *
make_any_session (const Data *data, const NrSessionOptions *options, GError **error)
{
  const guint tries[] = { MAX_VALUES, 1, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (tries); i++)
    {
      g_autoptr (GError) local   = NULL;
      NrSession         *session = make_session (data, tries[i], options, &local);

      if (session != NULL)
        return session;

      if (i + 1 == G_N_ELEMENTS (tries) || strstr (local->message, "must be known when the network is loaded") == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
    }

  return NULL;
}

static gboolean G_GNUC_PRINTF (2, 3)
    mismatch (GError **error, const gchar *format, ...)
{
  va_list args;

  va_start (args, format);
  *error = g_error_new_valist (G_IO_ERROR, G_IO_ERROR_FAILED, format, args);
  va_end (args);
  return FALSE;
}

static gboolean
is_near (gdouble got, gdouble want, gdouble tolerance)
{
  if (isnan (want) || isnan (got))
    return isnan (want) && isnan (got);
  if (isinf (want) || isinf (got))
    return got == want;
  return fabs (got - want) <= ABS_TOLERANCE + tolerance * fabs (want);
}

static gboolean
compare (const NrTensor *want, const NrShape *shape, gconstpointer got, gdouble tolerance, guint output, GError **error)
{
  g_autofree gchar *want_shape = nr_shape_to_string (&want->shape);
  g_autofree gchar *got_shape  = nr_shape_to_string (shape);

  if (! g_str_equal (want_shape, got_shape))
    return mismatch (error, "output %u is %s, expected %s", output, got_shape, want_shape);

  if (shape->type != NR_TYPE_FLOAT32)
    return memcmp (got, want->data, nr_tensor_bytes (want)) == 0 ||
           mismatch (error, "output %u has other values than expected", output);

  for (gsize i = 0; i < want->n; i++)
    if (! is_near (((const gfloat *) got)[i], nr_tensor_f32 (want)[i], tolerance))
      return mismatch (error, "output %u, element %" G_GSIZE_FORMAT " is %.9g, expected %.9g",
                       output, i, ((const gfloat *) got)[i], nr_tensor_f32 (want)[i]);

  return TRUE;
}

static gdouble
tolerance_of (const Data *data)
{
  for (guint i = 0; i < data->n_in + data->n_out; i++)
    {
      const NrOnnx__Graph     *graph = data->message->graph;
      const NrOnnx__ValueInfo *value = i < data->n_in ? graph->input[i] : graph->output[i - data->n_in];

      if (value->type->tensor_type->elem_type == NR_ONNX_FLOAT16)
        return HALF_TOLERANCE;
    }

  return REL_TOLERANCE;
}

/* Some files hold another element type than the model names. */
static gboolean
is_complete (const Data *data, GError **error)
{
  for (guint i = 0; i < data->n_in; i++)
    if (data->in[i] == NULL)
      return mismatch (error, "the file of input %u cannot be read", i);

  for (guint i = 0; i < data->n_out; i++)
    if (data->want[i] == NULL)
      return mismatch (error, "the file of output %u cannot be read", i);

  return TRUE;
}

static gboolean
run_case (const Data *data, const NrSessionOptions *options, GError **error)
{
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GPtrArray) blocks  = g_ptr_array_new_with_free_func (g_free);
  gconstpointer         inputs[MAX_VALUES];
  gpointer              outputs[MAX_VALUES];

  if (! is_complete (data, error))
    return FALSE;

  session = make_any_session (data, options, error);
  if (session == NULL)
    return FALSE;

  for (guint i = 0; i < data->n_in; i++)
    inputs[i] = data->in[i]->data;

  for (guint i = 0; i < data->n_out; i++)
    {
      gsize n;

      g_assert_true (nr_shape_n_elements (nr_session_output_shape (session, i), &n));
      outputs[i] = g_malloc (n * 8 + 8);
      memset (outputs[i], 0xa5, n * 8 + 8);
      g_ptr_array_add (blocks, outputs[i]);
    }

  if (! nr_session_run (session, inputs, outputs, NULL, NULL, NULL, error))
    return FALSE;

  for (guint i = 0; i < data->n_out; i++)
    if (! compare (data->want[i], nr_session_output_shape (session, i), outputs[i], tolerance_of (data), i, error))
      return FALSE;

  return TRUE;
}

static gboolean
run_on_all_levels (const Data *data, GError **error)
{
  for (NrCpuLevel level = NR_CPU_C; level <= nr_cpu_level (); level++)
    for (guint threads = 1; threads <= 2; threads++)
      if (! run_case (data, &(NrSessionOptions) { .threads = threads, .cpu_level = level }, error))
        {
          g_prefix_error (error, "%s, %u threads: ", nr_cpu_level_name (level), threads);
          return FALSE;
        }

  return TRUE;
}

static void
test_case (gconstpointer user_data)
{
  const Case        *c      = user_data;
  Data              *data   = data_read (c->folder);
  g_autoptr (GError) error  = NULL;
  gboolean           passed = run_on_all_levels (data, &error);

  if (passed && c->skip_reason != NULL)
    g_test_fail_printf ("%s passes: take it out of the list of skips", c->name);
  else if (! passed && c->skip_reason != NULL)
    g_test_skip (c->skip_reason);
  else if (! passed)
    g_test_fail_printf ("%s", error->message);

  data_free (data);
}

/* -- The list ----------------------------------------------------------------------------------------------------- */

/* name -> reason */
static GHashTable *
read_skips (const gchar *path)
{
  GHashTable        *skips = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autofree gchar  *text  = NULL;
  g_auto (GStrv)     lines = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);

  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      gchar *colon = strchr (lines[i], ':');

      if (lines[i][0] != '#' && colon != NULL)
        g_hash_table_insert (skips, g_strndup (lines[i], colon - lines[i]), g_strstrip (g_strdup (colon + 1)));
    }

  return skips;
}

/* Skips that no case has used up. */
static void
test_skips_are_cases (gconstpointer user_data)
{
  GHashTableIter iter;
  gpointer       name;

  g_hash_table_iter_init (&iter, (GHashTable *) user_data);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_test_fail_printf ("%s is listed, but no such case is run", (gchar *) name);
}

/* Cases of other operators are left out without a word: so those that must be there are named. */
static void
test_operators_are_there (void)
{
  static const gchar *const operators[] = {
    "Abs", "Add", "And", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "ConstantOfShape", "Conv",
    "ConvTranspose", "DepthToSpace", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor",
    "Gather", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "GreaterOrEqual", "GroupNormalization",
    "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "LpNormalization", "MatMul", "Max", "MaxPool", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or",
    "PRelu", "Pad", "Pow", "Range", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Relu",
    "Reshape", "Resize", "Round", "Selu", "Shape", "Sigmoid", "Size", "Slice", "Softmax", "Softplus", "SpaceToDepth",
    "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze", "Upsample", "Where", "Xor"
  };

  for (guint i = 0; i < G_N_ELEMENTS (operators); i++)
    if (nr_op_lookup (operators[i]) == NULL)
      g_test_fail_printf ("%s is not there", operators[i]);
}

static GPtrArray *
list_folders (const gchar *path)
{
  GPtrArray       *names  = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const gchar     *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort_values (names, (GCompareFunc) strcmp);
  return names;
}

static void
case_free (gpointer data)
{
  Case *c = data;

  g_free (c->folder);
  g_free (c->name);
  g_free (c->skip_reason);
  g_free (c);
}

static void
add_case (const gchar *root, const gchar *name, gchar **operators, GHashTable *skips)
{
  g_autofree gchar *folder  = g_build_filename (root, name, NULL);
  g_autofree gchar *path    = g_strconcat ("/onnx-node/", name, NULL);
  NrOnnx__Model    *message = read_model (folder);
  gchar            *listed  = NULL;
  gchar            *reason  = NULL;
  Case             *c;

  if (message == NULL)
    return;

  if (is_in_scope (message) && is_asked_for (message, operators))
    {
      g_hash_table_steal_extended (skips, name, (gpointer *) &listed, (gpointer *) &reason);
      g_free (listed);
      c  = g_new (Case, 1);
      *c = (Case) { g_steal_pointer (&folder), g_strdup (name), reason };
      g_test_add_data_func_full (path, c, test_case, case_free);
    }

  nr_onnx__model__free_unpacked (message, NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (GHashTable) skips = NULL;
  g_autoptr (GPtrArray)  names = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    {
      g_printerr ("usage: test-onnx-nodes SKIPS DATA_FOLDER [OPERATOR...]\n");
      return 2;
    }

  skips = read_skips (argv[1]);
  names = list_folders (argv[2]);
  for (guint i = 0; i < names->len; i++)
    add_case (argv[2], g_ptr_array_index (names, i), argv + 3, skips);

  if (names->len == 0)
    {
      g_print ("1..0 # SKIP %s is not there: install libonnx-testdata\n", argv[2]);
      return 0;
    }

  g_test_add_func ("/onnx-node/operators-are-there", test_operators_are_there);
  if (argc == 3)
    g_test_add_data_func ("/onnx-node/listed-skips-are-cases", skips, test_skips_are_cases);

  return g_test_run ();
}
