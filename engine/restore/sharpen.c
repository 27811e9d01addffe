/* The second input of networks that deblur: what undoing the blur leads to.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "deconvolve.h"
#include "sharpen.h"

/* Chosen on blurred validation tiles. The damping is half of what looks best: the network smooths what is left. */
static const gint   steps[NR_SHARPEN_PLANES] = { 10, 80 };
static const gfloat damping_share            = 0.5f;

gboolean
nr_sharpen (const NrBlur    *blur,
            const NrPicture *input,
            const NrRect    *known,
            gfloat          *planes,
            NrFilterWork    *work,
            gdouble          share,
            GError         **error)
{
  const gsize        n       = (gsize) input->width * input->height;
  const gfloat       damping = damping_share * nr_deconvolution_damping (blur->noise);
  gfloat            *luma    = planes; /* until the first result takes its place */
  g_auto (NrKernel)  kernel  = { 0 };
  g_autofree gfloat *memory  = NULL;
  NrDeconvolution    deconvolution;

  for (gsize i = 0; i < n; i++)
    luma[i] = (input->color[i] + input->color[n + i] + input->color[2 * n + i]) / 3;
  if (blur->shape == NR_BLUR_NONE)
    {
      for (gint i = 1; i < NR_SHARPEN_PLANES; i++)
        memcpy (planes + i * n, luma, n * sizeof (gfloat));
      return TRUE;
    }
  kernel = nr_blur_kernel (blur);
  memory = g_new (gfloat, NR_DECONVOLUTION_PLANES * n);
  if (! nr_deconvolution_init (&deconvolution, &kernel, damping, luma, input->width, input->height, known, memory, work, error))
    return FALSE;
  for (gint i = 0; i < NR_SHARPEN_PLANES; i++)
    {
      const gint more = steps[i] - deconvolution.n_steps;

      if (! nr_deconvolution_run (&deconvolution, more, work, share * more / steps[NR_SHARPEN_PLANES - 1], error))
        return FALSE;
      nr_deconvolution_get (&deconvolution, planes + i * n);
    }
  return TRUE;
}

gint
nr_sharpen_radius (const NrBlur *blur)
{
  return blur->shape == NR_BLUR_NONE ? 0 : ceil (30 * nr_blur_spread (blur));
}

guint64
nr_sharpen_memory (gint width, gint height)
{
  return (guint64) width * height * (NR_SHARPEN_PLANES + NR_DECONVOLUTION_PLANES) * sizeof (gfloat);
}
