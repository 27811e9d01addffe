/* Tensors of a plan.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"

/* A value of the graph: an input, an initialiser, or what a node makes. Contiguous, outermost dimension first unless is_by_rows. */
typedef struct
{
  gchar  *name;  /* the file's name, for messages; owned */
  NrShape shape; /* known once the producing node was inferred */
  gsize   n;     /* elements */
  void   *data;  /* NULL while the memory is not laid out; aligned to its element type only, for it may be the caller's:
                 * kernels load and store activations unaligned (packed weights and scratch are 64-byte aligned) */
  gboolean is_constant; /* data is known while planning: initialisers and everything folded from them */
  gboolean owns_data;   /* data is freed with the tensor */
  gboolean is_shared;   /* belongs to the model, not to one session */
  gboolean is_by_rows;  /* N C H W lies as N H C W: only between convolutions (graph/by-rows.c) */
} NrTensor;

/* Copies NAME; no shape, no data. */
NrTensor *nr_tensor_new (const gchar *name);
void      nr_tensor_free (NrTensor *tensor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrTensor, nr_tensor_free)

/* Gives a tensor of known shape data of its own, 64-byte aligned and zeroed; FALSE with an error naming it. */
gboolean nr_tensor_alloc (NrTensor *tensor, GError **error);

/* Bytes of the elements; 0 while the type is unknown. */
gsize nr_tensor_bytes (const NrTensor *tensor);

static inline gint64 *
nr_tensor_i64 (const NrTensor *tensor)
{
  return tensor->data;
}

static inline gfloat *
nr_tensor_f32 (const NrTensor *tensor)
{
  return tensor->data;
}

/* Sets type and dimensions; FALSE with an error (naming nothing: the caller adds the node) for a negative dimension
 * or when the size overflows. */
gboolean nr_tensor_set_shape (NrTensor *tensor, NrType type, guint rank, const gint64 *dims, GError **error);
/* Same type and shape as OTHER: cannot fail. */
void nr_tensor_set_shape_like (NrTensor *tensor, const NrTensor *other);
/* Whether type and dimensions are the same. */
gboolean nr_tensor_has_shape_of (const NrTensor *a, const NrTensor *b);
