/* Fine luminance texture back into a denoised picture.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <string.h>

#include "detail.h"
#include "window.h"

/* Gaussian of sigma 1.5, cut at 4 and normalized; one side of it. Two blurs in a row reach NR_DETAIL_RADIUS. */
static const gfloat kernel[] = { 0.2660f, 0.2130f, 0.1094f, 0.0360f, 0.0086f };

enum
{
  RADIUS = G_N_ELEMENTS (kernel) - 1
};

static void
luma (const NrPicture *picture, gfloat *to)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gsize i = 0; i < plane; i++)
    to[i] = nr_luma_weights[0] * picture->color[i] + nr_luma_weights[1] * picture->color[plane + i] +
            nr_luma_weights[2] * picture->color[2 * plane + i];
}

static gfloat
blur_row_at (const gfloat *row, gint width, gint x)
{
  gfloat sum = kernel[0] * row[x];

  for (gint i = 1; i <= RADIUS; i++)
    sum += kernel[i] * (row[MAX (x - i, 0)] + row[MIN (x + i, width - 1)]);
  return sum;
}

/* Blurs FROM into TO (may be the same plane); SCRATCH has the same size. */
static void
blur (const gfloat *from, gfloat *to, gfloat *scratch, gint width, gint height)
{
  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      scratch[(gsize) y * width + x] = blur_row_at (from + (gsize) y * width, width, x);

  for (gint y = 0; y < height; y++)
    {
      gfloat *row = to + (gsize) y * width;

      for (gint x = 0; x < width; x++)
        row[x] = kernel[0] * scratch[(gsize) y * width + x];
      for (gint i = 1; i <= RADIUS; i++)
        {
          const gfloat *above = scratch + (gsize) MAX (y - i, 0) * width;
          const gfloat *below = scratch + (gsize) MIN (y + i, height - 1) * width;

          for (gint x = 0; x < width; x++)
            row[x] += kernel[i] * (above[x] + below[x]);
        }
    }
}

/* VALUES becomes its difference to the local mean, VARIANCE the local mean of that difference's square. */
static void
high_pass (gfloat *values, gfloat *variance, gfloat *scratch, gint width, gint height)
{
  const gsize plane = (gsize) width * height;

  blur (values, variance, scratch, width, height);
  for (gsize i = 0; i < plane; i++)
    {
      values[i] -= variance[i];
      variance[i] = values[i] * values[i];
    }
  blur (variance, variance, scratch, width, height);
}

void
nr_detail_restore (const NrPicture *noisy, NrPicture *denoised, gfloat amount)
{
  const gint         width   = denoised->width;
  const gint         height  = denoised->height;
  const gsize        plane   = (gsize) width * height;
  g_autofree gfloat *texture = g_new (gfloat, plane);
  g_autofree gfloat *lost    = g_new (gfloat, plane);
  g_autofree gfloat *kept    = g_new (gfloat, plane); /* variance of the denoised picture */
  g_autofree gfloat *removed = g_new (gfloat, plane); /* variance of what was removed */
  g_autofree gfloat *scratch = g_new (gfloat, plane);
  const gfloat       tiny    = 1e-12f;

  luma (denoised, texture);
  luma (noisy, lost);
  for (gsize i = 0; i < plane; i++)
    lost[i] -= texture[i];
  high_pass (texture, kept, scratch, width, height);
  high_pass (lost, removed, scratch, width, height);

  for (gsize i = 0; i < plane; i++)
    {
      const gfloat change = amount * lost[i] * kept[i] / (kept[i] + removed[i] + tiny);

      for (gint c = 0; c < 3; c++)
        denoised->color[c * plane + i] += change;
    }
}
