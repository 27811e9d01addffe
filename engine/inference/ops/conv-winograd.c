/* Convolution by Winograd F(6x6,3x3): 64 products for 36 outputs instead of 324.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015. An item transforms a block of up to 48
 * tiles of all input channels, multiplies point by point, and transforms back 16 or 64 output channels at a time, so that the
 * block stays in the L2 cache from input to output. Packed weights of a group: for each of the 64 points the panel
 * method's matrix of depth in_channels.
 *
 * Points are a multiple of 4096 bytes apart for most channel counts, which would put them all into the same cache sets:
 * hence the padding.
 */

#include "conv-method.h"

#include <string.h>

enum
{
  TILE    = NR_WINOGRAD_TILE,
  POINTS  = NR_WINOGRAD_POINTS,
  PADDING = 16  /* floats between points */
};

/* G g G^T of the kernels of two input channels and NR_ROWS output channels at a time, which lie side by side in the packed
 * weights. */
void
nr_conv_winograd_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item)
{
  const NrConvPlan *plan     = node->params;
  const gsize      *taps     = plan->parts[0].taps;
  const gsize       stride   = plan->group_weights / POINTS;
  const gsize       n_blocks = (plan->out_channels + NR_ROWS - 1) / NR_ROWS;
  const gsize       group    = item / n_blocks;
  const gsize       first    = item % n_blocks * NR_ROWS;
  const gsize       rows     = MIN (NR_ROWS, plan->out_channels - first);
  const gfloat     *w        = nr_tensor_f32 (node->in[1]) + group * plan->w_group + first * plan->w_out;
  gfloat           *to       = packed + group * plan->group_weights + first * plan->in_channels;
  gfloat            g[9 * NR_WINOGRAD_TILES], u[POINTS * NR_WINOGRAD_TILES];

  for (gsize c = 0; c < plan->in_channels; c += 2)
    {
      const gsize n = rows * MIN (2, plan->in_channels - c);

      memset (g, 0, sizeof g);
      for (gsize i = 0; i < n; i++)
        for (gsize t = 0; t < 9; t++)
          g[t * NR_WINOGRAD_TILES + i] = w[i % rows * plan->w_out + (c + i / rows) * plan->w_in + taps[t]];

      kernels->winograd_weights (g, u);
      for (gsize p = 0; p < POINTS; p++)
        memcpy (to + p * stride + c * rows, u + p * NR_WINOGRAD_TILES, n * sizeof (gfloat));
    }
}

gboolean
nr_conv_winograd_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  const NrGrid     *grid = &plan->parts[0].grid;
  g_autofree gchar *key  = g_strconcat ("winograd-6x3-", node->op->type, NULL);

  plan->tiles_x  = (grid->axis[2].positions + TILE - 1) / TILE;
  plan->tiles_y  = (grid->axis[1].positions + TILE - 1) / TILE;
  plan->block    = NR_PANEL;
  plan->n_blocks = (plan->tiles_x * plan->tiles_y + plan->block - 1) / plan->block;
  /* Output channels between product and transform back: the block's patches are read again for each step, from the L2 cache
   * while they fit there. */
  plan->step          = plan->in_channels <= 96 ? 16 : 64;
  plan->group_weights = POINTS * ((plan->in_channels * plan->out_channels + 15) / 16 * 16 + PADDING);
  nr_conv_plan_split (plan, MAX (32, plan->step));

  return nr_conv_plan_finish (node, plan, key,
                              POINTS * ((plan->in_channels + plan->step) * plan->block + 2 * PADDING) * sizeof (gfloat), error);
}

/* The block of tiles that begins with FIRST, in rows of tiles, padded to a multiple of 16 with empty ones; returns how many
 * that makes. */
static gsize
describe_tiles (const NrConvPlan *plan, gsize first, NrWinogradTile *tiles)
{
  const NrGridAxis *h        = &plan->parts[0].grid.axis[1];
  const NrGridAxis *w        = &plan->parts[0].grid.axis[2];
  const gsize       n_tiles  = plan->tiles_x * plan->tiles_y;
  const gsize       n        = MIN (plan->block, n_tiles - first);
  const gsize       n_padded = (n + NR_WINOGRAD_TILES - 1) / NR_WINOGRAD_TILES * NR_WINOGRAD_TILES;

  for (gsize i = 0; i < n_padded; i++)
    {
      const gsize     qy = (first + i) / plan->tiles_x * TILE;
      const gsize     qx = (first + i) % plan->tiles_x * TILE;
      const ptrdiff_t iy = (ptrdiff_t) qy + h->offset[0];
      const ptrdiff_t ix = (ptrdiff_t) qx + w->offset[0];
      NrWinogradTile *t  = &tiles[i];

      *t = (NrWinogradTile) { 0 };
      if (i >= n)
        continue;

      t->in       = iy * (ptrdiff_t) w->input + ix;
      t->out      = (ptrdiff_t) (qy * w->output + qx);
      t->out_rows = (guint8) MIN (TILE, h->positions - qy);
      t->out_cols = (guint8) MIN (TILE, w->positions - qx);
      for (ptrdiff_t r = 0; r < NR_WINOGRAD_PATCH; r++)
        {
          t->in_rows |= (guint8) ((iy + r >= 0 && iy + r < (ptrdiff_t) h->input) << r);
          t->in_cols |= (guint8) ((ix + r >= 0 && ix + r < (ptrdiff_t) w->input) << r);
        }
    }

  return n_padded;
}

