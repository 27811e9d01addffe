/* Enlarging a plane by a whole number with a plain filter.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "enlarge.h"

enum
{
  N_TAPS = 4
};

/* For one result pixel: its source pixel, and the weights of the pixels from first on. */
typedef struct
{
  gint   center, first;
  gfloat weights[N_TAPS];
} Taps;

/* Source: Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981. */
static gdouble
cubic (gdouble x)
{
  x = fabs (x);
  if (x < 1)
    return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2)
    return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

static gdouble
linear (gdouble x)
{
  return MAX (1 - fabs (x), 0);
}

static Taps
taps_at (gint center, gint phase, gint scale, NrEnlargeFilter filter)
{
  const gdouble position = center + (phase + 0.5) / scale - 0.5;
  Taps          taps     = { .center = center, .first = (gint) floor (position) - 1 };

  for (gint i = 0; i < N_TAPS; i++)
    {
      const gdouble distance = position - (taps.first + i);

      taps.weights[i] = filter == NR_FILTER_CUBIC ? cubic (distance) : linear (distance);
    }
  return taps;
}

/* value at the center + sum of weight * (neighbour - center): exact where all are equal. */
static gfloat
apply (const Taps *taps, const gfloat *from, gint n, gsize stride)
{
  const gfloat center = from[taps->center * stride];
  gfloat       sum    = 0;

  for (gint i = 0; i < N_TAPS; i++)
    sum += taps->weights[i] * (from[CLAMP (taps->first + i, 0, n - 1) * stride] - center);
  return center + sum;
}

gfloat *
nr_enlarge_plane (const gfloat   *from,
                  gint            from_width,
                  gint            from_height,
                  gint            x,
                  gint            y,
                  gint            width,
                  gint            height,
                  gint            scale,
                  NrEnlargeFilter filter)
{
  const gint         to_width = width * scale;
  g_autofree gfloat *wide     = g_new (gfloat, (gsize) to_width * from_height);
  gfloat            *to       = g_new (gfloat, (gsize) to_width * height * scale);

  for (gint i = 0; i < to_width; i++)
    {
      const Taps taps = taps_at (x + i / scale, i % scale, scale, filter);

      for (gint row = 0; row < from_height; row++)
        wide[(gsize) row * to_width + i] = apply (&taps, from + (gsize) row * from_width, from_width, 1);
    }

  for (gint j = 0; j < height * scale; j++)
    {
      const Taps taps = taps_at (y + j / scale, j % scale, scale, filter);

      for (gint i = 0; i < to_width; i++)
        to[(gsize) j * to_width + i] = apply (&taps, wide + i, from_height, to_width);
    }
  return to;
}

void
nr_enlarge_planes (const gfloat   *from,
                   gint            n_planes,
                   gint            width,
                   gint            height,
                   gint            scale,
                   NrEnlargeFilter filter,
                   gfloat         *to)
{
  const gsize n    = (gsize) width * height;
  const gsize n_to = n * scale * scale;

  if (scale == 1)
    {
      memcpy (to, from, n_planes * n * sizeof (gfloat));
      return;
    }
  for (gint i = 0; i < n_planes; i++)
    {
      g_autofree gfloat *plane = nr_enlarge_plane (from + i * n, width, height, 0, 0, width, height, scale, filter);

      memcpy (to + i * n_to, plane, n_to * sizeof (gfloat));
    }
}
