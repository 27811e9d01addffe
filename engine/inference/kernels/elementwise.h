/* Element-wise kernels and reductions over rows: one body for every CPU level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Included by c/elementwise-c.c, avx2/elementwise-avx2.c and avx512/elementwise-avx512.c, which differ in their compiler
 * flags only; each exports one function that puts these into its table. The loops are written so that the compiler
 * vectorises them: no branches, no library calls but those with an instruction of their own.
 *
 * An element's result must not depend on where the scheduler cuts the work, that is on whether it falls into the
 * vector loop or its remainder. So this body must be compiled without contraction to fused multiply-adds
 * (-ffp-contract=off), and nothing here may be reassociated. Sums run in N_LANES lanes that are written out, the same at
 * every level, and in double between blocks.
 *
 * Polynomials: minimax fits over the ranges named, made for this file; the error given is the fit's, relative unless
 * it says otherwise. With rounding, functions are within 3e-7 of the true value where its magnitude is normal.
 */

#pragma once

#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum
{
  N_LANES = 16,
  BLOCK   = 4096
};

/* -- Functions of one number -------------------------------------------------------------------------------------- */

static inline float
float_from_bits (uint32_t bits)
{
  float f;

  memcpy (&f, &bits, sizeof f);
  return f;
}

static inline uint32_t
bits_from_float (float f)
{
  uint32_t bits;

  memcpy (&bits, &f, sizeof bits);
  return bits;
}

typedef struct
{
  float q;    /* e^r - 1 of the remainder r, |r| <= ln 2 / 2 */
  float half; /* 2^(n - 1): one less, so that n = 128 still has a factor */
} ExpParts;

/* x = n ln 2 + r, -86.9 <= x <= 89; e^x = 2 half (1 + q). Error of q: 3e-9. */
static inline ExpParts
exp_parts (float x)
{
  const float round_to_integer = 12582912.0f; /* 1.5 * 2^23: the sum's low bits are the integer */
  float       shifted          = x * 1.44269504f + round_to_integer;
  float       n                = shifted - round_to_integer;
  float       r                = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts */
  float       p;

  p = 1.3950540277e-03f;
  p = p * r + 8.3689178913e-03f;
  p = p * r + 4.1666205067e-02f;
  p = p * r + 1.6666518602e-01f;
  p = p * r + 5.0000000954e-01f;

  return (ExpParts) {
    .q    = (p * r) * r + r,
    .half = float_from_bits ((bits_from_float (shifted) << 23) + (126u << 23)),
  };
}

static inline float
clamp (float x, float low, float high)
{
  /* A NaN fails both comparisons and stays. */
  x = x < low ? low : x;
  return x > high ? high : x;
}

/* Results below 2e-38 are 0. */
static inline float
exp_1 (float x)
{
  ExpParts e = exp_parts (clamp (x, -86.9f, 89.0f));
  float    y = (e.half + e.half * e.q) * 2.0f;

  return x < -86.9f ? 0.0f : y;
}

/* e^x - 1 for x <= 0, accurate near 0. */
static inline float
expm1_negative (float x)
{
  ExpParts e = exp_parts (clamp (x, -86.9f, 89.0f));
  float    s = e.half * 2.0f;

  return s * e.q + (s - 1.0f);
}

static inline float
sigmoid_1 (float x)
{
  return 1.0f / (1.0f + exp_1 (-x));
}

static inline float
tanh_1 (float x)
{
  float a     = fabsf (x);
  float z     = a < 0.7f ? x * x : 0.0f;
  float large = copysignf (1.0f - 2.0f / (exp_1 (2.0f * a) + 1.0f), x);
  float p;

  /* tanh (x) / x in x^2, |x| < 0.707: 1e-8. */
  p = -5.0522848384e-03f;
  p = p * z + 1.9986528698e-02f;
  p = p * z - 5.3512480750e-02f;
  p = p * z + 1.3328226993e-01f;
  p = p * z - 3.3333121990e-01f;
  p = p * z + 9.9999998579e-01f;

  return a < 0.7f ? p * x : large;
}

