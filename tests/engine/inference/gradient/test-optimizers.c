/* Optimizers against the papers' formulas step by step, in double.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fill-random.h"
#include "nr-gradient.h"

#include <math.h>
#include <string.h>

enum
{
  STEPS     = 7,
  THREADS   = 3,
  N_TENSORS = 3 /* of Adam */
};

/* That what RUN makes of N tensors of SIZES, which it allocates, is the same bytes for any number of threads. */
static void
check_threads (void (*run) (guint threads, gfloat **values), guint n, const gsize *sizes)
{
  g_autofree gfloat **want = g_new (gfloat *, n);
  g_autofree gfloat **got  = g_new (gfloat *, n);

  run (1, want);
  for (guint threads = 2; threads <= THREADS; threads++)
    {
      run (threads, got);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpmem (got[i], sizes[i] * sizeof (gfloat), want[i], sizes[i] * sizeof (gfloat));
          g_free (got[i]);
        }
    }

  for (guint i = 0; i < n; i++)
    g_free (want[i]);
}

/* -- Adam --------------------------------------------------------------------------------------------------------- */

static const gsize         tensor_sizes[N_TENSORS] = { 1, 40000, 17 }; /* the second in several pieces */
static const NrAdamOptions adam_options            = { 0.01, 0.9, 0.999, 1e-8 };

/* Algorithm 1 of the paper in double, for one value. */
typedef struct
{
  gdouble value, m, v;
} Moments;

static void
twin_step (Moments *x, gdouble g, gint t)
{
  const NrAdamOptions *o = &adam_options;
  gdouble              m_hat, v_hat;

  x->m  = o->beta1 * x->m + (1.0 - o->beta1) * g;
  x->v  = o->beta2 * x->v + (1.0 - o->beta2) * g * g;
  m_hat = x->m / (1.0 - pow (o->beta1, t));
  v_hat = x->v / (1.0 - pow (o->beta2, t));
  x->value -= o->learning_rate * m_hat / (sqrt (v_hat) + o->epsilon);
}

/* STEPS steps from the same start with the same gradients; the caller frees each tensor. */
static void
run_adam (guint threads, gfloat **values)
{
  g_autoptr (NrPool) pool = nr_pool_new (threads);
  g_autoptr (NrAdam) adam = nr_adam_new (&adam_options, N_TENSORS, tensor_sizes);
  gfloat            *gradients[N_TENSORS];

  for (guint i = 0; i < N_TENSORS; i++)
    {
      values[i]    = g_new (gfloat, tensor_sizes[i]);
      gradients[i] = g_new (gfloat, tensor_sizes[i]);
      fill_random (values[i], tensor_sizes[i], -1.0, 1.0, i);
    }

  for (guint t = 1; t <= STEPS; t++)
    {
      for (guint i = 0; i < N_TENSORS; i++)
        fill_random (gradients[i], tensor_sizes[i], -1.0, 1.0, 100 * t + i);
      nr_adam_step (adam, pool, values, (const gfloat *const *) gradients);
    }

  for (guint i = 0; i < N_TENSORS; i++)
    g_free (gradients[i]);
}

/* Within a few roundings of values near 1. */
static void
test_adam_formulas (void)
{
  gfloat *values[N_TENSORS];

  run_adam (1, values);
  for (guint i = 0; i < N_TENSORS; i++)
    {
      g_autofree Moments *x     = g_new0 (Moments, tensor_sizes[i]);
      g_autofree gfloat  *start = g_new (gfloat, tensor_sizes[i]);

      fill_random (start, tensor_sizes[i], -1.0, 1.0, i);
      for (gsize k = 0; k < tensor_sizes[i]; k++)
        x[k].value = start[k];

      for (gint t = 1; t <= STEPS; t++)
        {
          fill_random (start, tensor_sizes[i], -1.0, 1.0, 100 * t + i);
          for (gsize k = 0; k < tensor_sizes[i]; k++)
            twin_step (&x[k], start[k], t);
        }

      for (gsize k = 0; k < tensor_sizes[i]; k++)
        g_assert_cmpfloat_with_epsilon (values[i][k], x[k].value, 1e-6);
      g_free (values[i]);
    }
}

