/* The way back: appends to a plan the nodes that make gradients.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Nodes of the way back are nodes of the plan like those of the way there. So the arena keeps a forward value exactly until
 * its last reader of either kind, views of gradients cost nothing, element-wise gradients overwrite what they read, and all
 * memory is known before any is allocated.
 */

#pragma once

#include "graph/plan.h"

struct _NrTape
{
  NrPlan     *plan;
  GHashTable *wanted;    /* NrTensor: a gradient of it is wanted */
  GHashTable *gradients; /* NrTensor -> NrTensor: its gradient so far */
};

/* PLAN: built, neither fused nor prepared. wanted[i]: whether the gradient of plan->inputs[i] is. Then
 * gradients[i] is that gradient, NULL where it is not wanted or zero; the caller makes outputs of the plan of them. For each
 * output of the plan that depends on what is wanted, an input is appended to the plan that takes its gradient,
 * seeds[i]; NULL for others. Errors: a node without a gradient. */
gboolean nr_tape_differentiate (NrPlan *plan, const gboolean *wanted, NrTensor **seeds, NrTensor **gradients, GError **error);

/* For differentiate in an operator class. */

/* A new tensor of the shape of LIKE, named after it. */
NrTensor *nr_tape_tensor (NrTape *tape, const NrTensor *like);
/* A new tensor of another shape, of float32; NULL when no tensor can be that large, an error of NODE. */
NrTensor *nr_tape_tensor_new (NrTape *tape, const NrNode *node, guint rank, const gint64 *dims, GError **error);

/* Appends a node of class OP, named after NODE, with its opset and attributes. The caller calls nr_node_infer (), or sets
 * what infer would have set (shapes of outputs, params, n_items). */
NrNode *nr_tape_add (NrTape *tape, const NrNode *node, const NrOpClass *op, guint n_in, NrTensor *const *in, guint n_out, NrTensor *const *out);
