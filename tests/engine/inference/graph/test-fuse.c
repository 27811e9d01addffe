/* Fusing: which chains become one node, and that the result stays what the single nodes give, on each CPU level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The judge is the same network with every intermediate value as an output of the graph: that keeps all nodes.
 */

#include "graph/plan.h"
#include "model-builder.h"

#include <math.h>
#include <string.h>

enum
{
  CHANNELS = 5,
  HEIGHT   = 9,
  WIDTH    = 11,
  N        = CHANNELS * HEIGHT * WIDTH
};

static const gint64 per_channel[] = { 1, CHANNELS, 1, 1 };

/* Values in [-1, 1], the same for the same seed. */
static gfloat *
random_values (gsize n, guint seed)
{
  g_autoptr (GRand) rand   = g_rand_new_with_seed (seed);
  gfloat           *values = g_new (gfloat, n);

  for (gsize i = 0; i < n; i++)
    values[i] = g_rand_double_range (rand, -1, 1);
  return values;
}

static void
add_weights (NrOnnx__Model *model, const gchar *name, guint rank, const gint64 *dims, guint seed)
{
  g_autofree gfloat *values = NULL;
  gsize              n      = 1;

  for (guint i = 0; i < rank; i++)
    n *= dims[i];
  values = random_values (n, seed);
  nr_builder_f32 (model, name, rank, dims, values);
}

/* 3 x 3 from x; w and b are there once. */
static void
add_conv (NrOnnx__Model *model, const gchar *inputs, const gchar *y)
{
  nr_builder_ints (nr_builder_node (model, "Conv", inputs, y), "pads", 4, (gint64[]) { 1, 1, 1, 1 });
}

static NrOnnx__Model *
start (void)
{
  NrOnnx__Model     *model  = nr_builder_new (17);
  g_autofree gfloat *spread = random_values (CHANNELS, 9);

  nr_builder_input (model, "x", 1, 4, (gint64[]) { 1, CHANNELS, -1, -1 });
  add_weights (model, "w", 4, (gint64[]) { CHANNELS, CHANNELS, 3, 3 }, 1);
  add_weights (model, "w2", 4, (gint64[]) { CHANNELS, CHANNELS, 3, 3 }, 2);
  add_weights (model, "b", 1, (gint64[]) { CHANNELS }, 3);
  add_weights (model, "channel", 4, per_channel, 4);
  add_weights (model, "scale", 1, (gint64[]) { CHANNELS }, 5);
  add_weights (model, "mean", 1, (gint64[]) { CHANNELS }, 6);
  nr_builder_f32 (model, "0.2", 0, NULL, (gfloat[]) { 0.2f });
  nr_builder_f32 (model, "-0.5", 0, NULL, (gfloat[]) { -0.5f });

  for (guint i = 0; i < CHANNELS; i++)
    spread[i] = 0.5f + fabsf (spread[i]);
  nr_builder_f32 (model, "variance", 1, (gint64[]) { CHANNELS }, spread);
  return model;
}

/* -- The chains --------------------------------------------------------------------------------------------------- */

static void
conv_relu (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Relu", "a", "y");
}

static void
conv_batch_norm_leaky_relu (NrOnnx__Model *m)
{
  add_conv (m, "x w", "a");
  nr_builder_node (m, "BatchNormalization", "a scale b mean variance", "c");
  nr_builder_float (nr_builder_node (m, "LeakyRelu", "c", "y"), "alpha", 0.2f);
}

static void
conv_prelu (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "PRelu", "a channel", "y");
}

static void
conv_clip (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Clip", "a -0.5 0.2", "y");
}

static void
separate_bias (NrOnnx__Model *m)
{
  add_conv (m, "x w", "a");
  nr_builder_node (m, "Add", "channel a", "y");
}

static void
arithmetic (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Mul", "a channel", "c");
  nr_builder_node (m, "Sub", "0.2 c", "d");
  nr_builder_node (m, "Div", "d -0.5", "e");
  nr_builder_node (m, "Sub", "e channel", "y");
}

static void
residual (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Add", "a x", "y");
}

/* The residual is read for the last time: the sum is written over it. */
static void
dying_residual (NrOnnx__Model *m)
{
  nr_builder_node (m, "Neg", "x", "a");
  nr_builder_node (m, "Abs", "x", "c");
  add_conv (m, "a w b", "d");
  nr_builder_node (m, "Add", "d c", "e");
  nr_builder_node (m, "Relu", "e", "y");
}

