/* Activations by rows: random networks of convolutions give the bytes that they give when every value lies as ONNX has it;
 * which values of known networks lie by rows.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The judge is the same network with every value as an output of the graph: outputs never lie by rows.
 */

#include "graph/plan.h"
#include "model-builder.h"

#include <string.h>

enum
{
  BATCH    = 2,
  CHANNELS = 20, /* enough for Winograd */
  N_NODES  = 8
};

static void
add_weights (NrOnnx__Model *model, const gchar *name, gint64 channels, gint64 size, guint seed)
{
  const gint64       dims[] = { CHANNELS, channels, size, size };
  const gsize        n      = (gsize) (CHANNELS * channels * size * size);
  g_autoptr (GRand)  rand   = g_rand_new_with_seed (seed);
  g_autofree gfloat *values = g_new (gfloat, n);

  for (gsize i = 0; i < n; i++)
    values[i] = (gfloat) g_rand_double_range (rand, -1, 1) / (gfloat) (channels * size);
  nr_builder_f32 (model, name, 4, dims, values);
}

static NrOnnx__Model *
start (void)
{
  NrOnnx__Model *model = nr_builder_new (17);

  nr_builder_input (model, "v0", 1, 4, (gint64[]) { BATCH, CHANNELS, -1, -1 });
  add_weights (model, "w3", CHANNELS, 3, 1);
  add_weights (model, "w3-in-groups", CHANNELS / 2, 3, 2);
  add_weights (model, "w2", CHANNELS, 2, 3);
  add_weights (model, "w1", CHANNELS, 1, 4);
  return model;
}

static void
add_conv (NrOnnx__Model *model, const gchar *inputs, const gchar *y)
{
  nr_builder_ints (nr_builder_node (model, "Conv", inputs, y), "pads", 4, (gint64[]) { 1, 1, 1, 1 });
}

/* -- Random networks ---------------------------------------------------------------------------------------------- */

typedef struct
{
  NrOnnx__Model *model;
  GRand         *rand;
  guint          n;                        /* values v0 ... v(n-1) */
  gboolean       is_half[3 * N_NODES + 1]; /* of each: whether it has half of the input's size */
} Network;

static gchar *
add_value (Network *network, gboolean is_half)
{
  network->is_half[network->n] = is_half;
  return g_strdup_printf ("v%u", network->n++);
}

/* A convolution of value x, whatever its size allows; returns the number of its result. */
static guint
add_some_conv (Network *network, guint x)
{
  const gboolean    is_half = network->is_half[x];
  const guint       kind    = (guint) g_rand_int_range (network->rand, 0, 6);
  g_autofree gchar *y       = add_value (network, kind == 3 ? ! is_half : is_half);
  g_autofree gchar *inputs  = g_strdup_printf ("v%u %s", x, kind == 0 ? "w3-in-groups" : kind == 1 ? "w1"
                                                                                     : kind == 3   ? "w2"
                                                                                                   : "w3");

  if (kind == 1)
    nr_builder_node (network->model, "Conv", inputs, y);
  else if (kind == 3)
    nr_builder_ints (nr_builder_node (network->model, is_half ? "ConvTranspose" : "Conv", inputs, y), "strides", 2,
                     (gint64[]) { 2, 2 });
  else if (kind == 0)
    {
      NrOnnx__Node *node = nr_builder_node (network->model, "Conv", inputs, y);

      nr_builder_ints (node, "pads", 4, (gint64[]) { 1, 1, 1, 1 });
      nr_builder_int (node, "group", 2);
    }
  else
    add_conv (network->model, inputs, y);

  return network->n - 1;
}

static guint
add_reader (Network *network, const gchar *op, const gchar *inputs, guint x)
{
  g_autofree gchar *y = add_value (network, network->is_half[x]);

  nr_builder_node (network->model, op, inputs, y);
  return network->n - 1;
}

static void
add_node (Network *network)
{
  const guint       back = (guint) g_rand_int_range (network->rand, 0, (gint32) MIN (network->n, 3));
  guint             x    = add_some_conv (network, network->n - 1 - back);
  const guint       r    = (guint) g_rand_int_range (network->rand, 0, (gint32) x);
  g_autofree gchar *sum  = g_strdup_printf ("v%u v%u", x, r);

  if (g_rand_boolean (network->rand) && network->is_half[r] == network->is_half[x])
    x = add_reader (network, "Add", sum, x);

  g_autofree gchar *name = g_strdup_printf ("v%u", x);

  if (g_rand_boolean (network->rand))
    add_reader (network, g_rand_int_range (network->rand, 0, 4) == 0 ? "Sigmoid" : "Relu", name, x);
}

