/* MaxPool, AveragePool and the global pools against a walk over every window.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>

/* Two axes; one and three are checked by ONNX's own tests. */
typedef struct
{
  gint64   in[2], kernel[2], stride[2], dilation[2], pads[4]; /* pads: both begins, both ends */
  gboolean ceil_mode, include_pad;
  gint64   out[2];
} PoolCase;

static const PoolCase cases[] = {
  { { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0, 0, 0, 0 }, FALSE, FALSE, { 1, 1 } },
  { { 8, 6 }, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0, 0, 0 }, FALSE, FALSE, { 4, 3 } },
  { { 7, 37 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1, 1, 1 }, FALSE, FALSE, { 7, 37 } },
  { { 7, 9 }, { 3, 2 }, { 2, 3 }, { 1, 2 }, { 2, 0, 1, 1 }, FALSE, TRUE, { 4, 3 } },
  { { 7, 9 }, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0, 0, 0 }, TRUE, FALSE, { 4, 5 } },
  { { 5, 6 }, { 3, 3 }, { 3, 2 }, { 2, 1 }, { 2, 1, 2, 1 }, TRUE, TRUE, { 3, 4 } },
  { { 1, 5 }, { 1, 4 }, { 1, 3 }, { 1, 1 }, { 0, 3, 0, 3 }, FALSE, FALSE, { 1, 3 } },
};

static void
pool_naive (const PoolCase *c, gboolean is_max, const gfloat *plane, gint64 oh, gint64 ow, gdouble *result)
{
  gdouble most = -INFINITY, sum = 0.0;
  gint64  count = 0;

  for (gint64 kh = 0; kh < c->kernel[0]; kh++)
    for (gint64 kw = 0; kw < c->kernel[1]; kw++)
      {
        gint64   h         = oh * c->stride[0] - c->pads[0] + kh * c->dilation[0];
        gint64   w         = ow * c->stride[1] - c->pads[1] + kw * c->dilation[1];
        gboolean is_inside = h >= 0 && h < c->in[0] && w >= 0 && w < c->in[1];
        gboolean is_padded = h < c->in[0] + c->pads[2] && w < c->in[1] + c->pads[3];

        if (is_inside)
          {
            most = fmax (most, plane[h * c->in[1] + w]);
            sum += plane[h * c->in[1] + w];
          }
        count += is_inside || (c->include_pad && is_padded);
      }

  *result = is_max ? most : sum / (gdouble) count;
}

static void
test_pool (gconstpointer data)
{
  const gboolean is_max = g_str_equal (data, "MaxPool");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const PoolCase       *c    = &cases[i];
      g_autoptr (NrOneNode) one  = nr_one_node_new (data, is_max ? 12 : 19);
      NrOnnx__Node         *node = nr_one_node_message (one);
      gfloat               *x    = nr_one_node_random (one, 4, (const gint64[]) { 2, 3, c->in[0], c->in[1] });
      const gint64          area = c->out[0] * c->out[1];
      g_autofree gdouble   *want = g_new (gdouble, 6 * area);

      nr_builder_ints (node, "kernel_shape", 2, c->kernel);
      nr_builder_ints (node, "strides", 2, c->stride);
      nr_builder_ints (node, "dilations", 2, c->dilation);
      nr_builder_ints (node, "pads", 4, c->pads);
      nr_builder_int (node, "ceil_mode", c->ceil_mode);
      if (! is_max)
        nr_builder_int (node, "count_include_pad", c->include_pad);

      for (gint64 o = 0; o < 6 * area; o++)
        pool_naive (c, is_max, x + o / area * c->in[0] * c->in[1], o % area / c->out[1], o % c->out[1], &want[o]);
      nr_one_node_assert_output (one, 4, (const gint64[]) { 2, 3, c->out[0], c->out[1] }, want, is_max ? 0.0 : 1e-6);
    }
}

