/* The method "richardson-lucy" of deblur: undoes a blur of known shape, step by step.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * For the blurred plane d and the blur H (mirrored at the border), each step makes of the guess x
 *   y = x + m (x - x'), x' the guess before       the step taken further, m = (i - 1) / (i + 2)
 *   x = y H (d / H y) / (1 - damping div (grad y / sqrt (|grad y|^2 + edge^2)))
 * Richardson 1972 and Lucy 1974; taken further as Biggs and Andrews 1997, with Nesterov's fixed momentum instead of one
 * measured over the whole picture, so that tiles do not depend on each other; damped by total variation as Dey and others
 * 2006. Sharpness comes first, noise later, so the number of steps follows from the blur and the measured noise.
 *
 * A pixel's influence fades with the distance but ends late, so that tiles differ slightly (less than 1e-4) where they meet.
 */

#include <math.h>
#include <string.h>

#include "convolve.h"
#include "filter-run.h"
#include "noise-estimate.h"
#include "richardson-lucy.h"
#include "window.h"

/* Added to all values, so that black is no singularity. */
static const gfloat pedestal = 0.05f;
static const gfloat least    = 1e-3f;

/* Fitted, with the steps below, to photographs blurred by sigma 1 to 3 with noise of sigma 0 to 5. */
static const gdouble damping_by_noise = 0.0018;
static const gfloat  edge             = 0.06f;

/* What rounding to 8 bits leaves: a picture without noise is not better than that. */
static const gdouble least_noise = 0.3;

static const gint most_steps = 120;

/* What blur 0 stands for: the softness of a lens or of a picture that was enlarged a little. Too little leaves some blur,
 * too much makes rings. */
static const gdouble default_sigma = 1.2;

/* Share of the progress that the noise estimate gets. */
static const gdouble estimate_share = 0.05;

typedef struct
{
  NrFilter filter; /* first */
  NrKernel kernel;
  gint     n_steps;
  gfloat   damping;
} Method;

static void
method_clear (Method *method)
{
  nr_kernel_clear (&method->kernel);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Method, method_clear)

/* The planes of one channel. */
typedef struct
{
  gint    width, height;
  gfloat *blurred;  /* d */
  gfloat *guess;    /* x */
  gfloat *previous; /* x', then the new x */
  gfloat *ahead;    /* y */
  gfloat *ratio;    /* d / H y */
  gfloat *scratch;
  gfloat  damping;
} Channel;

enum
{
  N_PLANES = 6
};

/* NrRowFunc: H y -> d / H y. */
static void
divide_row (gint y, gfloat *sums, gpointer data)
{
  const Channel *channel         = data;
  const gsize    row             = (gsize) y * channel->width;
  const gfloat *restrict blurred = channel->blurred + row;
  gfloat *restrict ratio         = channel->ratio + row;

  for (gint x = 0; x < channel->width; x++)
    ratio[x] = blurred[x] / MAX (sums[x], least);
}

/* grad / sqrt (|grad|^2 + edge^2) of a row. Forward differences: the pixel to the right and the one below, 0 over the
 * border. */
static void
direction_row (const gfloat *restrict here, const gfloat *restrict below, gint width, gfloat *restrict along, gfloat *restrict down)
{
  for (gint x = 0; x + 1 < width; x++)
    {
      const gfloat dx    = here[x + 1] - here[x];
      const gfloat dy    = below[x] - here[x];
      const gfloat scale = 1 / sqrtf (dx * dx + dy * dy + edge * edge);

      along[x] = dx * scale;
      down[x]  = dy * scale;
    }
  along[width - 1] = 0;
  down[width - 1]  = (below[width - 1] - here[width - 1]) /
                    sqrtf ((below[width - 1] - here[width - 1]) * (below[width - 1] - here[width - 1]) + edge * edge);
}

/* NrRowFunc: H (d / H y) -> the new x, in the place of x'. */
static void
step_row (gint y, gfloat *sums, gpointer data)
{
  const Channel *channel      = data;
  const gint     width        = channel->width;
  const gsize    row          = (gsize) y * width;
  const gfloat  *here         = channel->ahead + row;
  const gfloat  *below        = here + (y + 1 < channel->height ? width : 0);
  const gfloat  *above        = here - (y > 0 ? width : 0);
  gfloat *restrict to         = channel->previous + row;
  g_autofree gfloat *memory   = g_new0 (gfloat, 4 * width + 1);
  gfloat *restrict along      = memory + 1; /* 0 before the first */
  gfloat *restrict down       = along + width;
  gfloat *restrict down_above = down + width;
  gfloat *restrict unused     = down_above + width;

  direction_row (here, below, width, along, down);
  if (y > 0)
    direction_row (above, here, width, unused, down_above);
  for (gint x = 0; x < width; x++)
    {
      const gfloat divergence = along[x] - along[x - 1] + down[x] - down_above[x];

      to[x] = here[x] * sums[x] / (1 - channel->damping * divergence);
    }
}

