/* Losses: means over all elements, with their gradients.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Elements are cut in blocks of one size; a block's sum runs in lanes of single precision, blocks add up in double and in
 * order. So a loss is the same number for any number of threads.
 */

#include "nr-gradient.h"

#include <math.h>
#include <string.h>

enum
{
  BLOCK = 4096,
  LANES = 16
};

typedef struct _Loss Loss;

/* The sum of block [0, n) of the pointers given, gradients written. */
typedef gdouble (*BlockFunc) (const Loss *loss, gsize begin, gsize end);

struct _Loss
{
  BlockFunc     func;
  const gfloat *output, *target, *weight;
  gfloat        label, scale; /* scale: of gradients, 1 / number of elements */
  gfloat       *gradient;
  gsize         height, width;
  gsize         n, block;
  gdouble      *sums; /* one a block */
};

static void
run_blocks (gsize begin, gsize end, guint thread, gpointer data)
{
  const Loss *loss = data;

  for (gsize i = begin; i < end; i++)
    loss->sums[i] = loss->func (loss, i * loss->block, MIN ((i + 1) * loss->block, loss->n));
}

/* Mean over n_elements of what FUNC sums over [0, n). */
static gdouble
mean (NrPool *pool, Loss *loss, gsize n_elements)
{
  gsize               n_blocks = (loss->n + loss->block - 1) / loss->block;
  g_autofree gdouble *sums     = g_new (gdouble, n_blocks);
  gdouble             sum      = 0.0;

  loss->sums = sums;
  nr_pool_for (pool, n_blocks, 1, run_blocks, loss, NULL, NULL);
  for (gsize i = 0; i < n_blocks; i++)
    sum += sums[i];

  return sum / (gdouble) n_elements;
}

static gdouble
add_lanes (const gfloat *lanes)
{
  gdouble sum = 0.0;

  for (guint l = 0; l < LANES; l++)
    sum += lanes[l];
  return sum;
}

/* -- Differences -------------------------------------------------------------------------------------------------- */

/* One body for both norms of d = output - target: its part of the loss, and the derivative of that. */
#define DEFINE_DIFFERENCE(name, part, slope)                                  \
  static gdouble                                                              \
  name (const Loss *loss, gsize begin, gsize end)                             \
  {                                                                           \
    gfloat lanes[LANES] = { 0.0f };                                           \
                                                                              \
    for (gsize i = begin; i < end; i += LANES)                                \
      for (gsize l = 0; l < MIN (LANES, end - i); l++)                        \
        {                                                                     \
          const gfloat d = loss->output[i + l] - loss->target[i + l];         \
          const gfloat w = loss->weight != NULL ? loss->weight[i + l] : 1.0f; \
                                                                              \
          lanes[l] += w * (part);                                             \
          loss->gradient[i + l] = loss->scale * w * (slope);                  \
        }                                                                     \
    return add_lanes (lanes);                                                 \
  }

DEFINE_DIFFERENCE (block_mse, d *d, 2.0f * d)
DEFINE_DIFFERENCE (block_l1, fabsf (d), d > 0.0f ? 1.0f : d < 0.0f ? -1.0f
                                                                   : 0.0f)
#undef DEFINE_DIFFERENCE

static gdouble
difference (NrPool *pool, BlockFunc func, const gfloat *output, const gfloat *target, const gfloat *weight, gsize n, gfloat *gradient)
{
  Loss loss = { .func     = func,
                .output   = output,
                .target   = target,
                .weight   = weight,
                .scale    = 1.0f / (gfloat) n,
                .gradient = gradient,
                .n        = n,
                .block    = BLOCK };

  return mean (pool, &loss, n);
}

gdouble
nr_loss_mse (NrPool *pool, const gfloat *output, const gfloat *target, const gfloat *weight, gsize n, gfloat *gradient)
{
  g_return_val_if_fail (output != NULL && target != NULL && gradient != NULL && n > 0, 0.0);

  return difference (pool, block_mse, output, target, weight, n, gradient);
}

gdouble
nr_loss_l1 (NrPool *pool, const gfloat *output, const gfloat *target, const gfloat *weight, gsize n, gfloat *gradient)
{
  g_return_val_if_fail (output != NULL && target != NULL && gradient != NULL && n > 0, 0.0);

  return difference (pool, block_l1, output, target, weight, n, gradient);
}

/* -- Total variation ---------------------------------------------------------------------------------------------- */

static gfloat
sign (gfloat d)
{
  return d > 0.0f ? 1.0f : d < 0.0f ? -1.0f
                                    : 0.0f;
}

/* Elements [begin, end) are one row: its steps to the left and from above; gradients have those to the right and below
 * too. */
static gdouble
row_variation (const Loss *loss, gsize begin, gsize end)
{
  const gsize   width = loss->width;
  const gsize   row   = begin / width % loss->height;
  const gfloat *x     = loss->output + begin;
  const gfloat *above = row > 0 ? x - width : x;
  const gfloat *below = row + 1 < loss->height ? x + width : x;
  gfloat       *g     = loss->gradient + begin;
  gdouble       sum   = 0.0;

  for (gsize i = 0; i < width; i++)
    {
      sum += fabsf (x[i] - above[i]);
      g[i] = loss->scale * (sign (x[i] - above[i]) + sign (x[i] - below[i]));
    }
  for (gsize i = 1; i < width; i++)
    {
      const gfloat s = loss->scale * sign (x[i] - x[i - 1]);

      sum += fabsf (x[i] - x[i - 1]);
      g[i] += s;
      g[i - 1] -= s;
    }

  return sum;
}

gdouble
nr_loss_total_variation (NrPool *pool, const gfloat *output, gsize planes, gsize height, gsize width, gfloat *gradient)
{
  const gsize n    = planes * height * width;
  Loss        loss = { .func     = row_variation,
                       .output   = output,
                       .scale    = 1.0f / (gfloat) n,
                       .gradient = gradient,
                       .height   = height,
                       .width    = width,
                       .n        = n,
                       .block    = width };

  g_return_val_if_fail (output != NULL && gradient != NULL && n > 0, 0.0);

  return mean (pool, &loss, n);
}

/* -- Binary cross-entropy ----------------------------------------------------------------------------------------- */

/* ln p, not below -100, so that a probability of exactly 0 has a finite loss. */
static gdouble
bounded_log (gdouble p)
{
  return MAX (log (p), -100.0);
}

/* Few elements, one a picture: nothing to gain from lanes. */
static gdouble
block_cross_entropy (const Loss *loss, gsize begin, gsize end)
{
  gdouble sum = 0.0;

  for (gsize i = begin; i < end; i++)
    {
      const gdouble p = loss->output[i];
      const gdouble y = loss->target != NULL ? loss->target[i] : loss->label;

      sum -= y * bounded_log (p) + (1.0 - y) * bounded_log (1.0 - p);
      loss->gradient[i] = (gfloat) (loss->scale * (p - y) / MAX (p * (1.0 - p), 1e-12));
    }

  return sum;
}

gdouble
nr_loss_binary_cross_entropy (NrPool *pool, const gfloat *probability, const gfloat *labels, gfloat label, gsize n, gfloat *gradient)
{
  Loss loss = { .func     = block_cross_entropy,
                .output   = probability,
                .target   = labels,
                .label    = label,
                .scale    = 1.0f / (gfloat) n,
                .gradient = gradient,
                .n        = n,
                .block    = BLOCK };

  g_return_val_if_fail (probability != NULL && gradient != NULL && n > 0, 0.0);

  return mean (pool, &loss, n);
}
