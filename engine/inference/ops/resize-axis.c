/* Resize along one axis.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The formulas are those of ONNX Resize-19: an output coordinate is carried to the input, where a filter of one (nearest),
 * two (linear) or four (cubic) elements lies around it, stretched by 1 / scale when it is reduced with antialias.
 */

#include "resize-axis.h"

#include <math.h>
#include <string.h>

enum
{
  MAX_ENTRIES = 1 << 24 /* of a table; a picture of 1 million columns by cubic interpolation has a quarter of it */
};

static gdouble
input_coordinate (const NrResizeAxis *a, NrResizeCoordinates coordinates, gsize i)
{
  const gdouble in = (gdouble) a->in, out = (gdouble) a->out, x = (gdouble) i;
  const gdouble ratio = in / a->length; /* 1 / scale */

  switch (coordinates)
    {
    case NR_RESIZE_HALF_PIXEL_SYMMETRIC:
      return in / 2.0 * (1.0 - out / a->length) + (x + 0.5) * ratio - 0.5;
    case NR_RESIZE_PYTORCH_HALF_PIXEL:
      return a->out > 1 ? (x + 0.5) * ratio - 0.5 : 0.0;
    case NR_RESIZE_ALIGN_CORNERS:
      return a->length > 1.0 ? x * (in - 1.0) / (a->length - 1.0) : 0.0;
    case NR_RESIZE_ASYMMETRIC:
      return x * ratio;
    case NR_RESIZE_TF_HALF_PIXEL_FOR_NN:
      return (x + 0.5) * ratio;
    case NR_RESIZE_TF_CROP_AND_RESIZE:
      return a->out > 1 ? (a->roi_start + x * (a->roi_end - a->roi_start) / (out - 1.0)) * (in - 1.0)
                        : 0.5 * (a->roi_start + a->roi_end) * (in - 1.0);
    case NR_RESIZE_HALF_PIXEL:
    default:
      return (x + 0.5) * ratio - 0.5;
    }
}

/* A scale such as 4/3 reaches us rounded to float32: what is a whole or half element but for that, is meant to be one.
 * Otherwise floor and ties fall to the wrong side. */
static gdouble
snap (gdouble x)
{
  gdouble halves = rint (2.0 * x);

  return fabs (2.0 * x - halves) <= 4e-7 * MAX (fabs (x), 1.0) ? halves / 2.0 : x;
}

static gdouble
round_coordinate (gdouble x, NrResizeNearest nearest)
{
  switch (nearest)
    {
    case NR_RESIZE_ROUND_PREFER_CEIL:
      return floor (x + 0.5);
    case NR_RESIZE_FLOOR:
      return floor (x);
    case NR_RESIZE_CEIL:
      return ceil (x);
    case NR_RESIZE_ROUND_PREFER_FLOOR:
    default:
      return ceil (x - 0.5);
    }
}

/* Weight of an element at distance d, in units of the filter. */
static gdouble
filter (const NrResizeOptions *options, gdouble d)
{
  const gdouble a = options->cubic_a;

  d = fabs (d);
  if (options->mode == NR_RESIZE_LINEAR)
    return MAX (1.0 - d, 0.0);
  if (d <= 1.0)
    return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  return d < 2.0 ? (((d - 5.0) * d + 8.0) * d - 4.0) * a : 0.0;
}

static guint32
clamp_index (const NrResizeAxis *a, gdouble index)
{
  return (guint32) CLAMP (index, 0.0, (gdouble) a->in - 1.0);
}

static void
set_taps (NrResizeAxis *a, const NrResizeOptions *options, gsize i, gdouble x, gdouble stretch)
{
  guint32 *index   = a->index + i * a->n_taps;
  gfloat  *weights = a->weights + i * a->n_taps;
  gdouble  first   = floor (x) - (a->n_taps / 2 - 1);
  gdouble  sum     = 0.0;

  for (guint t = 0; t < a->n_taps; t++)
    {
      gdouble  at         = first + t;
      gboolean is_outside = at < 0.0 || at > (gdouble) a->in - 1.0;
      gdouble  weight     = options->exclude_outside && is_outside ? 0.0 : filter (options, (at - x) / stretch);

      index[t]   = clamp_index (a, at);
      weights[t] = (gfloat) weight;
      sum += weight;
    }

  if ((options->exclude_outside || options->antialias) && sum != 0.0)
    for (guint t = 0; t < a->n_taps; t++)
      weights[t] = (gfloat) (weights[t] / sum);
}

