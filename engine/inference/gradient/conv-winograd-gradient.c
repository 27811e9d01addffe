/* The gradient of 3x3 weights in Winograd's domain: 64 products of 36 positions' worth instead of 324.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * F(6x6,3x3) computes a tile as Y = A^T [(G g G^T) . (B^T d B)] A; so the gradient of its kernel is
 *   dg = G^T [(A dY A^T) . (B^T d B)] G,
 * and what stands in brackets can be summed over all tiles before the outer transform: for each of the 64 points a product
 * [output channels x tiles] [tiles x input channels]. A lane of the transforms is a channel here, all of one tile, so that they
 * come out as the rows of these products. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015.
 *
 * An item sums up a stripe of tiles for a block of input and a chunk of output channels, which stay in the L2 cache: 1.5 MB
 * at 48 and 128. Stripes and blocks follow from the shapes alone and are added up in order.
 */

#include "gradient/conv-gradient.h"

#include <string.h>

enum
{
  TILE        = NR_WINOGRAD_TILE,
  PATCH       = NR_WINOGRAD_PATCH,
  POINTS      = NR_WINOGRAD_POINTS,
  LANES       = NR_WINOGRAD_TILES,
  PADDING     = 16,  /* floats between points: else all fall into the same cache sets */
  DEPTH       = 16,  /* tiles of a product */
  MAX_CHUNK   = 128, /* output channels of an item */
  STRIPE      = 128, /* tiles that a stripe has at least: its sums cost as much as 10 or so */
  MAX_STRIPES = 4
};

typedef struct
{
  NrConvPlan *plan;
  gsize       tiles_x, tiles_y, n_tiles; /* of all batch entries */
  gsize       n_stripes;
  gsize       chunk, n_chunks;   /* output channels of an item */
  gsize       n_blocks;          /* of NR_PANEL input channels */
  gsize       u_ld;              /* floats between tiles of transformed gradients */
  gsize       u_stride, v_stride; /* floats between points, of gradients and inputs */
  gsize       block_sums;        /* floats of sums of a block of input channels: [point][output channel][NR_PANEL] */
} WinogradPlan;

static void
winograd_plan_free (gpointer data)
{
  WinogradPlan *winograd = data;

  nr_conv_plan_free (winograd->plan);
  g_free (winograd);
}

