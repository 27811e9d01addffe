/* The blur of a picture: its shape, told or found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "blur.h"
#include "measured.h"

/* Sigma that is planned with when the blur is not told. */
static const gdouble usual_sigma = 1.5;

NrKernel
nr_blur_kernel (const NrBlur *blur)
{
  switch (blur->shape)
    {
    case NR_BLUR_DISC:
      return nr_kernel_disc (blur->size);
    case NR_BLUR_MOTION:
      return nr_kernel_motion (blur->size, blur->angle);
    default:
      return nr_kernel_gaussian (blur->size);
    }
}

gdouble
nr_blur_spread (const NrBlur *blur)
{
  switch (blur->shape)
    {
    case NR_BLUR_GAUSSIAN:
      return blur->size;
    case NR_BLUR_DISC:
      return blur->size / 2;
    case NR_BLUR_MOTION:
      return blur->size / sqrt (12);
    default:
      return 0;
    }
}

const gchar *
nr_blur_shape_name (NrBlurShape shape)
{
  static const gchar *const names[] = { "none", "gaussian", "disc", "motion" };

  return names[shape];
}

NrBlur
nr_blur_told (const NrArguments *arguments)
{
  NrBlur blur = { NR_BLUR_GAUSSIAN, arguments->blur > 0 ? arguments->blur : usual_sigma };

  for (NrBlurShape shape = NR_BLUR_GAUSSIAN; arguments->blur > 0 && shape <= NR_BLUR_MOTION; shape++)
    if (g_strcmp0 (arguments->kernel, nr_blur_shape_name (shape)) == 0)
      blur.shape = shape;
  if (blur.shape == NR_BLUR_MOTION)
    blur.angle = arguments->angle * G_PI / 180;
  return blur;
}

gboolean
nr_blur_find (NrJob *job, gdouble share, NrBlur *blur, GError **error)
{
  const NrArguments *arguments = job->arguments;
  NrReport          *report    = job->report;
  NrNoise            noise;

  if (arguments->blur > 0)
    {
      if (! nr_measure_noise (job->source, job->cancellable, &noise, error))
        return FALSE;
      *blur       = nr_blur_told (arguments);
      blur->noise = nr_noise_sigma (&noise) / sqrt (3); /* the luma is a mean of three */
    }
  else if (! nr_measure_blur (job->source, arguments->threads, job->cancellable, blur, error))
    {
      return FALSE;
    }
  report->blur_shape = nr_blur_shape_name (blur->shape);
  report->blur_size  = blur->size;
  report->blur_angle = blur->angle * 180 / G_PI;
  nr_job_progress (job, share);
  return TRUE;
}
