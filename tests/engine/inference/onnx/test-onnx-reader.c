/* The reader: what it takes, and that every broken or hostile file ends in one sentence.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"
#include "model.h"

#include <math.h>
#include <string.h>

static const gint64 dims_1_3[] = { 1, 3 };

/* x -> Relu -> y, with an unused initialiser w. */
static NrOnnx__Model *
small_model (void)
{
  static const gfloat w[]   = { 1, 2, 3 };
  NrOnnx__Model      *model = nr_builder_new (17);

  nr_builder_input (model, "x", 1, 2, dims_1_3);
  nr_builder_f32 (model, "w", 2, dims_1_3, w);
  nr_builder_node (model, "Relu", "x", "y");
  nr_builder_output (model, "y");
  return model;
}

static void
assert_one_sentence (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == NR_ENGINE_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (strchr (error->message, '\n'));
  g_assert_cmpuint (strlen (error->message), <, 4096);
  g_assert_true (g_str_has_prefix (error->message, "test.onnx: "));
}

/* Takes the message. */
static void
assert_refused (NrOnnx__Model *message, NrEngineError code, const gchar *expected)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = nr_builder_load (message, &error);

  g_assert_null (model);
  assert_one_sentence (error);
  g_assert_cmpstr (error->message, ==, expected);
  g_assert_cmpint (error->code, ==, code);
}

/* -- What is taken ------------------------------------------------------------------------------------------------ */

static void
test_describes_the_graph (void)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = nr_builder_load (small_model (), &error);

  g_assert_no_error (error);
  g_assert_cmpuint (nr_model_n_inputs (model), ==, 1);
  g_assert_cmpstr (nr_model_input_name (model, 0), ==, "x");
  g_assert_cmpuint (nr_model_input_shape (model, 0)->rank, ==, 2);
  g_assert_cmpint (nr_model_input_shape (model, 0)->dims[1], ==, 3);
  g_assert_cmpuint (nr_model_n_outputs (model), ==, 1);
  g_assert_cmpstr (nr_model_output_name (model, 0), ==, "y");
  g_assert_cmpuint (nr_model_n_parameters (model), ==, 3);
}

static void
test_sorts_nodes (void)
{
  NrOnnx__Model      *message = nr_builder_new (17);
  g_autoptr (GError)  error   = NULL;
  g_autoptr (NrModel) model   = NULL;

  nr_builder_input (message, "x", 1, 2, dims_1_3);
  nr_builder_node (message, "Relu", "b", "y");
  nr_builder_node (message, "Relu", "a", "b");
  nr_builder_node (message, "Relu", "x", "a");
  nr_builder_output (message, "y");

  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (nr_model_node (model, 0)->name, ==, "Relu_2");
  g_assert_cmpstr (nr_model_node (model, 2)->name, ==, "Relu_0");
}

/* Loads one initialiser of four elements and checks what they became. */
static void
check_widened (gint32 type, gconstpointer raw, gsize size, const gfloat *want)
{
  NrOnnx__Model      *message = small_model ();
  const gint64        n       = 4;
  g_autoptr (GError)  error   = NULL;
  g_autoptr (NrModel) model   = NULL;
  const NrTensor     *tensor  = NULL;

  nr_builder_raw (message, "wide", type, 1, &n, raw, size);
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < model->values->len; i++)
    if (g_str_equal (nr_model_value (model, i)->name, "wide"))
      tensor = nr_model_value (model, i);

  g_assert_nonnull (tensor);
  g_assert_cmpint (tensor->shape.type, ==, NR_TYPE_FLOAT32);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (nr_tensor_f32 (tensor)[i], ==, want[i]);
}

static void
test_widens_halves (void)
{
  /* 1, -2, the smallest subnormal, infinity */
  const guint16 half[] = { 0x3c00, 0xc000, 0x0001, 0x7c00 };

  check_widened (10, half, sizeof half, (gfloat[]) { 1, -2, 0x1p-24f, INFINITY });
}

