/* What Conv and ConvTranspose share: a convolution as grids of output positions, how it is computed, its run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A convolution is one grid, a transposed one a grid for each phase of its strides (sub-pixel phases: each is a plain
 * convolution with the taps that meet the phase). infer describes the grids, prepare chooses the method and packs the
 * weights, run computes items: a batch entry, a group, a block of output positions, a chunk of output channels. Items are
 * cut from the shapes alone, so the result is the same bytes for any number of threads.
 */

#pragma once

#include "graph/node.h"

typedef enum
{
  NR_CONV_UNDECIDED,
  NR_CONV_BAND,    /* rows of the input side by side, times packed weights */
  NR_CONV_DEPTHWISE, /* channels by themselves, where they lie */
  NR_CONV_PANEL,   /* panels of 48 positions, filled from the input, times packed weights */
  NR_CONV_PLANE,   /* small planes: rows side by side in one panel */
  NR_CONV_WINOGRAD /* F(6x6,3x3) */
} NrConvMethod;

/* One axis of the kernel in words of the input: output = (input + begin + end - reach) / stride + 1 for a convolution. Of a
 * transposed one all is stated alike, so that input and output only change places. */
typedef struct
{
  gint64 input, output, kernel, stride, dilation, begin, end;
} NrConvAxis;

/* One grid. axis[i].offset points into OFFSETS. */
typedef struct
{
  NrGrid     grid;
  ptrdiff_t *offsets;
  gsize     *taps;        /* grid.n_taps: index of each tap in the kernel */
  gsize      weights;     /* where its packed weights of group 0 begin, in floats */
  gsize      first_block; /* of the items of one batch entry and group */
  gsize      n_blocks;
} NrConvPart;

typedef struct _NrConvBand  NrConvBand;
typedef struct _NrConvPlane NrConvPlane;

typedef struct
{
  gsize batch, groups;
  gsize in_channels, out_channels; /* a group */
  gsize w_group, w_out, w_in;      /* elements between groups, output channels, input channels of the weights */
  gsize n_taps;                    /* of the kernel */

  gboolean   is_transposed;
  NrConvAxis axis[3]; /* from which the parts were made */

  NrConvPart *parts;
  gsize       n_parts;

  /* Elements to the next row and channel of the activations, which may lie by rows. Set by nr_conv_prepare (), like all that
   * follows but the method, which takes_rows may have chosen. */
  gsize in_row, in_channel, out_row, out_channel;

  NrConvMethod  method;
  const gfloat *packed;          /* NULL: the weights are not constant, a node before this one packs them into in[NR_CONV_PACKED] */
  gsize         group_weights;   /* floats of packed weights a group */
  gsize         block;           /* positions (panel) or tiles (Winograd) of an item */
  gsize         n_blocks;        /* of one batch entry and group, all parts */
  gsize         chunk, n_chunks; /* output channels of an item */
  gsize         n_items;
  gsize         tiles_x, tiles_y; /* Winograd */
  gsize         step;             /* Winograd: output channels transformed back at once */
  gboolean      is_in_two;        /* Winograd, planes: a node before this one makes the patches or panels in in[NR_CONV_PATCHES] */
  gsize         rows, columns;    /* of an item: bands */

  /* Bands. */
  NrConvBand *bands; /* one for each unit of lanes x across parts */
  gsize       n_bands;
  gsize       lanes;      /* phases along a row */
  gsize       across;     /* phases across rows that are computed together */
  gboolean    is_stacked; /* they are rows of one product */

  NrConvPlane *plane;
} NrConvPlan;

/* Reads kernel_shape, strides, dilations, pads (all but auto_pad) for the spatial axes of input 0 and weights (input 1)
 * into axis[3], leading axes neutral; checks types, ranks and ranges. */
gboolean nr_conv_read_axes (NrNode *node, NrConvAxis axis[3], guint *n_spatial, GError **error);

/* Checks the bias (input 2, optional): one float32 for each of CHANNELS. */
gboolean nr_conv_check_bias (NrNode *node, gint64 channels, GError **error);

/* Makes node->params. Grids are added with nr_conv_plan_add_grid () or nr_conv_plan_add_phases (). */
NrConvPlan *nr_conv_plan_new (NrNode *node);

/* The same convolution without node, before a method is chosen (which may cut its parts otherwise). */
NrConvPlan *nr_conv_plan_copy (const NrConvPlan *plan);
void        nr_conv_plan_free (NrConvPlan *plan);

/* The grid of a convolution, those of a transposed one (ops/conv.c, ops/conv-transpose.c). */
void nr_conv_plan_add_grid (NrConvPlan *plan, const NrConvAxis axis[3]);
void nr_conv_plan_add_phases (NrConvPlan *plan, const NrConvAxis axis[3]);

/* A grid whose axis a has positions[a] positions q, written at q * out_step + out_phase, and reads with step[a] at the
 * given taps: taps[a][t] is the tap's index along the kernel's axis, offset[a][t] its input coordinate at q = 0. */
typedef struct
{
  gsize      positions, step, out_step, out_phase, n_taps;
  gsize     *taps;
  ptrdiff_t *offset;
} NrConvPartAxis;

void nr_conv_plan_add_part (NrConvPlan *plan, const NrConvAxis axis[3], const NrConvPartAxis part[3]);

/* Whether it is 3 x 3 with stride 1 and no dilation, of one part, not cut yet. */
gboolean nr_conv_is_3x3 (const NrConvPlan *plan);

/* NrOpClass.takes_rows, prepare and run of both operators. */
gboolean nr_conv_takes_rows (const NrNode *node);
gboolean nr_conv_prepare (NrNode *node, const NrKernels *kernels, GError **error);
void     nr_conv_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch);

/* NrOpClass.differentiate of both (gradient/conv-gradient.c). */
gboolean nr_conv_differentiate (NrTape *tape, NrNode *node, NrTensor *const *out_gradient, const gboolean *wanted, NrTensor **in_gradient, GError **error);
