/* The method "deep-image-prior" for fill: see deep-image-prior.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The network is fitted to what is known around the hole. What still differs there is continued smoothly into the hole and
 * added, so that the filling meets its surroundings without a step.
 */

#include "deep-image-prior.h"

#include <math.h>
#include <string.h>

#include "fill.h"
#include "hole-filling.h"
#include "prior-plan.h"
#include "window.h"

/* Context around a hole that the smallest fit has at least, as sides of the whole. */
static const gint min_side = 64;
/* Pixels looked at around a hole: from 32 of them a large hole became a smear, and each takes time. */
static const gint context = 64;
/* Side of the largest area fitted at once, a selection of 256 x 256 with its context. Larger ones are filled block by block:
 * a network learns by iterations, and the same time buys more of them on smaller pictures. */
static const gint max_side = 384;

/* Holes, some of whose pixels are this far from all known ones, are filled by a network without skip connections and with
 * its noise perturbed more. */
static const gint   wide              = 10;
static const gfloat wide_perturbation = 1 / 5.0f;

enum
{
  NARROW, /* holes such as letters, scratches, missing pixels */
  WIDE,
  N_KINDS
};

typedef struct
{
  NrJob         *job;
  NrPriorNetwork networks[N_KINDS];
  NrPriorFit    *fit; /* of the hole before, whose network this one's continues if it is of the same kind */
  guint          fit_kind;
  gint           fit_width, fit_height;

  const NrFillGroup *group;   /* under way */
  NrPicture         *picture; /* of it */
  NrHoleFilling      filling; /* of it */
} PriorFill;

static void
prior_fill_clear (PriorFill *fill)
{
  for (guint i = 0; i < N_KINDS; i++)
    nr_prior_network_clear (&fill->networks[i]);
  g_clear_pointer (&fill->fit, nr_prior_fit_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PriorFill, prior_fill_clear)

static void
fit_progress (gdouble fraction, gpointer data)
{
  const PriorFill *fill = data;

  nr_fill_group_progress (fill->group, fraction);
}

/* The network's answer as the hole of PICTURE. */
static void
fit_show (const gfloat *planes, gpointer data)
{
  const PriorFill *fill = data;

  nr_hole_filling_put (&fill->filling, planes, fill->picture);
  nr_fill_group_show (fill->group, fill->picture);
}

/* Lowers each distance to one more than those of the neighbors before it: three in the row before, one in its own. STEP 1
 * goes from the first pixel to the last, -1 back. */
static void
sweep (gint *distance, gint width, gint height, gint step)
{
  for (gint row = 0; row < height; row++)
    for (gint column = 0; column < width; column++)
      {
        const gint y = step > 0 ? row : height - 1 - row;
        const gint x = step > 0 ? column : width - 1 - column;

        for (gint u = MAX (x - 1, 0); u <= MIN (x + 1, width - 1) && row > 0; u++)
          distance[y * width + x] = MIN (distance[y * width + x], distance[(y - step) * width + u] + 1);
        if (column > 0)
          distance[y * width + x] = MIN (distance[y * width + x], distance[y * width + x - step] + 1);
      }
}

/* NARROW or WIDE. A distance is the larger of the two coordinates' differences. */
static guint
kind_of_hole (const NrHoleFilling *filling)
{
  const gsize      n        = (gsize) filling->width * filling->height;
  g_autofree gint *distance = g_new (gint, n);
  gint             largest  = 0;

  for (gsize i = 0; i < n; i++)
    distance[i] = filling->weight[i] > 0 ? 0 : filling->width + filling->height;
  sweep (distance, filling->width, filling->height, 1);
  sweep (distance, filling->width, filling->height, -1);
  for (gsize i = 0; i < n; i++)
    largest = MAX (largest, distance[i]);
  return largest > wide ? WIDE : NARROW;
}

/* The fit of KIND for windows of WIDTH x HEIGHT, which goes on from the one before. */
static gboolean
prepare_fit (PriorFill *fill, guint kind, gint width, gint height, GError **error)
{
  g_autoptr (NrPriorFit) fit = NULL;
  NrPriorFitOptions      options;

  if (fill->fit && fill->fit_kind == kind && fill->fit_width == width && fill->fit_height == height)
    return TRUE;

  nr_prior_plan_fit (fill->job->arguments, width, height, &options);
  if (kind == WIDE)
    options.perturbation = wide_perturbation;
  fit = nr_prior_fit_new (&fill->networks[kind], &options, error);
  if (! fit)
    return FALSE;
  if (fill->fit && fill->fit_kind == kind)
    nr_prior_fit_continue (fit, fill->fit);
  g_clear_pointer (&fill->fit, nr_prior_fit_free);
  fill->fit                  = g_steal_pointer (&fit);
  fill->fit_kind             = kind;
  fill->fit_width            = width;
  fill->fit_height           = height;
  fill->job->report->threads = nr_prior_fit_n_threads (fill->fit);
  return TRUE;
}

/* NrFillFunc */
static gboolean
fill_group (gpointer data, const NrFillGroup *group, NrPicture *picture, GError **error)
{
  PriorFill            *fill     = data;
  const NrPriorNetwork *network  = &fill->networks[NARROW];
  const gint            multiple = network->multiple;
  const gint            width    = network->width > 0 ? network->width : nr_prior_plan_round_up (MAX (picture->width, min_side), multiple);
  const gint            height   = network->height > 0 ? network->height : nr_prior_plan_round_up (MAX (picture->height, min_side), multiple);
  const NrPriorWatch    watch    = { fit_progress, fit_show, fill, fill->job->cancellable, fill->job->arguments->stop };
  g_autofree gfloat    *planes   = NULL;
  NrPriorTarget         target;
  gboolean              is_done;

  if (nr_job_is_stopped (fill->job))
    return TRUE;
  if (width < picture->width || height < picture->height)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network takes pictures of %d x %d pixels only, but the hole with its context has %d x %d; "
                   "select a smaller area or less context",
                   width, height, picture->width, picture->height);
      return FALSE;
    }
  if (! nr_hole_filling_init (&fill->filling, picture, width, height, error))
    return FALSE;
  if (! prepare_fit (fill, kind_of_hole (&fill->filling), width, height, error))
    {
      nr_hole_filling_clear (&fill->filling);
      return FALSE;
    }

  planes        = g_new (gfloat, 3 * (gsize) width * height);
  fill->group   = group;
  fill->picture = picture;
  target        = (NrPriorTarget) { fill->filling.known, fill->filling.weight, 0 };
  is_done       = nr_prior_fit_run (fill->fit, group->area.x, group->area.y, &target, &watch, planes, error) &&
            nr_hole_filling_match (&fill->filling, planes, fill->job->arguments->threads, fill->job->cancellable, error);
  if (is_done)
    nr_hole_filling_put (&fill->filling, planes, picture);
  nr_hole_filling_clear (&fill->filling);
  return is_done;
}

