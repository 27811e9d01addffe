/* Trainer: forward and backward of small networks, values used twice, memory, threads, cancelling, errors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-gradient.h"

#include <math.h>
#include <string.h>

enum
{
  CHANNELS = 3,
  HEIGHT   = 9,
  WIDTH    = 7,
  PIXELS   = HEIGHT * WIDTH
};

static const NrShape picture = { NR_TYPE_FLOAT32, 4, { 1, CHANNELS, HEIGHT, WIDTH } };
static const NrShape kernel  = { NR_TYPE_FLOAT32, 4, { CHANNELS, CHANNELS, 3, 3 } };
static const NrShape vector  = { NR_TYPE_FLOAT32, 1, { CHANNELS } };

static void
fill (gfloat *x, gsize n, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) g_rand_double_range (rand, -1.0, 1.0);
}

/* conv (relu (conv (x, w, b)), w, b): the same weights twice. */
static NrModel *
make_network (void)
{
  g_autoptr (NrGraph) graph = nr_graph_new ("twice");
  gfloat              w[CHANNELS * CHANNELS * 9], b[CHANNELS];
  GError             *error = NULL;
  NrModel            *model;
  NrValue             x, y, weights, bias;

  fill (w, G_N_ELEMENTS (w), 1);
  fill (b, G_N_ELEMENTS (b), 2);
  x       = nr_graph_input (graph, "x", &picture);
  weights = nr_graph_parameter (graph, "w", &kernel, w);
  bias    = nr_graph_parameter (graph, "b", &vector, b);
  y       = nr_graph_op (graph, "Conv", 3, (NrValue[]) { x, weights, bias }, "pads=1,1,1,1");
  y       = nr_graph_op (graph, "Relu", 1, &y, NULL);
  y       = nr_graph_op (graph, "Conv", 3, (NrValue[]) { y, weights, bias }, "pads=1,1,1,1");
  nr_graph_output (graph, y, "y");

  model = nr_graph_to_model (graph, &error);
  g_assert_no_error (error);
  return model;
}

static NrTrainer *
make_trainer (NrModel *model, guint threads, NrCpuLevel level)
{
  const NrTrainerOptions options = { threads, level, 0, TRUE, TRUE };
  GError                *error   = NULL;
  NrTrainer             *trainer = nr_trainer_new (model, &picture, &options, &error);

  g_assert_no_error (error);
  return trainer;
}

/* The network in double. */
static void
convolve (const gdouble *x, const gdouble *w, const gdouble *b, gdouble *y)
{
  for (gint m = 0; m < CHANNELS; m++)
    for (gint i = 0; i < HEIGHT; i++)
      for (gint j = 0; j < WIDTH; j++)
        {
          gdouble sum = b[m];

          for (gint c = 0; c < CHANNELS; c++)
            for (gint r = MAX (0, 1 - i); r < MIN (3, HEIGHT + 1 - i); r++)
              for (gint s = MAX (0, 1 - j); s < MIN (3, WIDTH + 1 - j); s++)
                sum += w[((m * CHANNELS + c) * 3 + r) * 3 + s] * x[(c * HEIGHT + i + r - 1) * WIDTH + j + s - 1];
          y[(m * HEIGHT + i) * WIDTH + j] = sum;
        }
}

/* Sum of y g over the output. */
static gdouble
loss (const gdouble *x, const gdouble *w, const gdouble *b, const gfloat *g)
{
  gdouble middle[CHANNELS * PIXELS], y[CHANNELS * PIXELS], sum = 0.0;

  convolve (x, w, b, middle);
  for (gsize i = 0; i < G_N_ELEMENTS (middle); i++)
    middle[i] = MAX (middle[i], 0.0);
  convolve (middle, w, b, y);
  for (gsize i = 0; i < G_N_ELEMENTS (y); i++)
    sum += y[i] * g[i];
  return sum;
}

typedef struct
{
  gdouble x[CHANNELS * PIXELS], w[CHANNELS * CHANNELS * 9], b[CHANNELS];
} Point;

static void
check_differences (const gfloat *gradient, gdouble *values, gsize n, const Point *point, const gfloat *g)
{
  const gdouble step = 1e-6; /* so small that no Relu changes sides; differences are good to 1e-9 */

  for (gsize i = 0; i < n; i++)
    {
      const gdouble value = values[i];
      gdouble       high, low;

      values[i] = value + step;
      high      = loss (point->x, point->w, point->b, g);
      values[i] = value - step;
      low       = loss (point->x, point->w, point->b, g);
      values[i] = value;
      /* float32 sums of up to 63 x 27 terms around 1 */
      g_assert_cmpfloat_with_epsilon (gradient[i], (high - low) / (2.0 * step), 1e-4);
    }
}

