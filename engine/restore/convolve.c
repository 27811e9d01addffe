/* Convolution of a plane with a small kernel, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "clones.h"
#include "convolve.h"
#include "window.h"

/* Rows that a thread takes at a time. */
static const gint band = 8;

/* Points on the way of a motion. */
static const gint n_points = 129;

/* The taps of GRID, (2 RADIUS + 1)^2 weights which are the same turned by half a turn. Frees GRID. */
static NrKernel
kernel_from_grid (gfloat *grid, gint radius)
{
  const gint side   = 2 * radius + 1;
  NrKernel   kernel = { .radius = radius, .taps = g_new (NrTap, (side * side + 1) / 2) };
  gdouble    sum    = 0;

  for (gint i = 0; i < side * side; i++)
    sum += grid[i];
  for (gint i = side * side / 2; i < side * side; i++)
    {
      const gboolean is_middle = i == side * side / 2;

      if (grid[i] > 0)
        kernel.taps[kernel.n_taps++] = (NrTap) { i % side - radius, i / side - radius, grid[i] / sum / (is_middle ? 2 : 1) };
    }
  g_free (grid);
  return kernel;
}

NrKernel
nr_kernel_gaussian (gdouble sigma)
{
  const gint radius = ceil (4 * sigma);
  NrKernel   kernel = { .radius = radius, .is_separable = TRUE, .taps = g_new (NrTap, radius + 1), .n_taps = radius + 1 };
  gdouble    sum    = 0;

  for (gint x = -radius; x <= radius; x++)
    sum += exp (-0.5 * x * x / (sigma * sigma));
  for (gint x = 0; x <= radius; x++)
    kernel.taps[x] = (NrTap) { x, 0, exp (-0.5 * x * x / (sigma * sigma)) / sum / (x == 0 ? 2 : 1) };
  return kernel;
}

NrKernel
nr_kernel_disc (gdouble size)
{
  const gint radius = ceil (size + 0.5);
  const gint side   = 2 * radius + 1;
  gfloat    *grid   = g_new (gfloat, side * side);

  for (gint y = -radius; y <= radius; y++)
    for (gint x = -radius; x <= radius; x++)
      grid[(y + radius) * side + x + radius] = CLAMP (size + 0.5 - sqrt (x * x + y * y), 0, 1);
  return kernel_from_grid (grid, radius);
}

NrKernel
nr_kernel_motion (gdouble length, gdouble angle)
{
  const gint radius = ceil (length / 2) + 1;
  const gint side   = 2 * radius + 1;
  gfloat    *grid   = g_new0 (gfloat, side * side);

  for (gint i = 0; i < n_points; i++)
    {
      const gdouble along  = length * (i / (n_points - 1.0) - 0.5);
      const gdouble x      = radius + along * cos (angle);
      const gdouble y      = radius - along * sin (angle);
      const gint    left   = floor (x);
      const gint    top    = floor (y);
      gfloat       *corner = grid + top * side + left;

      corner[0] += (1 - x + left) * (1 - y + top);
      corner[1] += (x - left) * (1 - y + top);
      corner[side] += (1 - x + left) * (y - top);
      corner[side + 1] += (x - left) * (y - top);
    }
  return kernel_from_grid (grid, radius);
}

void
nr_kernel_clear (NrKernel *kernel)
{
  g_clear_pointer (&kernel->taps, g_free);
}

gdouble
nr_kernel_work (const NrKernel *kernel)
{
  return 3.0 * kernel->n_taps * (kernel->is_separable ? 2 : 1);
}

typedef struct
{
  const NrKernel *kernel;
  const gfloat   *from;
  gfloat         *scratch;
  gint            width, height;
  NrRowFunc       func;
  gpointer        data;
} Pass;

/* Row Y of FROM with RADIUS mirrored pixels on both sides; Y may lie outside. The first pixel is at PADDED + RADIUS. */
static void
read_row (const Pass *pass, gint y, gfloat *padded)
{
  const gint    radius = pass->kernel->radius;
  const gint    width  = pass->width;
  const gfloat *row    = pass->from + (gsize) nr_window_mirror (y, pass->height) * width;

  memcpy (padded + radius, row, width * sizeof (gfloat));
  for (gint x = 1; x <= radius; x++)
    {
      padded[radius - x]             = row[nr_window_mirror (-x, width)];
      padded[radius + width - 1 + x] = row[nr_window_mirror (width - 1 + x, width)];
    }
}

/* -- Sums ---------------------------------------------------------------------------------------------------------- */

/* A tap of a row of sums: the two pixels that the first sum takes. */
typedef struct
{
  const gfloat *one, *other;
  gfloat        weight;
} Pair;

/* Pairs added at a time, for which sums are loaded and stored once. */
enum
{
  TOGETHER = 4
};