/* What a pixel of an area takes, from a middling one. */
static gboolean
bytes_per_pixel (const NrArguments *arguments, const NrPriorNetwork *network, guint64 *bytes, GError **error)
{
  const gint        side = network->width > 0 && network->height > 0 ? MIN (network->width, network->height) : 256;
  NrPriorFitOptions options;

  nr_prior_plan_fit (arguments, network->width > 0 ? network->width : nr_prior_plan_round_up (side, network->multiple),
                     network->height > 0 ? network->height : nr_prior_plan_round_up (side, network->multiple), &options);
  if (! nr_prior_fit_estimate_memory (network, &options, bytes, error))
    return FALSE;
  *bytes = *bytes / ((guint64) options.width * options.height) + 1 + (4 * 5 + 2 * 6) * sizeof (gfloat);
  return TRUE;
}

gboolean
nr_prior_run_fill (NrJob *job, GError **error)
{
  const gint         side   = MIN (job->source->width, job->source->height);
  g_auto (PriorFill) fill   = { .job = job };
  NrFillMethod       method = { fill_group, &fill, 0, (guint64) max_side * max_side, context };

  if (! nr_prior_plan_network (job->arguments, MAX (side, min_side), TRUE, &fill.networks[NARROW], error) ||
      ! nr_prior_plan_network (job->arguments, MAX (side, min_side), FALSE, &fill.networks[WIDE], error) ||
      ! bytes_per_pixel (job->arguments, &fill.networks[NARROW], &method.bytes_per_pixel, error))
    return FALSE;
  g_free (job->report->model);
  job->report->model = g_strdup (job->arguments->model ? job->arguments->model : "");
  return nr_fill_run (job, &method, error);
}

gboolean
nr_prior_estimate_fill (const NrArguments *arguments, gint width, gint height, gdouble *seconds, gdouble *memory_mib, GError **error)
{
  g_auto (NrPriorNetwork) network = { 0 };
  NrArguments             own     = *arguments;
  gdouble                 n_pixels;
  gint                    side;
  guint64                 bytes;

  own.context = arguments->context > 0 ? arguments->context : context;
  n_pixels    = nr_fill_area_pixels (&own, width, height);
  if (! nr_prior_plan_network (arguments, max_side, TRUE, &network, error) ||
      ! bytes_per_pixel (arguments, &network, &bytes, error))
    return FALSE;
  *memory_mib = MIN (n_pixels, (gdouble) max_side * max_side) * bytes / 1048576.0;
  side        = MIN ((gint) sqrt (n_pixels), max_side);
  return nr_prior_plan_seconds (arguments, n_pixels / ((gdouble) side * side), side, side, seconds, error);
}