static void
test_differences (void)
{
  g_autoptr (NrModel)   model   = make_network ();
  g_autoptr (NrTrainer) trainer = make_trainer (model, 2, NR_CPU_AVX512);
  gfloat                x[CHANNELS * PIXELS];
  const void           *inputs[] = { x };
  Point                 point;
  gfloat               *g     = nr_trainer_output_gradient (trainer, 0);
  GError               *error = NULL;

  g_assert_cmpuint (nr_trainer_n_parameters (trainer), ==, 2);
  g_assert_cmpstr (nr_trainer_parameter_name (trainer, 0), ==, "w");

  fill (x, G_N_ELEMENTS (x), 3);
  fill (g, G_N_ELEMENTS (x), 4);
  for (gsize i = 0; i < G_N_ELEMENTS (point.x); i++)
    point.x[i] = x[i];
  for (gsize i = 0; i < G_N_ELEMENTS (point.w); i++)
    point.w[i] = nr_trainer_parameter (trainer, 0, NULL)[i];
  for (gsize i = 0; i < G_N_ELEMENTS (point.b); i++)
    point.b[i] = nr_trainer_parameter (trainer, 1, NULL)[i];

  g_assert_true (nr_trainer_forward (trainer, inputs, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (nr_trainer_backward (trainer, NULL, &error));
  g_assert_no_error (error);

  check_differences (nr_trainer_input_gradient (trainer, 0), point.x, G_N_ELEMENTS (point.x), &point, g);
  check_differences (nr_trainer_parameter_gradient (trainer, 0), point.w, G_N_ELEMENTS (point.w), &point, g);
  check_differences (nr_trainer_parameter_gradient (trainer, 1), point.b, G_N_ELEMENTS (point.b), &point, g);
}

/* A changed parameter changes the next forward. */
static void
test_parameters (void)
{
  g_autoptr (NrModel)   model   = make_network ();
  g_autoptr (NrTrainer) trainer = make_trainer (model, 1, NR_CPU_AVX512);
  gfloat                x[CHANNELS * PIXELS];
  const void           *inputs[] = { x };
  gsize                 n_weights, n_biases;
  gfloat               *w = nr_trainer_parameter (trainer, 0, &n_weights);
  gfloat               *b = nr_trainer_parameter (trainer, 1, &n_biases);

  g_assert_cmpuint (n_weights, ==, CHANNELS * CHANNELS * 9);
  g_assert_cmpuint (n_biases, ==, CHANNELS);
  fill (x, G_N_ELEMENTS (x), 3);
  memset (w, 0, n_weights * sizeof (gfloat));
  b[0] = 1.0f, b[1] = 2.0f, b[2] = 3.0f;

  g_assert_true (nr_trainer_forward (trainer, inputs, NULL, NULL));
  for (gsize i = 0; i < CHANNELS * PIXELS; i++)
    g_assert_cmpfloat (nr_trainer_output (trainer, 0)[i], ==, b[i / PIXELS]);
}

static void
test_threads (void)
{
  g_autoptr (NrModel) model = make_network ();
  gfloat              x[CHANNELS * PIXELS];
  const void         *inputs[] = { x };

  fill (x, G_N_ELEMENTS (x), 3);
  for (NrCpuLevel level = NR_CPU_C; level <= nr_cpu_level (); level++)
    {
      gfloat first[CHANNELS * CHANNELS * 9];

      for (guint threads = 1; threads <= 3; threads++)
        {
          g_autoptr (NrTrainer) trainer = make_trainer (model, threads, level);

          fill (nr_trainer_output_gradient (trainer, 0), G_N_ELEMENTS (x), 4);
          g_assert_true (nr_trainer_forward (trainer, inputs, NULL, NULL));
          g_assert_true (nr_trainer_backward (trainer, NULL, NULL));
          if (threads == 1)
            memcpy (first, nr_trainer_parameter_gradient (trainer, 0), sizeof first);
          g_assert_cmpmem (nr_trainer_parameter_gradient (trainer, 0), sizeof first, first, sizeof first);
        }
    }
}

static void
test_memory (void)
{
  g_autoptr (NrModel)   model   = make_network ();
  NrTrainerOptions      options = { 2, NR_CPU_AVX512, 0, TRUE, TRUE };
  g_autoptr (NrTrainer) trainer = nr_trainer_new (model, &picture, &options, NULL);
  g_autoptr (NrTrainer) second  = NULL;
  g_autoptr (GError)    error   = NULL;
  gsize                 bytes;

  g_assert_true (nr_trainer_estimate_memory (model, &picture, &options, &bytes, NULL));
  g_assert_cmpuint (bytes, ==, nr_trainer_memory (trainer));

  options.memory_limit = bytes - 1;
  second               = nr_trainer_new (model, &picture, &options, &error);
  g_assert_null (second);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY);
}

static void
test_no_gradient (void)
{
  g_autoptr (NrGraph)    graph   = nr_graph_new ("g");
  const NrTrainerOptions options = { 1, NR_CPU_AVX512, 0, TRUE, TRUE };
  g_autoptr (GError)     error   = NULL;
  g_autoptr (NrModel)    model   = NULL;
  g_autoptr (NrTrainer)  trainer = NULL;
  NrValue                x       = nr_graph_input (graph, "x", &picture);

  nr_graph_output (graph, nr_graph_op (graph, "LpNormalization", 1, &x, "axis=1"), "y");
  model   = nr_graph_to_model (graph, &error);
  trainer = nr_trainer_new (model, &picture, &options, &error);
  g_assert_null (trainer);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_UNSUPPORTED);
  g_assert_true (g_str_has_prefix (error->message, "node 'LpNormalization 0' (LpNormalization): the operator has no gradient"));
}