static gsize
round_up (gsize n, gsize multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* Cycles of a 16-lane core, as measured, against those of products over positions. */
gboolean
nr_conv_winograd_gradient_pays (const NrConvPlan *plan)
{
  const NrGrid *grid = &plan->parts[0].grid;

  if (! nr_conv_is_3x3 (plan))
    return FALSE;

  const gdouble in       = (gdouble) plan->in_channels;
  const gdouble out      = (gdouble) plan->out_channels;
  const gdouble blocks   = (gdouble) ((plan->in_channels + NR_PANEL - 1) / NR_PANEL);
  const gdouble tiles    = (gdouble) (plan->batch * ((grid->axis[1].positions + 5) / 6) * ((grid->axis[2].positions + 5) / 6));
  const gdouble winograd = tiles * (60.0 * (out * blocks + in) + 2.5 * blocks * NR_PANEL * out) + 200.0 * in * out;
  const gdouble direct   = (gdouble) (plan->batch * grid->n_positions) * 9.0 * in * out / 26.0;

  return winograd < direct;
}

static WinogradPlan *
winograd_plan_new (const NrNode *node)
{
  NrConvPlan   *plan     = nr_conv_plan_copy (node->params);
  const NrGrid *grid     = &plan->parts[0].grid;
  WinogradPlan *winograd = g_new0 (WinogradPlan, 1);

  winograd->plan       = plan;
  winograd->tiles_x    = (grid->axis[2].positions + TILE - 1) / TILE;
  winograd->tiles_y    = (grid->axis[1].positions + TILE - 1) / TILE;
  winograd->n_tiles    = plan->batch * winograd->tiles_x * winograd->tiles_y;
  winograd->n_stripes  = CLAMP (winograd->n_tiles / STRIPE, 1, MAX_STRIPES);
  winograd->n_chunks   = (plan->out_channels + MAX_CHUNK - 1) / MAX_CHUNK;
  winograd->chunk      = round_up ((plan->out_channels + winograd->n_chunks - 1) / winograd->n_chunks, NR_ROWS);
  winograd->n_chunks   = (plan->out_channels + winograd->chunk - 1) / winograd->chunk;
  winograd->n_blocks   = (plan->in_channels + NR_PANEL - 1) / NR_PANEL;
  winograd->u_ld       = round_up (winograd->chunk, LANES);
  winograd->u_stride   = DEPTH * winograd->u_ld + PADDING;
  winograd->v_stride   = DEPTH * NR_PANEL + PADDING;
  winograd->block_sums = POINTS * plan->out_channels * NR_PANEL;
  return winograd;
}

/* -- Products -------------------------------------------------------------------------------------------------------- */

/* What an item works with. */
typedef struct
{
  const WinogradPlan *winograd;
  const NrKernels    *kernels;
  const gfloat       *x, *dy; /* all */
  gsize               group, m, n_m, c, n_c; /* channels of the group: outputs from m on, inputs from c on */
  gfloat             *sums;                  /* [point][output channel][NR_PANEL] of the block */
  gfloat             *u, *v;                 /* [point][tile][channel] */
} Item;

/* One tile of N <= 16 channels, a lane each; the other lanes are empty. */
static void
describe_lanes (const WinogradPlan *winograd, gsize within, gsize n, NrWinogradTile lanes[LANES])
{
  const NrGrid     *grid = &winograd->plan->parts[0].grid;
  const NrGridAxis *h = &grid->axis[1], *w = &grid->axis[2];
  const gsize       qy   = within / winograd->tiles_x * TILE;
  const gsize       qx   = within % winograd->tiles_x * TILE;
  const ptrdiff_t   iy   = (ptrdiff_t) qy + h->offset[0];
  const ptrdiff_t   ix   = (ptrdiff_t) qx + w->offset[0];
  NrWinogradTile    tile = { .in       = iy * (ptrdiff_t) w->input + ix,
                             .out      = (ptrdiff_t) (qy * w->output + qx),
                             .out_rows = (guint8) MIN (TILE, h->positions - qy),
                             .out_cols = (guint8) ((1 << MIN (TILE, w->positions - qx)) - 1) };

  for (ptrdiff_t r = 0; r < PATCH; r++)
    {
      tile.in_rows |= (guint8) ((iy + r >= 0 && iy + r < (ptrdiff_t) h->input) << r);
      tile.in_cols |= (guint8) ((ix + r >= 0 && ix + r < (ptrdiff_t) w->input) << r);
    }

  for (gsize i = 0; i < LANES; i++)
    {
      lanes[i] = i < n ? tile : (NrWinogradTile) { 0 };
      lanes[i].in += (ptrdiff_t) (i < n ? i * grid->in_plane : 0);
      lanes[i].out += (ptrdiff_t) (i < n ? i * grid->out_plane : 0);
    }
}

/* Tiles [first, first + n), channels [c, c + 16) of the item's input (or OF_OUTPUT: of its output's gradient). Neighboring tiles
 * follow each other, so that the rows of 16 channels stay in the L1 cache. */
static void
transform (const Item *item, gsize first, gsize n, gsize c, gboolean of_output)
{
  const WinogradPlan *winograd = item->winograd;
  const NrConvPlan   *plan     = winograd->plan;
  const NrGrid       *grid     = &plan->parts[0].grid;
  const gsize         n_planar = winograd->tiles_x * winograd->tiles_y;
  NrWinogradTile      lanes[LANES];

  for (gsize t = 0; t < n; t++)
    {
      const gsize group = (first + t) / n_planar * plan->groups + item->group;

      describe_lanes (winograd, (first + t) % n_planar, MIN (LANES, (of_output ? item->n_m : item->n_c) - c), lanes);
      if (of_output)
        item->kernels->winograd_gradient (lanes, item->dy + (group * plan->out_channels + item->m + c) * grid->out_plane,
                                          grid->axis[2].output, item->u + t * winograd->u_ld + c, winograd->u_stride);
      else
        item->kernels->winograd_input (lanes, item->x + (group * plan->in_channels + item->c + c) * grid->in_plane,
                                       grid->axis[2].input, 0, item->v + t * NR_PANEL + c, winograd->v_stride);
    }
}

/* DEPTH tiles or fewer. */
static void
multiply (const Item *item, gsize n_tiles)
{
  const WinogradPlan *winograd = item->winograd;

  for (gsize p = 0; p < POINTS; p++)
    for (gsize m = 0; m < item->n_m; m += NR_ROWS)
      item->kernels->product_outer (item->u + p * winograd->u_stride + m, winograd->u_ld, item->v + p * winograd->v_stride, NR_PANEL,
                                    n_tiles, MIN (NR_ROWS, item->n_m - m), round_up (item->n_c, LANES),
                                    item->sums + (p * winograd->plan->out_channels + item->m + m) * NR_PANEL, NR_PANEL);
}

/* Items: stripes, groups, blocks of input channels, chunks of output channels. */
static void
products_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const WinogradPlan *winograd = node->params;
  const NrConvPlan   *plan     = winograd->plan;

  for (gsize i = begin; i < end; i++)
    {
      const gsize chunk  = i % winograd->n_chunks;
      const gsize block  = i / winograd->n_chunks;
      const gsize stripe = block / winograd->n_blocks / plan->groups;
      const gsize first  = stripe * winograd->n_tiles / winograd->n_stripes;
      const gsize last   = (stripe + 1) * winograd->n_tiles / winograd->n_stripes;
      Item        item   = { .winograd = winograd, .kernels = kernels, .x = nr_tensor_f32 (node->in[0]), .dy = nr_tensor_f32 (node->in[1]) };

      item.group = block / winograd->n_blocks % plan->groups;
      item.c     = block % winograd->n_blocks * NR_PANEL;
      item.n_c   = MIN (NR_PANEL, plan->in_channels - item.c);
      item.m     = chunk * winograd->chunk;
      item.n_m   = MIN (winograd->chunk, plan->out_channels - item.m);
      item.sums  = nr_tensor_f32 (node->out[0]) + block * winograd->block_sums;
      item.u     = scratch;
      item.v     = item.u + POINTS * winograd->u_stride;

      for (gsize p = 0; p < POINTS; p++)
        memset (item.sums + (p * plan->out_channels + item.m) * NR_PANEL, 0, item.n_m * NR_PANEL * sizeof (gfloat));
      for (gsize tile = first; tile < last; tile += DEPTH)
        {
          const gsize n = MIN (DEPTH, last - tile);

          for (gsize c = 0; c < item.n_c; c += LANES)
            transform (&item, tile, n, c, FALSE);
          for (gsize m = 0; m < item.n_m; m += LANES)
            transform (&item, tile, n, m, TRUE);
          multiply (&item, n);
        }
    }
}

