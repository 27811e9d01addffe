/* Kernels of training: derivatives of the functions of elementwise.h, sums of products, Adam. One body for every CPU level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Included after elementwise.h, by the same files and under the same rules: no contraction, nothing reassociated, sums in
 * lanes that are written out.
 */

#pragma once

#include "elementwise.h"

/* -- gx = gy f'(x) ------------------------------------------------------------------------------------------------ */

/* f'(x) out of x or, where that is the shorter way, of y = f (x). */
typedef float (*Derivative1) (float v, float a, float b);

/* clang-format off */
static inline float d_abs (float x, float a, float b) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }
static inline float d_neg (float x, float a, float b) { return -1.0f; }
static inline float d_step (float x, float a, float b) { return 0.0f; }
static inline float d_sqrt (float y, float a, float b) { return 0.5f / y; }
static inline float d_reciprocal (float y, float a, float b) { return -(y * y); }
static inline float d_exp (float y, float a, float b) { return y; }
static inline float d_log (float x, float a, float b) { return 1.0f / x; }
static inline float d_erf (float x, float a, float b) { return 1.12837917f * exp_1 (-(x * x)); }
static inline float d_sigmoid (float y, float a, float b) { return y * (1.0f - y); }
static inline float d_tanh (float y, float a, float b) { return 1.0f - y * y; }
static inline float d_linear (float x, float a, float b) { return a; }
static inline float d_clip (float x, float a, float b) { return x >= a && x <= b ? 1.0f : 0.0f; }
static inline float d_leaky_relu (float y, float a, float b) { return y > 0.0f ? 1.0f : a; }
static inline float d_hard_swish (float x, float a, float b) { return x >= 3.0f ? 1.0f : x <= -3.0f ? 0.0f : x * (1.0f / 3.0f) + 0.5f; }
static inline float d_elu (float x, float a, float b) { return x > 0.0f ? b : a * exp_1 (x); }
static inline float d_softplus (float x, float a, float b) { return sigmoid_1 (x); }
/* clang-format on */

static inline float
d_hard_sigmoid (float x, float a, float b)
{
  float line = a * x + b;

  return line > 0.0f && line < 1.0f ? a : 0.0f;
}

/* (1 + erf (x / sqrt (2))) / 2 + x e^(-x^2 / 2) / sqrt (2 pi). */
static inline float
d_gelu (float x, float a, float b)
{
  return 0.5f * (1.0f + erf_1 (x * 0.70710678f)) + x * (0.39894228f * exp_1 (-0.5f * (x * x)));
}

/* y = x s (u), s the sigmoid, u = 2 sqrt (2 / pi) (x + 0.044715 x^3): s + x s (1 - s) u'. */
static inline float
d_gelu_tanh (float x, float a, float b)
{
  float s     = sigmoid_1 (1.59576912f * (x + 0.044715f * (x * x * x)));
  float slope = 1.59576912f * (1.0f + 0.134145f * (x * x));

  return s + (x * slope) * (s * (1.0f - s));
}

/* t + x sigmoid (x) (1 - t^2) with t = tanh (ln (1 + e^x)), as in elementwise.h. */
static inline float
d_mish (float x, float a, float b)
{
  float e = exp_1 (x > 20.0f ? 20.0f : x);
  float w = e * (e + 2.0f);
  float t = w / (w + 2.0f);

  return t + x * sigmoid_1 (x) * (1.0f - t * t);
}

static inline __attribute__ ((always_inline)) void
chain_1 (const float *v, const float *gy, float *gx, size_t n, float a, float b, Derivative1 d)
{
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    gx[i] = gy[i] * d (v[i], a, b);
}