/* y = relu (x), z = a, b unused: what no output depends on has a gradient of zeros, an output that depends on nothing wanted
 * takes no gradient. */
static void
test_unused (void)
{
  g_autoptr (NrGraph)   graph = nr_graph_new ("g");
  const gfloat          a[] = { 1.0f, 2.0f, 3.0f }, b[] = { 4.0f, 5.0f, 6.0f };
  g_autoptr (NrModel)   model   = NULL;
  g_autoptr (NrTrainer) trainer = NULL;
  gfloat                x[CHANNELS * PIXELS];
  const void           *inputs[] = { x };
  NrValue               value    = nr_graph_input (graph, "x", &picture);

  nr_graph_output (graph, nr_graph_op (graph, "Relu", 1, &value, NULL), "y");
  nr_graph_output (graph, nr_graph_parameter (graph, "a", &vector, a), "z");
  nr_graph_parameter (graph, "b", &vector, b);
  model   = nr_graph_to_model (graph, NULL);
  trainer = nr_trainer_new (model, &picture, NULL, NULL);
  g_assert_nonnull (trainer);

  g_assert_null (nr_trainer_output_gradient (trainer, 0));
  g_assert_null (nr_trainer_input_gradient (trainer, 0));
  g_assert_nonnull (nr_trainer_output_gradient (trainer, 1));
  memcpy (nr_trainer_output_gradient (trainer, 1), b, sizeof b);

  fill (x, G_N_ELEMENTS (x), 3);
  g_assert_true (nr_trainer_forward (trainer, inputs, NULL, NULL));
  g_assert_true (nr_trainer_backward (trainer, NULL, NULL));
  g_assert_cmpmem (nr_trainer_output (trainer, 1), sizeof a, a, sizeof a);
  g_assert_cmpmem (nr_trainer_parameter_gradient (trainer, 0), sizeof b, b, sizeof b);
  for (guint i = 0; i < CHANNELS; i++)
    g_assert_cmpfloat (nr_trainer_parameter_gradient (trainer, 1)[i], ==, 0.0f);
}

