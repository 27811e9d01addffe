/* PSNR and SSIM between two pictures.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <stddef.h>

typedef struct
{
  double psnr;   /* dB over all pixels and planes together, 99 at most */
  double ssim;   /* mean over the planes; NAN when the picture is smaller than the 11 x 11 window */
} NrQuality;

/* a, b: n_planes planes of width x height, row-major, values on the 0-255 scale.
 * PSNR = 10 log10 (255^2 / MSE). SSIM after Wang, Bovik, Sheikh, Simoncelli 2004: Gaussian window 11 x 11 of sigma 1.5,
 * K1 = 0.01, K2 = 0.03, L = 255, biased (co)variances, only windows wholly inside. Double precision throughout. */
NrQuality nr_quality (const double *a, const double *b, size_t width, size_t height, size_t n_planes);

/* BT.601 luma on the 16-235 scale, not rounded: y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 for three planes of n
 * values. */
void nr_quality_luma (const double *rgb, size_t n, double *y);