static const NrOpClass products_class = {
  .type = "WinogradWeightProducts",
  .run  = products_run,
};

/* -- Sum ------------------------------------------------------------------------------------------------------------- */

/* G^T s along one axis, 16 input channels; the matrix stands in kernels/winograd-weights.h. */
static void
gather_points (gdouble s[PATCH][LANES], gdouble g[3][LANES])
{
  for (guint i = 0; i < LANES; i++)
    {
      const gdouble sum1 = -2.0 / 9.0 * (s[1][i] + s[2][i]), difference1 = -2.0 / 9.0 * (s[1][i] - s[2][i]);
      const gdouble sum2 = 1.0 / 90.0 * (s[3][i] + s[4][i]), difference2 = 1.0 / 45.0 * (s[3][i] - s[4][i]);
      const gdouble sum3 = 32.0 / 45.0 * (s[5][i] + s[6][i]), difference3 = 16.0 / 45.0 * (s[5][i] - s[6][i]);

      g[0][i] = s[0][i] + sum1 + sum2 + sum3;
      g[1][i] = difference1 + difference2 + difference3;
      g[2][i] = sum1 + 4.0 * sum2 + 0.25 * sum3 + s[7][i];
    }
}

/* One output channel, input channels [c, c + 16) of a block: sums of all stripes, dg = G^T S G. */
static void
gather_kernels (const WinogradPlan *winograd, const gfloat *sums, gdouble g[9][LANES])
{
  const gsize stripe = winograd->plan->groups * winograd->n_blocks * winograd->block_sums;
  gdouble     half[PATCH][3][LANES];

  for (guint r = 0; r < PATCH; r++)
    {
      gdouble row[PATCH][LANES] = { { 0.0 } };

      for (guint k = 0; k < PATCH; k++)
        for (gsize s = 0; s < winograd->n_stripes; s++)
          for (guint i = 0; i < LANES; i++)
            row[k][i] += sums[s * stripe + (r * PATCH + k) * winograd->plan->out_channels * NR_PANEL + i];
      gather_points (row, half[r]);
    }

  for (guint c = 0; c < 3; c++)
    {
      gdouble column[PATCH][LANES], out[3][LANES];

      for (guint r = 0; r < PATCH; r++)
        memcpy (column[r], half[r][c], sizeof column[r]);
      gather_points (column, out);
      for (guint r = 0; r < 3; r++)
        memcpy (g[r * 3 + c], out[r], sizeof out[r]);
    }
}

