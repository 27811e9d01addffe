/* Broadcasting after NumPy: how the elements of up to four operands meet those of an output.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Dimensions of size 1 are dropped, and neighbours that every input walks through in one stride are merged, so that the
 * usual cases have long rows:
 *   same shape                          1 row,            steps 1, 1
 *   a scalar                            1 row,            steps 1, 0
 *   a channel's value [C, 1, 1]         N C rows of H W,  steps 1, 0
 *   a row [C] under [..., C]            rows of C,        steps 1, 1
 */

#pragma once

#include "graph/node.h"

enum
{
  NR_BROADCAST_MAX_IN = 4
};

typedef struct
{
  guint n_in;
  guint rank;                                         /* 1 or more */
  gsize dims[NR_MAX_RANK];                            /* of the output; the last is the length of a row */
  gsize strides[NR_BROADCAST_MAX_IN][NR_MAX_RANK];    /* in elements, 0 where the input repeats; the last is 0 or 1 */
} NrBroadcast;

/* IN broadcast to OUT (see nr_node_broadcast ()); shapes without open dimensions. Cannot fail. */
void nr_broadcast_init (NrBroadcast *broadcast, const NrShape *out, const NrShape *const *in, guint n_in);

/* Walks through output elements [pos, end) row by row. After a TRUE from nr_broadcast_next (): N elements of the output
 * from element OUT on meet input k's elements from in[k] on, which advance by step[k] (0 or 1). */
typedef struct
{
  const NrBroadcast *broadcast;
  gsize              pos, end;
  gsize              out, n;
  gsize              in[NR_BROADCAST_MAX_IN];
  gint               step[NR_BROADCAST_MAX_IN];
} NrBroadcastRows;

void     nr_broadcast_rows (NrBroadcastRows *rows, const NrBroadcast *broadcast, gsize begin, gsize end);
gboolean nr_broadcast_next (NrBroadcastRows *rows);

/* For a node whose inputs 0 to n_in - 1 (all there) broadcast to out[0]: sets its shape, of TYPE, and fills BROADCAST. */
gboolean nr_broadcast_init_node (NrBroadcast *broadcast, NrNode *node, guint n_in, NrType type, GError **error);
