/* How blurred a picture is, and in what way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "blur-estimate.h"
#include "blur-table.h"

static const gdouble least_cost = 1e-3; /* below all are equally good */
/* The blurs that are tried first; from each to the next the size grows by the factor. */
static const gdouble first_sigma = 0.4, sigma_factor = 1.2;
static const gdouble first_radius = 1, radius_factor = 1.15;
static const gdouble first_length = 3, most_length = 26;
/* The network may not leave what it was trained with. */
static const gdouble most_correction             = 0.7;
static const gdouble most_size[NR_BLUR_N_SHAPES] = { 0, 4.5, 6.6, 26 };

typedef struct
{
  const NrBlurFit *fit;
  NrPool          *pool;
  GCancellable    *cancellable;
} Search;

typedef struct
{
  const Search    *search;
  NrBlurCandidate *candidates;
} Trial;

/* NrRangeFunc */
static void
try_candidates (gsize begin, gsize end, guint thread, gpointer data)
{
  const Trial *trial = data;

  for (gsize i = begin; i < end; i++)
    nr_blur_fit_run (trial->search->fit, &trial->candidates[i]);
}

static gboolean
is_going_on (gsize n_done, gpointer data)
{
  return ! g_cancellable_is_cancelled (((const Search *) data)->cancellable);
}

/* Costs of all of LIST; FALSE if cancelled. */
static gboolean
try_all (Search *search, GArray *list, GError **error)
{
  Trial trial = { search, (NrBlurCandidate *) list->data };

  nr_pool_for (search->pool, list->len, 1, try_candidates, &trial, is_going_on, search);
  return ! g_cancellable_set_error_if_cancelled (search->cancellable, error);
}

static void
add (GArray *list, NrBlurShape shape, gdouble size, gdouble angle)
{
  const NrBlurCandidate candidate = { { shape, size, angle } };

  g_array_append_val (list, candidate);
}

/* The blurs to begin with, so close that a better one is found from the best of them step by step: none, Gaussian ones, discs,
 * motions. */
static GArray *
coarse_list (void)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (NrBlurCandidate));

  add (list, NR_BLUR_NONE, 0, 0);
  for (guint i = 0; i < NR_BLUR_N_SIZES; i++)
    add (list, NR_BLUR_GAUSSIAN, first_sigma * pow (sigma_factor, i), 0);
  for (guint i = 0; i < NR_BLUR_N_SIZES; i++)
    add (list, NR_BLUR_DISC, first_radius * pow (radius_factor, i), 0);
  for (gdouble length = first_length; length < most_length; length = MAX (length * 1.1, length + 0.8))
    {
      const gint n = CLAMP (rint (G_PI * length / 3), 6, 24);

      for (gint i = 0; i < n; i++)
        add (list, NR_BLUR_MOTION, length, G_PI * i / n);
    }
  return list;
}

/* BLUR's neighbours at the FINENESS-th part of the coarse list's distance, about. */
static GArray *
fine_list (const NrBlur *blur, gdouble fineness)
{
  GArray       *list = g_array_new (FALSE, FALSE, sizeof (NrBlurCandidate));
  const gdouble turn = 0.4 * fineness / MAX (1, blur->size / 4);
  const gdouble grow = 1 + 0.06 * fineness;

  if (blur->shape != NR_BLUR_MOTION)
    {
      add (list, blur->shape, blur->size * (1 + 0.1 * fineness), 0);
      add (list, blur->shape, blur->size / (1 + 0.1 * fineness), 0);
      return list;
    }
  for (gint i = -1; i <= 1; i++)
    for (gint j = -1; j <= 1; j++)
      if (i != 0 || j != 0)
        add (list, blur->shape, CLAMP (blur->size * pow (grow, i), 1.5, most_length), fmod (blur->angle + j * turn + G_PI, G_PI));
  return list;
}

static const NrBlurCandidate *
best_of (const GArray *list, NrBlurShape shape)
{
  const NrBlurCandidate *best = NULL;

  for (guint i = 0; i < list->len; i++)
    {
      const NrBlurCandidate *candidate = &g_array_index (list, NrBlurCandidate, i);

      if (candidate->blur.shape == shape && (! best || candidate->cost < best->cost))
        best = candidate;
    }
  return best;
}

