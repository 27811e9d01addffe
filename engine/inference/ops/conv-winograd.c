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

enum
{
  TILE    = NR_WINOGRAD_TILE,
  POINTS  = NR_WINOGRAD_POINTS,
  PADDING = 16  /* floats between points */
};

/* G g G^T, in double: the weights' rounding is the only error that no later step averages out. */
static void
transform_kernel (const gfloat *g, gdouble u[POINTS])
{
  // clang-format off
  static const gdouble matrix[8][3] = {
    {  1.0,         0.0,         0.0        },
    { -2.0 /  9.0, -2.0 /  9.0, -2.0 /  9.0 },
    { -2.0 /  9.0,  2.0 /  9.0, -2.0 /  9.0 },
    {  1.0 / 90.0,  1.0 / 45.0,  2.0 / 45.0 },
    {  1.0 / 90.0, -1.0 / 45.0,  2.0 / 45.0 },
    { 32.0 / 45.0, 16.0 / 45.0,  8.0 / 45.0 },
    { 32.0 / 45.0, -16.0 / 45.0, 8.0 / 45.0 },
    {  0.0,         0.0,         1.0        },
  };
  // clang-format on

  for (guint i = 0; i < 8; i++)
    for (guint j = 0; j < 8; j++)
      {
        gdouble sum = 0.0;

        for (guint r = 0; r < 3; r++)
          for (guint c = 0; c < 3; c++)
            sum += matrix[i][r] * matrix[j][c] * g[r * 3 + c];
        u[i * 8 + j] = sum;
      }
}

void
nr_conv_winograd_pack (void *packed, const NrNode *node, gpointer data)
{
  const NrConvPlan *plan   = node->params;
  const gfloat     *w      = nr_tensor_f32 (node->in[1]);
  const gsize       stride = plan->group_weights / POINTS;

  for (gsize group = 0; group < plan->groups; group++)
    for (gsize m = 0; m < plan->out_channels; m++)
      for (gsize c = 0; c < plan->in_channels; c++)
        {
          const gsize first = m / NR_ROWS * NR_ROWS;
          const gsize rows  = MIN (NR_ROWS, plan->out_channels - first);
          gfloat     *to    = (gfloat *) packed + group * plan->group_weights + first * plan->in_channels + c * rows + m - first;
          gdouble     u[POINTS];

          transform_kernel (w + group * plan->w_group + m * plan->w_out + c * plan->w_in, u);
          for (gsize p = 0; p < POINTS; p++)
            to[p * stride] = (gfloat) u[p];
        }
}

gboolean
nr_conv_winograd_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  const NrGrid *grid = &plan->parts[0].grid;

  plan->tiles_x  = (grid->axis[2].positions + TILE - 1) / TILE;
  plan->tiles_y  = (grid->axis[1].positions + TILE - 1) / TILE;
  plan->block    = NR_PANEL;
  plan->n_blocks = (plan->tiles_x * plan->tiles_y + plan->block - 1) / plan->block;
  /* Output channels between product and transform back: the block's patches are read again for each step, from the L2 cache
   * while they fit there. */
  plan->step          = plan->in_channels <= 96 ? 16 : 64;
  plan->group_weights = POINTS * ((plan->in_channels * plan->out_channels + 15) / 16 * 16 + PADDING);
  nr_conv_plan_split (plan, 32);

  return nr_conv_plan_finish (node, plan, "winograd-6x3", nr_conv_winograd_pack,
                              POINTS * ((plan->in_channels + plan->step) * plan->block + 2 * PADDING) * sizeof (gfloat), error);
}

/* Tiles FIRST ... FIRST + n - 1 in rows of tiles, padded to a multiple of 16 with empty ones. */
static void
describe_tiles (const NrConvPlan *plan, gsize first, gsize n, NrWinogradTile *tiles, gsize n_padded)
{
  const NrGridAxis *h = &plan->parts[0].grid.axis[1];
  const NrGridAxis *w = &plan->parts[0].grid.axis[2];

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
}

