/* MatMul against the sum in double. ONNX's own cases cover its shapes; these are those that are computed in another way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

/* A single row is cut into pieces of columns. */
static void
test_single_row (void)
{
  static const gint64 sizes[][3] = { { 1, 100, 1300 }, { 1, 7, 512 }, { 3, 9, 517 }, { 1, 1, 3 }, { 1, 16, 1 } };

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      const gint64          batch = sizes[s][0], k = sizes[s][1], n = sizes[s][2];
      g_autoptr (NrOneNode) one  = nr_one_node_new ("MatMul", 13);
      const gfloat         *a    = nr_one_node_random (one, 3, (gint64[]) { batch, 1, k });
      const gfloat         *b    = nr_one_node_random (one, 2, (gint64[]) { k, n });
      g_autofree gdouble   *want = g_new0 (gdouble, (gsize) (batch * n));

      for (gint64 p = 0; p < batch; p++)
        for (gint64 i = 0; i < k; i++)
          for (gint64 j = 0; j < n; j++)
            want[p * n + j] += (gdouble) a[p * k + i] * b[i * n + j];

      nr_one_node_assert_output (one, 3, (gint64[]) { batch, 1, n }, want, 2e-5);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/matmul/a-single-row-matches-the-sum-in-double", test_single_row);

  return g_test_run ();
}
