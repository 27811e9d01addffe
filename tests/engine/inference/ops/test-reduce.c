/* Reductions and normalizations against sums in double.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>

/* -- Reductions --------------------------------------------------------------------------------------------------- */

static const gint64 reduce_dims[4] = { 2, 5, 3, 33 };

typedef struct
{
  gdouble sum, squares, most, least;
  gsize   n;
} Totals;

static gdouble
total (const gchar *op, const Totals *t)
{
  if (g_str_equal (op, "ReduceMean"))
    return t->sum / (gdouble) t->n;
  if (g_str_equal (op, "ReduceMax"))
    return t->most;
  if (g_str_equal (op, "ReduceMin"))
    return t->least;
  return g_str_equal (op, "ReduceL2") ? sqrt (t->squares) : t->sum;
}

/* AXES: bit i is dimension i. */
static void
test_axes (const gchar *op, guint axes, gboolean keep_dims)
{
  g_autoptr (NrOneNode) one = nr_one_node_new (op, 18);
  gfloat               *x   = nr_one_node_random (one, 4, reduce_dims);
  Totals                totals[2 * 5 * 3 * 33];
  gdouble               want[2 * 5 * 3 * 33];
  gint64                list[4], out[4];
  gsize                 n_axes = 0, n_out = 1;
  guint                 rank = 0;

  for (guint i = 0; i < 4; i++)
    if (axes >> i & 1)
      {
        list[n_axes] = n_axes % 2 == 0 ? (gint64) i : (gint64) i - 4;
        n_axes++;
        if (keep_dims)
          out[rank++] = 1;
      }
    else
      {
        out[rank++] = reduce_dims[i];
        n_out *= (gsize) reduce_dims[i];
      }

  for (gsize i = 0; i < n_out; i++)
    totals[i] = (Totals) { 0.0, 0.0, -INFINITY, INFINITY, 0 };
  for (gsize i = 0; i < G_N_ELEMENTS (totals); i++)
    {
      gsize rest = i, o = 0, stride = 1;

      for (guint k = 4; k-- > 0; rest /= (gsize) reduce_dims[k])
        if (! (axes >> k & 1))
          {
            o += rest % (gsize) reduce_dims[k] * stride;
            stride *= (gsize) reduce_dims[k];
          }

      totals[o].sum += x[i];
      totals[o].squares += (gdouble) x[i] * x[i];
      totals[o].most  = fmax (totals[o].most, x[i]);
      totals[o].least = fmin (totals[o].least, x[i]);
      totals[o].n++;
    }
  for (gsize i = 0; i < n_out; i++)
    want[i] = total (op, &totals[i]);

  nr_one_node_i64 (one, n_axes, list);
  nr_builder_int (nr_one_node_message (one), "keepdims", keep_dims);
  nr_one_node_assert_output (one, rank, out, want, 3e-6); /* up to 990 numbers in lanes of float */
}

static void
test_reduce (gconstpointer data)
{
  for (guint axes = 1; axes < 16; axes++)
    {
      test_axes (data, axes, TRUE);
      test_axes (data, axes, FALSE);
    }
}

static void
check_int64 (NrOneNode *one, gpointer data)
{
  g_assert_cmpint (*(const gint64 *) nr_one_node_output (one, 0), ==, *(const gint64 *) data);
}