static void
test_widens_bfloats (void)
{
  const guint16 bfloat[] = { 0x3f80, 0xc000, 0x0001, 0x7f80 };

  check_widened (16, bfloat, sizeof bfloat, (gfloat[]) { 1, -2, 0x1p-133f, INFINITY });
}

static void
test_narrows_doubles (void)
{
  const gdouble wide[] = { 1.0 / 3.0, -2, 1e300, 0 };

  check_widened (11, wide, sizeof wide, (gfloat[]) { (gfloat) (1.0 / 3.0), -2, INFINITY, 0 });
}

static void
test_constants_are_initialisers (void)
{
  NrOnnx__Model      *message = small_model ();
  g_autoptr (GError)  error   = NULL;
  g_autoptr (NrModel) model   = NULL;

  nr_builder_ints (nr_builder_node (message, "Constant", "", "c"), "value_ints", 2, (gint64[]) { 5, -6 });
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (model->nodes->len, ==, 1);

  for (guint i = 0; i < model->values->len; i++)
    if (g_str_equal (nr_model_value (model, i)->name, "c"))
      {
        g_assert_true (nr_model_value (model, i)->is_constant);
        g_assert_cmpint (nr_tensor_i64 (nr_model_value (model, i))[1], ==, -6);
        return;
      }
  g_assert_not_reached ();
}

/* -- What is refused ---------------------------------------------------------------------------------------------- */

static void
test_refuses_unknown_operator (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_node (message, "Frobnicate", "y", "z");
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: node 'Frobnicate_1' (Frobnicate): the operator is not supported (opset 17)");
}

static void
test_refuses_unknown_attribute (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_int (message->graph->node[0], "volume", 11);
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: node 'Relu_0' (Relu): attribute 'volume' is not supported");
}

static void
test_refuses_unnamed_node_by_its_output (void)
{
  NrOnnx__Model *message = small_model ();

  message->graph->node[0]->name[0] = '\0';
  nr_builder_int (message->graph->node[0], "volume", 11);
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: node 'y' (Relu): attribute 'volume' is not supported");
}

static void
test_refuses_other_domains (void)
{
  NrOnnx__Model *message = small_model ();

  message->graph->node[0]->domain = g_strdup ("com.example");
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: node 'Relu_0' (Relu): operators of domain 'com.example' are not supported");
}

static void
test_refuses_opsets_outside_9_to_21 (void)
{
  const gint64 bad[] = { G_MININT64, 0, 8, 22, G_MAXINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      NrOnnx__Model    *message  = small_model ();
      g_autofree gchar *expected = NULL;

      message->opset_import[0]->version = bad[i];
      expected                          = g_strdup_printf ("test.onnx: its operator set is version %" G_GINT64_FORMAT ", supported are 9 to 21",
                                                           bad[i]);
      assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED, expected);
    }
}

static void
test_refuses_cycles (void)
{
  NrOnnx__Model *message = nr_builder_new (17);

  nr_builder_node (message, "Relu", "b", "a");
  nr_builder_node (message, "Relu", "a", "b");
  nr_builder_output (message, "b");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: node 'Relu_1' (Relu): it depends on its own output");
}

static void
test_refuses_undefined_names (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_node (message, "Relu", "nowhere", "z");
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: node 'Relu_1' (Relu): input 'nowhere' is made by no node");

  message = small_model ();
  nr_builder_output (message, "nothing");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: output 'nothing' is made by no node");
}

static void
test_refuses_second_definitions (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_node (message, "Relu", "x", "y");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: 'y' is defined twice");

  message = small_model ();
  nr_builder_node (message, "Relu", "y", "x");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: 'x' is defined twice");
}

static void
test_refuses_wrong_arity (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_node (message, "Relu", "x w", "z");
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: node 'Relu_1' (Relu): 2 inputs are not what the operator takes");

  message = small_model ();
  nr_builder_node (message, "Relu", "", "z");
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: node 'Relu_1' (Relu): 0 inputs are not what the operator takes");
}

