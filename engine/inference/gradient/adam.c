/* Adam: each value moves by the mean of its gradients over the root of their mean square. Kingma and Ba, Adam: a method for
 * stochastic optimization, 2015, algorithm 1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-gradient.h"

#include "kernels/kernels.h"

#include <math.h>

enum
{
  PIECE = 16384 /* elements of a tensor that one thread takes at a time */
};

struct _NrAdam
{
  NrAdamOptions    options;
  const NrKernels *kernels;
  guint64          t; /* steps made */
  guint            n_tensors;
  gsize           *n_elements;
  gsize           *first_piece; /* n_tensors + 1: of each tensor, then the number of all */
  gfloat         **mean;        /* moments of each tensor, first and second */
  gfloat         **square;
};

NrAdam *
nr_adam_new (const NrAdamOptions *options, guint n_tensors, const gsize *n_elements)
{
  NrAdam *adam = g_new0 (NrAdam, 1);

  adam->options     = *options;
  adam->kernels     = nr_kernels_get (nr_cpu_level ());
  adam->n_tensors   = n_tensors;
  adam->n_elements  = g_memdup2 (n_elements, n_tensors * sizeof *n_elements);
  adam->first_piece = g_new0 (gsize, n_tensors + 1);
  adam->mean        = g_new0 (gfloat *, n_tensors);
  adam->square      = g_new0 (gfloat *, n_tensors);

  for (guint i = 0; i < n_tensors; i++)
    {
      adam->first_piece[i + 1] = adam->first_piece[i] + (n_elements[i] + PIECE - 1) / PIECE;
      adam->mean[i]            = g_new0 (gfloat, n_elements[i]);
      adam->square[i]          = g_new0 (gfloat, n_elements[i]);
    }

  return adam;
}

void
nr_adam_free (NrAdam *adam)
{
  if (adam == NULL)
    return;

  for (guint i = 0; i < adam->n_tensors; i++)
    {
      g_free (adam->mean[i]);
      g_free (adam->square[i]);
    }
  g_free (adam->mean);
  g_free (adam->square);
  g_free (adam->first_piece);
  g_free (adam->n_elements);
  g_free (adam);
}

typedef struct
{
  NrAdam              *adam;
  NrAdamStep           step;
  gfloat *const       *values;
  const gfloat *const *gradients;
} Step;

static void
step_pieces (gsize begin, gsize end, guint thread, gpointer data)
{
  const Step   *s      = data;
  const NrAdam *adam   = s->adam;
  guint         tensor = 0;

  for (gsize piece = begin; piece < end; piece++)
    {
      while (piece >= adam->first_piece[tensor + 1])
        tensor++;

      const gsize first = (piece - adam->first_piece[tensor]) * PIECE;

      adam->kernels->adam_step (s->values[tensor] + first, adam->mean[tensor] + first, adam->square[tensor] + first,
                                s->gradients[tensor] + first, MIN (PIECE, adam->n_elements[tensor] - first), &s->step);
    }
}

void
nr_adam_step (NrAdam *adam, NrPool *pool, gfloat *const *values, const gfloat *const *gradients)
{
  const NrAdamOptions *o = &adam->options;
  Step                 s = { .adam = adam, .values = values, .gradients = gradients };

  adam->t++;
  s.step = (NrAdamStep) {
    .beta1   = (gfloat) o->beta1,
    .rest1   = (gfloat) (1.0 - o->beta1),
    .beta2   = (gfloat) o->beta2,
    .rest2   = (gfloat) (1.0 - o->beta2),
    .rate    = (gfloat) (o->learning_rate / (1.0 - pow (o->beta1, (gdouble) adam->t))),
    .root    = (gfloat) (1.0 / sqrt (1.0 - pow (o->beta2, (gdouble) adam->t))),
    .epsilon = (gfloat) o->epsilon,
  };

  nr_pool_for (pool, adam->first_piece[adam->n_tensors], 1, step_pieces, &s, NULL, NULL);
}
