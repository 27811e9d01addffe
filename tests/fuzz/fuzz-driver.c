/* Feeds the fuzz target with a corpus and with seeded mutations of it, where there is no libFuzzer.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: fuzz-driver FOLDER ROUNDS SEED
 *
 * FOLDER holds model.onnx files one folder down, as ONNX's node tests do. Mutations are of two kinds: of the bytes, which
 * mostly end in the decoder, and of the decoded message (other dimensions, attributes, operators, names), which reach the
 * operators. With FUZZ_KEEP in the environment each input is written to fuzz-crash.onnx before it is tried.
 */

#include "fuzz-onnx.h"

#include "onnx.pb-c.h"

#include <stdlib.h>
#include <string.h>

static gboolean keep_input;

static void
try_bytes (const guint8 *data, gsize size)
{
  if (keep_input)
    g_file_set_contents_full ("fuzz-crash.onnx", (const gchar *) data, size, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
  LLVMFuzzerTestOneInput (data, size);
}

static gsize
pick (GRand *rand, gsize n)
{
  return (gsize) g_rand_int_range (rand, 0, (gint) n);
}

/* -- Bytes -------------------------------------------------------------------------------------------------------- */

static void
mutate_bytes (GByteArray *bytes, GRand *rand)
{
  static const guint8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x3a };
  g_autofree guint8  *copy     = NULL;
  guint               at, length;

  if (bytes->len == 0)
    return;

  at     = pick (rand, bytes->len);
  length = 1 + pick (rand, MIN (16, bytes->len - at));

  switch (pick (rand, 5))
    {
    case 0:
      bytes->data[at] ^= 1 << pick (rand, 8);
      break;
    case 1:
      bytes->data[at] = values[pick (rand, G_N_ELEMENTS (values))];
      break;
    case 2:
      g_byte_array_remove_range (bytes, at, length);
      break;
    case 3:
      g_byte_array_set_size (bytes, at);
      break;
    default:
      copy = g_memdup2 (bytes->data + at, length);
      g_byte_array_append (bytes, copy, length);
      break;
    }
}

/* -- Messages ----------------------------------------------------------------------------------------------------- */

static gint64
odd_number (GRand *rand)
{
  static const gint64 numbers[] = { 0, 1, -1, 2, 3, -2, 7, 64, 1000, 65536, G_MAXINT32, G_MININT32, (gint64) 1 << 33,
                                    G_MAXINT64, G_MININT64 };

  return numbers[pick (rand, G_N_ELEMENTS (numbers))];
}

static gfloat
odd_float (GRand *rand)
{
  static const gfloat numbers[] = { 0.0f, -1.0f, 0.5f, 1e30f, -1e30f, 1e-30f };

  return numbers[pick (rand, G_N_ELEMENTS (numbers))];
}

static void
mutate_attribute (NrOnnx__Attribute *attribute, GRand *rand)
{
  if (attribute->n_ints > 0 && g_rand_boolean (rand))
    attribute->ints[pick (rand, attribute->n_ints)] = odd_number (rand);
  else if (attribute->n_ints > 0)
    attribute->n_ints--;
  else if (attribute->n_floats > 0)
    attribute->floats[pick (rand, attribute->n_floats)] = odd_float (rand);
  else if (attribute->type == 2)
    attribute->i = odd_number (rand);
  else if (attribute->type == 1)
    attribute->f = odd_float (rand);
  else
    attribute->type = pick (rand, 15);
}

static void
mutate_tensor (NrOnnx__Tensor *tensor, GRand *rand)
{
  const gint64 value = odd_number (rand);

  if (pick (rand, 3) == 0 && tensor->n_dims > 0)
    tensor->dims[pick (rand, tensor->n_dims)] = value;
  else if (tensor->data_type == 7 && tensor->raw_data.len >= 8)
    memcpy (tensor->raw_data.data + 8 * pick (rand, tensor->raw_data.len / 8), &value, sizeof value);
  else if (tensor->n_int64_data > 0)
    tensor->int64_data[pick (rand, tensor->n_int64_data)] = value;
  else if (tensor->n_dims > 1)
    tensor->n_dims--;
}

static void
mutate_shape (NrOnnx__ValueInfo *value, GRand *rand)
{
  NrOnnx__TensorType *type = value->type != NULL ? value->type->tensor_type : NULL;
  NrOnnx__Dimension  *dim;

  if (type == NULL || type->shape == NULL || type->shape->n_dim == 0)
    return;

  dim = type->shape->dim[pick (rand, type->shape->n_dim)];
  if (pick (rand, 4) == 0)
    type->elem_type = pick (rand, 12);
  else if (pick (rand, 4) == 0 && type->shape->n_dim > 1)
    type->shape->dim[0]->value_case = NR_ONNX__DIMENSION__VALUE__NOT_SET;
  else if (dim->value_case == NR_ONNX__DIMENSION__VALUE_DIM_VALUE)
    dim->dim_value = pick (rand, 9);
}

/* Exchanges two strings: each is still freed once. */
static void
swap (char **a, char **b)
{
  char *kept = *a;

  *a = *b;
  *b = kept;
}

