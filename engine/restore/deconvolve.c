/* Richardson-Lucy deconvolution of a plane, threaded.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "clones.h"
#include "deconvolve.h"

/* Added to all values, so that black is no singularity. */
static const gfloat pedestal = 0.05f;
static const gfloat least    = 1e-3f;

/* Gradients above this are edges, and hardly damped. */
static const gfloat edge = 0.06f;

/* What is hardly seen by a known pixel stays: added to the parts of 1 that known pixels see of others. */
static const gfloat reluctance = 0.01f;

/* Fitted to photographs blurred by sigma 1 to 3 with noise of sigma 0 to 5. */
static const gdouble damping_by_noise = 0.0018;

gfloat
nr_deconvolution_damping (gdouble noise)
{
  return damping_by_noise * MAX (noise, NR_DECONVOLUTION_LEAST_NOISE);
}

/* NrRowFunc: H K -> 1 / (H K + reluctance). */
static void
invert_row (gint y, gfloat *sums, gpointer data)
{
  const NrDeconvolution *d  = data;
  gfloat                *to = d->inverse + (gsize) y * d->width;

  for (gint x = 0; x < d->width; x++)
    to[x] = 1 / (sums[x] + reluctance);
}

gboolean
nr_deconvolution_init (NrDeconvolution *deconvolution,
                       const NrKernel  *kernel,
                       gfloat           damping,
                       const gfloat    *plane,
                       gint             width,
                       gint             height,
                       const NrRect    *known,
                       gfloat          *memory,
                       NrFilterWork    *work,
                       GError         **error)
{
  const gsize n = (gsize) width * height;

  *deconvolution = (NrDeconvolution) {
    .kernel   = kernel,
    .damping  = damping,
    .width    = width,
    .height   = height,
    .known    = *known,
    .blurred  = memory,
    .guess    = memory + n,
    .previous = memory + 2 * n,
    .ahead    = memory + 3 * n,
    .ratio    = memory + 4 * n,
    .inverse  = memory + 5 * n,
    .scratch  = memory + 6 * n,
  };
  for (gsize i = 0; i < n; i++)
    deconvolution->blurred[i] = plane[i] + pedestal;
  memcpy (deconvolution->guess, deconvolution->blurred, n * sizeof (gfloat));
  memcpy (deconvolution->previous, deconvolution->blurred, n * sizeof (gfloat));

  memset (deconvolution->ratio, 0, n * sizeof (gfloat));
  for (gint y = known->y; y < known->y + known->height; y++)
    for (gint x = known->x; x < known->x + known->width; x++)
      deconvolution->ratio[(gsize) y * width + x] = 1;
  return nr_convolve (kernel, deconvolution->ratio, deconvolution->scratch, width, height, invert_row, deconvolution, work, 0, error);
}

/* ratio = blurred / seen */
NR_CLONES static void
divide (const gfloat *restrict blurred, const gfloat *restrict seen, gfloat *restrict ratio, gint n)
{
  for (gint i = 0; i < n; i++)
    ratio[i] = blurred[i] / MAX (seen[i], least);
}

/* NrRowFunc: H y -> K d / H y; where K is 0 the ratio stays 0. */
static void
divide_row (gint y, gfloat *sums, gpointer data)
{
  const NrDeconvolution *d     = data;
  const NrRect          *known = &d->known;
  const gsize            first = (gsize) y * d->width + known->x;

  if (y >= known->y && y < known->y + known->height)
    divide (d->blurred + first, sums + known->x, d->ratio + first, known->width);
}

/* grad / sqrt (|grad|^2 + edge^2) of a row. Forward differences: the pixel to the right and the one below, 0 over the
 * border. */
NR_CLONES static void
direction_row (const gfloat *restrict here, const gfloat *restrict below, gint width, gfloat *restrict along, gfloat *restrict down)
{
  for (gint x = 0; x + 1 < width; x++)
    {
      const gfloat dx    = here[x + 1] - here[x];
      const gfloat dy    = below[x] - here[x];
      const gfloat scale = 1 / sqrtf (dx * dx + dy * dy + edge * edge);

      along[x] = dx * scale;
      down[x]  = dy * scale;
    }
  along[width - 1] = 0;
  down[width - 1]  = (below[width - 1] - here[width - 1]) /
                    sqrtf ((below[width - 1] - here[width - 1]) * (below[width - 1] - here[width - 1]) + edge * edge);
}

