/* Convolution by Winograd F(6x6,3x3): 64 products for 36 outputs instead of 324.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015. An item transforms a block of up to 48
 * tiles of all input channels, multiplies point by point, and transforms back 16 to 64 output channels at a time, so that the
 * block stays in the L2 cache from input to output. Packed weights of a group, in the order in which they are read: for
 * each step of output channels, for each of the 64 points, the panel method's matrix of depth in_channels.
 *
 * Points of a block are a multiple of 4096 bytes apart for most channel counts, which would put them all into the same
 * cache sets: hence the padding.
 *
 * While the products run the memory is idle, and it is far. So each product asks for a few of the cache lines that the
 * step's outputs go to, and of the residual's (NrAhead). Asking for the next block's patches too was measured: what the
 * transform gains the products lose, for the lines push the block out of the L2 cache.
 */

#include "conv-method.h"
#include "graph/plan.h"

#include <string.h>

enum
{
  TILE    = NR_WINOGRAD_TILE,
  POINTS  = NR_WINOGRAD_POINTS,
  PADDING = 16, /* floats between points */

  /* Cache lines of a channel's outputs: at most two for each row of each tile. */
  MAX_LINES = 2 * TILE * NR_PANEL,
  PARTS     = 8, /* of them: 8 channels take 8 products a point */

  MOST_CACHED = 96, /* input channels of a block that stays in the L2 cache */
  LONG_STEP   = 64, /* output channels of a step beyond that */

  FEW_BLOCKS  = 8,
  LEAST_CHUNK = 32, /* output channels of an item, when blocks are few */
  SLICE       = 16  /* input channels of an item that only transforms */
};

/* G g G^T of the kernels of two input channels and NR_ROWS output channels at a time, which lie side by side in the packed
 * weights. */
void
nr_conv_winograd_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item)
{
  const NrConvPlan *plan     = node->params;
  const gsize      *taps     = plan->parts[0].taps;
  const gsize       n_blocks = (plan->out_channels + NR_ROWS - 1) / NR_ROWS;
  const gsize       group    = item / n_blocks;
  const gsize       first    = item % n_blocks * NR_ROWS;
  const gsize       rows     = MIN (NR_ROWS, plan->out_channels - first);
  const gsize       step     = first / plan->step * plan->step;
  const gsize       stride   = MIN (plan->step, plan->out_channels - step) * plan->in_channels;
  const gfloat     *w        = nr_tensor_f32 (node->in[1]) + group * plan->w_group + first * plan->w_out;
  gfloat           *to       = packed + group * plan->group_weights +
               (POINTS * step + first - step) * plan->in_channels;
  gfloat g[9 * NR_WINOGRAD_TILES], u[POINTS * NR_WINOGRAD_TILES];

  memset (g, 0, sizeof g);
  for (gsize c = 0; c < plan->in_channels; c += 2)
    {
      const gsize n = MIN (2, plan->in_channels - c);

      for (gsize k = 0; k < n; k++)
        for (gsize i = 0; i < rows; i++)
          for (gsize t = 0; t < 9; t++)
            g[t * NR_WINOGRAD_TILES + k * rows + i] = w[i * plan->w_out + (c + k) * plan->w_in + taps[t]];

      kernels->winograd_weights (g, u);
      for (gsize p = 0; p < POINTS; p++)
        if (n * rows == NR_WINOGRAD_TILES) /* a size that the compiler knows: training packs before each run */
          memcpy (to + p * stride + c * rows, u + p * NR_WINOGRAD_TILES, NR_WINOGRAD_TILES * sizeof (gfloat));
        else
          memcpy (to + p * stride + c * rows, u + p * NR_WINOGRAD_TILES, n * rows * sizeof (gfloat));
    }
}

/* Floats of the transformed patches of a block. */
static gsize
block_size (const NrConvPlan *plan)
{
  return POINTS * (plan->in_channels * plan->block + PADDING);
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

      t->in       = iy * (ptrdiff_t) plan->in_row + ix;
      t->out      = (ptrdiff_t) (qy * plan->out_row + qx);
      t->out_rows = (guint8) MIN (TILE, h->positions - qy);
      t->out_cols = (guint8) ((1 << MIN (TILE, w->positions - qx)) - 1);
      for (ptrdiff_t r = 0; r < NR_WINOGRAD_PATCH; r++)
        {
          t->in_rows |= (guint8) ((iy + r >= 0 && iy + r < (ptrdiff_t) h->input) << r);
          t->in_cols |= (guint8) ((ix + r >= 0 && ix + r < (ptrdiff_t) w->input) << r);
        }
    }

  return n_padded;
}