static inline float
erf_1 (float x)
{
  float a = fabsf (x);
  float z = a < 1.0f ? x * x : 0.0f;
  float t = clamp (a, 1.0f, 4.0f);
  float small, large;

  /* erf (x) / x in x^2, |x| < 1: 1e-9. */
  small = 7.8891225670e-05f;
  small = small * z - 8.0208421883e-04f;
  small = small * z + 5.1895354413e-03f;
  small = small * z - 2.6854444645e-02f;
  small = small * z + 1.1283600177e-01f;
  small = small * z - 3.7612627136e-01f;
  small = small * z + 1.1283791659e+00f;

  /* ln (1 - erf (x)), 0.98 < x < 4.1: 1e-9 of erf. */
  large = 1.8797177610e-04f;
  large = large * t - 2.9640069610e-03f;
  large = large * t + 2.1906479687e-02f;
  large = large * t - 1.0325621005e-01f;
  large = large * t - 6.3796498993e-01f;
  large = large * t - 1.1272022825e+00f;
  large = large * t - 3.1246842685e-04f;

  return a < 1.0f ? small * x : copysignf (1.0f - exp_1 (large), x);
}

/* ln (1 + z) for 0 <= z <= 1: 3e-8. */
static inline float
log1p_unit (float z)
{
  float p;

  p = 5.2326829643e-03f;
  p = p * z - 2.9505193492e-02f;
  p = p * z + 7.8225878128e-02f;
  p = p * z - 1.3663239538e-01f;
  p = p * z + 1.9106003819e-01f;
  p = p * z - 2.4842981462e-01f;
  p = p * z + 3.3319096713e-01f;
  p = p * z - 4.9999493136e-01f;
  p = p * z + 9.9999996988e-01f;
  return p * z;
}

/* -- y = f (x), with up to two parameters -------------------------------------------------------------------------- */

typedef float (*Function1) (float x, float a, float b);

/* clang-format off */
static inline float f_abs (float x, float a, float b) { return fabsf (x); }
static inline float f_neg (float x, float a, float b) { return -x; }
static inline float f_floor (float x, float a, float b) { return floorf (x); }
static inline float f_ceil (float x, float a, float b) { return ceilf (x); }
static inline float f_round (float x, float a, float b) { return rintf (x); }
static inline float f_sqrt (float x, float a, float b) { return sqrtf (x); }
static inline float f_reciprocal (float x, float a, float b) { return 1.0f / x; }
static inline float f_exp (float x, float a, float b) { return exp_1 (x); }
static inline float f_log (float x, float a, float b) { return logf (x); }
static inline float f_erf (float x, float a, float b) { return erf_1 (x); }
static inline float f_sigmoid (float x, float a, float b) { return sigmoid_1 (x); }
static inline float f_tanh (float x, float a, float b) { return tanh_1 (x); }
static inline float f_linear (float x, float a, float b) { return x * a + b; }
static inline float f_clip (float x, float a, float b) { return clamp (x, a, b); }
static inline float f_leaky_relu (float x, float a, float b) { return x < 0.0f ? a * x : x; }
static inline float f_hard_sigmoid (float x, float a, float b) { return clamp (a * x + b, 0.0f, 1.0f); }
static inline float f_hard_swish (float x, float a, float b) { return x * clamp (x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f); }
/* clang-format on */

static inline float
f_elu (float x, float a, float b)
{
  return x > 0.0f ? b * x : a * expm1_negative (x > 0.0f ? 0.0f : x);
}

static inline float
f_softplus (float x, float a, float b)
{
  return (x > 0.0f ? x : 0.0f) + log1p_unit (exp_1 (-fabsf (x)));
}

static inline float
f_gelu (float x, float a, float b)
{
  return 0.5f * x * (1.0f + erf_1 (x * 0.70710678f));
}

static inline float
f_gelu_tanh (float x, float a, float b)
{
  /* 1 + tanh (u) = 2 sigmoid (2 u), u = sqrt (2 / pi) (x + 0.044715 x^3). */
  return x * sigmoid_1 (1.59576912f * (x + 0.044715f * (x * x * x)));
}

/* x tanh (ln (1 + e^x)) = x w / (w + 2) with w = e^x (e^x + 2); from 20 on it is x. */
static inline float
f_mish (float x, float a, float b)
{
  float e = exp_1 (x > 20.0f ? 20.0f : x);
  float w = e * (e + 2.0f);

  return x * (w / (w + 2.0f));
}

static inline __attribute__ ((always_inline)) void
for_each_1 (const float *x, float *y, size_t n, float a, float b, Function1 f)
{
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    y[i] = f (x[i], a, b);
}

