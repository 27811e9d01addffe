/* Networks for the deep image prior: an hourglass of our own, or one from a file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"

/* A network [1, n_inputs, H, W] -> [1, 3, H, W] that turns noise into a picture, values about 0 to 1. */
typedef struct
{
  NrModel *model;
  gint     n_inputs;      /* channels of noise */
  gint     multiple;      /* H and W must be multiples of it */
  gint     height, width; /* the only ones it takes, or 0: any */
} NrPriorNetwork;

void nr_prior_network_clear (NrPriorNetwork *network);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (NrPriorNetwork, nr_prior_network_clear)

/* How many times an hourglass for pictures whose smaller side is SIDE halves them: the coarsest level keeps about 16 pixels,
 * as many as the paper's. */
guint nr_prior_network_depth (gint side);

typedef enum
{
  NR_PRIOR_PLAIN,    /* 32 channels, 1x1 kernels last on a level */
  NR_PRIOR_DETAILED, /* 64 channels on the coarser levels, 3x3 kernels last: twice the time, finer texture */
  NR_PRIOR_COARSE    /* as plain without the skip connections: what is far from all that is known is then made by the coarse
                   * levels alone, which continue large shapes, instead of by noise that takes the short way */
} NrPriorKind;

/* An hourglass with skip connections: at each of DEPTH levels the picture is halved by a convolution with stride 2, and on
 * the way back doubled linearly and joined with 4 channels of what went down. Batch normalization and LeakyReLU follow all
 * convolutions but the last, which a sigmoid follows. 16 channels of noise. Parameters are random by SEED, distributed as
 * PyTorch's are. The paper's has 128 channels on all levels.
 * Source: Ulyanov, Vedaldi, Lempitsky, Deep image prior, 2018, figure 21 of the supplement. */
gboolean nr_prior_network_new (NrPriorNetwork *network, NrPriorKind kind, guint depth, guint seed, GError **error);

/* The network of the ONNX file at PATH, which starts with the file's parameters. One sentence when it cannot be one. */
gboolean nr_prior_network_load (NrPriorNetwork *network, const gchar *path, GError **error);
