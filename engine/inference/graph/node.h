/* Nodes and operators: the contract between the plan and ops/.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plan is a list of nodes in execution order. Each node belongs to an operator class: one file in ops/, one row in
 * ops/registry.c. Planning calls infer once per node, in order, with concrete shapes; a node whose inputs are all
 * constant is run at once and becomes constant itself (so shape arithmetic never reaches a run).
 */

#pragma once

#include "tensor.h"
#include "kernels/kernels.h"

typedef struct _NrNode    NrNode;
typedef struct _NrOpClass NrOpClass;
typedef struct _NrPlan    NrPlan;
typedef struct _NrTape    NrTape;

/* -- Attributes --------------------------------------------------------------------------------------------------- */

typedef enum
{
  NR_ATTR_INT,
  NR_ATTR_FLOAT,
  NR_ATTR_STRING,
  NR_ATTR_TENSOR,
  NR_ATTR_INTS,
  NR_ATTR_FLOATS
} NrAttrType;

typedef struct
{
  gchar     *name;
  NrAttrType type;
  gint64     i;
  gfloat     f;
  gchar     *s;
  NrTensor  *t;
  gsize      n;
  gint64    *ints;
  gfloat    *floats;
} NrAttr;

void nr_attr_free (NrAttr *attr);

/* What an operator accepts; a file with another attribute, or one of another type, is refused at load. */
typedef struct
{
  const gchar *name;
  NrAttrType   type;
} NrAttrSpec;

/* -- Epilogue ----------------------------------------------------------------------------------------------------- */

/* What a convolution does with its sum before it stores it: y = act (sum + bias) or act (sum + bias + residual) or
 * act (sum + bias) + residual, set by graph/fuse.c. */
typedef enum
{
  NR_ACT_NONE,
  NR_ACT_RELU,
  NR_ACT_LEAKY_RELU, /* a: slope */
  NR_ACT_PRELU,      /* slope: one a channel */
  NR_ACT_CLIP        /* a, b: bounds */
} NrActivation;

typedef struct
{
  NrActivation  activation;
  gfloat        a, b;
  const gfloat *slope;          /* n_channels, belongs to a constant tensor */
  NrTensor     *residual;       /* same shape as the output, also the node's input NR_CONV_RESIDUAL; or NULL */
  gboolean      residual_first; /* the residual is added before the activation */
} NrEpilogue;

/* What a 1x1 convolution does with its input before it multiplies, set by graph/prologue.c. */
typedef enum
{
  NR_PROLOGUE_NONE,
  NR_PROLOGUE_NORMALIZE, /* over channels: epsilon, scale, bias */
  NR_PROLOGUE_MULTIPLY,  /* by a tensor of the input's shape */
  NR_PROLOGUE_SCALE      /* by one value for each batch entry and channel */
} NrPrologueKind;

typedef struct
{
  NrPrologueKind kind;
  gfloat         epsilon;
  const gfloat  *scale, *bias; /* one a channel, of constant tensors; or NULL */
} NrPrologue;

/* Inputs of a convolution with epilogue and prologue; those before are the operator's own. */
enum
{
  NR_CONV_RESIDUAL = 3, /* or NULL */
  NR_CONV_PACKED   = 4, /* weights that are not constant, packed; or NULL */
  NR_CONV_PROLOGUE = 5, /* the tensor that is multiplied with, or NULL */
  NR_CONV_PATCHES  = 6, /* patches that a node before transformed (Winograd), or NULL */
  NR_CONV_N_IN
};

/* -- Node --------------------------------------------------------------------------------------------------------- */

struct _NrNode
{
  gchar           *name; /* "" when the file gives none */
  const NrOpClass *op;
  gint             opset; /* of the model, 9 to 21 */
  GPtrArray       *attrs; /* NrAttr, belongs to the model */
  guint            n_in, n_out;
  NrTensor       **in;  /* NULL entries: optional inputs left out */
  NrTensor       **out; /* NULL entries: optional outputs not asked for */

  /* Filled in by infer. */
  gpointer       params;      /* what run needs, decoded from the attributes and constant inputs */
  GDestroyNotify free_params; /* may be NULL: nothing to free */
  gsize          n_items;     /* independent pieces of work; infer's default is the elements of out[0] */
  gsize          grain;       /* smallest range worth a thread, 0: chosen from n_items */
  gsize          scratch;     /* bytes each thread needs while running, aligned to 64 */
  guint64        n_macs;      /* direct multiply-adds, for reports */
  gboolean       is_part;     /* out[0] is part_offset bytes into in[0], as it is there: nothing need be copied */
  gsize          part_offset;