static void
residual_relu (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Add", "x a", "c");
  nr_builder_node (m, "Relu", "c", "y");
}

static void
relu_residual (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Relu", "a", "c");
  nr_builder_node (m, "Add", "x c", "y");
}

static void
scaled_residual (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Mul", "a 0.2", "c");
  nr_builder_node (m, "Add", "c x", "y");
}

static void
subtracted (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Sub", "x a", "y");
}

/* The later convolution takes the sum in, the earlier one stays. */
static void
two_branches (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  add_conv (m, "x w2", "c");
  nr_builder_node (m, "Add", "a c", "d");
  nr_builder_node (m, "Relu", "d", "y");
}

/* Read twice: nothing may be taken in. */
static void
read_twice (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Relu", "a", "c");
  nr_builder_node (m, "Mul", "a c", "y");
}

static void
doubled (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Add", "a a", "y");
}

/* After act (sum) + residual a second activation has no room. */
static void
two_activations (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Relu", "a", "c");
  nr_builder_node (m, "Add", "c x", "d");
  nr_builder_float (nr_builder_node (m, "LeakyRelu", "d", "y"), "alpha", 0.1f);
}

/* A scale behind an activation cannot go into the weights. */
static void
scale_behind_relu (NrOnnx__Model *m)
{
  add_conv (m, "x w b", "a");
  nr_builder_node (m, "Relu", "a", "c");
  nr_builder_node (m, "Mul", "c channel", "y");
}

static void
transposed (NrOnnx__Model *m)
{
  NrOnnx__Node *node;

  add_weights (m, "t", 4, (gint64[]) { CHANNELS, 1, 3, 3 }, 8);
  node = nr_builder_node (m, "ConvTranspose", "x t b", "a");
  nr_builder_ints (node, "pads", 4, (gint64[]) { 1, 1, 1, 1 });
  nr_builder_int (node, "group", CHANNELS);
  nr_builder_node (m, "BatchNormalization", "a scale b mean variance", "c");
  nr_builder_node (m, "Relu", "c", "y");
}

/* 1x1 with as many outputs as the picture has channels. */
static void
add_pointwise (NrOnnx__Model *m, gint64 in, const gchar *x, const gchar *y)
{
  g_autofree gchar *inputs = g_strconcat (x, " p b", NULL);

  add_weights (m, "p", 4, (gint64[]) { CHANNELS, in, 1, 1 }, 11);
  nr_builder_node (m, "Conv", inputs, y);
}

static void
nodes_without_effect (NrOnnx__Model *m)
{
  nr_builder_i64 (m, "zeros", 1, (gint64[]) { 8 }, (gint64[8]) { 0 });
  add_conv (m, "x w b", "a");
  nr_builder_int (nr_builder_node (m, "Cast", "a", "c"), "to", 1);
  nr_builder_node (m, "Pad", "c zeros", "d");
  nr_builder_node (m, "Identity", "d", "e");
  nr_builder_node (m, "Relu", "e", "y");
}

/* As NAFNet's LayerNorm2d is exported. */
static void
add_layer_norm (NrOnnx__Model *m, const gchar *output)
{
  nr_builder_f32 (m, "epsilon", 0, NULL, (gfloat[]) { 1e-3f });
  nr_builder_f32 (m, "two", 0, NULL, (gfloat[]) { 2.0f });
  nr_builder_ints (nr_builder_node (m, "ReduceMean", "x", "m"), "axes", 1, (gint64[]) { 1 });
  nr_builder_node (m, "Sub", "x m", "c1");
  nr_builder_node (m, "Pow", "c1 two", "sq");
  nr_builder_ints (nr_builder_node (m, "ReduceMean", "sq", "v"), "axes", 1, (gint64[]) { 1 });
  nr_builder_node (m, "Sub", "x m", "c2");
  nr_builder_node (m, "Add", "v epsilon", "ve");
  nr_builder_node (m, "Sqrt", "ve", "s");
  nr_builder_node (m, "Div", "c2 s", "n");
  nr_builder_node (m, "Mul", "channel n", "g");
  nr_builder_node (m, "Add", "g channel", output);
}

static void
layer_norm (NrOnnx__Model *m)
{
  add_layer_norm (m, "y");
}