/* clang-format off */
static void unary_abs (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_abs); }
static void unary_neg (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_neg); }
static void unary_floor (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_floor); }
static void unary_ceil (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_ceil); }
static void unary_round (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_round); }
static void unary_sqrt (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_sqrt); }
static void unary_reciprocal (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_reciprocal); }
static void unary_exp (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_exp); }
static void unary_log (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_log); }
static void unary_erf (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_erf); }
static void unary_sigmoid (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_sigmoid); }
static void unary_tanh (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_tanh); }
static void unary_linear (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_linear); }
static void unary_clip (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_clip); }
static void unary_leaky_relu (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_leaky_relu); }
static void unary_hard_sigmoid (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_hard_sigmoid); }
static void unary_hard_swish (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_hard_swish); }
static void unary_elu (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_elu); }
static void unary_softplus (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_softplus); }
static void unary_gelu (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_gelu); }
static void unary_gelu_tanh (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_gelu_tanh); }
static void unary_mish (const float *x, float *y, size_t n, float a, float b) { for_each_1 (x, y, n, a, b, f_mish); }
/* clang-format on */

/* -- y = f (a, b) ------------------------------------------------------------------------------------------------- */

typedef float (*Function2) (float a, float b);

/* clang-format off */
static inline float f_add (float a, float b) { return a + b; }
static inline float f_sub (float a, float b) { return a - b; }
static inline float f_mul (float a, float b) { return a * b; }
static inline float f_div (float a, float b) { return a / b; }
static inline float f_prelu (float a, float b) { return a < 0.0f ? a * b : a; }
static inline float f_add_square (float a, float b) { return a + b * b; }
/* clang-format on */

/* As NumPy: a NaN on either side wins. */
/* clang-format off */
static inline float f_min (float a, float b) { return a < b || a != a ? a : b; }
static inline float f_max (float a, float b) { return a > b || a != a ? a : b; }
/* clang-format on */

static inline __attribute__ ((always_inline)) void
for_each_2 (const float *a, const float *b, float *y, size_t n, int step_a, int step_b, Function2 f)
{
  if (step_a && step_b)
    {
#pragma GCC ivdep
      for (size_t i = 0; i < n; i++)
        y[i] = f (a[i], b[i]);
    }
  else if (step_a)
    {
      const float b0 = n > 0 ? b[0] : 0.0f;

#pragma GCC ivdep
      for (size_t i = 0; i < n; i++)
        y[i] = f (a[i], b0);
    }
  else
    {
      const float a0 = n > 0 ? a[0] : 0.0f;

#pragma GCC ivdep
      for (size_t i = 0; i < n; i++)
        y[i] = f (a0, b[step_b ? i : 0]);
    }
}

/* clang-format off */
static void binary_add (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_add); }
static void binary_sub (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_sub); }
static void binary_mul (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_mul); }
static void binary_div (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_div); }
static void binary_min (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_min); }
static void binary_max (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_max); }
static void binary_prelu (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_prelu); }
static void binary_add_square (const float *a, const float *b, float *y, size_t n, int sa, int sb) { for_each_2 (a, b, y, n, sa, sb, f_add_square); }
/* clang-format on */

/* -- Over a row --------------------------------------------------------------------------------------------------- */

static inline double
add_lanes (float *lanes)
{
  for (int l = 0; l < 8; l++)
    lanes[l] += lanes[l + 8];
  for (int l = 0; l < 4; l++)
    lanes[l] += lanes[l + 4];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* Up to BLOCK elements in lanes of single precision; a longer row adds its blocks in double. */
static double
block_sum_squares (const float *x, size_t n, float mean)
{
  float  lanes[N_LANES] = { 0 };
  float  rest           = 0.0f;
  size_t i              = 0;

  for (; i + N_LANES <= n; i += N_LANES)
    for (int l = 0; l < N_LANES; l++)
      lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
  for (; i < n; i++)
    rest += (x[i] - mean) * (x[i] - mean);

  return add_lanes (lanes) + rest;
}

static double
block_sum (const float *x, size_t n)
{
  float  lanes[N_LANES] = { 0 };
  float  rest           = 0.0f;
  size_t i              = 0;

  for (; i + N_LANES <= n; i += N_LANES)
    for (int l = 0; l < N_LANES; l++)
      lanes[l] += x[i + l];
  for (; i < n; i++)
    rest += x[i];

  return add_lanes (lanes) + rest;
}

static double
row_sum (const float *x, size_t n)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i += BLOCK)
    sum += block_sum (x + i, n - i < BLOCK ? n - i : BLOCK);
  return sum;
}