/* What an item works on. */
typedef struct
{
  const NrConvPlan *plan;
  const NrKernels  *kernels;
  NrConvItem        work;
  const gfloat     *x; /* first channel of the group */
  gfloat           *y;
  const gfloat     *residual; /* or NULL */
  const gfloat     *weights;  /* of the group */
  NrWinogradTile    tiles[NR_PANEL];
  gsize             columns;       /* tiles, padded to a multiple of 16 */
  gfloat           *v, *products;                    /* [point][channel][tile] */
  gsize             v_stride, m_stride;              /* between points */
} Block;

/* Asks for row ROW of all patches of one channel. */
static void
fetch_patches (const Block *block, gsize channel, gsize row)
{
  const NrGrid *grid = &block->plan->parts[0].grid;

  for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
    block->kernels->winograd_fetch (block->tiles + t, block->x + channel * grid->in_plane + row * grid->axis[2].input, false);
}

static void
fetch_outputs (const Block *block, gsize channel, gsize row)
{
  const NrGrid *grid   = &block->plan->parts[0].grid;
  const gsize   offset = channel * grid->out_plane + row * grid->axis[2].output;

  for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
    {
      block->kernels->winograd_fetch (block->tiles + t, block->y + offset, true);
      if (block->residual != NULL)
        block->kernels->winograd_fetch (block->tiles + t, block->residual + offset, true);
    }
}

static void
transform_inputs (const Block *block)
{
  const NrGrid *grid = &block->plan->parts[0].grid;

  for (gsize c = 0; c < block->plan->in_channels; c++)
    {
      for (gsize r = 0; r < NR_WINOGRAD_PATCH && c + 1 < block->plan->in_channels; r++)
        fetch_patches (block, c + 1, r);

      for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
        block->kernels->winograd_input (block->tiles + t, block->x + c * grid->in_plane, grid->axis[2].input,
                                        block->v + c * block->columns + t, block->v_stride);
    }
}

/* Output channels [begin, end). The memory is idle now and busy in the transforms: each point asks for its share of the
 * rows that will be written. (The next block's patches too: measured slower, they push the weights out of the cache.) */
static void
multiply (const Block *block, gsize begin, gsize end)
{
  const NrConvPlan *plan     = block->plan;
  const gsize       u_stride = plan->group_weights / POINTS;
  const gsize       n_out    = (end - begin) * TILE;

  for (gsize p = 0; p < POINTS; p++)
    {
      for (gsize i = p * n_out / POINTS; i < (p + 1) * n_out / POINTS; i++)
        fetch_outputs (block, begin + i / TILE, i % TILE);

      for (gsize m = begin; m < end; m += NR_ROWS)
        block->kernels->product (block->weights + p * u_stride + m * plan->in_channels, block->v + p * block->v_stride,
                                 block->columns, plan->in_channels, MIN (NR_ROWS, plan->out_channels - m), block->columns,
                                 block->products + p * block->m_stride + (m - begin) * block->columns, block->columns, false);
    }
}

static void
transform_outputs (const Block *block, const NrNode *node, gsize begin, gsize end)
{
  const NrConvPlan *plan = block->plan;
  const NrGrid     *grid = &plan->parts[0].grid;

  for (gsize m = begin; m < end; m++)
    {
      const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, block->work.group * plan->out_channels + m);

      for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
        block->kernels->winograd_output (block->tiles + t, block->products + (m - begin) * block->columns + t,
                                         block->m_stride, &epilogue,
                                         block->residual != NULL ? block->residual + m * grid->out_plane : NULL,
                                         block->y + m * grid->out_plane, grid->axis[2].output);
    }
}

void
nr_conv_winograd_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan *plan  = node->params;
  const NrGrid     *grid  = &plan->parts[0].grid;
  Block             block = { .plan = plan, .kernels = kernels, .work = nr_conv_plan_item (plan, item), .v = scratch };
  const gsize       group = block.work.entry * plan->groups + block.work.group;
  const gsize       first = block.work.block * plan->block;

  block.x       = nr_tensor_f32 (node->in[0]) + group * plan->in_channels * grid->in_plane;
  block.y       = nr_tensor_f32 (node->out[0]) + group * plan->out_channels * grid->out_plane;
  block.weights = packed + block.work.group * plan->group_weights;
  if (node->epilogue.residual != NULL)
    block.residual = nr_tensor_f32 (node->epilogue.residual) + group * plan->out_channels * grid->out_plane;

  block.columns  = describe_tiles (plan, first, block.tiles);
  block.v_stride = plan->in_channels * block.columns + PADDING;
  block.m_stride = plan->step * block.columns + PADDING;
  block.products = scratch + POINTS * block.v_stride;

  transform_inputs (&block);
  for (gsize begin = block.work.begin; begin < block.work.end; begin += plan->step)
    {
      const gsize end = MIN (begin + plan->step, block.work.end);

      multiply (&block, begin, end);
      transform_outputs (&block, node, begin, end);
    }
}
