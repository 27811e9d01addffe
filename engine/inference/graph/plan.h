/* A plan: a model made concrete for given input shapes, ready to run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Made in this order, each step in a file of its own: nodes and tensors with shapes inferred and constants folded
 * (plan.c), nodes nobody reads dropped and chains fused (fuse.c), kernels chosen and weights packed (each operator's
 * prepare), memory laid out from live ranges (arena.c).
 */

#pragma once

#include "model.h"

/* Where a graph input or output of a run lies inside tensors: bound before each run. */
typedef struct
{
  NrTensor *tensor;
  guint     index;  /* of the caller's inputs or outputs */
  gsize     offset; /* bytes from its beginning */
} NrBinding;

struct _NrPlan
{
  NrModel         *model;
  const NrKernels *kernels;
  gboolean         is_estimate; /* nothing is packed, nothing will run */

  GPtrArray *before;  /* NrNode: what the prepare that runs now wants to have run before its node */
  GPtrArray *tensors; /* NrTensor: all that do not belong to the model; owned */
  GPtrArray *nodes;   /* NrNode in execution order; owned */
  NrTensor **inputs;  /* one for each input of the model; a trainer's plan has more, see gradient/tape.h */
  NrTensor **outputs; /* one for each output of the model, and the same */
  guint      n_inputs, n_outputs;

  gsize       folded_bytes;
  gsize       packed_bytes; /* weights packed for this plan's nodes, shared or not */
  GPtrArray  *packed;       /* blocks of this plan alone */
  GHashTable *counted;     /* packed blocks already in packed_bytes */

  /* Filled in by nr_plan_lay_out (). */
  gsize      arena_bytes;
  gsize      scratch_bytes; /* for each thread */
  guint64    n_macs;
  GArray    *input_bindings;  /* NrBinding: tensors in the caller's inputs */
  GArray    *output_bindings; /* NrBinding: tensors in the caller's outputs */
  GArray    *copies;          /* NrBinding: outputs that lie in another place: copied at the end */
  GArray    *slots;           /* NrSlot: tensors in the arena */
  GPtrArray *silent;       /* NrNode: what they would do is done by where their tensors lie; owned */
};

typedef struct
{
  NrTensor *tensor;
  gsize     offset;
} NrSlot;

/* shapes: one for each input of MODEL, checked against it. */
NrPlan *nr_plan_new (NrModel *model, const NrShape *shapes, const NrKernels *kernels, gboolean is_estimate, GError **error);
/* The first step alone: the graph as the file has it, with shapes; it is not fit to run. PARAMETERS (guint, indices of
 * initialisers; NULL: none) become inputs of the plan, after those of the model: their values may change. */
NrPlan *nr_plan_build (NrModel *model, const NrShape *shapes, const NrKernels *kernels, const GArray *parameters, GError **error);
/* Each node's prepare: the step after fusing. */
gboolean nr_plan_prepare (NrPlan *plan, GError **error);
/* Called by prepare of NODE: a node of class OP, named after NODE, that runs right before it, reads in[0] and writes a new
 * float32 tensor of N elements, out[0]. The caller sets params and n_items. */
NrNode *nr_plan_add_before (NrPlan *plan, const NrNode *node, const NrOpClass *op, NrTensor *in, gsize n, GError **error);
/* Appends to inputs, outputs. */
void nr_plan_add_input (NrPlan *plan, NrTensor *tensor);
void nr_plan_add_output (NrPlan *plan, NrTensor *tensor);
void nr_plan_free (NrPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPlan, nr_plan_free)

/* Nodes and tensors of a plan, for the steps that change it. */
NrNode   *nr_plan_node (const NrPlan *plan, guint i);
NrTensor *nr_plan_add_tensor (NrPlan *plan, const gchar *name);
void      nr_node_free (NrNode *node);

/* The operator's infer, with the defaults of what it leaves open. */
gboolean nr_node_infer (NrNode *node, GError **error);

/* Whether the node only gives its input another shape: a view needs no run unless a further output is asked for. */
gboolean nr_node_is_view (const NrNode *node);

/* Drops nodes whose outputs nobody reads. */
void nr_plan_drop_dead (NrPlan *plan);

/* Drops nodes that hand their input on as it is (simplify.c). */
void nr_plan_simplify (NrPlan *plan);

/* Joins chains of nodes into one (fuse.c). */
gboolean nr_plan_fuse (NrPlan *plan, GError **error);

/* After that: 1x1 convolutions take in what stands before them (prologue.c). */
void nr_plan_take_prologues (NrPlan *plan);

/* Decides which activations lie row by row (by-rows.c): before prepare. */
void nr_plan_lay_by_rows (NrPlan *plan);

/* Shares memory between tensors whose live ranges do not meet (arena.c). */
gboolean nr_plan_lay_out (NrPlan *plan, GError **error);

/* Gives the tensors of a laid-out plan their places in ARENA (arena_bytes, 64-byte aligned). */
void nr_plan_place (NrPlan *plan, gpointer arena);
