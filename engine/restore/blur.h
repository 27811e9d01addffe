/* The blur of a picture: its shape, told or found.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "convolve.h"
#include "job.h"

typedef enum
{
  NR_BLUR_NONE,
  NR_BLUR_GAUSSIAN, /* size: sigma */
  NR_BLUR_DISC,     /* size: radius */
  NR_BLUR_MOTION,   /* size: length, in the direction of angle */
} NrBlurShape;

typedef struct
{
  NrBlurShape shape;
  gdouble     size;  /* pixels */
  gdouble     angle; /* radians, counter-clockwise from the right, 0 to pi */
  gdouble     noise; /* sigma of the luma's white noise on the 0-255 scale, as the spectrum shows it */
} NrBlur;

/* The kernel of BLUR, whose shape is not NR_BLUR_NONE. */
NrKernel nr_blur_kernel (const NrBlur *blur);

/* Standard deviation of BLUR's kernel in the direction where it is largest, pixels. */
gdouble nr_blur_spread (const NrBlur *blur);

/* "gaussian", "disc", "motion" or "none". */
const gchar *nr_blur_shape_name (NrBlurShape shape);

/* The blur that ARGUMENTS tell; for blur 0 a usual one, to plan with. */
NrBlur nr_blur_told (const NrArguments *arguments);

/* The blur that JOB is to be restored from, told or estimated; it goes into the report. The estimate is SHARE of the job's
 * progress. FALSE with the source's error or G_IO_ERROR_CANCELLED. */
gboolean nr_blur_find (NrJob *job, gdouble share, NrBlur *blur, GError **error);