static void
test_reduce_integers (void)
{
  static const struct
  {
    const gchar *op;
    gint64       want;
  } cases[] = { { "ReduceSum", 3 }, { "ReduceMax", 6 }, { "ReduceMin", -5 }, { "ReduceMean", 1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (NrOneNode) one  = nr_one_node_new (cases[i].op, 18);
      gint64               *x    = nr_one_node_input (one, NR_TYPE_INT64, 1, (const gint64[]) { 3 });
      gint64                want = cases[i].want;

      x[0] = 6;
      x[1] = -5;
      x[2] = 2;
      nr_builder_int (nr_one_node_message (one), "keepdims", 0);
      nr_one_node_run (one, 1, check_int64, &want);
    }
}

static void
test_reduce_errors (void)
{
  g_autoptr (NrOneNode) twice = nr_one_node_new ("ReduceMean", 13);
  g_autoptr (NrOneNode) late  = nr_one_node_new ("ReduceSum", 13);

  nr_builder_ints (nr_one_node_message (twice), "axes", 2, (const gint64[]) { 1, -1 });
  nr_one_node_random (twice, 2, (const gint64[]) { 2, 3 });
  nr_one_node_assert_error (twice, NR_ENGINE_ERROR_FILE, "axis 1 is listed twice");

  nr_one_node_random (late, 2, (const gint64[]) { 2, 3 });
  nr_one_node_input (late, NR_TYPE_INT64, 1, (const gint64[]) { 1 });
  nr_one_node_assert_error (late, NR_ENGINE_ERROR_UNSUPPORTED, "must be known when the network is loaded");
}

/* -- Softmax and LpNormalization -------------------------------------------------------------------------------------- */

/* [2, n, inner] along the middle. */
static void
test_softmax (void)
{
  const gint64 shapes[][3] = { { 2, 5, 1 }, { 2, 1, 1 }, { 2, 67, 3 }, { 2, 3, 700 } };

  for (gsize s = 0; s < G_N_ELEMENTS (shapes); s++)
    {
      const gsize           n = (gsize) shapes[s][1], inner = (gsize) shapes[s][2];
      g_autoptr (NrOneNode) one  = nr_one_node_new ("Softmax", 13);
      gfloat               *x    = nr_one_node_random (one, 3, shapes[s]);
      g_autofree gdouble   *want = g_new (gdouble, 2 * n * inner);

      x[0] = 500.0f; /* e^500 is no float */
      for (gsize o = 0; o < 2; o++)
        for (gsize c = 0; c < inner; c++)
          {
            const gsize start = o * n * inner + c;
            gdouble     sum = 0.0, most = -INFINITY;

            for (gsize i = 0; i < n; i++)
              most = fmax (most, x[start + i * inner]);
            for (gsize i = 0; i < n; i++)
              sum += exp (x[start + i * inner] - most);
            for (gsize i = 0; i < n; i++)
              want[start + i * inner] = exp (x[start + i * inner] - most) / sum;
          }

      nr_builder_int (nr_one_node_message (one), "axis", 1);
      nr_one_node_assert_output (one, 3, shapes[s], want, 1e-6);
    }
}

/* Before opset 13 all dimensions from the axis on are one. */
static void
test_old_softmax (void)
{
  const gint64          dims[] = { 2, 3, 5 };
  g_autoptr (NrOneNode) one    = nr_one_node_new ("Softmax", 11);
  gfloat               *x      = nr_one_node_random (one, 3, dims);
  gdouble               want[30];

  for (gsize o = 0; o < 2; o++)
    {
      gdouble sum = 0.0;

      for (gsize i = 0; i < 15; i++)
        sum += exp (x[o * 15 + i]);
      for (gsize i = 0; i < 15; i++)
        want[o * 15 + i] = exp (x[o * 15 + i]) / sum;
    }
  nr_one_node_assert_output (one, 3, dims, want, 1e-6);
}

static void
test_lp (gconstpointer data)
{
  const gint64          p      = GPOINTER_TO_INT (data);
  const gint64          dims[] = { 2, 5, 300 };
  g_autoptr (NrOneNode) one    = nr_one_node_new ("LpNormalization", 13);
  gfloat               *x      = nr_one_node_random (one, 3, dims);
  g_autofree gdouble   *want   = g_new (gdouble, 3000);

  for (gsize i = 0; i < 5; i++)
    x[i * 300 + 7] = 0.0f; /* nothing to divide by */
  for (gsize o = 0; o < 2; o++)
    for (gsize c = 0; c < 300; c++)
      {
        gdouble norm = 0.0;

        for (gsize i = 0; i < 5; i++)
          norm += p == 1 ? fabs (x[o * 1500 + i * 300 + c]) : pow (x[o * 1500 + i * 300 + c], 2.0);
        norm = p == 1 ? norm : sqrt (norm);
        for (gsize i = 0; i < 5; i++)
          want[o * 1500 + i * 300 + c] = norm > 0.0 ? x[o * 1500 + i * 300 + c] / norm : 0.0;
      }

  nr_builder_int (nr_one_node_message (one), "axis", 1);
  nr_builder_int (nr_one_node_message (one), "p", p);
  nr_one_node_assert_output (one, 3, dims, want, 1e-6);
}

/* -- Normalizations ------------------------------------------------------------------------------------------------- */

/* y = (x - mean) / sqrt (variance + epsilon) scale + bias for pieces of N elements, of which element i has parameters
 * k = first + i / share. */
static void
normalize (const gfloat *x, gdouble *y, gsize n, const gfloat *scale, const gfloat *bias, gsize first, gsize share)
{
  gdouble mean = 0.0, variance = 0.0;

  for (gsize i = 0; i < n; i++)
    mean += x[i] / (gdouble) n;
  for (gsize i = 0; i < n; i++)
    variance += (x[i] - mean) * (x[i] - mean) / (gdouble) n;
  for (gsize i = 0; i < n; i++)
    y[i] = (x[i] - mean) / sqrt (variance + 1e-5) * scale[first + i / share] + bias[first + i / share];
}

static void
test_group (gconstpointer data)
{
  const gint64          groups   = GPOINTER_TO_INT (data); /* 0: InstanceNormalization; 18: two groups as in opset 18 */
  const gboolean        is_old   = groups == 18;
  const gsize           n_groups = groups == 0 ? 6 : is_old ? 2
                                                            : (gsize) groups;
  const gint64          dims[] = { 2, 6, 5, 7 }, channels = is_old ? 2 : 6;
  const gsize           n     = 6 / n_groups * 35;
  g_autoptr (NrOneNode) one   = nr_one_node_new (groups == 0 ? "InstanceNormalization" : "GroupNormalization", is_old ? 18 : 21);
  gfloat               *x     = nr_one_node_random (one, 4, dims);
  gfloat               *scale = nr_one_node_random (one, 1, &channels);
  gfloat               *bias  = nr_one_node_random (one, 1, &channels);
  gdouble               want[420];

  for (gsize i = 0; i < 420; i++)
    x[i] += 100.0f; /* the mean must go before the squares are summed */
  for (gsize g = 0; g < 2 * n_groups; g++)
    normalize (x + g * n, want + g * n, n, scale, bias, is_old ? g % 2 : g % n_groups * (6 / n_groups), is_old ? n : 35);

  if (groups != 0)
    nr_builder_int (nr_one_node_message (one), "num_groups", (gint64) n_groups);
  nr_one_node_assert_output (one, 4, dims, want, 2e-5); /* 100 is rounded to 8e-6 */
}

static void
test_group_errors (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("GroupNormalization", 21);

  nr_builder_int (nr_one_node_message (one), "num_groups", 4);
  nr_one_node_random (one, 3, (const gint64[]) { 1, 6, 2 });
  nr_one_node_random (one, 1, (const gint64[]) { 6 });
  nr_one_node_random (one, 1, (const gint64[]) { 6 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "6 channels cannot be cut in 4 groups");
}

static void
test_layer (void)
{
  for (gint64 n = 1; n < 70; n += 11)
    {
      const gint64          dims[] = { 3, 2, n };
      g_autoptr (NrOneNode) one    = nr_one_node_new ("LayerNormalization", 17);
      gfloat               *x      = nr_one_node_random (one, 3, dims);
      gfloat               *scale  = nr_one_node_random (one, 1, &n);
      gfloat               *bias   = nr_one_node_random (one, 1, &n);
      g_autofree gdouble   *want   = g_new (gdouble, 6 * n);

      for (gsize r = 0; r < 6; r++)
        normalize (x + r * (gsize) n, want + r * (gsize) n, (gsize) n, scale, bias, 0, 1);
      nr_one_node_assert_output (one, 3, dims, want, 3e-6);
    }
}

static void
test_layer_errors (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("LayerNormalization", 17);

  nr_one_node_random (one, 2, (const gint64[]) { 2, 3 });
  nr_one_node_random (one, 1, (const gint64[]) { 2 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_UNSUPPORTED, "has 2 values");
}

static void
test_batch (void)
{
  const gint64          dims[] = { 2, 3, 5, 7 }, channels = 3;
  g_autoptr (NrOneNode) one = nr_one_node_new ("BatchNormalization", 15);
  gfloat               *x   = nr_one_node_random (one, 4, dims);
  gfloat               *p[4];
  gdouble               want[210];

  for (guint i = 0; i < 4; i++)
    p[i] = nr_one_node_random (one, 1, &channels);
  for (guint c = 0; c < 3; c++)
    p[3][c] = fabsf (p[3][c]) + 0.1f;
  for (gsize i = 0; i < 210; i++)
    {
      gsize c = i / 35 % 3;

      want[i] = (x[i] - p[2][c]) / sqrt (p[3][c] + 1e-5) * p[0][c] + p[1][c];
    }
  nr_one_node_assert_output (one, 4, dims, want, 1e-6);
}

static void
test_batch_errors (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("BatchNormalization", 15);

  nr_one_node_random (one, 2, (const gint64[]) { 1, 3 });
  for (guint i = 0; i < 4; i++)
    nr_one_node_random (one, 1, (const gint64[]) { i == 2 ? 4 : 3 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "has 4 values for 3 channels");
}

int
main (int argc, char *argv[])
{
  static const gchar *const reductions[] = { "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum" };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (reductions); i++)
    {
      g_autofree gchar *path = g_strdup_printf ("/ops/%s/over-every-set-of-axes", reductions[i]);

      g_test_add_data_func (path, reductions[i], test_reduce);
    }

  g_test_add_func ("/ops/reduce/integers-stay-integers", test_reduce_integers);
  g_test_add_func ("/ops/reduce/repeated-and-late-axes-are-refused", test_reduce_errors);
  g_test_add_func ("/ops/softmax/along-any-axis-without-overflow", test_softmax);
  g_test_add_func ("/ops/softmax/all-dimensions-from-the-axis-on-before-opset-13", test_old_softmax);
  g_test_add_data_func ("/ops/lp-normalization/sums-of-magnitudes", GINT_TO_POINTER (1), test_lp);
  g_test_add_data_func ("/ops/lp-normalization/euclidean", GINT_TO_POINTER (2), test_lp);
  g_test_add_data_func ("/ops/instance-normalization/each-channel-alone", GINT_TO_POINTER (0), test_group);
  g_test_add_data_func ("/ops/group-normalization/parameters-of-channels", GINT_TO_POINTER (3), test_group);
  g_test_add_data_func ("/ops/group-normalization/parameters-of-groups-in-opset-18", GINT_TO_POINTER (18), test_group);
  g_test_add_func ("/ops/group-normalization/channels-that-do-not-divide-are-refused", test_group_errors);
  g_test_add_func ("/ops/layer-normalization/rows-of-ragged-lengths", test_layer);
  g_test_add_func ("/ops/layer-normalization/parameters-of-another-length-are-refused", test_layer_errors);
  g_test_add_func ("/ops/batch-normalization/matches-the-formula", test_batch);
  g_test_add_func ("/ops/batch-normalization/parameters-of-another-length-are-refused", test_batch_errors);
  return g_test_run ();
}
