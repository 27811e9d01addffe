/* The method "deep-image-prior" for fill: see deep-image-prior.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The network is fitted to what is known around the hole. What still differs there is continued smoothly into the hole and
 * added, so that the filling meets its surroundings without a step. A wide hole is filled at half the size, and gets its
 * detail from patches of the picture that follow the network.
 */

#include "deep-image-prior.h"

#include <math.h>
#include <string.h>

#include "enlarge.h"
#include "fill.h"
#include "hole-filling.h"
#include "patch-fill.h"
#include "prior-plan.h"
#include "window.h"

/* Context around a hole that the smallest fit has at least, as sides of the whole. */
static const gint min_side = 64;
/* Pixels looked at around a hole: from 32 of them a large hole became a smear, and each takes time. */
static const gint context = 64;
/* Side of the largest area fitted at once, a selection of 256 x 256 with its context. Larger ones are filled block by block:
 * a network learns by iterations, and the same time buys more of them on smaller pictures. */
static const gint max_side = 384;
/* So narrow holes, which need not be seen from far, are filled in blocks of this side and this much around them. */
static const gint block          = 168;
static const gint narrow_context = 16;

/* Holes, some of whose pixels are this far from all known ones, are filled by a network without skip connections and with
 * its noise perturbed more, which is fitted to the area reduced so many times: detail comes from patches, and shapes are
 * continued as well in a quarter of the time. At a quarter of the size with noise perturbed by 1/5 little more than a smooth
 * transition is left; with 1/30, or more iterations, shapes come out that do not belong there. */
static const gint   wide              = 10;
static const gint   wide_scale        = 2;
static const gfloat wide_perturbation = 1 / 16.0f;
static const guint  wide_iterations   = 600;
/* That patches take for a pixel (patch-match.h), with two masks. */
static const guint64 texture_bytes = 90 + 2;

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
  gint           scales[N_KINDS]; /* a network's picture is the area reduced so many times */
  NrPriorFit    *fit; /* the last, whose network the next one's continues if it is of the same kind */
  guint          fit_kind;
  gint           fit_width, fit_height;

  /* Under way: a group of holes, and the part of it that a network is fitted to. */
  const NrFillGroup *group;
  NrPicture         *picture;     /* of the group */
  NrRect             area, core;  /* in the picture: what is fitted, and what of it is kept */
  NrPicture         *part;        /* the picture's AREA */
  NrHoleFilling      filling;     /* of the part */
  guint              kind;        /* of its hole */
  gdouble            done, share; /* of the group's work: before the part, and the part's */
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

  nr_fill_group_progress (fill->group, fill->done + fill->share * fraction);
}

/* The network's answer as the hole of the part, whose core goes back into the picture. */
static void
put_part (PriorFill *fill, const gfloat *planes)
{
  const gsize   plane      = (gsize) fill->picture->width * fill->picture->height;
  const gsize   part_plane = (gsize) fill->part->width * fill->part->height;
  const NrRect *core       = &fill->core;

  nr_hole_filling_put (&fill->filling, planes, fill->part);
  for (gint c = 0; c < fill->picture->n_channels; c++)
    for (gint y = core->y; y < core->y + core->height; y++)
      memcpy (fill->picture->color + c * plane + (gsize) y * fill->picture->width + core->x,
              fill->part->color + c * part_plane + (gsize) (y - fill->area.y) * fill->part->width + core->x - fill->area.x,
              core->width * sizeof (gfloat));
}

/* The network's three PLANES at the size of the filling. */
static gfloat *
enlarge (const PriorFill *fill, const gfloat *planes)
{
  const gint scale = fill->scales[fill->kind];
  gfloat    *large = g_new (gfloat, 3 * (gsize) fill->filling.width * fill->filling.height);

  nr_enlarge_planes (planes, 3, fill->filling.width / scale, fill->filling.height / scale, scale, NR_FILTER_CUBIC, large);
  return large;
}

