/* Losses against sums in double and central differences.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fill-random.h"
#include "nr-gradient.h"

#include <math.h>
#include <string.h>

enum
{
  N       = 3 * 67 * 43, /* neither a multiple of the lanes nor of the blocks */
  THREADS = 3
};

#define GUARD 4711.0f

typedef struct
{
  gfloat output[N], target[N], weight[N], labels[N];
} Data;

static Data *
data_new (void)
{
  Data *d = g_new (Data, 1);

  fill_random (d->output, N, 0.01, 0.99, 1);
  fill_random (d->target, N, 0.0, 1.0, 2);
  fill_random (d->weight, N, 0.0, 2.0, 3);
  fill_random (d->labels, N, 0.0, 1.0, 4);
  return d;
}

/* One loss, as the library has it and as a sum in double of any output. */
typedef struct
{
  const gchar *name;
  gdouble (*loss) (NrPool *pool, const Data *d, gfloat *gradient);
  gdouble (*twin) (const Data *d, const gdouble *output);
} LossCase;

static gdouble
loss_mse (NrPool *pool, const Data *d, gfloat *gradient)
{
  return nr_loss_mse (pool, d->output, d->target, NULL, N, gradient);
}

static gdouble
twin_mse (const Data *d, const gdouble *output)
{
  gdouble sum = 0.0;

  for (gsize i = 0; i < N; i++)
    sum += (output[i] - d->target[i]) * (output[i] - d->target[i]);
  return sum / N;
}

static gdouble
loss_weighted_mse (NrPool *pool, const Data *d, gfloat *gradient)
{
  return nr_loss_mse (pool, d->output, d->target, d->weight, N, gradient);
}

static gdouble
twin_weighted_mse (const Data *d, const gdouble *output)
{
  gdouble sum = 0.0;

  for (gsize i = 0; i < N; i++)
    sum += d->weight[i] * (output[i] - d->target[i]) * (output[i] - d->target[i]);
  return sum / N;
}

static gdouble
loss_weighted_l1 (NrPool *pool, const Data *d, gfloat *gradient)
{
  return nr_loss_l1 (pool, d->output, d->target, d->weight, N, gradient);
}

static gdouble
twin_weighted_l1 (const Data *d, const gdouble *output)
{
  gdouble sum = 0.0;

  for (gsize i = 0; i < N; i++)
    sum += d->weight[i] * fabs (output[i] - d->target[i]);
  return sum / N;
}

static gdouble
loss_total_variation (NrPool *pool, const Data *d, gfloat *gradient)
{
  return nr_loss_total_variation (pool, d->output, 3, 67, 43, gradient);
}

static gdouble
twin_total_variation (const Data *d, const gdouble *output)
{
  gdouble sum = 0.0;

  for (gsize i = 0; i < N; i++)
    {
      if (i % 43 > 0)
        sum += fabs (output[i] - output[i - 1]);
      if (i / 43 % 67 > 0)
        sum += fabs (output[i] - output[i - 43]);
    }
  return sum / N;
}

static gdouble
loss_cross_entropy (NrPool *pool, const Data *d, gfloat *gradient)
{
  return nr_loss_binary_cross_entropy (pool, d->output, d->labels, 0.0f, N, gradient);
}

static gdouble
twin_cross_entropy (const Data *d, const gdouble *output)
{
  gdouble sum = 0.0;

  for (gsize i = 0; i < N; i++)
    sum -= d->labels[i] * log (output[i]) + (1.0 - d->labels[i]) * log1p (-output[i]);
  return sum / N;
}

static const LossCase cases[] = {
  { "mse", loss_mse, twin_mse },
  { "weighted-mse", loss_weighted_mse, twin_weighted_mse },
  { "weighted-l1", loss_weighted_l1, twin_weighted_l1 },
  { "total-variation", loss_total_variation, twin_total_variation },
  { "cross-entropy", loss_cross_entropy, twin_cross_entropy },
};

/* The value within 1e-6, gradients within 1e-5 of their largest: single precision in and out. Each 37th element is moved by
 * 1e-7, less than the distance of any two elements that a kink lies between. */
