/* Reducing a picture, as a network: see lanczos-graph.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "lanczos-graph.h"

#include <math.h>

#include "nr-gradient.h"

enum
{
  LOBES    = 2,
  MAX_TAPS = 2 * LOBES * 4
};

static gdouble
sinc (gdouble x)
{
  return x == 0 ? 1 : sin (G_PI * x) / (G_PI * x);
}

/* The filter's taps along one axis, which add up to 1; their number. Reduced pixel i lies in the middle of the SCALE pixels
 * from i * scale; taps at less than LOBES * scale from it count. */
static gint
make_taps (gint scale, gdouble taps[MAX_TAPS])
{
  const gint n   = scale % 2 == 0 ? 2 * LOBES * scale : 2 * LOBES * scale - 1;
  gdouble    sum = 0;

  for (gint i = 0; i < n; i++)
    {
      const gdouble x = (i - (n - 1) / 2.0) / scale;

      taps[i] = sinc (x) * sinc (x / LOBES);
      sum += taps[i];
    }
  for (gint i = 0; i < n; i++)
    taps[i] /= sum;
  return n;
}

NrModel *
nr_lanczos_graph_new (gint scale, GError **error)
{
  static const NrShape picture = { NR_TYPE_FLOAT32, 4, { 1, 3, -1, -1 } };
  gdouble              taps[MAX_TAPS];
  const gint           n          = make_taps (scale, taps);
  const gint           pad        = (n - scale) / 2;
  const NrShape        kernel     = { NR_TYPE_FLOAT32, 4, { 3, 1, n, n } };
  g_autofree gfloat   *weights    = g_new (gfloat, 3 * n * n);
  g_autofree gchar    *attributes = g_strdup_printf ("group=3 strides=%d,%d pads=%d,%d,%d,%d", scale, scale, pad, pad, pad, pad);
  g_autoptr (NrGraph)  graph      = nr_graph_new ("Lanczos filter");
  NrValue              inputs[2];

  g_return_val_if_fail (scale >= 2 && scale <= 4, NULL);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < n; y++)
      for (gint x = 0; x < n; x++)
        weights[(c * n + y) * n + x] = taps[y] * taps[x];
  inputs[0] = nr_graph_input (graph, "picture", &picture);
  inputs[1] = nr_graph_constant (graph, &kernel, weights);
  nr_graph_output (graph, nr_graph_op (graph, "Conv", 2, inputs, attributes), "reduced");
  return nr_graph_to_model (graph, error);
}
