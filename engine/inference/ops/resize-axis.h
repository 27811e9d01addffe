/* Resize along one axis: which input elements make an output element, with which weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

typedef enum
{
  NR_RESIZE_NEAREST,
  NR_RESIZE_LINEAR,
  NR_RESIZE_CUBIC
} NrResizeMode;

/* ONNX's coordinate_transformation_mode. */
typedef enum
{
  NR_RESIZE_HALF_PIXEL,
  NR_RESIZE_HALF_PIXEL_SYMMETRIC,
  NR_RESIZE_PYTORCH_HALF_PIXEL,
  NR_RESIZE_ALIGN_CORNERS,
  NR_RESIZE_ASYMMETRIC,
  NR_RESIZE_TF_HALF_PIXEL_FOR_NN,
  NR_RESIZE_TF_CROP_AND_RESIZE
} NrResizeCoordinates;

typedef enum
{
  NR_RESIZE_ROUND_PREFER_FLOOR,
  NR_RESIZE_ROUND_PREFER_CEIL,
  NR_RESIZE_FLOOR,
  NR_RESIZE_CEIL
} NrResizeNearest;

/* The same for all axes of a node. */
typedef struct
{
  NrResizeMode        mode;
  NrResizeCoordinates coordinates;
  NrResizeNearest     nearest;
  gdouble             cubic_a;
  gboolean            exclude_outside, antialias;
} NrResizeOptions;

typedef struct
{
  gsize   in, out;
  gdouble length; /* of the output before it is rounded to OUT: scale times IN */
  gdouble roi_start, roi_end;

  /* Filled in by nr_resize_axis_init (). Output element i is the sum of weights[i * n_taps + t] times input element
   * index[i * n_taps + t], t < n_taps; the input where OUTSIDE (may be NULL) is not set for it. */
  guint     n_taps; /* 0: an axis that stays as it is, without tables */
  guint32  *index;
  gfloat   *weights;
  gboolean *outside;
} NrResizeAxis;

/* Makes the tables; in and out below 2^31, in >= 1. FALSE: they would be too large, or there is no memory. */
gboolean nr_resize_axis_init (NrResizeAxis *axis, const NrResizeOptions *options);
/* The way back: input and output of AXIS (with tables) exchanged, so that each input element gets what it gave to output
 * elements. FALSE: as above. */
gboolean nr_resize_axis_transpose (const NrResizeAxis *axis, NrResizeAxis *transposed);
void     nr_resize_axis_clear (NrResizeAxis *axis);
