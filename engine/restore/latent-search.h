/* Searching a generator's latent space for the picture that agrees with what is left of a damaged one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Source: Yeh, Chen, Lim, Schwing, Hasegawa-Johnson, Do, Semantic image inpainting with deep generative models, 2017.
 */

#pragma once

#include "nr-inference.h"

typedef struct
{
  guint   restarts;   /* searches side by side; the best one counts */
  guint   iterations; /* of Adam */
  gdouble perceptual; /* lambda: weight of log (1 - D (G (z))) against the contextual loss, a mean */
  guint   seed;
  guint   threads;
} NrLatentOptions;

/* Who follows a search; all of it may be NULL. */
typedef struct
{
  void (*progress) (gdouble fraction, gpointer data);
  void (*show) (const gfloat *picture, gpointer data); /* the best by now, three planes in [-1, 1]; at most twice a second */
  gpointer      data;
  GCancellable *cancellable;
  GCancellable *stop; /* triggered: end with the best so far */
} NrLatentWatch;

typedef struct _NrLatentSearch NrLatentSearch;

/* GENERATOR: z [N, numbers] -> pictures [N, 3, side, side] in [-1, 1]; DISCRIMINATOR: pictures -> probabilities [N, 1] that
 * they are photographs. NR_RESTORE_ERROR_PACKAGE when they are not such a pair. */
NrLatentSearch *nr_latent_search_new (NrModel *generator, NrModel *discriminator, const NrLatentOptions *options, GError **error);
void            nr_latent_search_free (NrLatentSearch *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrLatentSearch, nr_latent_search_free)

gint  nr_latent_search_side (const NrLatentSearch *search);
gsize nr_latent_search_memory (const NrLatentSearch *search);

/* Starts at random numbers in [-1, 1], keeps them there, and writes the best picture, three planes in [-1, 1].
 *   known    three planes in [-1, 1]
 *   is_known one plane, 1 or 0. Known pixels count by the share of unknown ones around them (7 x 7), those far from the hole
 *            not at all, as in the paper's importance weights.
 * Deterministic for any number of threads. G_IO_ERROR_CANCELLED within 100 ms. */
gboolean nr_latent_search_run (NrLatentSearch      *search,
                               const gfloat        *known,
                               const guint8        *is_known,
                               const NrLatentWatch *watch,
                               gfloat              *picture,
                               GError             **error);
