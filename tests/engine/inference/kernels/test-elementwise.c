/* Element-wise and row kernels of every CPU level against double precision, and cut at every place.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "kernels/kernels.h"

#include <glib.h>
#include <math.h>
#include <string.h>

enum
{
  N = 1003
};

#define GUARD 4711.0f

typedef struct
{
  const gchar *name;
  NrUnary      function;
  gfloat       a, b;
  gfloat       low, high; /* arguments */
  gdouble (*want) (gdouble x, gdouble a, gdouble b);
} UnaryCase;

/* clang-format off */
static gdouble want_abs (gdouble x, gdouble a, gdouble b) { return fabs (x); }
static gdouble want_neg (gdouble x, gdouble a, gdouble b) { return -x; }
static gdouble want_floor (gdouble x, gdouble a, gdouble b) { return floor (x); }
static gdouble want_ceil (gdouble x, gdouble a, gdouble b) { return ceil (x); }
static gdouble want_round (gdouble x, gdouble a, gdouble b) { return rint (x); }
static gdouble want_sqrt (gdouble x, gdouble a, gdouble b) { return sqrt (x); }
static gdouble want_reciprocal (gdouble x, gdouble a, gdouble b) { return 1.0 / x; }
static gdouble want_exp (gdouble x, gdouble a, gdouble b) { return exp (x); }
static gdouble want_log (gdouble x, gdouble a, gdouble b) { return log (x); }
static gdouble want_erf (gdouble x, gdouble a, gdouble b) { return erf (x); }
static gdouble want_sigmoid (gdouble x, gdouble a, gdouble b) { return 1.0 / (1.0 + exp (-x)); }
static gdouble want_tanh (gdouble x, gdouble a, gdouble b) { return tanh (x); }
static gdouble want_linear (gdouble x, gdouble a, gdouble b) { return a * x + b; }
static gdouble want_clip (gdouble x, gdouble a, gdouble b) { return fmin (fmax (x, a), b); }
static gdouble want_leaky_relu (gdouble x, gdouble a, gdouble b) { return x < 0.0 ? a * x : x; }
static gdouble want_hard_sigmoid (gdouble x, gdouble a, gdouble b) { return fmin (fmax (a * x + b, 0.0), 1.0); }
static gdouble want_hard_swish (gdouble x, gdouble a, gdouble b) { return x * fmin (fmax (x / 6.0 + 0.5, 0.0), 1.0); }
static gdouble want_elu (gdouble x, gdouble a, gdouble b) { return x > 0.0 ? b * x : a * expm1 (x); }
static gdouble want_softplus (gdouble x, gdouble a, gdouble b) { return fmax (x, 0.0) + log1p (exp (-fabs (x))); }
static gdouble want_gelu (gdouble x, gdouble a, gdouble b) { return 0.5 * x * (1.0 + erf (x / sqrt (2.0))); }
static gdouble want_mish (gdouble x, gdouble a, gdouble b) { return x * tanh (want_softplus (x, a, b)); }
/* clang-format on */

static gdouble
want_gelu_tanh (gdouble x, gdouble a, gdouble b)
{
  return 0.5 * x * (1.0 + tanh (sqrt (2.0 / G_PI) * (x + 0.044715 * x * x * x)));
}

