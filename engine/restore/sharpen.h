/* The second input of networks that deblur: what undoing the blur leads to.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur.h"
#include "filter-run.h"

/* Planes of the second input: the luma (the mean of the channels) after 10 and after 80 steps of deconvolution. Few steps
 * bring little noise and few rings, many steps all there is. */
enum
{
  NR_SHARPEN_PLANES = 2
};

/* Fills PLANES, each of INPUT's size, with the luma freed of BLUR, nominal 0 to 1. KNOWN: the part of INPUT that is the
 * picture. Without blur it is the luma itself. All of it is SHARE of the window's WORK. */
gboolean nr_sharpen (const NrBlur    *blur,
                     const NrPicture *input,
                     const NrRect    *known,
                     gfloat          *planes,
                     NrFilterWork    *work,
                     gdouble          share,
                     GError         **error);

/* Pixels around a result pixel that it depends on. */
gint nr_sharpen_radius (const NrBlur *blur);

/* Bytes that nr_sharpen () takes for a window, PLANES among them. */
guint64 nr_sharpen_memory (gint width, gint height);
