/* Three dense layers against their sums written out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "small-network.h"

static void
test_sums (void)
{
  static const gfloat         mean[] = { 1, -1 }, scale[] = { 2, 0.5f };
  static const gfloat         first[] = { 1, 2, -1, 1, 3, 0 }, first_bias[] = { 0, -10, 1 };
  static const gfloat         second[] = { 1, 5, 1, -1, 2, 0.5f }, second_bias[] = { 1, 2 };
  static const gfloat         third[] = { 2, 1, -1, 4 }, third_bias[] = { -30, 0.25f };
  static const NrSmallNetwork network = {
    .n       = { 2, 3, 2, 2 },
    .mean    = mean,
    .scale   = scale,
    .weights = { first, second, third },
    .bias    = { first_bias, second_bias, third_bias },
  };
  /* (3, 1) becomes (4, 1); then (6, -13, 13), of which the second is cut to 0; then (20, 2.5); nothing is cut of the last. */
  const gfloat input[] = { 3, 1 };
  gfloat       output[2];

  nr_small_network_run (&network, input, output);
  g_assert_cmpfloat (output[0], ==, 2 * 20 + 2.5f - 30);
  g_assert_cmpfloat (output[1], ==, -20 + 4 * 2.5f + 0.25f);
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/small-network/sums", test_sums);
  return g_test_run ();
}