static const UnaryCase unary_cases[] = {
  { "abs", NR_UNARY_ABS, 0.0f, 0.0f, -9.0f, 9.0f, want_abs },
  { "neg", NR_UNARY_NEG, 0.0f, 0.0f, -9.0f, 9.0f, want_neg },
  { "floor", NR_UNARY_FLOOR, 0.0f, 0.0f, -9.0f, 9.0f, want_floor },
  { "ceil", NR_UNARY_CEIL, 0.0f, 0.0f, -9.0f, 9.0f, want_ceil },
  { "round", NR_UNARY_ROUND, 0.0f, 0.0f, -250.5f, 250.5f, want_round }, /* steps of one half: ties go to even */
  { "sqrt", NR_UNARY_SQRT, 0.0f, 0.0f, 0.0f, 9.0f, want_sqrt },
  { "reciprocal", NR_UNARY_RECIPROCAL, 0.0f, 0.0f, 0.1f, 9.0f, want_reciprocal },
  { "exp", NR_UNARY_EXP, 0.0f, 0.0f, -86.8f, 88.7f, want_exp },
  { "exp-small", NR_UNARY_EXP, 0.0f, 0.0f, -1.0f, 1.0f, want_exp },
  { "log", NR_UNARY_LOG, 0.0f, 0.0f, 1e-6f, 99.0f, want_log },
  { "erf", NR_UNARY_ERF, 0.0f, 0.0f, -5.0f, 5.0f, want_erf },
  { "sigmoid", NR_UNARY_SIGMOID, 0.0f, 0.0f, -99.0f, 99.0f, want_sigmoid },
  { "tanh", NR_UNARY_TANH, 0.0f, 0.0f, -12.0f, 12.0f, want_tanh },
  { "tanh-small", NR_UNARY_TANH, 0.0f, 0.0f, -1e-3f, 1e-3f, want_tanh },
  { "linear", NR_UNARY_LINEAR, 1.5f, -0.25f, -9.0f, 9.0f, want_linear },
  { "clip", NR_UNARY_CLIP, -1.0f, 2.0f, -9.0f, 9.0f, want_clip },
  { "leaky-relu", NR_UNARY_LEAKY_RELU, 0.1f, 0.0f, -9.0f, 9.0f, want_leaky_relu },
  { "hard-sigmoid", NR_UNARY_HARD_SIGMOID, 0.2f, 0.5f, -9.0f, 9.0f, want_hard_sigmoid },
  { "hard-swish", NR_UNARY_HARD_SWISH, 0.0f, 0.0f, -9.0f, 9.0f, want_hard_swish },
  { "elu", NR_UNARY_ELU, 1.75f, 1.05f, -20.0f, 9.0f, want_elu },
  { "elu-small", NR_UNARY_ELU, 1.0f, 1.0f, -1e-3f, 1e-3f, want_elu },
  { "softplus", NR_UNARY_SOFTPLUS, 0.0f, 0.0f, -60.0f, 60.0f, want_softplus },
  { "gelu", NR_UNARY_GELU, 0.0f, 0.0f, -9.0f, 9.0f, want_gelu },
  { "gelu-tanh", NR_UNARY_GELU_TANH, 0.0f, 0.0f, -9.0f, 9.0f, want_gelu_tanh },
  { "mish", NR_UNARY_MISH, 0.0f, 0.0f, -60.0f, 60.0f, want_mish },
};

static void
fill (gfloat *x, gfloat low, gfloat high)
{
  for (gsize i = 0; i < N; i++)
    x[i] = (gfloat) (low + ((gdouble) high - low) * (gdouble) i / (N - 1));
}

/* 1e-6: the polynomials are within 3e-7, a rounded argument of exp adds as much again. Relative, but absolute to 1 for
 * functions that end in a difference: 1 + erf, a x + b. */
static void
test_unary (gconstpointer data)
{
  const UnaryCase *c           = data;
  const gboolean   is_relative = strstr (c->name, "small") != NULL || c->function == NR_UNARY_EXP;
  gfloat           x[N], y[N + 1];

  fill (x, c->low, c->high);
  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      y[N] = GUARD;
      nr_kernels_get (level)->unary[c->function](x, y, N, c->a, c->b);
      g_assert_cmpfloat (y[N], ==, GUARD);

      for (gsize i = 0; i < N; i++)
        {
          gdouble want = c->want (x[i], c->a, c->b);

          g_assert_cmpfloat (fabs (y[i] - want), <=, 1e-6 * (is_relative ? fabs (want) : MAX (1.0, fabs (want))));
        }
    }
}

/* The scheduler may cut anywhere: an element is the same in a vector and in a remainder, and in place. */
static void
test_unary_cut (gconstpointer data)
{
  const UnaryCase *c = data;
  gfloat           x[N], whole[N], cut[N];

  fill (x, c->low, c->high);
  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      void (*function) (const float *, float *, size_t, float, float) = nr_kernels_get (level)->unary[c->function];

      function (x, whole, N, c->a, c->b);
      for (gsize length = 1; length < 40; length++)
        {
          memcpy (cut, x, sizeof x);
          for (gsize i = 0; i < N; i += length)
            function (cut + i, cut + i, MIN (length, N - i), c->a, c->b);
          g_assert_cmpmem (cut, sizeof cut, whole, sizeof whole);
        }
    }
}

/* Functions whose derivative is made of y. */
static gboolean
derives_from_output (NrUnary function)
{
  return function == NR_UNARY_EXP || function == NR_UNARY_RECIPROCAL || function == NR_UNARY_SIGMOID ||
         function == NR_UNARY_SQRT || function == NR_UNARY_TANH;
}