static void
test_loss (gconstpointer user_data)
{
  const LossCase     *c        = user_data;
  g_autofree Data    *d        = data_new ();
  g_autofree gdouble *moved    = g_new (gdouble, N);
  g_autofree gfloat  *gradient = g_new (gfloat, N + 1);
  g_autoptr (NrPool)  pool     = nr_pool_new (1);
  const gdouble       h        = 1e-7;
  gdouble             value, largest = 0.0;

  for (gsize i = 0; i < N; i++)
    moved[i] = d->output[i];

  gradient[N] = GUARD;
  value       = c->loss (pool, d, gradient);
  g_assert_cmpfloat_with_epsilon (value, c->twin (d, moved), 1e-6 * value);
  g_assert_cmpfloat (gradient[N], ==, GUARD);

  for (gsize i = 0; i < N; i++)
    largest = MAX (largest, fabs (gradient[i]));
  g_assert_cmpfloat (largest, >, 0.0);

  for (gsize i = 0; i < N; i += 37)
    {
      gdouble above, below;

      moved[i] = d->output[i] + h;
      above    = c->twin (d, moved);
      moved[i] = d->output[i] - h;
      below    = c->twin (d, moved);
      moved[i] = d->output[i];
      g_assert_cmpfloat_with_epsilon (gradient[i], (above - below) / (2.0 * h), 1e-5 * largest);
    }
}

static void
test_threads (gconstpointer user_data)
{
  const LossCase    *c            = user_data;
  g_autofree Data   *d            = data_new ();
  g_autofree gfloat *gradient     = g_new (gfloat, N);
  g_autofree gfloat *with_threads = g_new (gfloat, N);
  g_autoptr (NrPool) one          = nr_pool_new (1);
  const gdouble      value        = c->loss (one, d, gradient);

  for (guint threads = 2; threads <= THREADS; threads++)
    {
      g_autoptr (NrPool) pool = nr_pool_new (threads);

      g_assert_cmpfloat (c->loss (pool, d, with_threads), ==, value);
      g_assert_cmpmem (with_threads, N * sizeof (gfloat), gradient, N * sizeof (gfloat));
    }
}

/* -- Ends of the range -------------------------------------------------------------------------------------------- */

static void
test_cross_entropy_ends (void)
{
  const gfloat       certain[2] = { 0.0f, 1.0f };
  gfloat             gradient[2];
  g_autoptr (NrPool) pool = nr_pool_new (1);

  /* Right for one, wrong for the other: the mean of 0 and 100. */
  g_assert_cmpfloat (nr_loss_binary_cross_entropy (pool, certain, NULL, 1.0f, 2, gradient), ==, 50.0);
  g_assert_cmpfloat (gradient[0], <, 0.0f);
  g_assert_true (isfinite (gradient[0]));
  g_assert_cmpfloat (gradient[1], ==, 0.0f);
}

static void
test_flat_picture (void)
{
  gfloat             flat[5 * 7], gradient[5 * 7];
  g_autoptr (NrPool) pool = nr_pool_new (1);

  for (gsize i = 0; i < G_N_ELEMENTS (flat); i++)
    flat[i] = 0.25f;

  g_assert_cmpfloat (nr_loss_total_variation (pool, flat, 1, 5, 7, gradient), ==, 0.0);
  g_assert_cmpfloat (nr_loss_l1 (pool, flat, flat, NULL, G_N_ELEMENTS (flat), gradient), ==, 0.0);
  for (gsize i = 0; i < G_N_ELEMENTS (flat); i++)
    g_assert_cmpfloat (gradient[i], ==, 0.0f);
}

static void
test_single_pixel (void)
{
  const gfloat       x = 0.5f, target = 0.25f;
  gfloat             gradient = GUARD;
  g_autoptr (NrPool) pool     = nr_pool_new (2);

  g_assert_cmpfloat (nr_loss_total_variation (pool, &x, 1, 1, 1, &gradient), ==, 0.0);
  g_assert_cmpfloat (gradient, ==, 0.0f);
  g_assert_cmpfloat (nr_loss_mse (pool, &x, &target, NULL, 1, &gradient), ==, 0.0625);
  g_assert_cmpfloat (gradient, ==, 0.5f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree gchar *agrees  = g_strdup_printf ("/engine/gradient/losses/%s-agrees-with-double", cases[i].name);
      g_autofree gchar *threads = g_strdup_printf ("/engine/gradient/losses/%s-is-the-same-for-any-threads", cases[i].name);

      g_test_add_data_func (agrees, &cases[i], test_loss);
      g_test_add_data_func (threads, &cases[i], test_threads);
    }
  g_test_add_func ("/engine/gradient/losses/cross-entropy-of-certainty-is-finite", test_cross_entropy_ends);
  g_test_add_func ("/engine/gradient/losses/a-flat-picture-has-no-gradient", test_flat_picture);
  g_test_add_func ("/engine/gradient/losses/one-pixel", test_single_pixel);

  return g_test_run ();
}