static void
fit_show (const gfloat *planes, gpointer data)
{
  PriorFill         *fill  = data;
  g_autofree gfloat *large = enlarge (fill, planes);

  put_part (fill, large);
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
    {
      options.perturbation = wide_perturbation;
      options.iterations   = fill->job->arguments->iterations > 0 ? options.iterations : wide_iterations;
    }
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

/* What a network puts into a wide hole is a sketch: patches of the part that are like it take its place in PLANES, of the
 * filling's size. */
static gboolean
add_detail (PriorFill *fill, gfloat *planes, GError **error)
{
  const NrHoleFilling *filling    = &fill->filling;
  const gsize          n          = (gsize) filling->width * filling->height;
  g_autofree guint8   *is_hole    = g_new (guint8, n);
  g_autofree guint8   *is_unclean = g_new (guint8, n);
  g_autoptr (NrPool)   pool       = nr_pool_new (fill->job->arguments->threads);
  NrFillJob            job        = { .pool = pool, .cancellable = fill->job->cancellable };

  for (gsize i = 0; i < n; i++)
    {
      const gint     x        = i % filling->width;
      const gint     y        = i / filling->width;
      const gboolean is_known = filling->weight[i] > 0;

      is_hole[i]    = ! is_known;
      is_unclean[i] = ! is_known || x >= fill->part->width || y >= fill->part->height;
      for (gsize c = 0; c < 3 && is_known; c++)
        planes[c * n + i] = filling->known[c * n + i];
    }
  if (nr_patch_fill (&job, planes, 3, filling->width, filling->height, is_hole, is_unclean, NR_PATCH_SKETCH,
                     fill->job->arguments->seed))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the fill was cancelled");
  return FALSE;
}

/* Side of the filling for SIDE pixels; FIXED: the only one that the network takes, or 0. */
static gint
window_side (const PriorFill *fill, guint kind, gint side, gint fixed)
{
  return fixed > 0 ? fixed : nr_prior_plan_round_up (MAX (side, min_side), fill->networks[kind].multiple * fill->scales[kind]);
}

/* A network fitted to the part without its hole, at the size of the filling; NULL: see ERROR. */
static gfloat *
fit_network (PriorFill *fill, GError **error)
{
  const gint             scale   = fill->scales[fill->kind];
  const NrPriorWatch     watch   = { fit_progress, fit_show, fill, fill->job->cancellable, fill->job->arguments->stop };
  const gint             x       = (fill->group->area.x + fill->area.x) / scale;
  const gint             y       = (fill->group->area.y + fill->area.y) / scale;
  g_auto (NrHoleFilling) reduced = { 0 };
  g_autofree gfloat     *planes  = NULL;
  NrPriorTarget          target  = { 0 };

  nr_hole_filling_reduce (&fill->filling, scale, &reduced);
  target.known  = reduced.known;
  target.weight = reduced.weight;
  planes        = g_new (gfloat, 3 * (gsize) reduced.width * reduced.height);
  if (! prepare_fit (fill, fill->kind, reduced.width, reduced.height, error) ||
      ! nr_prior_fit_run (fill->fit, x, y, &target, &watch, planes, error))
    return NULL;
  return enlarge (fill, planes);
}

/* The part's hole from a network fitted to the rest of it; the part is begun. */
static gboolean
fit_part (PriorFill *fill, GError **error)
{
  g_autofree gfloat *planes = fit_network (fill, error);

  if (! planes ||
      ! nr_hole_filling_match (&fill->filling, planes, fill->job->arguments->threads, fill->job->cancellable, error) ||
      (fill->kind == WIDE && ! add_detail (fill, planes, error)))
    return FALSE;
  put_part (fill, planes);
  return TRUE;
}

/* Reads the part at AREA for a network of KIND. */
static gboolean
begin_part (PriorFill *fill, guint kind, const NrRect *area, const NrRect *core, GError **error)
{
  const NrPriorNetwork *network = &fill->networks[kind];
  const NrSource        source  = nr_picture_source (fill->picture);
  const gint            width   = window_side (fill, kind, area->width, network->width);
  const gint            height  = window_side (fill, kind, area->height, network->height);

  if (width < area->width || height < area->height)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network takes pictures of %d x %d pixels only, but the hole with its context has %d x %d; "
                   "select a smaller area or less context",
                   width, height, area->width, area->height);
      return FALSE;
    }
  fill->kind = kind;
  fill->area = *area;
  fill->core = *core;
  fill->part = nr_window_read_source (&source, area, error);
  return fill->part && nr_hole_filling_init (&fill->filling, fill->part, width, height, error);
}

static void
end_part (PriorFill *fill)
{
  nr_hole_filling_clear (&fill->filling);
  g_clear_pointer (&fill->part, nr_picture_free);
}

static gboolean
fill_block (PriorFill *fill, const NrRect *area, const NrRect *core, GError **error)
{
  gboolean is_done = TRUE;

  if (! nr_job_is_stopped (fill->job))
    is_done = begin_part (fill, NARROW, area, core, error) && fit_part (fill, error);
  end_part (fill);
  fill->done += fill->share;
  return is_done;
}

