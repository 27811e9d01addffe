/* Mod: remainder with broadcasting. ONNX Mod-10, -13. fmod 0: integers, the sign of the divisor; fmod 1: float32 and
 * integers, the sign of the dividend.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "broadcast.h"
#include "integers.h"

#include <math.h>

typedef struct
{
  gboolean    fmod;
  NrBroadcast broadcast;
} ModParams;

static gboolean
mod_infer (NrNode *node, GError **error)
{
  ModParams *params = g_new0 (ModParams, 1);
  NrType     type   = node->in[0]->shape.type;

  params->fmod      = nr_node_get_int (node, "fmod", 0) != 0;
  node->params      = params;
  node->free_params = g_free;

  if (! nr_type_is_integer (type))
    {
      if (! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
        return FALSE;
      if (! params->fmod)
        return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "float32 needs the attribute fmod = 1");
    }

  return nr_node_check_type (node, 1, type, error) &&
         nr_broadcast_init_node (&params->broadcast, node, 2, type, error);
}

/* Remainder of a divisor 0, which the specification leaves open: 0. */
static gint64
integer_mod (gint64 a, gint64 b, gboolean fmod)
{
  gint64 rest;

  if (b == 0 || b == -1)
    return 0;

  rest = a % b;
  return ! fmod && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static void
mod_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ModParams *params = node->params;
  const NrTensor  *a      = node->in[0];
  const NrTensor  *b      = node->in[1];
  NrTensor        *y      = node->out[0];
  NrBroadcastRows  r;

  for (nr_broadcast_rows (&r, &params->broadcast, begin, end); nr_broadcast_next (&r);)
    for (gsize i = 0; i < r.n; i++)
      {
        gsize ia = r.in[0] + i * r.step[0];
        gsize ib = r.in[1] + i * r.step[1];

        if (y->shape.type == NR_TYPE_FLOAT32)
          nr_tensor_f32 (y)[r.out + i] = fmodf (nr_tensor_f32 (a)[ia], nr_tensor_f32 (b)[ib]);
        else
          nr_integer_set (y, r.out + i, integer_mod (nr_integer_get (a, ia), nr_integer_get (b, ib), params->fmod));
      }
}

static const NrAttrSpec mod_attrs[] = { { "fmod", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_mod = {
  .type        = "Mod",
  .since_opset = 10,
  .min_in      = 2,
  .max_in      = 2,
  .min_out     = 1,
  .max_out     = 1,
  .attrs       = mod_attrs,
  .infer       = mod_infer,
  .run         = mod_run,
  .in_place    = TRUE,
};