/* The cache lines that the outputs of the tiles lie in, as offsets from the beginning of a channel; returns how many. */
static gsize
list_lines (const NrConvPlan *plan, const NrWinogradTile *tiles, gsize n, ptrdiff_t lines[MAX_LINES])
{
  const ptrdiff_t line    = 64 / sizeof (gfloat);
  gsize           n_lines = 0;

  for (gsize first = 0, last; first < n; first = last)
    {
      ptrdiff_t end;

      /* Neighbors lie in one row. */
      for (last = first + 1; last < n && tiles[last].out == tiles[last - 1].out + TILE; last++)
        ;
      end = tiles[last - 1].out + TILE;

      for (gsize r = 0; r < tiles[first].out_rows; r++)
        {
          const ptrdiff_t row = (ptrdiff_t) (r * plan->out_row);

          for (ptrdiff_t i = tiles[first].out; i < end - 1; i += line)
            lines[n_lines++] = row + i;
          lines[n_lines++] = row + end - 1;
        }
    }

  return n_lines;
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
  gsize             columns;            /* tiles, padded to a multiple of 16 */
  gfloat           *v, *products;       /* [point][channel][tile] */
  gsize             v_stride, m_stride; /* between points */

  ptrdiff_t lines[MAX_LINES]; /* of a channel's outputs, */
  gsize     parts[PARTS + 1]; /* cut at these */
} Block;

/* Input channels [begin, end). */
static void
transform_inputs (const Block *block, gsize begin, gsize end)
{
  const NrConvPlan *plan = block->plan;

  for (gsize c = begin; c < end; c++)
    for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
      block->kernels->winograd_input (block->tiles + t, block->x + c * plan->in_channel, plan->in_row,
                                      c + 1 < end ? plan->in_channel : 0,
                                      block->v + c * block->columns + t, block->v_stride);
}

/* What product I of the step that begins with channel BEGIN asks for: a part of the channel's outputs, or with a residual
 * twice that of either in turn. */
static NrAhead
ahead_of (const Block *block, gsize begin, gsize end, gsize i)
{
  const gsize   channel      = begin + i / PARTS;
  const gsize   part         = i % PARTS;
  const bool    has_residual = block->residual != NULL && block->residual != block->y;
  const gsize   first        = has_residual ? part / 2 * 2 : part;
  const gsize   last         = has_residual ? first + 2 : first + 1;
  const gfloat *base         = has_residual && part % 2 == 1 ? block->residual : block->y;

  if (channel >= end)
    return (NrAhead) { 0 };

  return (NrAhead) { base + channel * block->plan->out_channel, block->lines + block->parts[first],
                     block->parts[last] - block->parts[first] };
}

/* Output channels [begin, end): one step. */
static void
multiply (const Block *block, gsize begin, gsize end)
{
  const NrConvPlan *plan    = block->plan;
  const gfloat     *weights = block->weights + POINTS * begin * plan->in_channels;

  for (gsize p = 0, i = 0; p < POINTS; p++)
    for (gsize m = begin; m < end; m += NR_ROWS, i++)
      {
        const gsize   rows  = MIN (NR_ROWS, end - m);
        const NrAhead ahead = ahead_of (block, begin, end, i);

        block->kernels->product_ahead (weights, block->v + p * block->v_stride, block->columns, plan->in_channels, rows,
                                       block->columns,
                                       block->products + p * block->m_stride + (m - begin) * block->columns, block->columns,
                                       &ahead);
        weights += rows * plan->in_channels;
      }
}

static void
transform_outputs (const Block *block, const NrNode *node, gsize begin, gsize end)
{
  const NrConvPlan *plan = block->plan;

  for (gsize m = begin; m < end; m++)
    {
      const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, block->work.group * plan->out_channels + m);

      for (gsize t = 0; t < block->columns; t += NR_WINOGRAD_TILES)
        block->kernels->winograd_output (block->tiles + t, block->products + (m - begin) * block->columns + t,
                                         block->m_stride, &epilogue,
                                         block->residual != NULL ? block->residual + m * plan->out_channel : NULL,
                                         block->y + m * plan->out_channel, plan->out_row);
    }
}

/* All that depends on the geometry alone. */
static void
describe_block (Block *block, const NrNode *node, const NrKernels *kernels, const NrConvItem *work)
{
  const NrConvPlan *plan      = node->params;
  const gsize       first_in  = nr_conv_plan_in (plan, work->entry, work->group * plan->in_channels);
  const gsize       first_out = nr_conv_plan_out (plan, work->entry, work->group * plan->out_channels);

  block->plan     = plan;
  block->kernels  = kernels;
  block->work     = *work;
  block->x        = nr_tensor_f32 (node->in[0]) + first_in;
  block->y        = nr_tensor_f32 (node->out[0]) + first_out;
  block->residual = node->epilogue.residual != NULL ? nr_tensor_f32 (node->epilogue.residual) + first_out : NULL;
  block->columns  = describe_tiles (plan, work->block * plan->block, block->tiles);
  block->v_stride = plan->in_channels * block->columns + PADDING;
  block->m_stride = plan->step * block->columns + PADDING;
}