static void
layer_norm_pointwise (NrOnnx__Model *m)
{
  add_layer_norm (m, "h");
  add_pointwise (m, CHANNELS, "h", "k");
  nr_builder_node (m, "Add", "k x", "y");
}

/* The other order of the mean's operands is no layer norm. */
static void
no_layer_norm (NrOnnx__Model *m)
{
  nr_builder_f32 (m, "epsilon", 0, NULL, (gfloat[]) { 1e-3f });
  nr_builder_ints (nr_builder_node (m, "ReduceMean", "x", "m"), "axes", 1, (gint64[]) { 1 });
  nr_builder_node (m, "Sub", "m x", "c");
  nr_builder_node (m, "Mul", "c c", "sq");
  nr_builder_ints (nr_builder_node (m, "ReduceMean", "sq", "v"), "axes", 1, (gint64[]) { 1 });
  nr_builder_node (m, "Add", "v epsilon", "ve");
  nr_builder_node (m, "Sqrt", "ve", "s");
  nr_builder_node (m, "Div", "c s", "y");
}

/* NAFNet's SimpleGate; the halves lie within x. */
static void
gate_pointwise (NrOnnx__Model *m)
{
  nr_builder_i64 (m, "0", 1, (gint64[]) { 1 }, (gint64[]) { 0 });
  nr_builder_i64 (m, "1", 1, (gint64[]) { 1 }, (gint64[]) { 1 });
  nr_builder_i64 (m, "2", 1, (gint64[]) { 1 }, (gint64[]) { 2 });
  nr_builder_i64 (m, "4", 1, (gint64[]) { 1 }, (gint64[]) { 4 });
  nr_builder_node (m, "Slice", "x 0 2 1", "a");
  nr_builder_node (m, "Slice", "x 2 4 1", "c");
  nr_builder_node (m, "Mul", "a c", "d");
  add_pointwise (m, 2, "d", "y");
}

static void
attention_pointwise (NrOnnx__Model *m)
{
  nr_builder_node (m, "GlobalAveragePool", "x", "a");
  nr_builder_node (m, "Mul", "x a", "c");
  add_pointwise (m, CHANNELS, "c", "y");
}

/* c dies in the convolution, which reads it as factor and as residual: the sum may not be written over it. */
static void
gate_with_dying_residual (NrOnnx__Model *m)
{
  nr_builder_node (m, "Neg", "x", "a");
  nr_builder_node (m, "Abs", "x", "c");
  nr_builder_node (m, "Mul", "a c", "d");
  add_pointwise (m, CHANNELS, "d", "e");
  nr_builder_node (m, "Add", "e c", "y");
}

static void
product_read_twice (NrOnnx__Model *m)
{
  nr_builder_node (m, "Abs", "x", "c");
  nr_builder_node (m, "Mul", "x c", "d");
  add_pointwise (m, CHANNELS, "d", "e");
  nr_builder_node (m, "Add", "e d", "y");
}

typedef struct
{
  const gchar *claim;
  void (*chain) (NrOnnx__Model *model);
  guint n_nodes;
} Case;

static const Case cases[] = {
  { "relu", conv_relu, 1 },
  { "batch-norm-and-leaky-relu", conv_batch_norm_leaky_relu, 1 },
  { "prelu-per-channel", conv_prelu, 1 },
  { "clip", conv_clip, 1 },
  { "bias-in-a-node-of-its-own", separate_bias, 1 },
  { "arithmetic-with-constants", arithmetic, 1 },
  { "residual", residual, 1 },
  { "residual-that-is-overwritten", dying_residual, 3 },
  { "residual-then-relu", residual_relu, 1 },
  { "relu-then-residual", relu_residual, 1 },
  { "scaled-residual", scaled_residual, 1 },
  { "subtracted-from-its-input", subtracted, 1 },
  { "transposed-in-groups", transposed, 1 },
  { "sum-of-two-convolutions-goes-to-the-later", two_branches, 2 },
  { "what-is-read-twice-stays", read_twice, 3 },
  { "what-is-added-to-itself-stays", doubled, 2 },
  { "second-activation-stays", two_activations, 2 },
  { "scale-behind-an-activation-stays", scale_behind_relu, 2 },
  { "casts-pads-and-identities-without-effect-are-gone", nodes_without_effect, 1 },
  { "layer-norm-over-channels", layer_norm, 1 },
  { "layer-norm-before-1x1-and-residual", layer_norm_pointwise, 1 },
  { "what-only-looks-like-layer-norm-stays", no_layer_norm, 7 },
  { "product-of-halves-before-1x1", gate_pointwise, 1 },
  { "scale-by-computed-values-before-1x1", attention_pointwise, 2 },
  { "factor-that-is-residual-too", gate_with_dying_residual, 3 },
  { "product-that-is-read-twice-stays", product_read_twice, 3 },
};