  NrEpilogue epilogue; /* convolutions only */
  NrPrologue prologue; /* 1x1 convolutions only */

  gboolean is_backward; /* made by a tape: runs after all that are not */

  NrPlan *plan; /* the plan the node belongs to: nr_node_share () finds the model through it */
};

/* -- Reverse mode -------------------------------------------------------------------------------------------------- */

/* The way back through one node: makes gradients of inputs out of gradients of outputs (gradient/tape.c makes one node of the
 * plan of it, so that memory, threads and cancelling are those of any node). One such is made for each input that wants a
 * gradient, or one for all of them together if the operator says backward_together.
 *
 * Gradients are always WRITTEN, every element once: where a value is used more than once, the tape adds. */
typedef struct
{
  const NrNode    *node;         /* attributes, params, all shapes; data only through in and out below */
  NrTensor *const *out_gradient; /* n_out: d loss / d out[i], of its shape; NULL: zero. At least one is there */
  NrTensor       **in_gradient;  /* n_in: to be written, of in[i]'s shape; NULL: not wanted. At least one is there */
  const NrTensor **in, **out;   /* n_in, n_out: the forward values kept for this, NULL: not kept */

  /* Filled in by plan_backward; the defaults stand before. */
  gsize          n_items;     /* independent pieces of work; default: the elements of the first in_gradient wanted */
  gsize          grain;       /* smallest range worth a thread, 0: chosen from n_items */
  gsize          scratch;     /* bytes each thread needs, aligned to 64 */
  gpointer       params;      /* for backward */
  GDestroyNotify free_params; /* may be NULL */
  gboolean       in_place;    /* the one in_gradient may lie in out_gradient[0]'s memory: read at the index where written */
  gboolean       is_view;     /* the one in_gradient is out_gradient[0] seen in another shape: nothing to do */
} NrBackward;

/* Says that backward reads the values of input i, output i: they are kept until then. A value that is not kept may be
 * overwritten or gone; constants are always there. Called by plan_backward only. */
void nr_backward_keep_in (NrBackward *backward, guint i);
void nr_backward_keep_out (NrBackward *backward, guint i);

struct _NrOpClass
{
  const gchar      *type; /* ONNX name, default domain */
  gint              since_opset, last_opset; /* 0: no bound within 9 to 21 */
  guint             min_in, max_in;          /* max G_MAXUINT: variadic */
  guint             min_out, max_out;
  const NrAttrSpec *attrs; /* ends with a NULL name; NULL: none */

  /* Checks types and shapes, sets shape of every non-NULL output, params, n_items, scratch. Inputs have concrete shapes;
   * those with is_constant have data. Errors: nr_node_error (). */
  gboolean (*infer) (NrNode *node, GError **error);

  /* Once a session, after infer and after fusing (the epilogue is known), before memory is laid out: chooses the kernel,
   * makes packed weights, may still set scratch, n_items and grain; may be NULL. Packed forms that depend only on the
   * weights are shared between sessions through nr_node_share (). Operators with a prepare are not folded. */
  gboolean (*prepare) (NrNode *node, const NrKernels *kernels, GError **error);

  /* Work on items [begin, end); any thread, any order; allocates nothing; SCRATCH is this thread's own (64-byte aligned). */
  void (*run) (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch);

  /* out[0] may share in[0]'s memory when that dies here (element-wise operators). */
  gboolean in_place;
  /* out[0] is in[0] seen with another shape: no run, the plan aliases them (Reshape, Identity, ...). */
  gboolean is_view;
  /* Takes what fusing puts into node->epilogue (convolutions); without it only weights and bias are changed. Fusing comes
   * before prepare; infer is called again for a node that was fused, with the inputs x, weights, bias or NULL, residual. */
  gboolean has_epilogue;
  /* The residual may lie in out[0]'s memory: each element is read no later than it is written, and never again. */
  gboolean residual_in_place;
  /* May be NULL: no. After infer: whether in[0], the residual and out[0] may lie by rows (NrTensor.is_by_rows). */
  gboolean (*takes_rows) (const NrNode *node);
  /* The output depends on the inputs' shapes only (Shape, Size): constant although the input is not; its data is NULL. */
  gboolean shapes_only;

