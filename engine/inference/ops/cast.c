/* Cast: another element type. ONNX Cast-9 to -21. float16, bfloat16 and double are float32 here, as they are when loaded.
 * Floats become integers towards 0; out of range the nearest of int64, then its low bits, as in C (the specification
 * leaves it open). The attribute saturate is for 8-bit floats only and has no effect.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

/* ONNX's numbers of element types. */
static NrType
type_from_onnx (gint64 number)
{
  switch (number)
    {
    case 1:  /* float */
    case 10: /* float16 */
    case 11: /* double */
    case 16: /* bfloat16 */
      return NR_TYPE_FLOAT32;
    case 2:
      return NR_TYPE_UINT8;
    case 3:
      return NR_TYPE_INT8;
    case 6:
      return NR_TYPE_INT32;
    case 7:
      return NR_TYPE_INT64;
    case 9:
      return NR_TYPE_BOOL;
    default:
      return NR_TYPE_UNDEFINED;
    }
}

static gboolean
cast_infer (NrNode *node, GError **error)
{
  const NrShape *in   = &node->in[0]->shape;
  gint64         to   = nr_node_get_int (node, "to", 0);
  NrType         type = type_from_onnx (to);

  if (type == NR_TYPE_UNDEFINED)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "ONNX element type %" G_GINT64_FORMAT " is not supported", to);

  node->is_part = type == in->type;
  return nr_node_set_out (node, 0, type, in->rank, in->dims, error);
}

static void
cast_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrTensor *x    = node->in[0];
  NrTensor       *y    = node->out[0];
  gsize           size = nr_type_size (y->shape.type);

  if (x->shape.type == y->shape.type)
    memmove ((guint8 *) y->data + begin * size, (const guint8 *) x->data + begin * size, (end - begin) * size);
  else if (y->shape.type == NR_TYPE_FLOAT32)
    for (gsize i = begin; i < end; i++)
      nr_tensor_f32 (y)[i] = (gfloat) nr_integer_get (x, i);
  else if (x->shape.type != NR_TYPE_FLOAT32)
    for (gsize i = begin; i < end; i++)
      nr_integer_set (y, i, nr_integer_get (x, i));
  else if (y->shape.type == NR_TYPE_BOOL)
    for (gsize i = begin; i < end; i++)
      nr_integer_set (y, i, nr_tensor_f32 (x)[i] != 0.0f);
  else
    for (gsize i = begin; i < end; i++)
      nr_integer_set (y, i, nr_integer_from_double (nr_tensor_f32 (x)[i]));
}

/* Between float types, all of which are float32 here. */
static gboolean
cast_plan_backward (NrBackward *backward, GError **error)
{
  backward->is_view = TRUE;
  return nr_node_check_type (backward->node, 0, NR_TYPE_FLOAT32, error);
}

static const NrAttrSpec cast_attrs[] = { { "saturate", NR_ATTR_INT }, { "to", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_cast = {
  .type    = "Cast",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = cast_attrs,
  .infer   = cast_infer,
  .run     = cast_run,

  .plan_backward = cast_plan_backward,
};
