/* Copies whose output is contiguous and whose input is walked through in strides: Transpose, Slice, Expand, Tile,
 * DepthToSpace, SpaceToDepth.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/node.h"

enum
{
  NR_STRIDED_MAX_RANK = 2 * NR_MAX_RANK
};

typedef struct
{
  gsize    size; /* bytes of an element */
  guint    rank; /* 1 or more, after merging */
  gsize    dims[NR_STRIDED_MAX_RANK];    /* of the output */
  gssize   strides[NR_STRIDED_MAX_RANK]; /* of the input, in elements; 0 repeats, negative walks backwards */
  gsize    offset;                       /* of the first element in the input */
  gboolean is_transposed;                /* the last but one dimension is the contiguous one */
} NrStridedCopy;

/* Output dimension i of dims[i] elements advances by strides[i] elements of the input, from OFFSET on; what this
 * reaches must lie inside the input. The copy becomes the node's params, and its items are set: elements of the output
 * or, when transposed, rows of it. Where it is a piece of the input as it lies there, the node is marked so (is_part). */
void nr_strided_copy_init_node (NrNode *node, guint rank, const gint64 *dims, const gssize *strides, gsize offset);

/* The run of such a node. */
void nr_strided_copy_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch);

/* The way back of such a node whose output has every element of its input once: another copy. */
gboolean nr_strided_copy_plan_backward (NrBackward *backward, GError **error);
void     nr_strided_copy_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch);

/* Strides of a contiguous tensor. */
void nr_contiguous_strides (const NrShape *shape, gssize *strides);