/* Whatever the gradient's size, the first step is the learning rate long. */
static void
test_adam_first_step (void)
{
  const gsize        n            = 3;
  gfloat             value[3]     = { 1.0f, 1.0f, 1.0f };
  const gfloat       gradient[3]  = { 1e-3f, -1e3f, 0.0f };
  gfloat *const      values[1]    = { value };
  const gfloat      *gradients[1] = { gradient };
  g_autoptr (NrPool) pool         = nr_pool_new (1);
  g_autoptr (NrAdam) adam         = nr_adam_new (&adam_options, 1, &n);

  nr_adam_step (adam, pool, values, gradients);
  g_assert_cmpfloat_with_epsilon (value[0], 0.99f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (value[1], 1.01f, 1e-6f);
  g_assert_cmpfloat (value[2], ==, 1.0f);
}

static void
test_adam_threads (void)
{
  check_threads (run_adam, N_TENSORS, tensor_sizes);
}

/* -- Muon --------------------------------------------------------------------------------------------------------- */

/* Wide, tall, square, a row, a column, and one as networks have them. */
static const NrShape matrices[] = {
  { NR_TYPE_FLOAT32, 4, { 5, 3, 3, 3 } },
  { NR_TYPE_FLOAT32, 2, { 40, 7 } },
  { NR_TYPE_FLOAT32, 3, { 6, 2, 3 } },
  { NR_TYPE_FLOAT32, 2, { 1, 9 } },
  { NR_TYPE_FLOAT32, 4, { 9, 1, 1, 1 } },
  { NR_TYPE_FLOAT32, 4, { 64, 32, 3, 3 } },
};

enum
{
  N_MATRICES = G_N_ELEMENTS (matrices)
};

static const NrMuonOptions muon_options = { 0.02, 0.9 };

static gsize
n_values (guint i)
{
  gsize n = 0;

  nr_shape_n_elements (&matrices[i], &n);
  return n;
}

/* The published iteration as it stands, on the whole matrix: X <- a X + (b A + c A A) X, A = X X'. */
static void
twin_orthogonalize (gdouble *x, gsize rows, gsize columns)
{
  const gdouble       a = 3.4445, b = -4.7750, c = 2.0315;
  g_autofree gdouble *gram    = g_new (gdouble, rows * rows);
  g_autofree gdouble *factor  = g_new (gdouble, rows * rows);
  g_autofree gdouble *next    = g_new (gdouble, rows * columns);
  gdouble             squares = 0.0;

  for (gsize i = 0; i < rows * columns; i++)
    squares += x[i] * x[i];
  for (gsize i = 0; i < rows * columns; i++)
    x[i] /= sqrt (squares);

  for (gint k = 0; k < 5; k++)
    {
      for (gsize i = 0; i < rows; i++)
        for (gsize j = 0; j < rows; j++)
          {
            gram[i * rows + j] = 0.0;
            for (gsize l = 0; l < columns; l++)
              gram[i * rows + j] += x[i * columns + l] * x[j * columns + l];
          }
      for (gsize i = 0; i < rows; i++)
        for (gsize j = 0; j < rows; j++)
          {
            factor[i * rows + j] = (i == j ? a : 0.0) + b * gram[i * rows + j];
            for (gsize l = 0; l < rows; l++)
              factor[i * rows + j] += c * gram[i * rows + l] * gram[l * rows + j];
          }
      for (gsize i = 0; i < rows; i++)
        for (gsize j = 0; j < columns; j++)
          {
            next[i * columns + j] = 0.0;
            for (gsize l = 0; l < rows; l++)
              next[i * columns + j] += factor[i * rows + l] * x[l * columns + j];
          }
      memcpy (x, next, rows * columns * sizeof *x);
    }
}

static void
muon_gradients (guint t, gfloat **gradients)
{
  for (guint i = 0; i < N_MATRICES; i++)
    fill_random (gradients[i], n_values (i), -1e-3, 1e-3, 100 * t + i);
}

/* As run_adam (). */
static void
run_muon (guint threads, gfloat **values)
{
  const NrShape     *described[N_MATRICES];
  gfloat            *gradients[N_MATRICES];
  g_autoptr (NrPool) pool = nr_pool_new (threads);
  g_autoptr (NrMuon) muon = NULL;

  for (guint i = 0; i < N_MATRICES; i++)
    {
      described[i] = &matrices[i];
      values[i]    = g_new (gfloat, n_values (i));
      gradients[i] = g_new (gfloat, n_values (i));
      fill_random (values[i], n_values (i), -1.0, 1.0, i);
    }
  muon = nr_muon_new (&muon_options, N_MATRICES, described);

  for (guint t = 1; t <= STEPS; t++)
    {
      muon_gradients (t, gradients);
      nr_muon_step (muon, pool, values, (const gfloat *const *) gradients);
    }

  for (guint i = 0; i < N_MATRICES; i++)
    g_free (gradients[i]);
}

static void
twin_muon (guint i, gdouble *values)
{
  const gsize         n        = n_values (i);
  const gsize         rows     = matrices[i].dims[0];
  const gsize         columns  = n / rows;
  const gdouble       rate     = muon_options.learning_rate * sqrt (MAX (1.0, rows / (gdouble) columns));
  g_autofree gdouble *momentum = g_new0 (gdouble, n);
  g_autofree gdouble *update   = g_new (gdouble, n);
  g_autofree gfloat  *gradient = g_new (gfloat, n);

  for (guint t = 1; t <= STEPS; t++)
    {
      fill_random (gradient, n, -1e-3, 1e-3, 100 * t + i);
      for (gsize k = 0; k < n; k++)
        {
          momentum[k] = muon_options.momentum * momentum[k] + gradient[k];
          update[k]   = gradient[k] + muon_options.momentum * momentum[k];
        }
      twin_orthogonalize (update, rows, columns);
      for (gsize k = 0; k < n; k++)
        values[k] -= rate * update[k];
    }
}

/* A thousandth of what a matrix has moved. */
static void
test_muon_formulas (void)
{
  gfloat *values[N_MATRICES];

  run_muon (1, values);
  for (guint i = 0; i < N_MATRICES; i++)
    {
      const gsize         n     = n_values (i);
      g_autofree gfloat  *start = g_new (gfloat, n);
      g_autofree gdouble *want  = g_new (gdouble, n);
      gdouble             moved = 0.0;
      gdouble             wrong = 0.0;

      fill_random (start, n, -1.0, 1.0, i);
      for (gsize k = 0; k < n; k++)
        want[k] = start[k];
      twin_muon (i, want);
      for (gsize k = 0; k < n; k++)
        {
          moved += (want[k] - start[k]) * (want[k] - start[k]);
          wrong += (want[k] - values[i][k]) * (want[k] - values[i][k]);
        }
      g_assert_cmpfloat (moved, >, 0.0);
      g_assert_cmpfloat (sqrt (wrong / moved), <, 1e-3);
      g_free (values[i]);
    }
}

/* Only the direction of the gradients counts. */
static void
test_muon_scale (void)
{
  const NrShape       shape     = { NR_TYPE_FLOAT32, 2, { 6, 11 } };
  const NrShape      *shapes[1] = { &shape };
  gfloat              gradient[6 * 11], value[2][6 * 11] = { 0 };
  const gfloat *const gradients[1] = { gradient };
  g_autoptr (NrPool)  pool         = nr_pool_new (1);

  for (gint k = 0; k < 2; k++)
    {
      gfloat *const      values[1] = { value[k] };
      g_autoptr (NrMuon) muon      = nr_muon_new (&muon_options, 1, shapes);

      fill_random (gradient, G_N_ELEMENTS (gradient), -1.0, 1.0, 5);
      for (gsize i = 0; i < G_N_ELEMENTS (gradient); i++)
        gradient[i] *= k == 0 ? 1e-6f : 1e6f;
      nr_muon_step (muon, pool, values, gradients);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (gradient); i++)
    g_assert_cmpfloat_with_epsilon (value[0][i], value[1][i], 1e-6f);
  g_assert_cmpfloat (value[0][0], !=, 0.0f);
}

static void
test_muon_without_gradient (void)
{
  const NrShape       shape        = { NR_TYPE_FLOAT32, 2, { 2, 3 } };
  const NrShape      *shapes[1]    = { &shape };
  const gfloat        gradient[6]  = { 0 };
  const gfloat *const gradients[1] = { gradient };
  gfloat              value[6]     = { 1, 2, 3, 4, 5, 6 };
  gfloat *const       values[1]    = { value };
  g_autoptr (NrPool)  pool         = nr_pool_new (1);
  g_autoptr (NrMuon)  muon         = nr_muon_new (&muon_options, 1, shapes);

  nr_muon_step (muon, pool, values, gradients);
  for (gsize i = 0; i < G_N_ELEMENTS (value); i++)
    g_assert_cmpfloat (value[i], ==, i + 1);
}

static void
test_muon_threads (void)
{
  gsize sizes[N_MATRICES];

  for (guint i = 0; i < N_MATRICES; i++)
    sizes[i] = n_values (i);
  check_threads (run_muon, N_MATRICES, sizes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/engine/gradient/adam/follows-the-paper", test_adam_formulas);
  g_test_add_func ("/engine/gradient/adam/first-step-is-the-learning-rate", test_adam_first_step);
  g_test_add_func ("/engine/gradient/adam/is-the-same-for-any-threads", test_adam_threads);
  g_test_add_func ("/engine/gradient/muon/follows-the-paper", test_muon_formulas);
  g_test_add_func ("/engine/gradient/muon/does-not-see-the-gradient's-size", test_muon_scale);
  g_test_add_func ("/engine/gradient/muon/stays-without-a-gradient", test_muon_without_gradient);
  g_test_add_func ("/engine/gradient/muon/is-the-same-for-any-threads", test_muon_threads);

  return g_test_run ();
}