/* Parameters are constants, statistics known: no gradient reads the input of the normalization, and it is not kept. */
static void
test_frozen_normalization (void)
{
  const gfloat           scale[]    = { 1, -2, 3 };
  const gfloat           bias[]     = { 0.5f, 0, -1 };
  const gfloat           mean[]     = { 0.1f, -0.2f, 0.3f };
  const gfloat           variance[] = { 0.5f, 1, 2 };
  const NrTrainerOptions options    = { 2, NR_CPU_AVX512, 0, TRUE, FALSE };
  g_autoptr (NrGraph)    graph      = nr_graph_new ("frozen");
  const NrValue          inputs[]   = { nr_graph_input (graph, "x", &picture), nr_graph_parameter (graph, "scale", &vector, scale),
                                        nr_graph_parameter (graph, "bias", &vector, bias),
                                        nr_graph_constant (graph, &vector, mean), nr_graph_constant (graph, &vector, variance) };
  g_autoptr (NrModel)    model      = NULL;
  g_autoptr (NrTrainer)  trainer    = NULL;
  gfloat                 x[CHANNELS * PIXELS], g[CHANNELS * PIXELS];

  nr_graph_output (graph, nr_graph_op (graph, "BatchNormalization", G_N_ELEMENTS (inputs), inputs, NULL), "y");
  model   = nr_graph_to_model (graph, NULL);
  trainer = nr_trainer_new (model, &picture, &options, NULL);
  g_assert_nonnull (trainer);

  fill (x, G_N_ELEMENTS (x), 3);
  fill (g, G_N_ELEMENTS (g), 4);
  g_assert_true (nr_trainer_forward (trainer, (const void *const[]) { x }, NULL, NULL));
  memcpy (nr_trainer_output_gradient (trainer, 0), g, sizeof g);
  g_assert_true (nr_trainer_backward (trainer, NULL, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (g); i++)
    g_assert_cmpfloat_with_epsilon (nr_trainer_input_gradient (trainer, 0)[i],
                                    g[i] * scale[i / PIXELS] / sqrt (variance[i / PIXELS] + 1e-5), 1e-5);
}

static void
test_cancel (void)
{
  g_autoptr (NrModel)      model       = make_network ();
  g_autoptr (NrTrainer)    trainer     = make_trainer (model, 1, NR_CPU_AVX512);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  gfloat                   x[CHANNELS * PIXELS];
  const void              *inputs[] = { x };

  fill (x, G_N_ELEMENTS (x), 3);
  g_assert_true (nr_trainer_forward (trainer, inputs, cancellable, NULL));
  g_cancellable_cancel (cancellable);
  g_assert_false (nr_trainer_backward (trainer, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
assert_mistake (NrGraph *graph, NrValue value, const gchar *message)
{
  g_autoptr (GError) error = NULL;

  nr_graph_output (graph, value, "out");
  g_assert_null (nr_graph_to_model (graph, &error));
  g_assert_cmpstr (error != NULL ? error->message : NULL, ==, message);
  nr_graph_free (graph);
}

static void
test_mistakes (void)
{
  NrGraph *graph;
  NrValue  x;

  graph = nr_graph_new ("g");
  x     = nr_graph_input (graph, "x", &picture);
  x     = nr_graph_op (graph, "Rleu", 1, &x, NULL);
  assert_mistake (graph, nr_graph_op (graph, "Relu", 1, &x, NULL), "g: the operator Rleu is not supported (opset 21)");

  graph = nr_graph_new ("g");
  x     = nr_graph_input (graph, "x", &picture);
  assert_mistake (graph, nr_graph_op (graph, "LeakyRelu", 1, &x, "beta=1"), "g: node 'LeakyRelu 0' (LeakyRelu): attribute 'beta=1' is not supported");

  graph = nr_graph_new ("g");
  x     = nr_graph_input (graph, "x", &picture);
  assert_mistake (graph, nr_graph_op (graph, "LeakyRelu", 1, &x, "alpha=1.0.0"), "g: node 'LeakyRelu 0' (LeakyRelu): attribute 'alpha=1.0.0' has another type");

  graph = nr_graph_new ("g");
  x     = nr_graph_input (graph, "x", &picture);
  assert_mistake (graph, nr_graph_input (graph, "x", &picture), "g: there are two values named 'x'");

  graph = nr_graph_new ("g");
  x     = nr_graph_input (graph, "x", &picture);
  assert_mistake (graph, nr_graph_op (graph, "Conv", 1, &x, NULL), "g: node 'Conv 0' (Conv): 1 inputs are not what the operator takes");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradient/trainer/gradients-are-central-differences", test_differences);
  g_test_add_func ("/gradient/trainer/parameters-take-effect", test_parameters);
  g_test_add_func ("/gradient/trainer/same-bytes-for-any-number-of-threads", test_threads);
  g_test_add_func ("/gradient/trainer/memory-is-known-before", test_memory);
  g_test_add_func ("/gradient/trainer/operator-without-gradient-is-named", test_no_gradient);
  g_test_add_func ("/gradient/trainer/what-is-unused-has-gradient-zero", test_unused);
  g_test_add_func ("/gradient/trainer/frozen-normalization-does-not-keep-its-input", test_frozen_normalization);
  g_test_add_func ("/gradient/trainer/cancelling-is-an-error", test_cancel);
  g_test_add_func ("/gradient/graph/first-mistake-is-reported", test_mistakes);
  return g_test_run ();
}
