/* PSNR and SSIM between two pictures: see quality.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "quality.h"

#include <glib.h>
#include <math.h>

enum
{
  WINDOW    = 11,
  N_MOMENTS = 5 /* a, b, a^2, b^2, a b */
};

static double
psnr (const double *a, const double *b, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += (a[i] - b[i]) * (a[i] - b[i]);

  return sum > 0 ? fmin (99.0, 10.0 * log10 (255.0 * 255.0 * n / sum)) : 99.0;
}

static void
gaussian_window (double *window)
{
  double sum = 0;

  for (int i = 0; i < WINDOW; i++)
    {
      double x = i - WINDOW / 2;

      window[i] = exp (-x * x / (2 * 1.5 * 1.5));
      sum += window[i];
    }
  for (int i = 0; i < WINDOW; i++)
    window[i] /= sum;
}

/* One row of the five moments, filtered horizontally: moments[m * n_out + x]. */
static void
filter_row (const double *a, const double *b, size_t n_out, const double *window, double *moments)
{
  for (size_t x = 0; x < n_out; x++)
    {
      double sum[N_MOMENTS] = { 0 };

      for (int k = 0; k < WINDOW; k++)
        {
          double p = a[x + k], q = b[x + k];

          sum[0] += window[k] * p;
          sum[1] += window[k] * q;
          sum[2] += window[k] * p * p;
          sum[3] += window[k] * q * q;
          sum[4] += window[k] * p * q;
        }
      for (int m = 0; m < N_MOMENTS; m++)
        moments[m * n_out + x] = sum[m];
    }
}

static double
ssim_of_moments (const double *m)
{
  const double c1 = (0.01 * 255) * (0.01 * 255), c2 = (0.03 * 255) * (0.03 * 255);

  double mean_product = m[0] * m[1];
  double mean_squares = m[0] * m[0] + m[1] * m[1];
  double variances    = m[2] + m[3] - mean_squares;
  double covariance   = m[4] - mean_product;

  return (2 * mean_product + c1) * (2 * covariance + c2) / ((mean_squares + c1) * (variances + c2));
}

/* Mean over one plane; a ring of WINDOW filtered rows is all the memory it takes. */
static double
ssim_plane (const double *a, const double *b, size_t width, size_t height)
{
  size_t             n_out   = width - WINDOW + 1;
  size_t             row_len = N_MOMENTS * n_out;
  g_autofree double *ring    = g_new (double, WINDOW *row_len);
  double             window[WINDOW];
  double             sum = 0;

  gaussian_window (window);

  for (size_t y = 0; y < height; y++)
    {
      filter_row (a + y * width, b + y * width, n_out, window, ring + (y % WINDOW) * row_len);

      for (size_t x = 0; y + 1 >= WINDOW && x < n_out; x++)
        {
          double moments[N_MOMENTS] = { 0 };

          for (size_t k = 0; k < WINDOW; k++)
            for (int m = 0; m < N_MOMENTS; m++)
              moments[m] += window[k] * ring[((y + 1 + k) % WINDOW) * row_len + m * n_out + x];

          sum += ssim_of_moments (moments);
        }
    }

  return sum / ((double) n_out * (height - WINDOW + 1));
}

NrQuality
nr_quality (const double *a, const double *b, size_t width, size_t height, size_t n_planes)
{
  size_t    n       = width * height;
  NrQuality quality = { psnr (a, b, n * n_planes), NAN };

  if (width >= WINDOW && height >= WINDOW)
    {
      quality.ssim = 0;
      for (size_t p = 0; p < n_planes; p++)
        quality.ssim += ssim_plane (a + p * n, b + p * n, width, height) / n_planes;
    }

  return quality;
}

void
nr_quality_luma (const double *rgb, size_t n, double *y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = 16 + (65.481 * rgb[i] + 128.553 * rgb[n + i] + 24.966 * rgb[2 * n + i]) / 255;
}