gboolean
nr_resize_axis_init (NrResizeAxis *a, const NrResizeOptions *options)
{
  const gboolean crops   = options->coordinates == NR_RESIZE_TF_CROP_AND_RESIZE;
  const gdouble  ratio   = (gdouble) a->in / a->length;
  const gdouble  stretch = options->antialias && ratio > 1.0 ? ratio : 1.0;
  const gdouble  half    = ceil ((options->mode == NR_RESIZE_CUBIC ? 2.0 : 1.0) * stretch);
  gsize          n_entries;

  if (! crops && a->in == a->out && a->length == (gdouble) a->in)
    return TRUE;

  if (half > MAX_ENTRIES / 2)
    return FALSE;

  a->n_taps = options->mode == NR_RESIZE_NEAREST ? 1 : 2 * (guint) half;
  n_entries = MAX (a->out, 1) * a->n_taps; /* below 2^31 times 2^25 */
  if (n_entries > MAX_ENTRIES)
    return FALSE;

  a->index   = g_try_new (guint32, n_entries);
  a->weights = g_try_new (gfloat, n_entries);
  a->outside = crops ? g_try_new (gboolean, MAX (a->out, 1)) : NULL;
  if (a->index == NULL || a->weights == NULL || (crops && a->outside == NULL))
    return FALSE;

  for (gsize i = 0; i < a->out; i++)
    {
      gdouble x = snap (input_coordinate (a, options->coordinates, i));

      if (crops)
        a->outside[i] = ! (x >= 0.0 && x <= (gdouble) a->in - 1.0);

      if (options->mode != NR_RESIZE_NEAREST)
        {
          set_taps (a, options, i, x, stretch);
        }
      else
        {
          a->index[i]   = clamp_index (a, round_coordinate (x, options->nearest));
          a->weights[i] = 1.0f;
        }
    }

  return TRUE;
}

/* Whether tap ENTRY of output element I takes part. */
static gboolean
is_live (const NrResizeAxis *a, gsize i, gsize entry)
{
  return a->weights[entry] != 0.0f && (a->outside == NULL || ! a->outside[i]);
}

gboolean
nr_resize_axis_transpose (const NrResizeAxis *axis, NrResizeAxis *transposed)
{
  g_autofree guint *n_taps = g_try_new0 (guint, axis->in);
  gsize             n_entries;
  guint             most = 1;

  *transposed = (NrResizeAxis) { .in = axis->out, .out = axis->in, .length = (gdouble) axis->in };
  if (axis->n_taps == 0)
    return TRUE;
  if (n_taps == NULL)
    return FALSE;

  for (gsize i = 0; i < axis->out; i++)
    for (gsize entry = i * axis->n_taps; entry < (i + 1) * axis->n_taps; entry++)
      if (is_live (axis, i, entry))
        {
          const guint n = ++n_taps[axis->index[entry]];

          most = MAX (most, n);
        }

  if (! g_size_checked_mul (&n_entries, axis->in, most) || n_entries > MAX_ENTRIES)
    return FALSE;

  /* Elements that fewer outputs read have taps of weight 0. */
  transposed->n_taps  = most;
  transposed->index   = g_try_new0 (guint32, n_entries);
  transposed->weights = g_try_new0 (gfloat, n_entries);
  if (transposed->index == NULL || transposed->weights == NULL)
    return FALSE;

  memset (n_taps, 0, axis->in * sizeof *n_taps);
  for (gsize i = 0; i < axis->out; i++)
    for (gsize entry = i * axis->n_taps; entry < (i + 1) * axis->n_taps; entry++)
      if (is_live (axis, i, entry))
        {
          const guint32 from = axis->index[entry];
          const gsize   at   = (gsize) from * most + n_taps[from]++;

          transposed->index[at]   = (guint32) i;
          transposed->weights[at] = axis->weights[entry];
        }

  return TRUE;
}

void
nr_resize_axis_clear (NrResizeAxis *a)
{
  g_free (a->index);
  g_free (a->weights);
  g_free (a->outside);
}