/* Central differences in double; FALSE at a kink or a step, where the two sides differ. */
static gboolean
find_slope (const UnaryCase *c, gdouble x, gdouble *slope)
{
  const gdouble h     = 1e-6 * fabs (x) + 1e-9;
  const gdouble at    = c->want (x, c->a, c->b);
  const gdouble left  = (at - c->want (x - h, c->a, c->b)) / h;
  const gdouble right = (c->want (x + h, c->a, c->b) - at) / h;

  *slope = (left + right) / 2.0;
  return fabs (left - right) <= 1e-3 * MAX (fabs (*slope), 1e-3);
}

/* As near as the functions themselves; derivatives end in differences more often. */
static void
test_chain (gconstpointer data)
{
  const UnaryCase *c           = data;
  const gboolean   is_relative = c->function == NR_UNARY_EXP;
  gfloat           x[N], v[N], dy[N], dx[N + 1];

  fill (x, c->low, c->high);
  for (gsize i = 0; i < N; i++)
    {
      v[i]  = derives_from_output (c->function) ? (gfloat) c->want (x[i], c->a, c->b) : x[i];
      dy[i] = (gfloat) (0.5 + 0.4 * sin ((gdouble) i)); /* below 1: e^x is at the end of its range */
    }

  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      gsize n_compared = 0;

      dx[N] = GUARD;
      nr_kernels_get (level)->chain[c->function](v, dy, dx, N, c->a, c->b);
      g_assert_cmpfloat (dx[N], ==, GUARD);

      for (gsize i = 0; i < N; i++)
        {
          gdouble slope;

          if (! find_slope (c, x[i], &slope))
            continue;
          n_compared++;
          g_assert_cmpfloat (fabs (dx[i] - dy[i] * slope), <=, 3e-6 * (is_relative ? fabs (dy[i] * slope) : MAX (1.0, fabs (dy[i] * slope))));
        }
      g_assert_cmpuint (n_compared, >=, N / 2); /* ties of Round are every other argument */
    }
}

/* In place too. */
static void
test_chain_cut (gconstpointer data)
{
  const UnaryCase *c = data;
  gfloat           v[N], dy[N], whole[N], cut[N];

  fill (v, c->low, c->high);
  fill (dy, -2.0f, 3.0f);
  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      void (*function) (const float *, const float *, float *, size_t, float, float) = nr_kernels_get (level)->chain[c->function];

      function (v, dy, whole, N, c->a, c->b);
      for (gsize length = 1; length < 40; length++)
        {
          memcpy (cut, dy, sizeof dy);
          for (gsize i = 0; i < N; i += length)
            function (v + i, cut + i, cut + i, MIN (length, N - i), c->a, c->b);
          g_assert_cmpmem (cut, sizeof cut, whole, sizeof whole);
        }
    }
}

static void
test_unary_special_values (void)
{
  const gfloat x[] = { -INFINITY, INFINITY, NAN, -1e30f, 1e30f, -0.0f };
  gfloat       y[G_N_ELEMENTS (x)];

  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      const NrKernels *k = nr_kernels_get (level);

      k->unary[NR_UNARY_EXP](x, y, G_N_ELEMENTS (x), 0.0f, 0.0f);
      g_assert_cmpfloat (y[0], ==, 0.0f);
      g_assert_cmpfloat (y[1], ==, INFINITY);
      g_assert_true (isnan (y[2]));
      g_assert_cmpfloat (y[3], ==, 0.0f);
      g_assert_cmpfloat (y[4], ==, INFINITY);
      g_assert_cmpfloat (y[5], ==, 1.0f);

      k->unary[NR_UNARY_TANH](x, y, G_N_ELEMENTS (x), 0.0f, 0.0f);
      g_assert_cmpfloat (y[0], ==, -1.0f);
      g_assert_cmpfloat (y[1], ==, 1.0f);
      g_assert_true (isnan (y[2]));

      k->unary[NR_UNARY_SIGMOID](x, y, G_N_ELEMENTS (x), 0.0f, 0.0f);
      g_assert_cmpfloat (y[0], ==, 0.0f);
      g_assert_cmpfloat (y[1], ==, 1.0f);
      g_assert_true (isnan (y[2]));

      k->unary[NR_UNARY_CLIP](x, y, G_N_ELEMENTS (x), 0.0f, 1.0f);
      g_assert_cmpfloat (y[0], ==, 0.0f);
      g_assert_cmpfloat (y[1], ==, 1.0f);
      g_assert_true (isnan (y[2]));
    }
}

