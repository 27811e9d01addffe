/* Fitting a network to one picture: the deep image prior.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A network that starts at random and turns fixed noise into a picture is fitted to the damaged picture: its weights by
 * Muon, the rest by Adam (nr-gradient.h). It learns what is natural (edges, repetition) sooner than noise, and puts something
 * natural where nothing is known. It ends when it differs from the damaged picture by no more than the noise.
 * Source: Ulyanov, Vedaldi, Lempitsky, Deep image prior, 2018; when to end: the discrepancy principle of Morozov, On the
 * solution of functional equations by the method of regularization, 1966.
 */

#pragma once

#include "prior-network.h"

typedef struct
{
  gint   width, height; /* of the network's picture; multiples of its multiple */
  gint   scale;         /* what is known is the picture reduced so many times by a Lanczos filter; 1: the picture */
  guint  iterations;    /* at most */
  gfloat perturbation;  /* sigma of what is added to the noise in each iteration: the more, the slower and the smoother */
  gfloat total_variation; /* weight of it in the loss, beside the mean square; 0: none */
  guint  seed;
  guint  threads;
} NrPriorFitOptions;

/* Who follows a fit; all of it may be NULL. Functions are called on the thread that fits. */
typedef struct
{
  void (*progress) (gdouble fraction, gpointer data);
  void (*show) (const gfloat *picture, gpointer data); /* three planes: the picture by now, at most twice a second */
  gpointer      data;
  GCancellable *cancellable;
  GCancellable *stop; /* triggered: end with the best so far */
} NrPriorWatch;

/* What a picture is fitted to: three planes of height / scale x width / scale values in [0, 1], where WEIGHT (the same three
 * planes; NULL: everywhere) is above 0. */
typedef struct
{
  const gfloat *known, *weight;
  gdouble       noise; /* mean square of the noise on it (scale 1, no weight), at which the fit ends; 0: it does not */
} NrPriorTarget;

typedef struct _NrPriorFit NrPriorFit;

/* Plans the fit. Holds a reference to the network's model. Errors: the engine's, one sentence. */
NrPriorFit *nr_prior_fit_new (const NrPriorNetwork *network, const NrPriorFitOptions *options, GError **error);
void        nr_prior_fit_free (NrPriorFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPriorFit, nr_prior_fit_free)

/* FIT, which has not run yet, begins with the parameters of BEFORE, a fit of the same network in another size. */
void nr_prior_fit_continue (NrPriorFit *fit, const NrPriorFit *before);

/* Bytes that such a fit would hold. */
gboolean nr_prior_fit_estimate_memory (const NrPriorNetwork    *network,
                                       const NrPriorFitOptions *options,
                                       guint64                 *bytes,
                                       GError                 **error);

guint64 nr_prior_fit_memory (const NrPriorFit *fit);
guint   nr_prior_fit_n_threads (const NrPriorFit *fit);

/* Fits the network to TARGET and writes the picture: three planes of height x width values, the exponential average of the
 * outputs. With a scale, what its reduction still lacks is enlarged and added (iterative back-projection; Irani, Peleg,
 * Improving resolution by image registration, 1991).
 * (X, Y) says where the picture's corner lies: noise belongs to places, so that overlapping pictures start alike. The next
 * run continues with the network as the last one left it.
 * Deterministic for any number of threads. Errors: G_IO_ERROR_CANCELLED within 100 ms, NR_RESTORE_ERROR_PACKAGE where the
 * network's values run away. */
gboolean nr_prior_fit_run (NrPriorFit          *fit,
                           gint                 x,
                           gint                 y,
                           const NrPriorTarget *target,
                           const NrPriorWatch  *watch,
                           gfloat              *picture,
                           GError             **error);
