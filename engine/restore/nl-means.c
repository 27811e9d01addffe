/* The method "nl-means" of denoise: non-local means at the told or estimated noise level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Patches are compared in brightness and two color differences, of which brightness counts more: it shows the structures,
 * while the color differences are mostly noise. Orthonormal axes, so that white noise is as strong in each.
 */

#include <math.h>

#include "deliver.h"
#include "detail.h"
#include "filter-run.h"
#include "nl-means-filter.h"
#include "nl-means.h"
#include "noise-estimate.h"
#include "window.h"

/* What color differences count for, brightness counting 1. */
static const gfloat color_share = 0.4f;

/* Fitted to photographs with noise of sigma 5 to 70 that are not those of any test; h is a share of sigma, the floor one of
 * its square. Small patches are enough, as whole patches are averaged and each pixel lies in nine of them. The search is
 * small because places farther away match by chance. A floor above 2 also takes in patches that chance made differ. */
static const gint    patch       = 1;
static const gint    search      = 7;
static const gdouble h           = 0.5;
static const gdouble noise_floor = 2.2;

/* Share of the progress that the noise estimate gets. */
static const gdouble estimate_share = 0.05;

typedef struct
{
  NrFilter  filter; /* first */
  NrNlMeans rules;
  gfloat    detail;
} Method;

/* The three axes; the guide's planes are divided by the root of the mean of the squared weights, so that white noise keeps
 * its mean square. */
static NrPicture *
make_guide (const NrPicture *input, GError **error)
{
  const gsize   plane = (gsize) input->width * input->height;
  const gfloat  norm  = sqrtf ((1 + 2 * color_share * color_share) / 3);
  const gfloat  light = 1 / (sqrtf (3) * norm);
  const gfloat  red   = color_share / (sqrtf (2) * norm);
  const gfloat  green = color_share / (sqrtf (6) * norm);
  NrPicture    *guide = nr_window_picture_new (input->width, input->height, 3, FALSE, FALSE, error);
  const gfloat *r     = input->color;
  const gfloat *g     = input->color + plane;
  const gfloat *b     = input->color + 2 * plane;

  for (gsize i = 0; guide && i < plane; i++)
    {
      guide->color[i]             = light * (r[i] + g[i] + b[i]);
      guide->color[plane + i]     = red * (r[i] - b[i]);
      guide->color[2 * plane + i] = green * (r[i] - 2 * g[i] + b[i]);
    }
  return guide;
}

static gboolean
filter_run (const NrFilter  *filter,
            const NrPicture *input,
            const NrRect    *known,
            NrPicture       *output,
            NrFilterWork    *work,
            GError         **error)
{
  const Method         *method = (const Method *) filter;
  g_autoptr (NrPicture) guide  = make_guide (input, error);

  if (! guide || ! nr_nl_means (&method->rules, guide, input, output, work, error))
    return FALSE;
  if (method->detail > 0)
    nr_detail_restore (input, output, method->detail);
  return TRUE;
}

/* The guide, what nr_nl_means () takes, and later the five planes of nr_detail_restore (). */
static guint64
filter_memory (const NrFilter *filter, gint width, gint height, guint n_threads)
{
  const Method *method = (const Method *) filter;

  return (guint64) width * height * 5 * sizeof (gfloat) + nr_nl_means_memory (&method->rules, width, height, n_threads);
}

static Method
method_new (const NrArguments *arguments, gdouble sigma)
{
  const gdouble variance  = sigma / 255 * sigma / 255;
  const gint    n_offsets = (2 * search + 1) * (2 * search + 1);
  Method        method    = { .detail = arguments->detail };

  method.rules  = (NrNlMeans) { patch, search, noise_floor * variance, h * h * variance };
  method.filter = (NrFilter) {
    .low    = -0.5f, /* noise on black and white is part of the noise */
    .high   = 1.5f,
    .halo   = nr_nl_means_reach (&method.rules) + (method.detail > 0 ? NR_DETAIL_RADIUS : 0),
    .work   = n_offsets * (21 + 8 * patch), /* differences, four rows of sums, weights, totals */
    .run    = filter_run,
    .memory = filter_memory,
  };
  return method;
}

gboolean
nr_nl_means_run (NrJob *job, GError **error)
{
  NrNoise noise;
  Method  method;

  if (! nr_noise_find (job, estimate_share, &noise, error))
    return FALSE;
  if (noise.level <= 0)
    return nr_deliver_unchanged (job, &job->region, 1 - job->fraction, error);
  method = method_new (job->arguments, noise.level);
  return nr_filter_run (&method.filter, job, job->fraction, error);
}

gboolean
nr_nl_means_estimate (const NrArguments *arguments,
                      gint               width,
                      gint               height,
                      gdouble           *seconds,
                      gdouble           *memory_mib,
                      GError           **error)
{
  const Method method = method_new (arguments, arguments->noise > 0 ? arguments->noise : 25);

  return nr_filter_estimate (&method.filter, arguments, width, height, seconds, memory_mib, error);
}
