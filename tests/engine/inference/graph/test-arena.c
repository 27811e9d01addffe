/* The memory of a plan: random graphs of views, parts, sums and concatenations give what they give when every value has
 * memory of its own; concatenations and splits of known networks cost nothing.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The judge is the same graph with every value as an output: outputs lie in the caller's memory, apart from each other.
 */

#include "graph/plan.h"
#include "model-builder.h"

#include <string.h>

enum
{
  PIXELS     = 6,
  MAX_VALUES = 40
};

/* -- Random graphs ------------------------------------------------------------------------------------------------ */

typedef struct
{
  NrOnnx__Model *model;
  GRand         *rand;
  guint          n;                    /* values v0 ... v(n-1) */
  gint64         channels[MAX_VALUES]; /* of each: its shape is [1, channels, PIXELS] */
} Graph;

static guint
pick (Graph *graph, guint n)
{
  return g_rand_int_range (graph->rand, 0, n);
}

/* Of the latest values more often than of early ones: both short and long lives. */
static guint
pick_value (Graph *graph)
{
  const guint back = pick (graph, 2) ? pick (graph, MIN (graph->n, 3)) : pick (graph, graph->n);

  return graph->n - 1 - back;
}

static gboolean
find_same_size (Graph *graph, guint value, guint *other)
{
  for (guint tries = 0; tries < 10; tries++)
    {
      *other = pick (graph, graph->n);
      if (graph->channels[*other] == graph->channels[value])
        return TRUE;
    }

  return FALSE;
}

static void
add_unary (Graph *graph)
{
  static const gchar *const ops[]  = { "Neg", "Abs", "Relu", "Identity" };
  const guint               a      = pick_value (graph);
  g_autofree gchar         *input  = g_strdup_printf ("v%u", a);
  g_autofree gchar         *output = g_strdup_printf ("v%u", graph->n);

  nr_builder_node (graph->model, ops[pick (graph, G_N_ELEMENTS (ops))], input, output);
  graph->channels[graph->n++] = graph->channels[a];
}

static void
add_binary (Graph *graph)
{
  const guint       a      = pick_value (graph);
  g_autofree gchar *inputs = NULL;
  g_autofree gchar *output = g_strdup_printf ("v%u", graph->n);
  guint             b;

  if (! find_same_size (graph, a, &b))
    return;

  inputs = g_strdup_printf ("v%u v%u", a, b);
  nr_builder_node (graph->model, pick (graph, 2) ? "Add" : "Sub", inputs, output);
  graph->channels[graph->n++] = graph->channels[a];
}

static void
add_concat (Graph *graph)
{
  GString          *inputs = g_string_new (NULL);
  g_autofree gchar *output = g_strdup_printf ("v%u", graph->n);
  gint64            sum    = 0;

  for (guint i = 1 + pick (graph, 4); i > 0; i--)
    {
      const guint value = pick_value (graph);

      g_string_append_printf (inputs, "%sv%u", inputs->len > 0 ? " " : "", value);
      sum += graph->channels[value];
    }

  if (sum <= 64)
    {
      nr_builder_int (nr_builder_node (graph->model, "Concat", inputs->str, output), "axis", 1);
      graph->channels[graph->n++] = sum;
    }
  g_string_free (inputs, TRUE);
}

static void
add_split (Graph *graph)
{
  const guint       a       = pick_value (graph);
  g_autofree gchar *inputs  = g_strdup_printf ("v%u sizes%u", a, graph->n);
  g_autofree gchar *sizes   = g_strdup_printf ("sizes%u", graph->n);
  g_autofree gchar *outputs = g_strdup_printf ("v%u v%u", graph->n, graph->n + 1);
  gint64            first;

  if (graph->channels[a] < 2 || graph->n + 2 > MAX_VALUES)
    return;

  first = 1 + pick (graph, graph->channels[a] - 1);
  nr_builder_i64 (graph->model, sizes, 1, (gint64[]) { 2 }, (gint64[]) { first, graph->channels[a] - first });
  nr_builder_int (nr_builder_node (graph->model, "Split", inputs, outputs), "axis", 1);
  graph->channels[graph->n]     = first;
  graph->channels[graph->n + 1] = graph->channels[a] - first;
  graph->n += 2;
}

/* The last value is the output, or all of them are. */
static NrModel *
random_model (guint seed, gboolean keep_all, gint64 *channels)
{
  g_autoptr (GRand)  rand  = g_rand_new_with_seed (seed);
  g_autoptr (GError) error = NULL;
  Graph              graph = { .model = nr_builder_new (17), .rand = rand, .n = 1, .channels = { 3 } };
  NrModel           *model;

  nr_builder_input (graph.model, "v0", 1, 3, (gint64[]) { 1, 3, PIXELS });
  while (graph.n + 2 <= MAX_VALUES - pick (&graph, 5))
    {
      static void (*const add[]) (Graph *graph) = { add_unary, add_binary, add_concat, add_split };

      add[pick (&graph, G_N_ELEMENTS (add))](&graph);
    }

  for (guint i = graph.n; i-- > (keep_all ? 0 : graph.n - 1);)
    {
      g_autofree gchar *name = g_strdup_printf ("v%u", i);

      nr_builder_output (graph.model, name);
    }

  *channels = graph.channels[graph.n - 1];
  model     = nr_builder_load (graph.model, &error);
  g_assert_no_error (error);
  return model;
}

