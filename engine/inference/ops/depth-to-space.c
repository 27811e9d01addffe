/* DepthToSpace and SpaceToDepth: channels of blocks of pixels. ONNX DepthToSpace-1, -11, -13, SpaceToDepth-1, -13, any
 * type, [N, C, H, W].
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * DepthToSpace with block b: channel (DCR) (i b + j) C' + c or (CRD) (c b + i) b + j goes to pixel (i, j) of each block
 * of channel c. SpaceToDepth is the inverse of DCR.
 */

#include "strided.h"

static gboolean
check_input (const NrNode *node, gint64 *block, GError **error)
{
  const NrShape *in = &node->in[0]->shape;

  *block = nr_node_get_int (node, "blocksize", 0);
  if (in->rank != 4)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input has %u dimensions, expected 4", in->rank);
  if (*block < 1 || *block > G_MAXINT16)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "blocksize %" G_GINT64_FORMAT " is out of range", *block);
  for (guint i = 0; i < 4; i++)
    if (in->dims[i] > G_MAXINT32)
      return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "dimension %u is too large", i);

  return TRUE;
}

static gboolean
depth_to_space_infer (NrNode *node, GError **error)
{
  const NrShape *in   = &node->in[0]->shape;
  const gchar   *mode = nr_node_get_string (node, "mode", "DCR");
  gint64         b, c, h, w;
  gssize         plane, step_i, step_j, step_c;

  if (! check_input (node, &b, error))
    return FALSE;
  if (! g_str_equal (mode, "DCR") && ! g_str_equal (mode, "CRD"))
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "mode is '%s', expected 'DCR' or 'CRD'", mode);

  c = in->dims[1] / (b * b);
  h = in->dims[2];
  w = in->dims[3];
  if (c * b * b != in->dims[1])
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GINT64_FORMAT " channels are no multiple of blocksize squared (%" G_GINT64_FORMAT ")",
                          in->dims[1], b * b);

  if (! nr_node_set_out (node, 0, in->type, 4, (const gint64[]) { in->dims[0], c, h * b, w * b }, error))
    return FALSE;

  plane  = (gssize) (h * w);
  step_j = g_str_equal (mode, "DCR") ? plane * (gssize) c : plane;
  step_i = step_j * (gssize) b;
  step_c = g_str_equal (mode, "DCR") ? plane : plane * (gssize) (b * b);
  nr_strided_copy_init_node (node, 6, (const gint64[]) { in->dims[0], c, h, b, w, b },
                             (const gssize[]) { plane * (gssize) in->dims[1], step_c, (gssize) w, step_i, 1, step_j }, 0);
  return TRUE;
}

static gboolean
space_to_depth_infer (NrNode *node, GError **error)
{
  const NrShape *in = &node->in[0]->shape;
  gint64         b, c, h, w;
  gssize         plane, row;

  if (! check_input (node, &b, error))
    return FALSE;

  c = in->dims[1];
  h = in->dims[2] / b;
  w = in->dims[3] / b;
  if (h * b != in->dims[2] || w * b != in->dims[3])
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GINT64_FORMAT " x %" G_GINT64_FORMAT " pixels are no multiple of blocksize %" G_GINT64_FORMAT,
                          in->dims[2], in->dims[3], b);

  if (! nr_node_set_out (node, 0, in->type, 4, (const gint64[]) { in->dims[0], c * b * b, h, w }, error))
    return FALSE;

  row   = (gssize) in->dims[3];
  plane = row * (gssize) in->dims[2];
  nr_strided_copy_init_node (node, 6, (const gint64[]) { in->dims[0], b, b, c, h, w },
                             (const gssize[]) { plane * (gssize) c, row, 1, plane, row * (gssize) b, (gssize) b }, 0);
  return TRUE;
}

static const NrAttrSpec depth_to_space_attrs[] = { { "blocksize", NR_ATTR_INT }, { "mode", NR_ATTR_STRING }, { NULL } };
static const NrAttrSpec space_to_depth_attrs[] = { { "blocksize", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_depth_to_space = {
  .type    = "DepthToSpace",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = depth_to_space_attrs,
  .infer   = depth_to_space_infer,
  .run     = nr_strided_copy_run,

  .plan_backward = nr_strided_copy_plan_backward,
  .backward      = nr_strided_copy_backward,
};

const NrOpClass nr_op_space_to_depth = {
  .type    = "SpaceToDepth",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = space_to_depth_attrs,
  .infer   = space_to_depth_infer,
  .run     = nr_strided_copy_run,

  .plan_backward = nr_strided_copy_plan_backward,
  .backward      = nr_strided_copy_backward,
};