/* Returns the number of values. */
static guint
make_network (guint seed, gboolean all_are_outputs, NrModel **model)
{
  g_autoptr (GRand)  rand    = g_rand_new_with_seed (seed);
  g_autoptr (GError) error   = NULL;
  Network            network = { .model = start (), .rand = rand, .n = 1 };

  for (guint i = 0; i < N_NODES; i++)
    add_node (&network);

  for (guint i = all_are_outputs ? 1 : network.n - 1; i < network.n; i++)
    {
      g_autofree gchar *name = g_strdup_printf ("v%u", i);

      nr_builder_output (network.model, name);
    }

  *model = nr_builder_load (network.model, &error);
  g_assert_no_error (error);
  return network.n;
}

/* The last output, freed by the caller. */
static gfloat *
run (NrModel *model, const NrShape *shape, const gfloat *x, guint threads, gsize *n)
{
  const NrSessionOptions options  = { threads, NR_CPU_AVX512, 0 };
  const guint            last     = nr_model_n_outputs (model) - 1;
  g_autoptr (GError)     error    = NULL;
  g_autoptr (NrSession)  session  = nr_session_new (model, shape, &options, &error);
  g_autofree void      **outputs  = g_new0 (void *, last + 1);
  const void            *inputs[] = { x };

  g_assert_no_error (error);
  g_assert_true (nr_shape_n_elements (nr_session_output_shape (session, last), n));
  outputs[last] = g_new (gfloat, *n);
  g_assert_true (nr_session_run (session, inputs, outputs, NULL, NULL, NULL, &error));
  return outputs[last];
}

static guint
count_by_rows (NrModel *model, const NrShape *shape)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (NrPlan) plan  = nr_plan_new (model, shape, nr_kernels_get (2), FALSE, &error);
  guint              n     = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < plan->tensors->len; i++)
    n += ((const NrTensor *) g_ptr_array_index (plan->tensors, i))->is_by_rows ? 1 : 0;
  return n;
}

static void
test_random (void)
{
  guint n_by_rows = 0;

  for (guint seed = 0; seed < 150; seed++)
    {
      g_autoptr (GRand)   rand  = g_rand_new_with_seed (seed + 1000);
      g_autoptr (NrModel) plain = NULL, judge = NULL;
      NrShape             shape = { NR_TYPE_FLOAT32, 4, { BATCH, CHANNELS, 0, 0 } };
      gsize               n_x, n, n_want;

      shape.dims[2] = 2 * g_rand_int_range (rand, 1, 12);
      shape.dims[3] = 2 * g_rand_int_range (rand, 1, 30);
      g_assert_true (nr_shape_n_elements (&shape, &n_x));

      make_network (seed, FALSE, &plain);
      make_network (seed, TRUE, &judge);
      g_assert_cmpuint (count_by_rows (judge, &shape), ==, 0);
      n_by_rows += count_by_rows (plain, &shape);

      g_autofree gfloat *x = g_new (gfloat, n_x);

      for (gsize i = 0; i < n_x; i++)
        x[i] = (gfloat) g_rand_double_range (rand, -1, 1);

      g_autofree gfloat *want = run (judge, &shape, x, 1, &n_want);
      g_autofree gfloat *got  = run (plain, &shape, x, 1 + seed % 3, &n);

      g_assert_cmpuint (n, ==, n_want);
      if (memcmp (got, want, n * sizeof (gfloat)) != 0)
        g_error ("network %u: other bytes", seed);
    }

  g_assert_cmpuint (n_by_rows, >, 150);
}

/* -- Known networks ----------------------------------------------------------------------------------------------- */

static guint
count_of (NrOnnx__Model *model)
{
  const NrShape       shape  = { NR_TYPE_FLOAT32, 4, { BATCH, CHANNELS, 10, 14 } };
  g_autoptr (GError)  error  = NULL;
  g_autoptr (NrModel) loaded = NULL;

  nr_builder_output (model, "y");
  loaded = nr_builder_load (model, &error);
  g_assert_no_error (error);
  return count_by_rows (loaded, &shape);
}

/* All but the input and the output. */
static void
test_chain (void)
{
  NrOnnx__Model *model = start ();

  add_conv (model, "v0 w3", "a");
  nr_builder_node (model, "Relu", "a", "b");
  add_conv (model, "b w3", "c");
  nr_builder_node (model, "Add", "b c", "d");
  add_conv (model, "d w3", "y");
  g_assert_cmpuint (count_of (model), ==, 2);
}

/* A residual that is the graph's input, a value that another operator reads, a pointwise convolution: nothing. */
static void
test_barred (void)
{
  NrOnnx__Model *model = start ();

  add_conv (model, "v0 w3", "a");
  nr_builder_node (model, "Add", "a v0", "b");
  add_conv (model, "b w3", "c");
  nr_builder_node (model, "Sigmoid", "c", "d");
  nr_builder_node (model, "Conv", "d w1", "e");
  add_conv (model, "e w3", "y");
  g_assert_cmpuint (count_of (model), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/graph/by-rows/random-networks-give-the-bytes-of-planes", test_random);
  g_test_add_func ("/graph/by-rows/what-lies-between-convolutions-lies-by-rows", test_chain);
  g_test_add_func ("/graph/by-rows/what-others-see-lies-in-planes", test_barred);

  return g_test_run ();
}