/* clang-format off */
static void chain_abs (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_abs); }
static void chain_neg (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_neg); }
static void chain_step (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_step); }
static void chain_sqrt (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_sqrt); }
static void chain_reciprocal (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_reciprocal); }
static void chain_exp (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_exp); }
static void chain_log (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_log); }
static void chain_erf (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_erf); }
static void chain_sigmoid (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_sigmoid); }
static void chain_tanh (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_tanh); }
static void chain_linear (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_linear); }
static void chain_clip (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_clip); }
static void chain_leaky_relu (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_leaky_relu); }
static void chain_hard_sigmoid (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_hard_sigmoid); }
static void chain_hard_swish (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_hard_swish); }
static void chain_elu (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_elu); }
static void chain_softplus (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_softplus); }
static void chain_gelu (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_gelu); }
static void chain_gelu_tanh (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_gelu_tanh); }
static void chain_mish (const float *v, const float *gy, float *gx, size_t n, float a, float b) { chain_1 (v, gy, gx, n, a, b, d_mish); }
/* clang-format on */

/* -- Sums of products --------------------------------------------------------------------------------------------- */

/* Up to BLOCK elements, as block_sum (). */
static double
block_dot (const float *x, const float *y, size_t n, float shift)
{
  float  lanes[N_LANES] = { 0 };
  float  rest           = 0.0f;
  size_t i              = 0;

  for (; i + N_LANES <= n; i += N_LANES)
    for (int l = 0; l < N_LANES; l++)
      lanes[l] += (x[i + l] - shift) * y[i + l];
  for (; i < n; i++)
    rest += (x[i] - shift) * y[i];

  return add_lanes (lanes) + rest;
}

static double
row_dot (const float *x, const float *y, size_t n, float shift)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i += BLOCK)
    sum += block_dot (x + i, y + i, n - i < BLOCK ? n - i : BLOCK, shift);
  return sum;
}

static void
row_combine (const float *x, const float *y, float *z, size_t n, float a, float b, float shift, float c)
{
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    z[i] = (a * x[i] + b * (y[i] - shift)) + c;
}

/* -- Adam --------------------------------------------------------------------------------------------------------- */

/* m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, value -= rate m / (root sqrt (v) + epsilon). */
static void
adam_step (float *value, float *m, float *v, const float *g, size_t n, const NrAdamStep *step)
{
  const NrAdamStep s = *step;

#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    {
      m[i] = s.beta1 * m[i] + s.rest1 * g[i];
      v[i] = s.beta2 * v[i] + s.rest2 * (g[i] * g[i]);
      value[i] -= s.rate * m[i] / (s.root * sqrtf (v[i]) + s.epsilon);
    }
}

/* -- Table -------------------------------------------------------------------------------------------------------- */

static void
fill_derivatives (NrKernels *k)
{
  k->chain[NR_UNARY_ABS]          = chain_abs;
  k->chain[NR_UNARY_NEG]          = chain_neg;
  k->chain[NR_UNARY_FLOOR]        = chain_step;
  k->chain[NR_UNARY_CEIL]         = chain_step;
  k->chain[NR_UNARY_ROUND]        = chain_step;
  k->chain[NR_UNARY_SQRT]         = chain_sqrt;
  k->chain[NR_UNARY_RECIPROCAL]   = chain_reciprocal;
  k->chain[NR_UNARY_EXP]          = chain_exp;
  k->chain[NR_UNARY_LOG]          = chain_log;
  k->chain[NR_UNARY_ERF]          = chain_erf;
  k->chain[NR_UNARY_SIGMOID]      = chain_sigmoid;
  k->chain[NR_UNARY_TANH]         = chain_tanh;
  k->chain[NR_UNARY_LINEAR]       = chain_linear;
  k->chain[NR_UNARY_CLIP]         = chain_clip;
  k->chain[NR_UNARY_LEAKY_RELU]   = chain_leaky_relu;
  k->chain[NR_UNARY_HARD_SIGMOID] = chain_hard_sigmoid;
  k->chain[NR_UNARY_HARD_SWISH]   = chain_hard_swish;
  k->chain[NR_UNARY_ELU]          = chain_elu;
  k->chain[NR_UNARY_SOFTPLUS]     = chain_softplus;
  k->chain[NR_UNARY_GELU]         = chain_gelu;
  k->chain[NR_UNARY_GELU_TANH]    = chain_gelu_tanh;
  k->chain[NR_UNARY_MISH]         = chain_mish;

  k->row_dot     = row_dot;
  k->row_combine = row_combine;
  k->adam_step   = adam_step;
}