static void
check_indices (NrOneNode *one, gpointer data)
{
  const gfloat *x       = data;
  const gfloat *y       = nr_one_node_output (one, 0);
  const gint64 *indices = nr_one_node_output (one, 1);

  for (guint i = 0; i < 12; i++)
    g_assert_cmpfloat (x[indices[i]], ==, y[i]);
}

static void
test_indices (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("MaxPool", 12);
  gfloat               *x   = nr_one_node_random (one, 4, (const gint64[]) { 1, 2, 5, 7 });

  nr_builder_ints (nr_one_node_message (one), "kernel_shape", 2, (const gint64[]) { 2, 3 });
  nr_builder_ints (nr_one_node_message (one), "strides", 2, (const gint64[]) { 2, 2 });
  nr_one_node_run (one, 2, check_indices, x);
}

static void
test_errors (void)
{
  g_autoptr (NrOneNode) large = nr_one_node_new ("MaxPool", 12);
  g_autoptr (NrOneNode) zero  = nr_one_node_new ("AveragePool", 11);
  g_autoptr (NrOneNode) rank  = nr_one_node_new ("MaxPool", 12);

  nr_builder_ints (nr_one_node_message (large), "kernel_shape", 2, (const gint64[]) { 3, 65536 });
  nr_builder_ints (nr_one_node_message (large), "dilations", 2, (const gint64[]) { 1, G_MAXINT32 });
  nr_one_node_random (large, 4, (const gint64[]) { 1, 1, 4, 4 });
  nr_one_node_assert_error (large, NR_ENGINE_ERROR_SHAPE, "larger than the padded input of 4");

  nr_builder_ints (nr_one_node_message (zero), "kernel_shape", 2, (const gint64[]) { 2, 2 });
  nr_builder_ints (nr_one_node_message (zero), "strides", 2, (const gint64[]) { 1, 0 });
  nr_one_node_random (zero, 4, (const gint64[]) { 1, 1, 4, 4 });
  nr_one_node_assert_error (zero, NR_ENGINE_ERROR_FILE, "axis 1 is out of range");

  nr_builder_ints (nr_one_node_message (rank), "kernel_shape", 1, (const gint64[]) { 2 });
  nr_one_node_random (rank, 4, (const gint64[]) { 1, 1, 4, 4 });
  nr_one_node_assert_error (rank, NR_ENGINE_ERROR_FILE, "kernel_shape has 1 values, expected 2");
}

static void
test_global (gconstpointer data)
{
  const gint64          dims[] = { 2, 3, 17, 19 };
  g_autoptr (NrOneNode) one    = nr_one_node_new (data, 17);
  gfloat               *x      = nr_one_node_random (one, 4, dims);
  gdouble               want[6];

  for (guint p = 0; p < 6; p++)
    {
      gdouble sum = 0.0, most = -INFINITY;

      for (guint i = 0; i < 17 * 19; i++)
        {
          sum += x[p * 17 * 19 + i];
          most = fmax (most, x[p * 17 * 19 + i]);
        }
      want[p] = g_str_equal (data, "GlobalMaxPool") ? most : sum / (17 * 19);
    }
  nr_one_node_assert_output (one, 4, (const gint64[]) { 2, 3, 1, 1 }, want, 1e-6);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/ops/pool/maximum-of-every-window", "MaxPool", test_pool);
  g_test_add_data_func ("/ops/pool/mean-of-every-window-with-and-without-padding", "AveragePool", test_pool);
  g_test_add_func ("/ops/pool/indices-point-at-the-maxima", test_indices);
  g_test_add_func ("/ops/pool/impossible-windows-are-refused", test_errors);
  g_test_add_data_func ("/ops/global-pool/mean-of-each-plane", "GlobalAveragePool", test_global);
  g_test_add_data_func ("/ops/global-pool/maximum-of-each-plane", "GlobalMaxPool", test_global);
  return g_test_run ();
}