static gfloat
want_binary (NrBinary function, gfloat a, gfloat b)
{
  switch (function)
    {
    case NR_BINARY_ADD:
      return a + b;
    case NR_BINARY_SUB:
      return a - b;
    case NR_BINARY_MUL:
      return a * b;
    case NR_BINARY_DIV:
      return a / b;
    case NR_BINARY_MIN:
      return isnan (a) || isnan (b) ? NAN : MIN (a, b);
    case NR_BINARY_MAX:
      return isnan (a) || isnan (b) ? NAN : MAX (a, b);
    case NR_BINARY_PRELU:
      return a < 0.0f ? a * b : a;
    case NR_BINARY_ADD_SQUARE:
      return (gfloat) (a + (gfloat) (b * b));
    default:
      g_assert_not_reached ();
    }
}

static void
test_binary (void)
{
  gfloat a[70], b[70], y[71];

  for (gsize i = 0; i < G_N_ELEMENTS (a); i++)
    {
      a[i] = (gfloat) sin ((gdouble) i);
      b[i] = (gfloat) cos (3.0 * (gdouble) i) + 2.0f;
    }
  a[5] = b[6] = NAN;

  for (int level = 0; level <= nr_kernels_best_level (); level++)
    for (guint function = 0; function < NR_N_BINARY; function++)
      for (gint step_a = 0; step_a < 2; step_a++)
        for (gint step_b = 0; step_b < 2; step_b++)
          for (gsize n = 0; n <= G_N_ELEMENTS (a); n++)
            {
              y[n] = GUARD;
              nr_kernels_get (level)->binary[function](a, b, y, n, step_a, step_b);
              g_assert_cmpfloat (y[n], ==, GUARD);
              for (gsize i = 0; i < n; i++)
                {
                  gfloat want = want_binary ((NrBinary) function, a[step_a ? i : 0], b[step_b ? i : 0]);

                  g_assert_true (isnan (want) ? isnan (y[i]) : y[i] == want);
                }
            }
}

/* Long rows: 2^20 numbers around 1000 lose more than 3 digits in one float accumulator. */
static void
test_row_sums (void)
{
  const gsize        lengths[] = { 0, 1, 15, 16, 17, 255, 4095, 4096, 4097, 1 << 20 };
  g_autofree gfloat *x         = g_new (gfloat, 1 << 20);

  for (gsize i = 0; i < 1 << 20; i++)
    x[i] = 1000.0f + (gfloat) sin ((gdouble) i);

  for (gsize l = 0; l < G_N_ELEMENTS (lengths); l++)
    {
      gdouble sum = 0.0, squares = 0.0, first[2] = { 0.0, 0.0 };

      for (gsize i = 0; i < lengths[l]; i++)
        {
          sum += x[i];
          squares += ((gdouble) x[i] - 1000.0) * ((gdouble) x[i] - 1000.0);
        }

      for (int level = 0; level <= nr_kernels_best_level (); level++)
        {
          gdouble got[2] = { nr_kernels_get (level)->row_sum (x, lengths[l]),
                             nr_kernels_get (level)->row_sum_squares (x, lengths[l], 1000.0f) };

          g_assert_cmpfloat (fabs (got[0] - sum), <=, 2e-6 * fabs (sum));
          g_assert_cmpfloat (fabs (got[1] - squares), <=, 2e-6 * squares);
          if (level == 0)
            memcpy (first, got, sizeof got);
          g_assert_cmpmem (got, sizeof got, first, sizeof first);
        }
    }
}