static gboolean
has_hole (const NrPicture *picture, const NrRect *rect)
{
  for (gint y = rect->y; y < rect->y + rect->height; y++)
    for (gint x = rect->x; x < rect->x + rect->width; x++)
      {
        const gsize i = (gsize) y * picture->width + x;

        if (picture->weight[i] > 0 && (! picture->alpha || picture->alpha[i] > 0))
          return TRUE;
      }
  return FALSE;
}

/* The group's holes in blocks that do not see far. */
static gboolean
fill_blocks (PriorFill *fill, GError **error)
{
  const NrSource source = nr_picture_source (fill->picture);
  const NrRect  *bounds = &fill->group->bounds;
  const gint     x      = bounds->x - fill->group->area.x;
  const gint     y      = bounds->y - fill->group->area.y;
  const gint     margin = fill->job->arguments->context > 0 ? fill->job->arguments->context : narrow_context;
  const gint     across = (bounds->width + block - 1) / block;
  const gint     down   = (bounds->height + block - 1) / block;

  fill->share = 1.0 / (across * down);
  for (gint i = 0; i < across * down; i++)
    {
      const gint   left   = x + (gint64) bounds->width * (i % across) / across;
      const gint   top    = y + (gint64) bounds->height * (i / across) / down;
      const gint   right  = x + (gint64) bounds->width * (i % across + 1) / across;
      const gint   bottom = y + (gint64) bounds->height * (i / across + 1) / down;
      const NrRect core   = { left, top, right - left, bottom - top };
      const NrRect area   = nr_window_grow (&source, &core, margin);

      if (! has_hole (fill->picture, &core))
        fill->done += fill->share;
      else if (! fill_block (fill, &area, &core, error))
        return FALSE;
    }
  return TRUE;
}

/* What KIND of hole the group's is. */
static gboolean
look_at_hole (PriorFill *fill, const NrRect *whole, guint *kind, GError **error)
{
  const gboolean is_read = begin_part (fill, NARROW, whole, whole, error);

  if (is_read)
    *kind = kind_of_hole (&fill->filling);
  end_part (fill);
  return is_read;
}

/* NrFillFunc */
static gboolean
fill_group (gpointer data, const NrFillGroup *group, NrPicture *picture, GError **error)
{
  PriorFill            *fill    = data;
  const NrPriorNetwork *network = &fill->networks[NARROW];
  const NrRect          whole   = { 0, 0, picture->width, picture->height };
  guint                 kind    = NARROW;
  gboolean              is_done;

  if (nr_job_is_stopped (fill->job))
    return TRUE;
  fill->group   = group;
  fill->picture = picture;
  fill->done    = 0;
  fill->share   = 1;
  if (! look_at_hole (fill, &whole, &kind, error))
    return FALSE;
  if (kind == NARROW && network->width == 0 && network->height == 0)
    return fill_blocks (fill, error);
  is_done = begin_part (fill, kind, &whole, &whole, error) && fit_part (fill, error);
  end_part (fill);
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
  *bytes = *bytes / ((guint64) options.width * options.height) + 1 + (5 * 5 + 2 * 6) * sizeof (gfloat) + texture_bytes;
  return TRUE;
}

gboolean
nr_prior_run_fill (NrJob *job, GError **error)
{
  const gint         side   = MIN (job->source->width, job->source->height);
  g_auto (PriorFill) fill   = { .job = job };
  NrFillMethod       method = { fill_group, &fill, 0, (guint64) max_side * max_side, context };

  if (! nr_prior_plan_network (job->arguments, NR_PRIOR_DETAILED, MAX (side, min_side), &fill.networks[NARROW], error) ||
      ! nr_prior_plan_network (job->arguments, NR_PRIOR_COARSE, MAX (side / wide_scale, min_side), &fill.networks[WIDE], error) ||
      ! bytes_per_pixel (job->arguments, &fill.networks[NARROW], &method.bytes_per_pixel, error))
    return FALSE;
  fill.scales[NARROW] = 1;
  fill.scales[WIDE]   = fill.networks[WIDE].width > 0 || fill.networks[WIDE].height > 0 ? 1 : wide_scale;
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
  if (! nr_prior_plan_network (arguments, NR_PRIOR_DETAILED, max_side, &network, error) ||
      ! bytes_per_pixel (arguments, &network, &bytes, error))
    return FALSE;
  *memory_mib = MIN (n_pixels, (gdouble) max_side * max_side) * bytes / 1048576.0;
  side        = MIN ((gint) sqrt (n_pixels), max_side);
  return nr_prior_plan_seconds (arguments, NR_PRIOR_DETAILED, n_pixels / ((gdouble) side * side), side, side, seconds, error);
}
