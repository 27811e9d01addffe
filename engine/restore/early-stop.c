/* When to stop fitting a network to a damaged picture: see early-stop.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "early-stop.h"
#include "random-plane.h"

enum
{
  MAX_SAMPLES = 32768
};

/* How far above the smallest the variance may be and count as the valley still: a textured picture is learned there for
 * hundreds of iterations, with a variance that wavers by less; that of a smooth one rises by more within 100. */
static const gdouble tolerance = 1.12;

struct _NrEarlyStop
{
  guint    window, burn_in, patience;
  gsize    n_samples;
  gsize   *samples; /* positions of the values looked at */
  gfloat  *ring;    /* window x n_samples, iteration after iteration */
  gdouble *sum, *square; /* over the window, for each sample */

  guint   n_seen;
  guint   best_at; /* n_seen then */
  gdouble variance, smallest;
};

NrEarlyStop *
nr_early_stop_new (gsize n_values, guint window, guint burn_in, guint patience)
{
  NrEarlyStop *stop = g_new0 (NrEarlyStop, 1);

  stop->window    = window;
  stop->burn_in   = burn_in;
  stop->patience  = patience;
  stop->n_samples = MIN (n_values, MAX_SAMPLES);
  stop->samples   = g_new (gsize, stop->n_samples);
  stop->ring      = g_new (gfloat, window * stop->n_samples);
  stop->sum       = g_new0 (gdouble, stop->n_samples);
  stop->square    = g_new0 (gdouble, stop->n_samples);
  stop->variance  = -1;
  stop->smallest  = G_MAXDOUBLE;
  for (gsize i = 0; i < stop->n_samples; i++)
    stop->samples[i] = n_values > MAX_SAMPLES ? nr_random_bits (i) % n_values : i;
  return stop;
}

void
nr_early_stop_free (NrEarlyStop *stop)
{
  if (! stop)
    return;
  g_free (stop->samples);
  g_free (stop->ring);
  g_free (stop->sum);
  g_free (stop->square);
  g_free (stop);
}

/* Puts VALUES in the place of the oldest, sums along. */
static void
take (NrEarlyStop *stop, const gfloat *values)
{
  gfloat        *slot    = stop->ring + (gsize) (stop->n_seen % stop->window) * stop->n_samples;
  const gboolean is_full = stop->n_seen >= stop->window;

  for (gsize i = 0; i < stop->n_samples; i++)
    {
      const gdouble value = values[stop->samples[i]];
      const gdouble old   = is_full ? slot[i] : 0;

      stop->sum[i] += value - old;
      stop->square[i] += value * value - old * old;
      slot[i] = value;
    }
  stop->n_seen++;
}

NrEarlyStopAdvice
nr_early_stop_add (NrEarlyStop *stop, const gfloat *values)
{
  gdouble total = 0;

  take (stop, values);
  if (stop->n_seen < stop->window)
    return NR_EARLY_STOP_GO_ON;

  for (gsize i = 0; i < stop->n_samples; i++)
    {
      const gdouble mean = stop->sum[i] / stop->window;

      total += MAX (stop->square[i] / stop->window - mean * mean, 0);
    }
  stop->variance = total / stop->n_samples;

  if (stop->n_seen <= stop->burn_in)
    return NR_EARLY_STOP_GO_ON;
  stop->smallest = MIN (stop->smallest, stop->variance);
  if (stop->variance <= tolerance * stop->smallest)
    {
      stop->best_at = stop->n_seen;
      return NR_EARLY_STOP_BEST;
    }
  return stop->n_seen - stop->best_at >= stop->patience ? NR_EARLY_STOP_NOW : NR_EARLY_STOP_GO_ON;
}

gdouble
nr_early_stop_variance (const NrEarlyStop *stop)
{
  return stop->variance;
}

gsize
nr_early_stop_memory (gsize n_values, guint window)
{
  const gsize n = MIN (n_values, MAX_SAMPLES);

  return n * (sizeof (gsize) + 2 * sizeof (gdouble) + window * sizeof (gfloat));
}
