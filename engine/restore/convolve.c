/* Convolution of a plane with a small kernel, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

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

/* sums += weight * (one + other) */
static void
add_pair (const gfloat *restrict one, const gfloat *restrict other, gfloat weight, gfloat *restrict sums, gint width)
{
  for (gint x = 0; x < width; x++)
    sums[x] += weight * (one[x] + other[x]);
}

/* -- Separable: rows into the scratch plane, then columns ---------------------------------------------------------- */

static void
convolve_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass   = data;
  const gint         radius = pass->kernel->radius;
  g_autofree gfloat *padded = g_new (gfloat, pass->width + 2 * radius);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      gfloat *to = pass->scratch + (gsize) y * pass->width;

      read_row (pass, y, padded);
      memset (to, 0, pass->width * sizeof (gfloat));
      for (guint i = 0; i < pass->kernel->n_taps; i++)
        {
          const NrTap *tap = &pass->kernel->taps[i];

          add_pair (padded + radius - tap->dx, padded + radius + tap->dx, tap->weight, to, pass->width);
        }
    }
}

static void
convolve_columns (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass = data;
  g_autofree gfloat *sums = g_new (gfloat, pass->width);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      memset (sums, 0, pass->width * sizeof (gfloat));
      for (guint i = 0; i < pass->kernel->n_taps; i++)
        {
          const NrTap *tap = &pass->kernel->taps[i];

          add_pair (pass->scratch + (gsize) nr_window_mirror (y - tap->dx, pass->height) * pass->width,
                    pass->scratch + (gsize) nr_window_mirror (y + tap->dx, pass->height) * pass->width,
                    tap->weight, sums, pass->width);
        }
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
  g_autofree gfloat *above  = g_new (gfloat, pass->width + 2 * radius);
  g_autofree gfloat *below  = g_new (gfloat, pass->width + 2 * radius);
  g_autofree gfloat *sums   = g_new (gfloat, pass->width);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      gint dy = -1;

      memset (sums, 0, pass->width * sizeof (gfloat));
      for (guint i = 0; i < kernel->n_taps; i++)
        {
          const NrTap *tap = &kernel->taps[i];

          if (tap->dy != dy)
            {
              dy = tap->dy;
              read_row (pass, y - dy, above);
              read_row (pass, y + dy, below);
            }
          add_pair (above + radius - tap->dx, below + radius + tap->dx, tap->weight, sums, pass->width);
        }
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