static void
test_refuses_dimensions_without_bytes (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_raw (message, "huge", 1, 3, (gint64[]) { 1 << 20, 1 << 20, 4 }, "12345678", 8);
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: initialiser 'huge' has dimensions for 4398046511104 elements, but holds 2");

  message = small_model ();
  nr_builder_raw (message, "huge", 1, 3, (gint64[]) { G_MAXINT64, G_MAXINT64, 4 }, "12345678", 8);
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: initialiser 'huge' has impossible dimensions");

  message = small_model ();
  nr_builder_raw (message, "negative", 1, 2, (gint64[]) { -2, -1 }, "12345678", 8);
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: initialiser 'negative' has impossible dimensions");

  message = small_model ();
  nr_builder_raw (message, "ragged", 1, 1, (gint64[]) { 2 }, "1234567", 7);
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: initialiser 'ragged' has 7 bytes of data, not a multiple of its element's 4");
}

static void
test_refuses_types_and_forms (void)
{
  NrOnnx__Model *message = small_model ();

  nr_builder_raw (message, "s", 8, 1, (gint64[]) { 2 }, "", 0);
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: initialiser 's' has element type string (8), which is not supported");

  message                                                                                = small_model ();
  nr_builder_f32 (message, "away", 1, (gint64[]) { 1 }, (gfloat[]) { 0 })->data_location = 1;
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: initialiser 'away' keeps its data in another file; save the model with all data in one file");

  message = small_model ();
  nr_builder_input (message, "c", 14, 2, dims_1_3);
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: input 'c' has element type complex64 (14), which is not supported");

  message = small_model ();
  nr_builder_input (message, "deep", 1, 9, (gint64[]) { 1, 1, 1, 1, 1, 1, 1, 1, 1 });
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: input 'deep' has 9 dimensions, at most 8 are supported");

  message = small_model ();
  nr_builder_input (message, "minus", 1, 2, (gint64[]) { 1, -7 });
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: input 'minus' has the dimension -7");
}

static void
test_refuses_names_not_fit_for_messages (void)
{
  g_autofree gchar *lengthy = g_strnfill (5000, 'n');
  NrOnnx__Model    *message = small_model ();

  nr_builder_node (message, "Relu", "x", lengthy);
  assert_refused (message, NR_ENGINE_ERROR_FILE,
                  "test.onnx: the name of a value has 5000 characters, at most 1024 are allowed");

  message = small_model ();
  nr_builder_node (message, "Relu", "x", "\xff\xfe");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: the name of a value is not valid text");

  message = small_model ();
  nr_builder_node (message, "Relu", "x", "a\nb");
  assert_refused (message, NR_ENGINE_ERROR_FILE, "test.onnx: the name of a value contains control characters");
}

/* An empty text is not in the file at all. */
static void
test_empty_text_is_read (void)
{
  NrOnnx__Model      *message = small_model ();
  g_autoptr (GError)  error   = NULL;
  g_autoptr (NrModel) model   = NULL;

  nr_builder_string (nr_builder_node (message, "DepthToSpace", "y", "z"), "mode", "");
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  g_assert_nonnull (model);
}

static void
test_refuses_subgraphs (void)
{
  NrOnnx__Model     *message   = small_model ();
  NrOnnx__Attribute *attribute = nr_builder_int (message->graph->node[0], "body", 0);

  attribute->type   = 5;
  attribute->g.len  = 2;
  attribute->g.data = g_memdup2 ("\x12\x00", 2);
  assert_refused (message, NR_ENGINE_ERROR_UNSUPPORTED,
                  "test.onnx: node 'Relu_0' (Relu): attribute 'body' is not supported");
}

static void
test_missing_file_is_named (void)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = nr_model_load ("/nonexistent/model.onnx", &error);

  g_assert_null (model);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "/nonexistent/model.onnx"));
}

/* -- Whatever the bytes ------------------------------------------------------------------------------------------- */

/* Loads SIZE bytes in a block of exactly that size, so that a sanitizer sees a byte read too far. */
static void
load_any (const guint8 *bytes, gsize size)
{
  g_autoptr (GBytes)  copy  = g_bytes_new (bytes, size);
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = nr_model_load_bytes (copy, "test.onnx", &error);

  if (model == NULL)
    assert_one_sentence (error);
  else
    g_assert_no_error (error);
}

