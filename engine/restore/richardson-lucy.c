/* The method "richardson-lucy" of deblur: undoes a blur that is told or found, step by step.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * deconvolve.h has the steps. Sharpness comes first, noise later, so their number follows from the blur and the measured
 * noise. A pixel's influence fades with the distance but ends late, so that tiles differ slightly (less than 1e-4) where
 * they meet.
 */

#include <math.h>

#include "blur.h"
#include "deconvolve.h"
#include "deliver.h"
#include "richardson-lucy.h"

static const gint most_steps = 120;

/* Share of the progress that the estimate gets. */
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

static gboolean
filter_run (const NrFilter  *filter,
            const NrPicture *input,
            const NrRect    *known,
            NrPicture       *output,
            NrFilterWork    *work,
            GError         **error)
{
  const Method      *method = (const Method *) filter;
  const gsize        plane  = (gsize) input->width * input->height;
  g_autofree gfloat *memory = g_new (gfloat, NR_DECONVOLUTION_PLANES * plane);

  for (gint c = 0; c < 3; c++)
    {
      NrDeconvolution deconvolution;

      if (! nr_deconvolution_init (&deconvolution, &method->kernel, method->damping, input->color + c * plane,
                                   input->width, input->height, known, memory, work, error) ||
          ! nr_deconvolution_run (&deconvolution, method->n_steps, work, 1 / 3.0, error))
        return FALSE;
      nr_deconvolution_get (&deconvolution, output->color + c * plane);
    }
  return TRUE;
}

static guint64
filter_memory (const NrFilter *filter, gint width, gint height, guint n_threads)
{
  return (guint64) width * height * NR_DECONVOLUTION_PLANES * sizeof (gfloat);
}

/* Fitted to the same photographs as the damping. */
static gint
choose_steps (gdouble spread, gdouble noise)
{
  return CLAMP (rint (19 * pow (spread, 0.85) / pow (noise, 0.63)), 1, most_steps);
}

static Method
method_new (const NrArguments *arguments, const NrBlur *blur, gdouble noise)
{
  const gdouble spread = nr_blur_spread (blur);
  Method        method = { .damping = nr_deconvolution_damping (noise) };

  method.kernel  = nr_blur_kernel (blur);
  method.n_steps = arguments->iterations > 0 ? arguments->iterations : choose_steps (spread, MAX (noise, NR_DECONVOLUTION_LEAST_NOISE));
  method.filter  = (NrFilter) {
     .low     = 0,
     .high    = 1,
     .halo    = method.kernel.radius + ceil (20 * spread),
     .padding = method.kernel.radius,
     .work    = 3 * method.n_steps * nr_deconvolution_work (&method.kernel),
     .run     = filter_run,
     .memory  = filter_memory,
  };
  return method;
}

gboolean
nr_richardson_lucy_run (NrJob *job, GError **error)
{
  g_auto (Method) method = { 0 };
  NrBlur          blur;

  if (! nr_blur_find (job, estimate_share, &blur, error))
    return FALSE;
  job->report->noise_estimate = blur.noise * sqrt (3); /* of a channel; the luma is a mean of three */
  if (blur.shape == NR_BLUR_NONE)
    return nr_deliver_unchanged (job, &job->region, 1 - job->fraction, error);
  method = method_new (job->arguments, &blur, job->report->noise_estimate);
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
  const NrBlur    blur   = nr_blur_told (arguments);
  g_auto (Method) method = method_new (arguments, &blur, 1);

  return nr_filter_estimate (&method.filter, arguments, width, height, seconds, memory_mib, error);
}