static double
row_sum_squares (const float *x, size_t n, float mean)
{
  double sum = 0.0;

  for (size_t i = 0; i < n; i += BLOCK)
    sum += block_sum_squares (x + i, n - i < BLOCK ? n - i : BLOCK, mean);
  return sum;
}

/* Floats ordered as integers, so that the compiler may take their maximum in any order; a NaN is above all. */
static inline int32_t
order_key (float x)
{
  int32_t bits   = (int32_t) bits_from_float (x);
  int32_t is_nan = -((bits & 0x7fffffff) > 0x7f800000);

  return ((bits ^ ((bits >> 31) & 0x7fffffff)) & ~is_nan) | (0x7fffffff & is_nan);
}

static float
row_max (const float *x, size_t n)
{
  int32_t most = order_key (-INFINITY);

  for (size_t i = 0; i < n; i++)
    {
      int32_t key = order_key (x[i]);

      most = key > most ? key : most;
    }

  return float_from_bits ((uint32_t) (most ^ ((most >> 31) & 0x7fffffff)));
}

static double
row_exp_sum (const float *x, float *y, size_t n, float shift)
{
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    y[i] = exp_1 (x[i] - shift);

  return row_sum (y, n);
}

static void
row_normalize (const float *x, const float *scale, const float *bias, float *y, size_t n, float mean, float inverse)
{
#pragma GCC ivdep
  for (size_t i = 0; i < n; i++)
    y[i] = (x[i] - mean) * inverse * scale[i] + bias[i];
}

/* -- Table -------------------------------------------------------------------------------------------------------- */

static void
fill_elementwise (NrKernels *k)
{
  k->unary[NR_UNARY_ABS]          = unary_abs;
  k->unary[NR_UNARY_NEG]          = unary_neg;
  k->unary[NR_UNARY_FLOOR]        = unary_floor;
  k->unary[NR_UNARY_CEIL]         = unary_ceil;
  k->unary[NR_UNARY_ROUND]        = unary_round;
  k->unary[NR_UNARY_SQRT]         = unary_sqrt;
  k->unary[NR_UNARY_RECIPROCAL]   = unary_reciprocal;
  k->unary[NR_UNARY_EXP]          = unary_exp;
  k->unary[NR_UNARY_LOG]          = unary_log;
  k->unary[NR_UNARY_ERF]          = unary_erf;
  k->unary[NR_UNARY_SIGMOID]      = unary_sigmoid;
  k->unary[NR_UNARY_TANH]         = unary_tanh;
  k->unary[NR_UNARY_LINEAR]       = unary_linear;
  k->unary[NR_UNARY_CLIP]         = unary_clip;
  k->unary[NR_UNARY_LEAKY_RELU]   = unary_leaky_relu;
  k->unary[NR_UNARY_HARD_SIGMOID] = unary_hard_sigmoid;
  k->unary[NR_UNARY_HARD_SWISH]   = unary_hard_swish;
  k->unary[NR_UNARY_ELU]          = unary_elu;
  k->unary[NR_UNARY_SOFTPLUS]     = unary_softplus;
  k->unary[NR_UNARY_GELU]         = unary_gelu;
  k->unary[NR_UNARY_GELU_TANH]    = unary_gelu_tanh;
  k->unary[NR_UNARY_MISH]         = unary_mish;

  k->binary[NR_BINARY_ADD]        = binary_add;
  k->binary[NR_BINARY_SUB]        = binary_sub;
  k->binary[NR_BINARY_MUL]        = binary_mul;
  k->binary[NR_BINARY_DIV]        = binary_div;
  k->binary[NR_BINARY_MIN]        = binary_min;
  k->binary[NR_BINARY_MAX]        = binary_max;
  k->binary[NR_BINARY_PRELU]      = binary_prelu;
  k->binary[NR_BINARY_ADD_SQUARE] = binary_add_square;

  k->row_sum         = row_sum;
  k->row_sum_squares = row_sum_squares;
  k->row_max         = row_max;
  k->row_exp_sum     = row_exp_sum;
  k->row_normalize   = row_normalize;
}