/* to = here (sums + reluctance) inverse / (1 - damping divergence); along[-1] is read too. */
NR_CLONES static void
correct_row (const gfloat *restrict here,
             const gfloat *restrict sums,
             const gfloat *restrict inverse,
             const gfloat *restrict along,
             const gfloat *restrict down,
             const gfloat *restrict down_above,
             gfloat damping,
             gint   width,
             gfloat *restrict to)
{
  for (gint x = 0; x < width; x++)
    {
      const gfloat divergence = along[x] - along[x - 1] + down[x] - down_above[x];

      to[x] = here[x] * (sums[x] + reluctance) * inverse[x] / (1 - damping * divergence);
    }
}

/* NrRowFunc: H (K d / H y) -> the new x, in the place of x'. */
static void
step_row (gint y, gfloat *sums, gpointer data)
{
  const NrDeconvolution *d          = data;
  const gint             width      = d->width;
  const gsize            row        = (gsize) y * width;
  const gfloat          *here       = d->ahead + row;
  const gfloat          *below      = here + (y + 1 < d->height ? width : 0);
  g_autofree gfloat     *memory     = g_new0 (gfloat, 4 * width + 1);
  gfloat                *along      = memory + 1; /* 0 before the first */
  gfloat                *down       = along + width;
  gfloat                *down_above = down + width;
  gfloat                *unused     = down_above + width;

  direction_row (here, below, width, along, down);
  if (y > 0)
    direction_row (here - width, here, width, unused, down_above);
  correct_row (here, sums, d->inverse + row, along, down, down_above, d->damping, width, d->previous + row);
}

/* Pixels that a thread takes at a time. */
enum
{
  PIECE = 1 << 14
};

/* ahead = guess + momentum (guess - previous), no less than the least value. */
NR_CLONES static void
extrapolate (const gfloat *restrict guess, const gfloat *restrict previous, gfloat momentum, gfloat *restrict ahead, gsize n)
{
  for (gsize i = 0; i < n; i++)
    ahead[i] = MAX (guess[i] + momentum * (guess[i] - previous[i]), least);
}

/* NrRangeFunc: y of some pieces. */
static void
step_further (gsize begin, gsize end, guint thread, gpointer data)
{
  const NrDeconvolution *d        = data;
  const gsize            first    = begin * PIECE;
  const gsize            n        = MIN (end * PIECE, (gsize) d->width * d->height) - first;
  const gfloat           momentum = d->n_steps > 0 ? (d->n_steps - 1) / (d->n_steps + 2.0f) : 0;

  extrapolate (d->guess + first, d->previous + first, momentum, d->ahead + first, n);
}

gboolean
nr_deconvolution_run (NrDeconvolution *deconvolution, gint n_steps, NrFilterWork *work, gdouble share, GError **error)
{
  NrDeconvolution *d   = deconvolution;
  const gsize      n   = (gsize) d->width * d->height;
  const gdouble    one = share / (2 * n_steps); /* of a convolution */

  for (gint i = 0; i < n_steps; i++)
    {
      gfloat *new_guess;

      if (! nr_filter_for (work, 0, (n + PIECE - 1) / PIECE, step_further, d, error) ||
          ! nr_convolve (d->kernel, d->ahead, d->scratch, d->width, d->height, divide_row, d, work, one, error) ||
          ! nr_convolve (d->kernel, d->ratio, d->scratch, d->width, d->height, step_row, d, work, one, error))
        return FALSE;
      new_guess   = d->previous;
      d->previous = d->guess;
      d->guess    = new_guess;
      d->n_steps++;
    }
  return TRUE;
}

void
nr_deconvolution_get (const NrDeconvolution *deconvolution, gfloat *plane)
{
  const gsize n = (gsize) deconvolution->width * deconvolution->height;

  for (gsize i = 0; i < n; i++)
    plane[i] = deconvolution->guess[i] - pedestal;
}

gdouble
nr_deconvolution_work (const NrKernel *kernel)
{
  return 2 * nr_kernel_work (kernel) + 60;
}