static void
test_truncated_anywhere (void)
{
  NrOnnx__Model     *message = small_model ();
  g_autoptr (GBytes) bytes   = NULL;
  const guint8      *data;
  gsize              size;

  nr_builder_ints (nr_builder_node (message, "Constant", "", "c"), "value_ints", 2, (gint64[]) { 5, -6 });
  bytes = nr_builder_pack (message);
  nr_builder_free (message);
  data = g_bytes_get_data (bytes, &size);

  for (gsize n = 0; n <= size; n++)
    load_any (data, n);
}

static void
test_every_byte_changed (void)
{
  NrOnnx__Model      *message = small_model ();
  g_autoptr (GBytes)  bytes   = nr_builder_pack (message);
  g_autofree guint8  *copy    = NULL;
  gsize               size;
  static const guint8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

  nr_builder_free (message);
  size = g_bytes_get_size (bytes);
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), size);

  for (gsize i = 0; i < size; i++)
    {
      const guint8 old = copy[i];

      for (guint k = 0; k < G_N_ELEMENTS (values); k++)
        {
          copy[i] = values[k];
          load_any (copy, size);
        }
      copy[i] = old;
    }
}

/* A small file must not make the decoder take memory out of all proportion. */
static void
test_many_empty_messages (void)
{
  const gsize         n      = 1 << 20;
  g_autofree guint8  *bytes  = g_malloc (2 * n + 6);
  static const guint8 head[] = { 0x3a, 0x80, 0x80, 0x80, 0x01 }; /* graph, 2 MiB long */

  memcpy (bytes, head, sizeof head);
  for (gsize i = 0; i < n; i++)
    {
      bytes[sizeof head + 2 * i]     = 0x0a; /* node, empty */
      bytes[sizeof head + 2 * i + 1] = 0x00;
    }
  load_any (bytes, sizeof head + 2 * n);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const gchar *path;
    void (*test) (void);
  } tests[] = {
    { "describes-the-graph", test_describes_the_graph },
    { "sorts-nodes-by-what-they-read", test_sorts_nodes },
    { "widens-halves-exactly", test_widens_halves },
    { "widens-bfloats-exactly", test_widens_bfloats },
    { "narrows-doubles", test_narrows_doubles },
    { "constant-nodes-become-initialisers", test_constants_are_initialisers },
    { "refuses-unknown-operator-by-node-and-name", test_refuses_unknown_operator },
    { "empty-text-is-read", test_empty_text_is_read },
    { "refuses-unknown-attribute", test_refuses_unknown_attribute },
    { "refuses-an-unnamed-node-by-its-output", test_refuses_unnamed_node_by_its_output },
    { "refuses-other-domains", test_refuses_other_domains },
    { "refuses-opsets-outside-9-to-21", test_refuses_opsets_outside_9_to_21 },
    { "refuses-cycles", test_refuses_cycles },
    { "refuses-undefined-names", test_refuses_undefined_names },
    { "refuses-second-definitions", test_refuses_second_definitions },
    { "refuses-wrong-arity", test_refuses_wrong_arity },
    { "refuses-dimensions-without-bytes", test_refuses_dimensions_without_bytes },
    { "refuses-types-and-forms", test_refuses_types_and_forms },
    { "refuses-names-not-fit-for-messages", test_refuses_names_not_fit_for_messages },
    { "refuses-subgraphs", test_refuses_subgraphs },
    { "missing-file-is-named", test_missing_file_is_named },
    { "truncated-anywhere-ends-in-one-sentence", test_truncated_anywhere },
    { "every-byte-changed-ends-in-one-sentence", test_every_byte_changed },
    { "many-empty-messages-end-in-one-sentence", test_many_empty_messages },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree gchar *path = g_strconcat ("/onnx-reader/", tests[i].path, NULL);

      g_test_add_func (path, tests[i].test);
    }
  return g_test_run ();
}