/* sums += weight * (one + other) of TOGETHER pairs, one after the other. */
NR_CLONES static void
add_pairs (const Pair *pairs, gfloat *restrict sums, gint width)
{
  const Pair p = pairs[0], q = pairs[1], r = pairs[2], s = pairs[3];

  for (gint x = 0; x < width; x++)
    {
      gfloat sum = sums[x];

      sum += p.weight * (p.one[x] + p.other[x]);
      sum += q.weight * (q.one[x] + q.other[x]);
      sum += r.weight * (r.one[x] + r.other[x]);
      sum += s.weight * (s.one[x] + s.other[x]);
      sums[x] = sum;
    }
}

/* As many as KERNEL has taps, and what fills up the last TOGETHER. */
static Pair *
pairs_new (const NrKernel *kernel)
{
  return g_new (Pair, kernel->n_taps + TOGETHER - 1);
}

/* The sums of the first N PAIRS. */
static void
sum_pairs (Pair *pairs, guint n, gfloat *sums, gint width)
{
  for (guint i = n; i % TOGETHER != 0; i++)
    pairs[i] = (Pair) { pairs[0].one, pairs[0].other, 0 };

  memset (sums, 0, width * sizeof (gfloat));
  for (guint i = 0; i < n; i += TOGETHER)
    add_pairs (pairs + i, sums, width);
}

/* -- Separable: rows into the scratch plane, then columns ---------------------------------------------------------- */

static void
convolve_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass   = data;
  const NrKernel    *kernel = pass->kernel;
  const gint         radius = kernel->radius;
  g_autofree gfloat *padded = g_new (gfloat, pass->width + 2 * radius);
  g_autofree Pair   *pairs  = pairs_new (kernel);

  for (guint i = 0; i < kernel->n_taps; i++)
    pairs[i] = (Pair) { padded + radius - kernel->taps[i].dx, padded + radius + kernel->taps[i].dx, kernel->taps[i].weight };
  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      read_row (pass, y, padded);
      sum_pairs (pairs, kernel->n_taps, pass->scratch + (gsize) y * pass->width, pass->width);
    }
}

static void
convolve_columns (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass   = data;
  const NrKernel    *kernel = pass->kernel;
  g_autofree gfloat *sums   = g_new (gfloat, pass->width);
  g_autofree Pair   *pairs  = pairs_new (kernel);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      for (guint i = 0; i < kernel->n_taps; i++)
        {
          const gint dy = kernel->taps[i].dx;

          pairs[i] = (Pair) { pass->scratch + (gsize) nr_window_mirror (y - dy, pass->height) * pass->width,
                              pass->scratch + (gsize) nr_window_mirror (y + dy, pass->height) * pass->width,
                              kernel->taps[i].weight };
        }
      sum_pairs (pairs, kernel->n_taps, sums, pass->width);
      pass->func (y, sums, pass->data);
    }
}

/* -- All taps ------------------------------------------------------------------------------------------------------ */

static void
convolve_all (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass   = data;
  const NrKernel    *kernel = pass->kernel;
  const gint         radius = kernel->radius;
  const gint         first  = begin * band;
  const gint         last   = MIN ((gint) end * band, pass->height);
  const gsize        stride = pass->width + 2 * radius;
  g_autofree gfloat *padded = g_new (gfloat, (last - first + 2 * radius) * stride); /* rows from FIRST - RADIUS on */
  g_autofree gfloat *sums   = g_new (gfloat, pass->width);
  g_autofree Pair   *pairs  = pairs_new (kernel);

  for (gint y = first - radius; y < last + radius; y++)
    read_row (pass, y, padded + (y - first + radius) * stride);
  for (gint y = first; y < last; y++)
    {
      for (guint i = 0; i < kernel->n_taps; i++)
        {
          const NrTap  *tap    = &kernel->taps[i];
          const gfloat *middle = padded + (y - first + radius) * stride + radius;
          const gssize  offset = tap->dy * (gssize) stride + tap->dx;

          pairs[i] = (Pair) { middle - offset, middle + offset, tap->weight };
        }
      sum_pairs (pairs, kernel->n_taps, sums, pass->width);
      pass->func (y, sums, pass->data);
    }
}

gboolean
nr_convolve (const NrKernel *kernel,
             const gfloat   *from,
             gfloat         *scratch,
             gint            width,
             gint            height,
             NrRowFunc       func,
             gpointer        data,
             NrFilterWork   *work,
             gdouble         share,
             GError        **error)
{
  Pass        pass    = { kernel, from, scratch, width, height, func, data };
  const gsize n_bands = (height + band - 1) / band;

  if (kernel->is_separable)
    return nr_filter_for (work, share / 2, n_bands, convolve_rows, &pass, error) &&
           nr_filter_for (work, share / 2, n_bands, convolve_columns, &pass, error);
  return nr_filter_for (work, share, n_bands, convolve_all, &pass, error);
}