static void
test_row_dot (void)
{
  const gsize        lengths[] = { 0, 1, 15, 16, 17, 4095, 4097, 100000 };
  g_autofree gfloat *x         = g_new (gfloat, 100000);
  g_autofree gfloat *y         = g_new (gfloat, 100000);

  for (gsize i = 0; i < 100000; i++)
    {
      x[i] = 1000.0f + (gfloat) sin ((gdouble) i);
      y[i] = (gfloat) (0.25 + sin (1.5 * (gdouble) i));
    }

  for (gsize l = 0; l < G_N_ELEMENTS (lengths); l++)
    {
      gdouble sum = 0.0, magnitude = 0.0, first = 0.0;

      for (gsize i = 0; i < lengths[l]; i++)
        {
          sum += ((gdouble) x[i] - 1000.0) * y[i];
          magnitude += fabs (((gdouble) x[i] - 1000.0) * y[i]);
        }

      for (int level = 0; level <= nr_kernels_best_level (); level++)
        {
          const gdouble got = nr_kernels_get (level)->row_dot (x, y, lengths[l], 1000.0f);

          g_assert_cmpfloat (fabs (got - sum), <=, 1e-6 * magnitude);
          first = level == 0 ? got : first;
          g_assert_cmpfloat (got, ==, first);
        }
    }
}

static void
test_row_combine (void)
{
  gfloat x[70], y[70], z[71];

  for (gsize i = 0; i < G_N_ELEMENTS (x); i++)
    {
      x[i] = (gfloat) sin ((gdouble) i);
      y[i] = (gfloat) cos (3.0 * (gdouble) i) + 2.0f;
    }

  for (int level = 0; level <= nr_kernels_best_level (); level++)
    for (gsize n = 0; n <= G_N_ELEMENTS (x); n++)
      {
        z[n] = GUARD;
        nr_kernels_get (level)->row_combine (x, y, z, n, 1.5f, -0.25f, 2.0f, 0.125f);
        g_assert_cmpfloat (z[n], ==, GUARD);
        for (gsize i = 0; i < n; i++)
          g_assert_cmpfloat_with_epsilon (z[i], 1.5 * x[i] - 0.25 * (y[i] - 2.0) + 0.125, 1e-6);
      }
}

static void
test_row_max (void)
{
  gfloat x[100];

  for (gsize i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = -5.0f - (gfloat) i;

  for (int level = 0; level <= nr_kernels_best_level (); level++)
    {
      const NrKernels *k = nr_kernels_get (level);

      g_assert_cmpfloat (k->row_max (x, 0), ==, -INFINITY);
      for (gsize at = 0; at < G_N_ELEMENTS (x); at++)
        {
          gfloat old = x[at];

          x[at] = -1.5f;
          g_assert_cmpfloat (k->row_max (x, G_N_ELEMENTS (x)), ==, -1.5f);
          x[at] = 1.5f;
          g_assert_cmpfloat (k->row_max (x, G_N_ELEMENTS (x)), ==, 1.5f);
          x[at] = -NAN;
          g_assert_true (isnan (k->row_max (x, G_N_ELEMENTS (x))));
          x[at] = INFINITY;
          g_assert_cmpfloat (k->row_max (x, G_N_ELEMENTS (x)), ==, INFINITY);
          x[at] = old;
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (unary_cases); i++)
    {
      g_autofree gchar *accurate = g_strdup_printf ("/kernels/elementwise/%s-is-within-1e-6", unary_cases[i].name);
      g_autofree gchar *cut      = g_strdup_printf ("/kernels/elementwise/%s-does-not-depend-on-cuts", unary_cases[i].name);

      g_test_add_data_func (accurate, &unary_cases[i], test_unary);
      g_test_add_data_func (cut, &unary_cases[i], test_unary_cut);

      g_autofree gchar *slope     = g_strdup_printf ("/kernels/derivatives/%s-agrees-with-central-differences", unary_cases[i].name);
      g_autofree gchar *slope_cut = g_strdup_printf ("/kernels/derivatives/%s-does-not-depend-on-cuts", unary_cases[i].name);

      g_test_add_data_func (slope, &unary_cases[i], test_chain);
      g_test_add_data_func (slope_cut, &unary_cases[i], test_chain_cut);
    }

  g_test_add_func ("/kernels/elementwise/infinities-and-nan-come-out-right", test_unary_special_values);
  g_test_add_func ("/kernels/elementwise/binary-functions-match-at-ragged-lengths-and-all-steps", test_binary);
  g_test_add_func ("/kernels/rows/sums-match-double-and-are-the-same-at-all-levels", test_row_sums);
  g_test_add_func ("/kernels/rows/products-match-double-and-are-the-same-at-all-levels", test_row_dot);
  g_test_add_func ("/kernels/rows/combination-matches-its-formula", test_row_combine);
  g_test_add_func ("/kernels/rows/maximum-is-found-at-each-place", test_row_max);
  return g_test_run ();
}
