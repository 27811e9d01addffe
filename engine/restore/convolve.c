/* Convolution of a plane with a small symmetric kernel, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "convolve.h"
#include "window.h"

/* Rows that a thread takes at a time. */
static const gint band = 8;

static NrKernel
kernel_new (gint radius, gboolean is_separable)
{
  const gsize n_rows = is_separable ? 1 : radius + 1;

  return (NrKernel) { radius, is_separable, g_new0 (gfloat, n_rows * (radius + 1)), g_new (gint, n_rows) };
}

NrKernel
nr_kernel_gaussian (gdouble sigma)
{
  NrKernel kernel = kernel_new (ceil (4 * sigma), TRUE);
  gdouble  sum    = 0;

  for (gint x = -kernel.radius; x <= kernel.radius; x++)
    sum += exp (-0.5 * x * x / (sigma * sigma));
  for (gint x = 0; x <= kernel.radius; x++)
    kernel.half[x] = exp (-0.5 * x * x / (sigma * sigma)) / sum;
  kernel.reach[0] = kernel.radius;
  return kernel;
}

static gdouble
disc_at (gdouble radius, gint x, gint y)
{
  return CLAMP (radius + 0.5 - sqrt (x * x + y * y), 0, 1);
}

NrKernel
nr_kernel_disc (gdouble radius)
{
  NrKernel kernel = kernel_new (ceil (radius + 0.5), FALSE);
  gdouble  sum    = 0;

  for (gint y = -kernel.radius; y <= kernel.radius; y++)
    for (gint x = -kernel.radius; x <= kernel.radius; x++)
      sum += disc_at (radius, x, y);
  for (gint y = 0; y <= kernel.radius; y++)
    {
      kernel.reach[y] = -1; /* the outermost rows may be empty */
      for (gint x = 0; x <= kernel.radius; x++)
        if (disc_at (radius, x, y) > 0)
          {
            kernel.half[y * (kernel.radius + 1) + x] = disc_at (radius, x, y) / sum;
            kernel.reach[y]                          = x;
          }
    }
  return kernel;
}

void
nr_kernel_clear (NrKernel *kernel)
{
  g_clear_pointer (&kernel->half, g_free);
  g_clear_pointer (&kernel->reach, g_free);
}

gdouble
nr_kernel_work (const NrKernel *kernel)
{
  gdouble taps = 0;

  if (kernel->is_separable)
    return 6.0 * kernel->radius;
  for (gint y = 0; y <= kernel->radius; y++)
    taps += (y > 0 ? 2 : 1) * (kernel->reach[y] + 1);
  return 3 * taps;
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

/* Adds WIDTH sums over -REACH ... REACH of a row at ROW. */
static void
add_row (const gfloat *restrict row, const gfloat *restrict half, gint reach, gfloat *restrict sums, gint width)
{
  if (reach < 0)
    return;
  for (gint x = 0; x < width; x++)
    sums[x] += half[0] * row[x];
  for (gint k = 1; k <= reach; k++)
    for (gint x = 0; x < width; x++)
      sums[x] += half[k] * (row[x - k] + row[x + k]);
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
      add_row (padded + radius, pass->kernel->half, pass->kernel->reach[0], to, pass->width);
    }
}

/* sums += tap * (above + below) */
static void
add_pair (const gfloat *restrict above, const gfloat *restrict below, gfloat tap, gfloat *restrict sums, gint width)
{
  for (gint x = 0; x < width; x++)
    sums[x] += tap * (above[x] + below[x]);
}

static void
convolve_columns (gsize begin, gsize end, guint thread, gpointer data)
{
  const Pass        *pass = data;
  g_autofree gfloat *sums = g_new (gfloat, pass->width);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      const gfloat *middle = pass->scratch + (gsize) y * pass->width;

      for (gint x = 0; x < pass->width; x++)
        sums[x] = pass->kernel->half[0] * middle[x];
      for (gint k = 1; k <= pass->kernel->radius; k++)
        add_pair (pass->scratch + (gsize) nr_window_mirror (y - k, pass->height) * pass->width,
                  pass->scratch + (gsize) nr_window_mirror (y + k, pass->height) * pass->width,
                  pass->kernel->half[k], sums, pass->width);
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
  g_autofree gfloat *padded = g_new (gfloat, pass->width + 2 * radius);
  g_autofree gfloat *sums   = g_new (gfloat, pass->width);

  for (gint y = begin * band; y < MIN ((gint) end * band, pass->height); y++)
    {
      memset (sums, 0, pass->width * sizeof (gfloat));
      for (gint dy = -radius; dy <= radius; dy++)
        {
          read_row (pass, y + dy, padded);
          add_row (padded + radius, kernel->half + ABS (dy) * (radius + 1), kernel->reach[ABS (dy)], sums, pass->width);
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