  /* Reverse mode, one of the two. Without either a node on the way to something that wants a gradient is an error; views
   * (is_view) need neither.
   *
   * backward: work on items [begin, end) as run does: any thread, any order, allocates nothing. What an item computes must
   * not depend on how items are cut: a sum over many elements belongs into one item (an item a channel, a row, ...), or into
   * a fixed number of partial sums. plan_backward (may be NULL: nothing kept, an item an element) says what is kept and
   * counts items; one that always says is_view needs no backward. */
  gboolean (*plan_backward) (NrBackward *backward, GError **error);
  void (*backward) (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch);
  gboolean backward_together; /* one backward for all inputs that want a gradient */

  /* differentiate: adds nodes to the plan by itself (gradient/tape.h), for operators whose gradient is made of others or
   * needs several steps. Sets in_gradient[i] (to a new tensor, or to out_gradient[0] itself where it is the same shape and
   * values) for each input with wanted[i]; NULL means zero. */
  gboolean (*differentiate) (NrTape *tape, NrNode *node, NrTensor *const *out_gradient, const gboolean *wanted, NrTensor **in_gradient, GError **error);
};

/* The class of an ONNX operator name, NULL if there is none. */
const NrOpClass *nr_op_lookup (const gchar *type);
/* All classes, for tests and lists; ends with NULL. */
const NrOpClass *const *nr_op_all (void);

/* Attributes with their defaults. The lists belong to the model; n may be NULL only where the default is asked for. */
gboolean      nr_node_has_attr (const NrNode *node, const gchar *name);
gint64        nr_node_get_int (const NrNode *node, const gchar *name, gint64 fallback);
gfloat        nr_node_get_float (const NrNode *node, const gchar *name, gfloat fallback);
const gchar  *nr_node_get_string (const NrNode *node, const gchar *name, const gchar *fallback);
const gint64 *nr_node_get_ints (const NrNode *node, const gchar *name, gsize *n);
const gfloat *nr_node_get_floats (const NrNode *node, const gchar *name, gsize *n);
NrTensor     *nr_node_get_tensor (const NrNode *node, const gchar *name);

/* Input i, NULL when it is left out or beyond n_in. */
NrTensor *nr_node_in (const NrNode *node, guint i);

/* Sets "node 'NAME' (TYPE): MESSAGE" in the NR_ENGINE_ERROR domain; always returns FALSE. */
gboolean nr_node_error (const NrNode *node, GError **error, NrEngineError code, const gchar *format, ...) G_GNUC_PRINTF (4, 5);

/* Sets an output's type and shape, with the node's name in the error; an output not asked for is skipped. */
gboolean nr_node_set_out (NrNode *node, guint i, NrType type, guint rank, const gint64 *dims, GError **error);

/* Input i must be there and of TYPE. */
gboolean nr_node_check_type (const NrNode *node, guint i, NrType type, GError **error);

/* Reads constant input i (int64 or int32) as gint64 values into VALUES (room for max); error when it is not constant
 * ("must be known when the network is loaded"), not an integer or too long. */
gboolean nr_node_const_ints (const NrNode *node, guint i, gint64 *values, gsize max, gsize *n, GError **error);

/* axis in [-rank, rank) to [0, rank), else an error. */
gboolean nr_node_axis (const NrNode *node, gint64 axis, guint rank, guint *result, GError **error);

/* Broadcasting after NumPy: the common shape of a and b, or an error naming both shapes. */
gboolean nr_node_broadcast (const NrNode *node, const NrShape *a, const NrShape *b, NrShape *result, GError **error);

/* -- Packed weights, one copy per model ---------------------------------------------------------------------------- */

/* Returns the block made earlier under KEY ("winograd4x3-avx512", ...) for the constant tensor WEIGHTS of this model, or
 * calls MAKE (which fills the zeroed, 64-byte aligned block of SIZE bytes) and keeps it with the model. Locks. NULL with
 * an error when there is no memory. While memory is only estimated MAKE is not called and the block must not be read:
 * so call it from prepare only, and only keep the pointer. */
typedef void (*NrPackFunc) (void *packed, const NrNode *node, gpointer data);
const void *nr_node_share (const NrNode   *node,
                           const NrTensor *weights,
                           const gchar    *key,
                           gsize           size,
                           NrPackFunc      make,
                           gpointer        data,
                           GError        **error);