/* Walks from *BEST to better neighbours, in smaller and smaller steps. */
static gboolean
refine (Search *search, NrBlurCandidate *best, GError **error)
{
  for (gdouble fineness = 1; fineness >= 0.25; fineness /= 2)
    {
      g_autoptr (GArray)     list = fine_list (&best->blur, fineness);
      const NrBlurCandidate *next;

      if (! try_all (search, list, error))
        return FALSE;
      next = best_of (list, best->blur.shape);
      if (next->cost < best->cost)
        *best = *next;
    }
  return TRUE;
}

/* ln of COST, but not of almost nothing. */
static gdouble
log_cost (gdouble cost)
{
  return log (cost + least_cost);
}

static void
fill_features (const GArray *coarse, const NrBlurFit *fit, const NrBlurEvidence *evidence, NrBlurFindings *findings)
{
  const NrBlurCandidate *best  = findings->best;
  gfloat                *to    = findings->features;
  gdouble                least = G_MAXDOUBLE;
  gfloat                 bands[NR_BLUR_N_BANDS];

  for (guint shape = 0; shape < NR_BLUR_N_SHAPES; shape++)
    least = MIN (least, log_cost (best[shape].cost));
  *to++ = least;
  for (guint i = 1; i <= 2 * NR_BLUR_N_SIZES; i++)
    *to++ = log_cost (g_array_index (coarse, NrBlurCandidate, i).cost) - least;
  for (guint shape = 0; shape < NR_BLUR_N_SHAPES; shape++)
    {
      *to++ = log_cost (best[shape].cost) - least;
      *to++ = best[shape].slope;
      *to++ = log (best[shape].blur.noise);
      *to++ = shape == NR_BLUR_NONE ? 0 : log (best[shape].blur.size);
    }
  for (guint i = 0; i < NR_BLUR_N_EDGES; i++)
    *to++ = evidence->edges[i];
  nr_blur_fit_bands (fit, bands);
  for (guint i = 0; i < NR_BLUR_N_BANDS; i++)
    *to++ = bands[i] - bands[0];
}

gboolean
nr_blur_search (const NrSource *source, guint threads, GCancellable *cancellable, NrBlurFindings *findings, GError **error)
{
  g_autoptr (NrPool)         pool     = nr_pool_new (threads);
  g_autofree NrBlurEvidence *evidence = nr_blur_blocks_read (source, pool, cancellable, error);
  g_autoptr (NrBlurFit)      fit      = NULL;
  g_autoptr (GArray)         list     = NULL;
  Search                     search   = { .pool = pool, .cancellable = cancellable };

  if (! evidence)
    return FALSE;
  fit        = nr_blur_fit_new (evidence->power);
  search.fit = fit;
  list       = coarse_list ();
  if (! try_all (&search, list, error))
    return FALSE;
  for (NrBlurShape shape = NR_BLUR_NONE; shape <= NR_BLUR_MOTION; shape++)
    {
      findings->best[shape] = *best_of (list, shape);
      if (shape != NR_BLUR_NONE && ! refine (&search, &findings->best[shape], error))
        return FALSE;
    }
  fill_features (list, fit, evidence, findings);
  return TRUE;
}

/* Trained by weights/train/blur_shape.py. */
static NrBlur
decide (const NrBlurFindings *findings)
{
  gfloat      outputs[2 * NR_BLUR_N_SHAPES - 1];
  NrBlurShape shape = NR_BLUR_NONE;
  NrBlur      blur;

  nr_small_network_run (&nr_blur_network, findings->features, outputs);
  for (NrBlurShape other = NR_BLUR_GAUSSIAN; other <= NR_BLUR_MOTION; other++)
    if (outputs[other] > outputs[shape])
      shape = other;
  blur = findings->best[shape].blur;
  if (shape != NR_BLUR_NONE)
    blur.size = MIN (blur.size * exp (CLAMP (outputs[NR_BLUR_MOTION + shape], -most_correction, most_correction)), most_size[shape]);
  return blur;
}

gboolean
nr_blur_estimate (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error)
{
  NrBlurFindings findings;

  *blur = (NrBlur) { .shape = NR_BLUR_NONE, .noise = nr_blur_least_noise };
  if (MIN (source->width, source->height) < NR_BLUR_LEAST_SIDE)
    return TRUE;
  if (! nr_blur_search (source, threads, cancellable, &findings, error))
    return FALSE;
  *blur = decide (&findings);
  return TRUE;
}