static gfloat *
run (NrModel *model, const NrShape *shape, const gfloat *x, gsize n)
{
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrSession) session = nr_session_new (model, shape, NULL, &error);
  g_autofree gpointer  *outputs = g_new0 (gpointer, nr_model_n_outputs (model));
  gfloat               *y       = g_new (gfloat, n);

  g_assert_no_error (error);
  outputs[0] = y;
  g_assert_true (nr_session_run (session, (const void *[]) { x }, outputs, NULL, NULL, NULL, &error));
  return y;
}

static void
test_random_graphs (void)
{
  const NrShape shape = { NR_TYPE_FLOAT32, 3, { 1, 3, PIXELS } };
  gfloat        x[3 * PIXELS];

  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = (gfloat) i - 7;

  for (guint seed = 0; seed < 400; seed++)
    {
      gint64              channels;
      g_autoptr (NrModel) planned = random_model (seed, FALSE, &channels);
      g_autoptr (NrModel) apart   = random_model (seed, TRUE, &channels);
      const gsize         n       = channels * PIXELS;
      g_autofree gfloat  *got     = run (planned, &shape, x, n);
      g_autofree gfloat  *want    = run (apart, &shape, x, n);

      if (memcmp (got, want, n * sizeof *got) != 0)
        g_test_fail_printf ("graph of seed %u gives other values", seed);
    }
}

/* -- Known patterns ----------------------------------------------------------------------------------------------- */

static NrPlan *
plan_of (NrOnnx__Model *message)
{
  const NrShape       shape = { NR_TYPE_FLOAT32, 4, { 1, 4, 8, 8 } };
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = NULL;
  NrPlan             *plan;

  nr_builder_output (message, "y");
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  plan = nr_plan_new (model, &shape, nr_kernels_get (NR_CPU_C), FALSE, &error);
  g_assert_no_error (error);
  return plan;
}

static guint
count (const NrPlan *plan, const gchar *type)
{
  guint n = 0;

  for (guint i = 0; i < plan->nodes->len; i++)
    n += g_str_equal (nr_plan_node (plan, i)->op->type, type);
  return n;
}

static NrOnnx__Model *
start (void)
{
  NrOnnx__Model *model = nr_builder_new (17);

  nr_builder_input (model, "x", 1, 4, (gint64[]) { 1, 4, -1, -1 });
  return model;
}

/* a, [a b], [a b c]: the largest holds them all, the smaller one is its beginning. */
static void
test_dense_block (void)
{
  NrOnnx__Model     *model = start ();
  g_autoptr (NrPlan) plan  = NULL;

  nr_builder_node (model, "Sigmoid", "x", "a");
  nr_builder_node (model, "Sigmoid", "a", "b");
  nr_builder_int (nr_builder_node (model, "Concat", "a b", "ab"), "axis", 1);
  nr_builder_int (nr_builder_node (model, "ReduceMean", "ab", "c"), "keepdims", 1);
  nr_builder_ints (model->graph->node[3], "axes", 1, (gint64[]) { 1 });
  nr_builder_int (nr_builder_node (model, "Concat", "a b c", "abc"), "axis", 1);
  nr_builder_node (model, "Tanh", "abc", "y");
  plan = plan_of (model);

  g_assert_cmpuint (count (plan, "Concat"), ==, 0);
  g_assert_cmpuint (plan->arena_bytes, ==, 0); /* all of it in the output, which Tanh overwrites in place */
}

static void
test_skip_connection (void)
{
  NrOnnx__Model     *model = start ();
  g_autoptr (NrPlan) plan  = NULL;

  nr_builder_node (model, "Sigmoid", "x", "skip");
  nr_builder_node (model, "Neg", "skip", "deep");
  nr_builder_node (model, "Tanh", "deep", "deeper");
  nr_builder_int (nr_builder_node (model, "Concat", "deeper skip", "both"), "axis", 1);
  nr_builder_int (nr_builder_node (model, "ReduceMean", "both", "y"), "keepdims", 1);
  nr_builder_ints (model->graph->node[4], "axes", 1, (gint64[]) { 1 });
  plan = plan_of (model);

  g_assert_cmpuint (count (plan, "Concat"), ==, 0);
  g_assert_cmpuint (plan->arena_bytes, ==, (8 + 4) * 64 * 4); /* both, and deep */
}

static void
test_gate (void)
{
  NrOnnx__Model     *model = start ();
  g_autoptr (NrPlan) plan  = NULL;

  nr_builder_int (nr_builder_node (model, "Split", "x", "a b"), "axis", 1);
  nr_builder_node (model, "Mul", "a b", "y");
  plan = plan_of (model);

  g_assert_cmpuint (plan->nodes->len, ==, 1);
  g_assert_cmpuint (plan->arena_bytes, ==, 0);
}

/* Along the columns pieces do not follow each other in memory: they are copied. */
static void
test_other_axes_copy (void)
{
  NrOnnx__Model     *model = start ();
  g_autoptr (NrPlan) plan  = NULL;

  nr_builder_node (model, "Sigmoid", "x", "a");
  nr_builder_node (model, "Tanh", "x", "b");
  nr_builder_int (nr_builder_node (model, "Concat", "a b", "y"), "axis", 3);
  plan = plan_of (model);

  g_assert_cmpuint (count (plan, "Concat"), ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/arena/random-graphs-give-what-they-give-with-memory-apart", test_random_graphs);
  g_test_add_func ("/arena/dense-block-needs-no-copies", test_dense_block);
  g_test_add_func ("/arena/skip-connection-needs-no-copy", test_skip_connection);
  g_test_add_func ("/arena/gate-needs-no-copies", test_gate);
  g_test_add_func ("/arena/other-axes-are-copied", test_other_axes_copy);

  return g_test_run ();
}
