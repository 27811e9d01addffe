/* Convolution by panels: 48 output positions at a time, the input values under each weight, times packed weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packed weights of a group and part: for each block of NR_ROWS output channels (the last may have fewer) a matrix
 * [k][rows], k = input channel * taps + tap; so block m begins at m * depth floats.
 */

#include "conv-method.h"

enum
{
  MAX_DEPTH = 384 /* rows of a panel at once: 72 KiB of it and 12 KiB of weights a block are near the L1 cache */
};

static gsize
part_depth (const NrConvPlan *plan, const NrConvPart *part)
{
  return plan->in_channels * part->grid.n_taps;
}

void
nr_conv_panel_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item)
{
  const NrConvPlan *plan     = node->params;
  const gsize       n_blocks = (plan->out_channels + NR_ROWS - 1) / NR_ROWS;
  const gsize       group    = item / n_blocks;
  const gsize       first    = item % n_blocks * NR_ROWS;
  const gsize       last     = MIN (first + NR_ROWS, plan->out_channels);
  const gfloat     *w        = nr_tensor_f32 (node->in[1]) + group * plan->w_group;

  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const NrConvPart *part = &plan->parts[p];
      gfloat           *to   = packed + group * plan->group_weights + part->weights + first * part_depth (plan, part);

      for (gsize c = 0; c < plan->in_channels; c++)
        for (gsize t = 0; t < part->grid.n_taps; t++)
          for (gsize i = first; i < last; i++)
            *to++ = w[i * plan->w_out + c * plan->w_in + part->taps[t]];
    }
}

gchar *
nr_conv_panel_lay_out (NrNode *node, NrConvPlan *plan)
{
  GString *key = g_string_new (node->op->type);

  plan->group_weights = 0;
  for (gsize p = 0; p < plan->n_parts; p++)
    {
      NrConvPart *part = &plan->parts[p];

      part->weights = plan->group_weights;
      plan->group_weights += part_depth (plan, part) * plan->out_channels;

      g_string_append_printf (key, "-%" G_GSIZE_FORMAT "/", plan->groups);
      for (gsize t = 0; t < part->grid.n_taps; t++)
        g_string_append_printf (key, ",%" G_GSIZE_FORMAT, part->taps[t]);
    }

  return g_string_free (key, FALSE);
}

gboolean
nr_conv_panel_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  g_autofree gchar *key   = nr_conv_panel_lay_out (node, plan);
  gsize             total = 0, depth = 0;

  for (gsize p = 0; p < plan->n_parts; p++)
    total += plan->parts[p].grid.n_positions;

  /* About 64 items, so that threads end together, of 1 to 8 panels. */
  plan->block    = CLAMP (total / (NR_PANEL * 64), 1, 8) * NR_PANEL;
  plan->n_blocks = 0;
  for (gsize p = 0; p < plan->n_parts; p++)
    {
      NrConvPart *part = &plan->parts[p];

      part->first_block = plan->n_blocks;
      part->n_blocks    = (part->grid.n_positions + plan->block - 1) / plan->block;
      plan->n_blocks += part->n_blocks;
      depth = MAX (depth, part_depth (plan, part));
    }
  nr_conv_plan_split (plan, 32);

  return nr_conv_plan_finish (node, plan, key,
                              (MIN (depth, MAX_DEPTH) + plan->chunk) * NR_PANEL * sizeof (gfloat), error);
}

/* Stores sums of N positions from POSITION on, one output channel. */
static void
store (const NrGrid *grid, const NrKernels *kernels, const NrRowEpilogue *epilogue, gsize position, gsize n, const gfloat *sum, const gfloat *residual, gfloat *y)
{
  const NrGridAxis *d = &grid->axis[0], *h = &grid->axis[1], *w = &grid->axis[2];

  if (grid->n_positions == grid->out_plane)
    {
      kernels->store_row (sum, n, epilogue, residual != NULL ? residual + position : NULL, y + position, 1, 0);
      return;
    }

  for (gsize done = 0; done < n;)
    {
      const gsize q      = position + done;
      const gsize x      = q % w->positions;
      const gsize length = MIN (w->positions - x, n - done);
      const gsize iy     = q / w->positions % h->positions * h->out_step + h->out_phase;
      const gsize iz     = q / w->positions / h->positions * d->out_step + d->out_phase;
      const gsize at     = (iz * h->output + iy) * w->output + x * w->out_step + w->out_phase;

      kernels->store_row (sum + done, length, epilogue, residual != NULL ? residual + at : NULL, y + at, w->out_step, 0);
      done += length;
    }
}

void
nr_conv_panel_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan *plan = node->params;
  const NrConvItem  work = nr_conv_plan_item (plan, item);
  const NrConvPart *part = plan->parts;

  while (work.block >= part->first_block + part->n_blocks)
    part++;

  const NrGrid *grid     = &part->grid;
  const gsize   depth    = part_depth (plan, part);
  const gsize   group    = work.entry * plan->groups + work.group;
  const gfloat *x        = nr_tensor_f32 (node->in[0]) + group * plan->in_channels * grid->in_plane;
  gfloat       *y        = nr_tensor_f32 (node->out[0]) + group * plan->out_channels * grid->out_plane;
  const gfloat *residual = node->epilogue.residual != NULL
                               ? nr_tensor_f32 (node->epilogue.residual) + group * plan->out_channels * grid->out_plane
                               : NULL;
  const gfloat *weights  = packed + work.group * plan->group_weights + part->weights;
  gfloat       *sums     = scratch;
  gfloat       *panel    = scratch + plan->chunk * NR_PANEL;
  const gsize   first    = (work.block - part->first_block) * plan->block;
  const gsize   last     = MIN (first + plan->block, grid->n_positions);

  for (gsize position = first; position < last; position += NR_PANEL)
    {
      const gsize n       = MIN (last - position, NR_PANEL);
      const gsize columns = (n + 15) / 16 * 16;
      gsize       k0      = 0;

      do /* once even for a part without taps: its sums are 0 */
        {
          const gsize k1 = MIN (k0 + MAX_DEPTH, depth);

          kernels->pack_panel (grid, x, k0, k1, position, n, columns, panel);
          for (gsize m = work.begin; m < work.end; m += NR_ROWS)
            {
              const gsize rows = MIN (NR_ROWS, plan->out_channels - m);

              kernels->product (weights + m * depth + k0 * rows, panel, columns, k1 - k0, rows, columns,
                                sums + (m - work.begin) * columns, columns, k0 > 0);
            }
          k0 = k1;
        }
      while (k0 < depth);

      for (gsize m = work.begin; m < work.end; m++)
        {
          const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, work.group * plan->out_channels + m);

          store (grid, kernels, &epilogue, position, n, sums + (m - work.begin) * columns,
                 residual != NULL ? residual + m * grid->out_plane : NULL, y + m * grid->out_plane);
        }
    }
}
