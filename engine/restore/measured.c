/* Noise and blur of a source, measured once.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "blur-estimate.h"
#include "measured.h"

struct _NrMeasured
{
  gboolean has_noise, has_blur;
  NrNoise  noise;
  NrBlur   blur;
};

NrMeasured *
nr_measured_new (void)
{
  return g_new0 (NrMeasured, 1);
}

void
nr_measured_free (NrMeasured *measured)
{
  g_free (measured);
}

gboolean
nr_measure_noise (const NrSource *source, GCancellable *cancellable, NrNoise *noise, GError **error)
{
  NrMeasured *measured = source->measured;

  if (measured && measured->has_noise)
    {
      *noise = measured->noise;
      return TRUE;
    }
  if (! nr_noise_estimate (source, cancellable, noise, error))
    return FALSE;
  if (measured)
    {
      measured->noise     = *noise;
      measured->has_noise = TRUE;
    }
  return TRUE;
}

gboolean
nr_measure_blur (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error)
{
  NrMeasured *measured = source->measured;

  if (measured && measured->has_blur)
    {
      *blur = measured->blur;
      return TRUE;
    }
  if (! nr_blur_estimate (source, threads, cancellable, blur, error))
    return FALSE;
  if (measured)
    {
      measured->blur     = *blur;
      measured->has_blur = TRUE;
    }
  return TRUE;
}