static void
fetch_outputs (const NrKernels *kernels, const NrWinogradTile *tiles, gsize offset, const gfloat *residual, gfloat *y)
{
  kernels->winograd_fetch (tiles, y + offset, true);
  if (residual != NULL)
    kernels->winograd_fetch (tiles, residual + offset, true);
}

void
nr_conv_winograd_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan *plan     = node->params;
  const NrConvItem  work     = nr_conv_plan_item (plan, item);
  const NrGrid     *grid     = &plan->parts[0].grid;
  const gsize       group    = work.entry * plan->groups + work.group;
  const gsize       in_row   = grid->axis[2].input;
  const gsize       out_row  = grid->axis[2].output;
  const gfloat     *x        = nr_tensor_f32 (node->in[0]) + group * plan->in_channels * grid->in_plane;
  gfloat           *y        = nr_tensor_f32 (node->out[0]) + group * plan->out_channels * grid->out_plane;
  const gfloat     *residual = node->epilogue.residual != NULL
                                   ? nr_tensor_f32 (node->epilogue.residual) + group * plan->out_channels * grid->out_plane
                                   : NULL;
  const gfloat     *weights  = packed + work.group * plan->group_weights;
  const gsize       u_stride = plan->group_weights / POINTS;
  const gsize       first    = work.block * plan->block;
  const gsize       n        = MIN (plan->block, plan->tiles_x * plan->tiles_y - first);
  const gsize       columns  = (n + NR_WINOGRAD_TILES - 1) / NR_WINOGRAD_TILES * NR_WINOGRAD_TILES;
  const gsize       v_stride = plan->in_channels * columns + PADDING;
  const gsize       m_stride = plan->step * columns + PADDING;
  gfloat           *v        = scratch;
  gfloat           *products = scratch + POINTS * v_stride;
  NrWinogradTile    tiles[NR_PANEL];

  describe_tiles (plan, first, n, tiles, columns);

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize t = 0; t < columns; t += NR_WINOGRAD_TILES)
      {
        for (gsize r = 0; r < NR_WINOGRAD_PATCH && c + 1 < plan->in_channels; r++)
          kernels->winograd_fetch (tiles + t, x + (c + 1) * grid->in_plane + r * in_row, false);
        kernels->winograd_input (tiles + t, x + c * grid->in_plane, in_row, v + c * columns + t, v_stride);
      }

  for (gsize begin = work.begin; begin < work.end; begin += plan->step)
    {
      const gsize end = MIN (begin + plan->step, work.end);

      for (gsize p = 0; p < POINTS; p++)
        {
          /* The memory is idle now and busy later: each point asks for its share of the rows that will be written. */
          const gsize n_rows = (end - begin) * TILE;

          for (gsize i = p * n_rows / POINTS; i < (p + 1) * n_rows / POINTS; i++)
            for (gsize t = 0; t < columns; t += NR_WINOGRAD_TILES)
              fetch_outputs (kernels, tiles + t, (begin + i / TILE) * grid->out_plane + i % TILE * out_row, residual, y);

          for (gsize m = begin; m < end; m += NR_ROWS)
            kernels->product (weights + p * u_stride + m * plan->in_channels, v + p * v_stride, columns,
                              plan->in_channels, MIN (NR_ROWS, plan->out_channels - m), columns,
                              products + p * m_stride + (m - begin) * columns, columns, false);
        }

      for (gsize m = begin; m < end; m++)
        {
          const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, work.group * plan->out_channels + m);

          for (gsize t = 0; t < columns; t += NR_WINOGRAD_TILES)
            kernels->winograd_output (tiles + t, products + (m - begin) * columns + t, m_stride, &epilogue,
                                      residual != NULL ? residual + m * grid->out_plane : NULL,
                                      y + m * grid->out_plane, out_row);
        }
    }
}