/* -- The test ----------------------------------------------------------------------------------------------------- */

static NrModel *
load (const Case *c, gboolean keep_all)
{
  NrOnnx__Model     *message = start ();
  g_autoptr (GError) error   = NULL;
  NrModel           *model;

  c->chain (message);
  nr_builder_output (message, "y");
  for (gsize i = 0; keep_all && i < message->graph->n_node; i++)
    if (! g_str_equal (message->graph->node[i]->output[0], "y"))
      nr_builder_output (message, message->graph->node[i]->output[0]);

  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  return model;
}

static gfloat *
run (NrModel *model, const gfloat *x, NrCpuLevel level)
{
  const NrSessionOptions options = { .threads = 1, .cpu_level = level };
  const NrShape          shape   = { NR_TYPE_FLOAT32, 4, { 1, CHANNELS, HEIGHT, WIDTH } };
  g_autoptr (GError)     error   = NULL;
  g_autoptr (NrSession)  session = nr_session_new (model, &shape, &options, &error);
  g_autofree gpointer   *outputs = g_new0 (gpointer, nr_model_n_outputs (model));
  gfloat                *y       = g_new (gfloat, N);

  g_assert_no_error (error);
  outputs[0] = y;
  nr_session_run (session, (const void *[]) { x }, outputs, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return y;
}

static guint
count_nodes (NrModel *model)
{
  const NrShape      shape = { NR_TYPE_FLOAT32, 4, { 1, CHANNELS, HEIGHT, WIDTH } };
  g_autoptr (GError) error = NULL;
  g_autoptr (NrPlan) plan  = nr_plan_new (model, &shape, nr_kernels_get (NR_CPU_C), FALSE, &error);

  g_assert_no_error (error);
  return plan->nodes->len;
}

static void
test_chain (gconstpointer data)
{
  const Case         *c     = data;
  g_autoptr (NrModel) fused = load (c, FALSE);
  g_autoptr (NrModel) plain = load (c, TRUE);
  g_autofree gfloat  *x     = random_values (N, 7);

  g_assert_cmpuint (count_nodes (fused), ==, c->n_nodes);
  g_assert_cmpuint (count_nodes (plain), >=, c->n_nodes);

  for (guint level = NR_CPU_C; level <= nr_cpu_level (); level++)
    {
      g_autofree gfloat *got  = run (fused, x, level);
      g_autofree gfloat *want = run (plain, x, NR_CPU_C);

      /* Sums of 45 products in another order, scaled weights rounded once more. */
      for (guint i = 0; i < N; i++)
        g_assert_cmpfloat_with_epsilon (got[i], want[i], 3e-5f);
    }
}

/* Weights changed by fusing belong to the model: a second session makes no second copy. */
static void
test_sessions_share (void)
{
  const NrShape         shape     = { NR_TYPE_FLOAT32, 4, { 1, CHANNELS, HEIGHT, WIDTH } };
  g_autoptr (NrModel)   model     = load (&cases[1], FALSE);
  g_autoptr (GError)    error     = NULL;
  g_autoptr (NrSession) one       = nr_session_new (model, &shape, NULL, &error);
  const guint           n_derived = g_hash_table_size (model->derived);
  const guint           n_packed  = g_hash_table_size (model->packed);
  g_autoptr (NrSession) two       = nr_session_new (model, &shape, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (n_derived, ==, 2);
  g_assert_cmpuint (n_packed, >, 0);
  g_assert_cmpuint (g_hash_table_size (model->derived), ==, n_derived);
  g_assert_cmpuint (g_hash_table_size (model->packed), ==, n_packed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree gchar *path = g_strconcat ("/fuse/", cases[i].claim, NULL);

      g_test_add_data_func (path, &cases[i], test_chain);
    }
  g_test_add_func ("/fuse/sessions-share-changed-weights", test_sessions_share);

  return g_test_run ();
}