static gboolean
restore_channel (const Method *method, Channel *channel, NrFilterWork *work, GError **error)
{
  const gsize   n     = (gsize) channel->width * channel->height;
  const gdouble share = 1.0 / (3 * 2 * method->n_steps); /* of one convolution */

  memcpy (channel->guess, channel->blurred, n * sizeof (gfloat));
  memcpy (channel->previous, channel->blurred, n * sizeof (gfloat));
  for (gint i = 0; i < method->n_steps; i++)
    {
      const gfloat momentum = i > 0 ? (i - 1) / (i + 2.0f) : 0;
      gfloat      *new_guess;

      for (gsize j = 0; j < n; j++)
        channel->ahead[j] = MAX (channel->guess[j] + momentum * (channel->guess[j] - channel->previous[j]), least);
      if (! nr_convolve (&method->kernel, channel->ahead, channel->scratch, channel->width, channel->height,
                         divide_row, channel, work, share, error) ||
          ! nr_convolve (&method->kernel, channel->ratio, channel->scratch, channel->width, channel->height,
                         step_row, channel, work, share, error))
        return FALSE;
      new_guess         = channel->previous;
      channel->previous = channel->guess;
      channel->guess    = new_guess;
    }
  return TRUE;
}

static gboolean
filter_run (const NrFilter *filter, const NrPicture *input, NrPicture *output, NrFilterWork *work, GError **error)
{
  const Method      *method = (const Method *) filter;
  const gsize        plane  = (gsize) input->width * input->height;
  g_autofree gfloat *memory = g_new (gfloat, N_PLANES * plane);

  for (gint c = 0; c < 3; c++)
    {
      Channel channel = {
        .width    = input->width,
        .height   = input->height,
        .blurred  = memory,
        .guess    = memory + plane,
        .previous = memory + 2 * plane,
        .ahead    = memory + 3 * plane,
        .ratio    = memory + 4 * plane,
        .scratch  = memory + 5 * plane,
        .damping  = method->damping,
      };

      for (gsize i = 0; i < plane; i++)
        channel.blurred[i] = input->color[c * plane + i] + pedestal;
      if (! restore_channel (method, &channel, work, error))
        return FALSE;
      for (gsize i = 0; i < plane; i++)
        output->color[c * plane + i] = channel.guess[i] - pedestal;
    }
  return TRUE;
}

static guint64
filter_memory (const NrFilter *filter, gint width, gint height, guint n_threads)
{
  return (guint64) width * height * N_PLANES * sizeof (gfloat);
}

static gint
choose_steps (gdouble sigma, gdouble noise)
{
  return CLAMP (rint (19 * pow (sigma, 0.85) / pow (noise, 0.63)), 1, most_steps);
}

static Method
method_new (const NrArguments *arguments, gdouble noise)
{
  const gboolean is_disc = g_strcmp0 (arguments->kernel, "disc") == 0;
  const gdouble  sigma   = arguments->blur <= 0 ? default_sigma
                           : is_disc            ? arguments->blur / 2 /* it spreads as a Gaussian of half its radius */
                                                : arguments->blur;
  Method         method  = { .damping = damping_by_noise * MAX (noise, least_noise) };

  method.kernel  = is_disc ? nr_kernel_disc (2 * sigma) : nr_kernel_gaussian (sigma);
  method.n_steps = arguments->iterations > 0 ? arguments->iterations : choose_steps (sigma, MAX (noise, least_noise));
  method.filter  = (NrFilter) {
     .low    = 0,
     .high   = 1,
     .halo   = method.kernel.radius + ceil (20 * sigma),
     .work   = 3 * method.n_steps * (2 * nr_kernel_work (&method.kernel) + 60),
     .run    = filter_run,
     .memory = filter_memory,
  };
  return method;
}

gboolean
nr_richardson_lucy_run (NrJob *job, GError **error)
{
  g_auto (Method) method = { 0 };
  NrNoise         noise;

  if (! nr_noise_estimate (job->source, job->cancellable, &noise, error))
    return FALSE;
  /* The noise itself, not the level that a network is best told. */
  job->report->noise_estimate = nr_noise_sigma (&noise);
  nr_job_progress (job, estimate_share);
  method = method_new (job->arguments, job->report->noise_estimate);
  return nr_filter_run (&method.filter, job, job->fraction, error);
}

gboolean
nr_richardson_lucy_estimate (const NrArguments *arguments,
                             gint               width,
                             gint               height,
                             gdouble           *seconds,
                             gdouble           *memory_mib,
                             GError           **error)
{
  g_auto (Method) method = method_new (arguments, 1);

  return nr_filter_estimate (&method.filter, arguments, width, height, seconds, memory_mib, error);
}
