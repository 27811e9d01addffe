/* Depthwise convolution: each channel by itself, stride 1.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each input value is used a few times only, so the time is that of reading and writing: rows are read where they lie, no
 * copy is made. An item is some rows of a channel. Packed weights: [channel][tap].
 */

#include "conv-method.h"

enum
{
  MAX_TAPS  = 128,
  ITEM_SIZE = 1 << 14 /* outputs of an item: some 10 microseconds */
};

gboolean
nr_conv_depthwise_fits (const NrConvPlan *plan)
{
  const NrGrid *grid = &plan->parts[0].grid;

  if (plan->n_parts != 1 || plan->groups == 1 || plan->in_channels != 1 || plan->out_channels != 1 ||
      grid->n_taps > MAX_TAPS || grid->axis[0].n_taps != 1 || grid->axis[0].input != 1 || grid->axis[0].output != 1 ||
      grid->axis[0].offset[0] != 0)
    return FALSE;

  for (guint a = 1; a < 3; a++)
    if (grid->axis[a].step != 1 || grid->axis[a].out_step != 1)
      return FALSE;

  return TRUE;
}

void
nr_conv_depthwise_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item)
{
  const NrConvPlan *plan = node->params;
  const NrConvPart *part = &plan->parts[0];
  const gfloat     *w    = nr_tensor_f32 (node->in[1]) + item * plan->w_group;

  for (gsize t = 0; t < part->grid.n_taps; t++)
    packed[item * plan->group_weights + t] = w[part->taps[t]];
}

/* A gradient reads the same weights in another order. */
static gchar *
key_of (const NrConvPart *part)
{
  GString *key = g_string_new ("depthwise");

  for (gsize t = 0; t < part->grid.n_taps; t++)
    g_string_append_printf (key, "-%" G_GSIZE_FORMAT, part->taps[t]);

  return g_string_free (key, FALSE);
}

gboolean
nr_conv_depthwise_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  const NrGrid     *grid = &plan->parts[0].grid;
  g_autofree gchar *key  = key_of (&plan->parts[0]);

  plan->chunk         = 1;
  plan->rows          = CLAMP (ITEM_SIZE / grid->axis[2].positions, 1, grid->axis[1].positions);
  plan->n_blocks      = (grid->axis[1].positions + plan->rows - 1) / plan->rows;
  plan->group_weights = grid->n_taps;

  return nr_conv_plan_finish (node, plan, key, 0, error);
}

void
nr_conv_depthwise_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan   *plan     = node->params;
  const NrConvItem    work     = nr_conv_plan_item (plan, item);
  const NrGrid       *grid     = &plan->parts[0].grid;
  const NrGridAxis   *h        = &grid->axis[1];
  const NrGridAxis   *w        = &grid->axis[2];
  const gsize         first    = nr_conv_plan_out (plan, work.entry, work.group);
  const gfloat       *x        = nr_tensor_f32 (node->in[0]) + nr_conv_plan_in (plan, work.entry, work.group);
  gfloat             *y        = nr_tensor_f32 (node->out[0]) + first;
  const gfloat       *weights  = packed + work.group * plan->group_weights;
  const gfloat       *residual = node->epilogue.residual != NULL
                                     ? nr_tensor_f32 (node->epilogue.residual) + first
                                     : NULL;
  const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, work.group);
  const gsize         end      = MIN ((work.block + 1) * plan->rows, h->positions);

  NrTapRange range = { (ptrdiff_t) w->input, 0, (ptrdiff_t) w->input };

  for (gsize s = 0; s < w->n_taps; s++)
    {
      range.low  = MAX (range.low, -w->offset[s]);
      range.high = MIN (range.high, (ptrdiff_t) w->input - w->offset[s]);
    }

  for (gsize q = work.block * plan->rows; q < end; q++)
    {
      NrTap taps[MAX_TAPS];
      gsize n = 0;

      for (gsize t = 0; t < h->n_taps; t++)
        {
          const ptrdiff_t row = (ptrdiff_t) q + h->offset[t];

          if (row >= 0 && row < (ptrdiff_t) h->input)
            for (gsize s = 0; s < w->n_taps; s++)
              taps[n++] = (NrTap) { x + (gsize) row * plan->in_row, w->offset[s], weights[t * w->n_taps + s] };
        }

      kernels->depthwise_row (taps, n, &range, w->positions, &epilogue,
                              residual != NULL ? residual + q * plan->out_row : NULL, y + q * plan->out_row);
    }
}