void
nr_conv_winograd_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan *plan = node->params;
  const NrConvItem  work = nr_conv_plan_item (plan, item);
  Block             block;

  describe_block (&block, node, kernels, &work);
  block.weights  = packed + work.group * plan->group_weights;
  block.v        = plan->is_in_two ? nr_tensor_f32 (node->in[NR_CONV_PATCHES]) + item / plan->n_chunks * block_size (plan) : scratch;
  block.products = plan->is_in_two ? scratch : scratch + block_size (plan);

  const gsize n_lines = list_lines (plan, block.tiles, block.columns, block.lines);

  for (gsize i = 0; i <= PARTS; i++)
    block.parts[i] = n_lines * i / PARTS;

  if (! plan->is_in_two)
    transform_inputs (&block, 0, plan->in_channels);
  for (gsize begin = work.begin; begin < work.end; begin += plan->step)
    {
      const gsize end = MIN (begin + plan->step, work.end);

      multiply (&block, begin, end);
      transform_outputs (&block, node, begin, end);
    }
}

/* -- In two -------------------------------------------------------------------------------------------------------- */

/* Few blocks are cut into output channels for the threads' sake, which all need the same patches. Then a node before the
 * convolution, whose params are the convolution, transforms them once: an item is some input channels of a block. */
static gsize
n_slices (const NrConvPlan *plan)
{
  return (plan->in_channels + SLICE - 1) / SLICE;
}

static void
transform_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrNode     *convolution = node->params;
  const NrConvPlan *plan        = convolution->params;

  for (gsize item = begin; item < end; item++)
    {
      const gsize      index = item / n_slices (plan);
      const gsize      first = item % n_slices (plan) * SLICE;
      const NrConvItem work  = nr_conv_plan_item (plan, index * plan->n_chunks);
      Block            block;

      describe_block (&block, convolution, kernels, &work);
      block.v = nr_tensor_f32 (node->out[0]) + index * block_size (plan);
      transform_inputs (&block, first, MIN (first + SLICE, plan->in_channels));
    }
}

static const NrOpClass transform_class = {
  .type = "TransformPatches",
  .run  = transform_run,
};

static gboolean
transform_before (NrNode *node, const NrConvPlan *plan, GError **error)
{
  const gsize n_blocks  = plan->batch * plan->groups * plan->n_blocks;
  NrNode     *transform = nr_plan_add_before (node->plan, node, &transform_class, node->in[0], n_blocks * block_size (plan), error);

  if (transform == NULL)
    return FALSE;

  transform->params  = node;
  transform->n_items = n_blocks * n_slices (plan);
  transform->grain   = 1;
  nr_conv_set_input (node, NR_CONV_PATCHES, transform->out[0]);
  return TRUE;
}

/* Output channels between product and transform back: the block's patches are read again for each step, from the L2 cache
 * while they fit there; else steps are long, and an even number of them, for they are what two threads share. Packed weights
 * depend on it, so it depends on nothing but channels. */
static gsize
step_of (const NrConvPlan *plan)
{
  const gsize pairs = (plan->out_channels + 2 * LONG_STEP - 1) / (2 * LONG_STEP);
  const gsize even  = (plan->out_channels + 2 * pairs - 1) / (2 * pairs);

  if (plan->in_channels <= MOST_CACHED)
    return 16;

  return plan->out_channels <= LONG_STEP ? LONG_STEP : (even + NR_ROWS - 1) / NR_ROWS * NR_ROWS;
}

gboolean
nr_conv_winograd_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  const NrGrid     *grid = &plan->parts[0].grid;
  g_autofree gchar *key  = g_strconcat ("winograd-6x3-", node->op->type, NULL);

  plan->tiles_x       = (grid->axis[2].positions + TILE - 1) / TILE;
  plan->tiles_y       = (grid->axis[1].positions + TILE - 1) / TILE;
  plan->block         = NR_PANEL;
  plan->n_blocks      = (plan->tiles_x * plan->tiles_y + plan->block - 1) / plan->block;
  plan->step          = step_of (plan);
  plan->group_weights = POINTS * plan->in_channels * plan->out_channels;
  plan->chunk         = plan->out_channels;
  if (plan->batch * plan->groups * plan->n_blocks < FEW_BLOCKS)
    {
      nr_conv_plan_split (plan, LEAST_CHUNK);
      plan->chunk = (plan->chunk + plan->step - 1) / plan->step * plan->step;
    }

  plan->is_in_two = plan->chunk < plan->out_channels;
  if (plan->is_in_two && ! transform_before (node, plan, error))
    return FALSE;

  const gsize v_size = plan->is_in_two ? 0 : block_size (plan);

  return nr_conv_plan_finish (node, plan, key,
                              (v_size + POINTS * (plan->step * plan->block + PADDING)) * sizeof (gfloat), error);
}