/* Items: output channels of all groups. */
static void
sum_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const WinogradPlan *winograd = node->params;
  const NrConvPlan   *plan     = winograd->plan;
  const gsize        *taps     = plan->parts[0].taps;

  for (gsize item = begin; item < end; item++)
    {
      const gsize   group = item / plan->out_channels;
      const gsize   m     = item % plan->out_channels;
      const gfloat *from  = nr_tensor_f32 (node->in[0]) + group * winograd->n_blocks * winograd->block_sums + m * NR_PANEL;
      gfloat       *dw    = nr_tensor_f32 (node->out[0]) + group * plan->w_group + m * plan->w_out;

      for (gsize c = 0; c < plan->in_channels; c += LANES)
        {
          gdouble g[9][LANES];

          gather_kernels (winograd, from + c / NR_PANEL * winograd->block_sums + c % NR_PANEL, g);
          for (gsize i = 0; i < MIN (LANES, plan->in_channels - c); i++)
            for (guint t = 0; t < 9; t++)
              dw[(c + i) * plan->w_in + taps[t]] = (gfloat) g[t][i];
        }
    }
}

static const NrOpClass sum_class = {
  .type = "WinogradWeightSum",
  .run  = sum_run,
};

/* -- Nodes ----------------------------------------------------------------------------------------------------------- */

NrTensor *
nr_conv_winograd_gradient (NrTape *tape, const NrNode *node, NrTensor *dy, GError **error)
{
  WinogradPlan     *winograd = winograd_plan_new (node);
  const NrConvPlan *plan     = winograd->plan;
  NrTensor         *in[]     = { node->in[0], dy };
  NrTensor         *sums, *dw;
  NrNode           *products, *sum;

  const gint64 dims[] = { (gint64) winograd->n_stripes, (gint64) plan->groups, (gint64) winograd->n_blocks, (gint64) winograd->block_sums };

  sums = nr_tape_tensor_new (tape, node, 4, dims, error);
  if (sums == NULL)
    {
      winograd_plan_free (winograd);
      return NULL;
    }

  products              = nr_tape_add (tape, node, &products_class, 2, in, 1, &sums);
  products->params      = winograd;
  products->free_params = winograd_plan_free;
  products->n_items     = winograd->n_stripes * plan->groups * winograd->n_blocks * winograd->n_chunks;
  products->grain       = 1;
  products->n_macs      = node->n_macs;
  products->scratch     = POINTS * (winograd->u_stride + winograd->v_stride) * sizeof (gfloat);

  dw           = nr_tape_tensor (tape, node->in[1]);
  sum          = nr_tape_add (tape, node, &sum_class, 1, &sums, 1, &dw);
  sum->params  = winograd;
  sum->n_items = plan->groups * plan->out_channels;
  sum->grain   = 1;
  return dw;
}
