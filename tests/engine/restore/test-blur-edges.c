/* Edges' widths against the formula for a blurred step.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "blur-edges.h"

enum
{
  SIDE = 128
};

/* A step from 0.2 to 0.7 at ANGLE, blurred by SIGMA, through the middle. */
static gfloat *
step_picture (gdouble sigma, gdouble angle)
{
  gfloat *luma = g_new (gfloat, SIDE * SIDE);

  for (gint y = 0; y < SIDE; y++)
    for (gint x = 0; x < SIDE; x++)
      {
        const gdouble across = (x - SIDE / 2) * cos (angle) + (y - SIDE / 2) * sin (angle) - 0.3;

        luma[y * SIDE + x] = 0.45 + 0.25 * erf (across / (sigma * sqrt (2)));
      }
  return luma;
}

/* Half of ln ((s^2 + b^2) / (s^2 + a^2)); central differences smooth by another 1/3. */
static gdouble
ratio_of_step (gdouble s, gdouble a, gdouble b)
{
  return 0.5 * log ((s * s + b * b + 1.0 / 3) / (s * s + a * a + 1.0 / 3));
}

static void
test_step (gconstpointer data)
{
  const gdouble angle = *(const gdouble *) data;

  for (gdouble sigma = 1; sigma <= 4; sigma *= 1.41)
    {
      g_autofree gfloat *luma     = step_picture (sigma, angle);
      const gdouble      wanted[] = { ratio_of_step (sigma, 0.5, 1), ratio_of_step (sigma, 1, 2), ratio_of_step (sigma, 1, 2),
                                      ratio_of_step (sigma, 2, 4) };
      NrEdgeWidths       widths   = { 0 };
      gfloat             edges[NR_BLUR_N_EDGES];

      nr_edge_widths_add (&widths, luma, SIDE);
      nr_edge_widths_quantiles (&widths, edges);
      for (guint r = 0; r < NR_BLUR_N_RATIOS; r++)
        {
          g_test_message ("sigma %.2f, ratio %u: %.3f, should be %.3f", sigma, r, edges[r * NR_BLUR_N_QUANTILES + 1], wanted[r]);
          g_assert_cmpfloat_with_epsilon (edges[r * NR_BLUR_N_QUANTILES + 1], wanted[r], 0.02);
        }
    }
}

/* The quantiles of a known histogram. */
static void
test_quantiles (void)
{
  NrEdgeWidths widths = { 0 };
  gfloat       edges[NR_BLUR_N_EDGES];

  for (guint r = 0; r < NR_BLUR_N_RATIOS; r++)
    for (guint i = 0; i < NR_BLUR_EDGE_STEPS; i++)
      widths.count[r][i] = r + 1;
  nr_edge_widths_quantiles (&widths, edges);
  for (guint r = 0; r < NR_BLUR_N_RATIOS; r++)
    {
      static const gdouble shares[NR_BLUR_N_QUANTILES] = { 0.1, 0.5, 0.8, 0.95 };

      for (guint q = 0; q < NR_BLUR_N_QUANTILES; q++)
        g_assert_cmpfloat_with_epsilon (edges[r * NR_BLUR_N_QUANTILES + q], -0.3 + 1.8 * shares[q], 1e-5);
    }
}

static void
test_no_edge (void)
{
  g_autofree gfloat *flat   = g_new0 (gfloat, SIDE * SIDE);
  NrEdgeWidths       widths = { 0 };
  gfloat             edges[NR_BLUR_N_EDGES];

  nr_edge_widths_add (&widths, flat, SIDE);
  nr_edge_widths_quantiles (&widths, edges);
  for (guint i = 0; i < NR_BLUR_N_EDGES; i++)
    g_assert_cmpfloat (edges[i], ==, 0);
}

gint
main (gint argc, gchar *argv[])
{
  static const gdouble angles[] = { 0, G_PI / 2, G_PI / 4, 3 * G_PI / 4, 1 };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (angles); i++)
    {
      g_autofree gchar *path = g_strdup_printf ("/restore/blur-edges/step-at-%.0f-degrees", angles[i] * 180 / G_PI);

      g_test_add_data_func (path, &angles[i], test_step);
    }
  g_test_add_func ("/restore/blur-edges/quantiles", test_quantiles);
  g_test_add_func ("/restore/blur-edges/flat-has-none", test_no_edge);
  return g_test_run ();
}