static void
mutate_names (NrOnnx__Graph *graph, GRand *rand)
{
  NrOnnx__Node *a = graph->node[pick (rand, graph->n_node)];
  NrOnnx__Node *b = graph->node[pick (rand, graph->n_node)];

  if (pick (rand, 4) == 0)
    swap (&a->op_type, &b->op_type);
  else if (a->n_input > 0 && b->n_input > 0)
    swap (&a->input[pick (rand, a->n_input)], &b->input[pick (rand, b->n_input)]);
}

static void
mutate_message (NrOnnx__Model *model, GRand *rand)
{
  NrOnnx__Graph *graph = model->graph;
  NrOnnx__Node  *node  = graph->n_node > 0 ? graph->node[pick (rand, graph->n_node)] : NULL;

  switch (pick (rand, 5))
    {
    case 0:
      if (node != NULL && node->n_attribute > 0)
        mutate_attribute (node->attribute[pick (rand, node->n_attribute)], rand);
      break;
    case 1:
      if (graph->n_initializer > 0)
        mutate_tensor (graph->initializer[pick (rand, graph->n_initializer)], rand);
      break;
    case 2:
      if (graph->n_input > 0)
        mutate_shape (graph->input[pick (rand, graph->n_input)], rand);
      break;
    case 3:
      if (node != NULL)
        mutate_names (graph, rand);
      break;
    default:
      if (model->n_opset_import > 0)
        model->opset_import[0]->version = g_rand_int_range (rand, 9, 22);
      break;
    }
}

/* -- Rounds ------------------------------------------------------------------------------------------------------- */

static NrOnnx__Tensor *
read_input (const gchar *folder, gsize i)
{
  g_autofree gchar *path    = g_strdup_printf ("%s/test_data_set_0/input_%" G_GSIZE_FORMAT ".pb", folder, i);
  g_autofree gchar *content = NULL;
  gsize             size;

  if (! g_file_get_contents (path, &content, &size, NULL))
    return NULL;

  return nr_onnx__tensor__unpack (NULL, size, (guint8 *) content);
}

/* Graph inputs of a node test that hold shapes and axes become initialisers, or nothing behind them would be reached. */
static void
bind_integers (NrOnnx__Model *model, const gchar *folder)
{
  NrOnnx__Graph *graph = model->graph;

  for (gsize i = 0; i < graph->n_input; i++)
    {
      NrOnnx__Tensor *tensor = read_input (folder, i);

      if (tensor == NULL)
        continue;

      if (tensor->data_type != 7 || *graph->input[i]->name == '\0' || *tensor->name == '\0')
        {
          nr_onnx__tensor__free_unpacked (tensor, NULL);
          continue;
        }

      free (tensor->name);
      tensor->name                               = strdup (graph->input[i]->name);
      graph->initializer                         = realloc (graph->initializer, (graph->n_initializer + 1) * sizeof *graph->initializer);
      graph->initializer[graph->n_initializer++] = tensor;
    }
}

static void
mutate (const gchar *folder, const gchar *content, gsize size, guint round, GRand *rand)
{
  NrOnnx__Model         *model = nr_onnx__model__unpack (NULL, size, (const guint8 *) content);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  if (model == NULL || model->graph == NULL)
    return;

  for (gsize k = 0; k < model->n_opset_import; k++)
    model->opset_import[k]->version = CLAMP (model->opset_import[k]->version, 9, 21);
  if (round % 4 != 0)
    bind_integers (model, folder);
  for (gsize k = pick (rand, 4); k > 0; k--)
    mutate_message (model, rand);

  g_byte_array_set_size (bytes, nr_onnx__model__get_packed_size (model));
  nr_onnx__model__pack (model, bytes->data);
  if (round % 4 == 3)
    mutate_bytes (bytes, rand);

  try_bytes (bytes->data, bytes->len);
  nr_onnx__model__free_unpacked (model, NULL);
}

static void
fuzz_folder (const gchar *folder, guint rounds, GRand *rand)
{
  g_autofree gchar *path    = g_build_filename (folder, "model.onnx", NULL);
  g_autofree gchar *content = NULL;
  gsize             size;

  if (! g_file_get_contents (path, &content, &size, NULL) || size > 100000)
    return;

  try_bytes ((guint8 *) content, size);
  for (guint i = 0; i < rounds; i++)
    mutate (folder, content, size, i, rand);
}

int
main (int argc, char **argv)
{
  g_autoptr (GRand) rand = NULL;
  g_autoptr (GDir)  dir  = NULL;
  const gchar      *name;
  guint             n = 0;

  if (argc != 4)
    {
      g_printerr ("usage: fuzz-driver FOLDER ROUNDS SEED\n");
      return 2;
    }

  keep_input = g_getenv ("FUZZ_KEEP") != NULL;
  rand       = g_rand_new_with_seed (g_ascii_strtoull (argv[3], NULL, 10));
  dir        = g_dir_open (argv[1], 0, NULL);
  if (dir == NULL)
    {
      g_print ("1..0 # SKIP %s is not there: install libonnx-testdata\n", argv[1]);
      return 0;
    }

  g_print ("1..1\n");
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *folder = g_build_filename (argv[1], name, NULL);

      fuzz_folder (folder, g_ascii_strtoull (argv[2], NULL, 10), rand);
      n++;
    }
  g_print ("ok 1 %u files and their mutations end in a result or an error\n", n);
  return 0;
}
