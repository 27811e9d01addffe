/* How wide the edges of a picture are.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "blur-edges.h"
#include "clones.h"

enum
{
  N_SCALES   = 4,
  MAX_RADIUS = 11,
  MARGIN     = 22 /* all radii together */
};

static const gfloat least_gradient = 1e-4f; /* of brightness a pixel */
/* The histograms' range. */
static const gdouble least_ratio = -0.3, most_ratio = 1.5;
static const gdouble shares[NR_BLUR_N_QUANTILES] = { 0.1, 0.5, 0.8, 0.95 };

typedef struct
{
  gint   radius;
  gfloat taps[2 * MAX_RADIUS + 1];
} Gaussian;

static Gaussian
gaussian (gdouble sigma)
{
  Gaussian it  = { .radius = MIN (ceil (3 * sigma), MAX_RADIUS) };
  gdouble  sum = 0;

  for (gint i = -it.radius; i <= it.radius; i++)
    sum += exp (-i * i / (2 * sigma * sigma));
  for (gint i = -it.radius; i <= it.radius; i++)
    it.taps[i + it.radius] = exp (-i * i / (2 * sigma * sigma)) / sum;
  return it;
}

/* TO = the sum of N rows of SIDE values, STRIDE apart, weighted by TAPS. */
NR_CLONES static void
weighted_sum (const gfloat *from, gsize stride, const gfloat *taps, gint n, gint side, gfloat *restrict to)
{
  for (gint x = 0; x < side; x++)
    to[x] = 0;
  for (gint k = 0; k < n; k++)
    for (gint x = 0; x < side; x++)
      to[x] += taps[k] * from[k * stride + x];
}

/* Smooths FROM along both axes; what lies closer to the border than the radius is left as it is, for nobody looks at it. */
static void
smooth (const gfloat *from, gint side, const Gaussian *by, gfloat *scratch, gfloat *to)
{
  const gint n     = 2 * by->radius + 1;
  const gint inner = side - 2 * by->radius;

  memcpy (scratch, from, (gsize) side * side * sizeof (gfloat));
  for (gint y = 0; y < side; y++)
    weighted_sum (from + y * side, 1, by->taps, n, inner, scratch + y * side + by->radius);
  memcpy (to, scratch, (gsize) side * side * sizeof (gfloat));
  for (gint y = 0; y < inner; y++)
    weighted_sum (scratch + y * side, side, by->taps, n, side, to + (y + by->radius) * side);
}

/* The gradient's length at pixel I; *ACROSS: how far it is from there to the pixel beside the edge. */
static gfloat
gradient_at (const gfloat *plane, gint side, gint i, gint *across)
{
  const gfloat x = (plane[i + 1] - plane[i - 1]) / 2;
  const gfloat y = (plane[i + side] - plane[i - side]) / 2;

  if (fabsf (x) > 2.41f * fabsf (y))
    *across = 1;
  else if (fabsf (y) > 2.41f * fabsf (x))
    *across = side;
  else
    *across = x * y > 0 ? side + 1 : side - 1;
  return sqrtf (x * x + y * y);
}

static gdouble
log_gradient (const gfloat *plane, gint side, gint i)
{
  gint ignored;

  return log (MAX (gradient_at (plane, side, i, &ignored), least_gradient));
}

static void
count (NrEdgeWidths *widths, gint ratio, gdouble value, gdouble weight)
{
  const gdouble place = (value - least_ratio) / (most_ratio - least_ratio) * NR_BLUR_EDGE_STEPS;

  widths->count[ratio][(gint) CLAMP (place, 0, NR_BLUR_EDGE_STEPS - 1)] += weight;
}

/* Whether there is an edge at pixel I of PLANE, and how strong. */
static gboolean
is_edge (const gfloat *plane, gint side, gint i, gfloat *strength)
{
  gint across, ignored;

  *strength = gradient_at (plane, side, i, &across);
  return *strength > least_gradient && *strength >= gradient_at (plane, side, i + across, &ignored) &&
         *strength > gradient_at (plane, side, i - across, &ignored);
}

void
nr_edge_widths_add (NrEdgeWidths *widths, const gfloat *luma, gint side)
{
  static const gdouble sigma[N_SCALES] = { 0.5, 1, 2, 4 };
  const gsize          plane           = (gsize) side * side;
  g_autofree gfloat   *memory          = g_new (gfloat, (N_SCALES + 1) * plane);
  gfloat              *scratch         = memory + N_SCALES * plane;

  for (gint s = 0; s < N_SCALES; s++)
    {
      const gdouble  before = s > 0 ? sigma[s - 1] : 0;
      const Gaussian by     = gaussian (sqrt (sigma[s] * sigma[s] - before * before));

      smooth (s > 0 ? memory + (s - 1) * plane : luma, side, &by, scratch, memory + s * plane);
    }
  for (gint y = MARGIN; y < side - MARGIN; y++)
    for (gint x = MARGIN; x < side - MARGIN; x++)
      for (gint s = 1; s < N_SCALES - 1; s++)
        {
          const gint    i    = y * side + x;
          const gfloat *here = memory + s * plane;
          gfloat        strength;

          if (is_edge (here, side, i, &strength))
            {
              const gdouble gradient = log_gradient (here, side, i);

              count (widths, 2 * s - 2, log_gradient (here - plane, side, i) - gradient, strength * strength);
              count (widths, 2 * s - 1, gradient - log_gradient (here + plane, side, i), strength * strength);
            }
        }
}

/* Where SHARE of COUNTS, whose sum is TOTAL, lies below. */
static gdouble
quantile (const gdouble *counts, gdouble total, gdouble share)
{
  const gdouble width = (most_ratio - least_ratio) / NR_BLUR_EDGE_STEPS;
  gdouble       below = 0;
  gint          step  = 0;

  while (step < NR_BLUR_EDGE_STEPS - 1 && below + counts[step] < share * total)
    below += counts[step++];
  return least_ratio + width * (step + (share * total - below) / MAX (counts[step], DBL_MIN));
}

void
nr_edge_widths_quantiles (const NrEdgeWidths *widths, gfloat edges[NR_BLUR_N_EDGES])
{
  for (gint r = 0; r < NR_BLUR_N_RATIOS; r++)
    {
      const gdouble *counts = widths->count[r];
      gdouble        total  = 0;

      for (gint i = 0; i < NR_BLUR_EDGE_STEPS; i++)
        total += counts[i];
      for (gint q = 0; q < NR_BLUR_N_QUANTILES; q++)
        edges[r * NR_BLUR_N_QUANTILES + q] = total > 0 ? quantile (counts, total, shares[q]) : 0;
    }
}
