/* Dropout when not training (or training with ratio 0): the input, and a mask of ones. ONNX Dropout-7, -10, -12, -13, any
 * type. A view when no mask is asked for.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

/* Whether the scalar input i is there and not 0. */
static gboolean
read_flag (const NrNode *node, guint i, NrType type, gboolean *is_set, GError **error)
{
  const NrTensor *scalar = nr_node_in (node, i);

  *is_set = FALSE;
  if (scalar == NULL)
    return TRUE;
  if (! nr_node_check_type (node, i, type, error))
    return FALSE;
  if (! scalar->is_constant || scalar->n != 1)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED,
                          "input %u ('%s') must be a scalar and must be known when the network is loaded", i, scalar->name);

  *is_set = nr_number_get (scalar, 0) != 0.0;
  return TRUE;
}

static gboolean
dropout_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gboolean       is_training, has_ratio = TRUE;

  if (! read_flag (node, 2, NR_TYPE_BOOL, &is_training, error))
    return FALSE;
  if (is_training && nr_node_in (node, 1) != NULL && ! read_flag (node, 1, NR_TYPE_FLOAT32, &has_ratio, error))
    return FALSE;
  if (is_training && has_ratio)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "training mode is not supported");

  nr_tensor_set_shape_like (node->out[0], node->in[0]);
  return nr_node_set_out (node, 1, NR_TYPE_BOOL, in->rank, in->dims, error);
}

static void
dropout_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  gsize size = nr_type_size (node->in[0]->shape.type);

  memmove ((guint8 *) node->out[0]->data + begin * size, (const guint8 *) node->in[0]->data + begin * size,
           (end - begin) * size);
  if (node->n_out > 1 && node->out[1] != NULL)
    memset ((guint8 *) node->out[1]->data + begin, TRUE, end - begin);
}

static const NrAttrSpec dropout_attrs[] = { { "ratio", NR_ATTR_FLOAT }, { "seed", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_dropout = {
  .type     = "Dropout",
  .min_in   = 1,
  .max_in   = 3,
  .min_out  = 1,
  .max_out  = 2,
  .attrs    = dropout_attrs,
  .infer    = dropout_infer,
  .run      = dropout_run,
  .in_place = TRUE,
  .is_view  = TRUE,
};
