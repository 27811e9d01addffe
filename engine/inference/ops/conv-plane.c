/* Convolution of small planes: the positions of several rows side by side in one panel, times packed weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows of 4 to 16 positions leave vectors empty when each is a product by itself, and weights are then read once a row. So a
 * block of rows becomes one panel of up to 48 columns. Per input channel its input rows are copied with zeros around, split
 * by remainder for strides as bands are; under each tap the block's rows are then windows of that copy. Rows of about 16
 * positions are multiplied where they are in the copies: a vector is a row. Shorter ones are put side by side as row (channel,
 * tap) of a panel, which costs a load and a store for each, but all output channels share it. The phases of a transposed
 * convolution read the same windows, and each multiplies those of its own taps, so that no zeros are multiplied.
 *
 * Where there are many blocks an item is one of them, with all output channels. Where there are few, an item is some output
 * channels and all blocks, so that weights, which are most of what such a layer reads, are read once; a node before the
 * convolution fills the panels.
 *
 * Packed weights are those of panels: for each part, for each block of NR_ROWS output channels, [k][rows].
 */

#include "conv-method.h"
#include "graph/plan.h"

#include <string.h>

enum
{
  MAX_WIDTH   = NR_PANEL / 2, /* positions of a row: two must fit into a panel */
  MAX_PARTS   = 16,
  MAX_REACH   = 64,
  MAX_STEP    = 16,
  CACHED      = 1 << 18, /* floats of a panel that stays in the L2 cache: 1 MiB */
  FEW_BLOCKS  = 8,
  LEAST_CHUNK = 8, /* output channels of an item, when blocks are few */
  SLICE       = 16 /* input channels of an item that only fills panels */
};

struct _NrConvPlane
{
  const NrGrid *grid;          /* of the first phase, which has the most rows and columns */
  gsize         lanes, across; /* phases along rows and across them */

  gsize      rows, n_blocks; /* rows of a block */
  gboolean   is_in_place;    /* the panel is the copies of all channels */
  gsize      pitch;          /* columns between rows of sums */
  gsize      stride;         /* floats between rows of a panel */
  gsize      n_windows;      /* of a channel, rows of a panel where that is filled */
  ptrdiff_t *window;         /* where each begins in the copy of a channel */

  /* The copy of a channel: input row y_first + y0 step on, for a block that begins with row y0. */
  ptrdiff_t y_first, x_first; /* x_first: column of the input, a multiple of the step */
  gsize     n_copied;         /* rows */
  gsize     split;            /* floats of each remainder */
  gsize     row, channel;     /* floats between rows, channels */

  ptrdiff_t *offset[MAX_PARTS]; /* where each k of a part is in the panel; NULL: in order */
};

/* -- Geometry ----------------------------------------------------------------------------------------------------- */

static gsize
round_up (gsize n, gsize multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* Cycles of a 16-lane core for one k of NR_ROWS output channels, as measured: two multiply-adds or two loads in each. Rows
 * that are read in place (PITCH 16) mostly cross a cache line. */
static gdouble
cost_of_columns (gsize columns, gsize pitch)
{
  static const gdouble costs[2][4] = { { 0.0, 4.5, 8.0, 12.0 }, { 0.0, 5.5, 9.0, 12.5 } };

  return costs[pitch == 16][(columns + 15) / 16];
}

static gdouble
cost_of_blocks (gsize n_rows, gsize pitch, gsize rows)
{
  return (gdouble) (n_rows / rows) * cost_of_columns (rows * pitch, pitch) + cost_of_columns (n_rows % rows * pitch, pitch);
}

/* Rows of a block that cost least, at PITCH columns each; 0: no panel of them stays in the cache. */
static gsize
choose_rows (const NrConvPlan *plan, gsize n_windows, gsize pitch)
{
  const gsize height = plan->parts[0].grid.axis[1].positions;
  gsize       best   = 0;

  for (gsize rows = MIN (NR_PANEL / pitch, height); rows > 0; rows--)
    if (plan->in_channels * n_windows * round_up (rows * pitch, 16) <= CACHED &&
        (best == 0 || cost_of_blocks (height, pitch, rows) < cost_of_blocks (height, pitch, best)))
      best = rows;

  return best;
}

static gsize
n_phases (const NrGridAxis *axis)
{
  return MIN (axis->out_step, axis->output);
}

static gboolean
is_near (const NrGrid *grid)
{
  if (grid->axis[0].n_taps != 1 || grid->axis[0].input != 1 || grid->axis[0].output != 1 || grid->axis[0].offset[0] != 0)
    return FALSE;

  for (guint a = 1; a < 3; a++)
    for (gsize t = 0; t < grid->axis[a].n_taps; t++)
      if (ABS (grid->axis[a].offset[t]) > MAX_REACH || grid->axis[a].step > MAX_STEP)
        return FALSE;

  return TRUE;
}

/* Cycles for one input channel of the products of all rows in blocks, and of filling panels where that is needed, some 3 a
 * window; infinite if no panel stays in the cache. */
static gdouble
cost_of_pitch (const NrConvPlan *plan, gsize n_windows, gsize pitch)
{
  const gsize height = plan->parts[0].grid.axis[1].positions;
  const gsize rows   = choose_rows (plan, n_windows, pitch);
  const gsize filled = pitch == 16 ? 0 : height * n_windows;
  gsize       n_taps = 0;

  if (rows == 0)
    return G_MAXDOUBLE;
  for (gsize p = 0; p < plan->n_parts; p++)
    n_taps += plan->parts[p].grid.n_taps;

  return (gdouble) (n_taps * ((plan->out_channels + NR_ROWS - 1) / NR_ROWS)) * cost_of_blocks (height, pitch, rows) +
         3.0 * (gdouble) filled;
}

/* Columns of a row: 16 where rows are read where they are, else its positions. */
static gsize
choose_pitch (const NrConvPlan *plan, gsize n_windows)
{
  const gsize width = plan->parts[0].grid.axis[2].positions;

  return width == 16 || (width < 16 && cost_of_pitch (plan, n_windows, 16) <= cost_of_pitch (plan, n_windows, width)) ? 16 : width;
}

gboolean
nr_conv_plane_fits (const NrConvPlan *plan)
{
  const NrGrid *grid   = &plan->parts[0].grid;
  const gsize   height = grid->axis[1].positions, width = grid->axis[2].positions;

  if (width > MAX_WIDTH || height < 2 || plan->n_parts > MAX_PARTS)
    return FALSE;
  for (gsize p = 0; p < plan->n_parts; p++)
    if (! is_near (&plan->parts[p].grid))
      return FALSE;

  const gsize            lanes     = n_phases (&grid->axis[2]);
  g_autofree NrConvTaps *y         = nr_conv_union_of_taps (plan->parts, plan->n_parts / lanes, lanes, 1);
  g_autofree NrConvTaps *x         = nr_conv_union_of_taps (plan->parts, lanes, 1, 2);
  const gsize            n_windows = y->n * x->n;
  gsize                  n_taps    = 0;

  for (gsize p = 0; p < plan->n_parts; p++)
    n_taps += plan->parts[p].grid.n_taps;

  /* Against products of each row by itself. */
  return n_windows > 0 && cost_of_pitch (plan, n_windows, choose_pitch (plan, n_windows)) <
                              (gdouble) (height * n_taps * ((plan->out_channels + NR_ROWS - 1) / NR_ROWS)) * cost_of_columns (width, 16);
}

/* -- Prepare ------------------------------------------------------------------------------------------------------ */

void
nr_conv_plane_free (NrConvPlan *plan)
{
  NrConvPlane *plane = plan->plane;

  if (plane == NULL)
    return;

  g_free (plane->window);
  for (gsize p = 0; p < MAX_PARTS; p++)
    g_free (plane->offset[p]);
  g_free (plane);
}

/* Sets what concerns the copy of a channel and the windows in it. */
static void
describe_copy (NrConvPlane *plane, const NrConvTaps *y, const NrConvTaps *x)
{
  const NrGridAxis *h    = &plane->grid->axis[1];
  const NrGridAxis *w    = &plane->grid->axis[2];
  const ptrdiff_t   step = (ptrdiff_t) w->step;

  plane->y_first  = y->offset[0];
  plane->x_first  = nr_conv_floor_div (x->offset[0], step) * step;
  plane->n_copied = (plane->rows - 1) * h->step + (gsize) (y->offset[y->n - 1] - y->offset[0]) + 1;
  plane->split    = w->positions + (gsize) (x->offset[x->n - 1] - plane->x_first) / w->step;
  plane->row      = plane->split * w->step;
  plane->channel  = plane->row * plane->n_copied;
  plane->window   = g_new (ptrdiff_t, y->n * x->n);

  for (gsize t = 0; t < y->n * x->n; t++)
    {
      const gsize down  = (gsize) (y->offset[t / x->n] - plane->y_first);
      const gsize along = (gsize) (x->offset[t % x->n] - plane->x_first);

      plane->window[t] = (ptrdiff_t) (down * plane->row + along % w->step * plane->split + along / w->step);
    }
}

/* Where the part's taps are in the panel. */
static ptrdiff_t *
find_offsets (const NrConvPlan *plan, const NrConvPart *part, const NrConvTaps *y, const NrConvTaps *x)
{
  const NrConvPlane *plane  = plan->plane;
  const NrGridAxis  *h      = &part->grid.axis[1];
  const NrGridAxis  *w      = &part->grid.axis[2];
  ptrdiff_t         *offset = g_new (ptrdiff_t, plan->in_channels * part->grid.n_taps + 1);
  gsize              k      = 0;

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize ty = 0; ty < h->n_taps; ty++)
      for (gsize tx = 0; tx < w->n_taps; tx++)
        {
          const gsize window = nr_conv_find_taps (y, h->offset[ty]) * x->n + nr_conv_find_taps (x, w->offset[tx]);

          offset[k++] = plane->is_in_place ? (ptrdiff_t) (c * plane->channel) + plane->window[window]
                                           : (ptrdiff_t) ((c * plane->n_windows + window) * plane->stride);
        }

  return offset;
}

static void
describe (NrConvPlan *plan)
{
  NrConvPlane  *plane = plan->plane = g_new0 (NrConvPlane, 1);
  const NrGrid *grid = plane->grid = &plan->parts[0].grid;

  plane->lanes  = n_phases (&grid->axis[2]);
  plane->across = plan->n_parts / plane->lanes;

  g_autofree NrConvTaps *y = nr_conv_union_of_taps (plan->parts, plane->across, plane->lanes, 1);
  g_autofree NrConvTaps *x = nr_conv_union_of_taps (plan->parts, plane->lanes, 1, 2);

  plane->n_windows   = y->n * x->n;
  plane->pitch       = choose_pitch (plan, plane->n_windows);
  plane->is_in_place = plane->pitch == 16;
  plane->rows        = choose_rows (plan, plane->n_windows, plane->pitch);
  plane->n_blocks    = (grid->axis[1].positions + plane->rows - 1) / plane->rows;
  plane->stride      = round_up (plane->rows * plane->pitch, 16);
  describe_copy (plane, y, x);

  for (gsize p = 0; p < plan->n_parts && (plan->n_parts > 1 || plane->is_in_place); p++)
    plane->offset[p] = find_offsets (plan, &plan->parts[p], y, x);
}

/* Floats of the panel of a block (in place a vector may reach behind it), of the copy of a channel where the panel is another
 * place, of the sums of NR_ROWS channels and a row of interleaved ones. */
static gsize
block_size (const NrConvPlan *plan)
{
  const NrConvPlane *plane = plan->plane;

  return plan->in_channels * (plane->is_in_place ? plane->channel : plane->n_windows * plane->stride) / 16 * 16 + 32;
}

static gsize
copy_size (const NrConvPlan *plan)
{
  return plan->plane->is_in_place ? 0 : round_up (plan->plane->channel, 16);
}

static gsize
sums_size (const NrConvPlan *plan)
{
  return (plan->n_parts * NR_ROWS + plan->plane->lanes) * NR_PANEL;
}

/* -- Panels ------------------------------------------------------------------------------------------------------- */

/* Rows (input channel, tap) of the panel of a block, channels [begin, end). X: the group's first channel. */
static void
fill_panel (const NrConvPlan *plan, const NrKernels *kernels, gsize block, const gfloat *x, gsize begin, gsize end, gfloat *copy, gfloat *panel)
{
  const NrConvPlane *plane = plan->plane;
  const NrGridAxis  *h     = &plane->grid->axis[1];
  const NrGridAxis  *w     = &plane->grid->axis[2];
  const gsize        y0    = block * plane->rows;
  const gsize        rows  = MIN (plane->rows, h->positions - y0);
  const ptrdiff_t    first = (ptrdiff_t) (y0 * h->step) + plane->y_first; /* input row of the first one copied */
  const ptrdiff_t    low   = CLAMP (-first, 0, (ptrdiff_t) plane->n_copied); /* rows of the copy that are in the picture */
  const ptrdiff_t    high  = CLAMP ((ptrdiff_t) h->input - first, low, (ptrdiff_t) plane->n_copied);
  const ptrdiff_t    left  = MAX (plane->x_first, 0); /* columns that go to the copy */
  const ptrdiff_t    skip  = (left - plane->x_first) / (ptrdiff_t) w->step;
  const ptrdiff_t    n     = CLAMP ((ptrdiff_t) w->input - left, 0, (ptrdiff_t) (plane->row - (gsize) skip * w->step));

  if (plane->is_in_place)
    memset (panel + begin * plane->channel, 0, (end - begin) * plane->channel * sizeof (gfloat));
  else
    memset (copy, 0, plane->channel * sizeof (gfloat));

  for (gsize c = begin; c < end; c++)
    {
      gfloat *to = plane->is_in_place ? panel + c * plane->channel : copy;

      if (high > low && n > 0)
        kernels->split_rows (x + c * plan->in_channel + (first + low) * (ptrdiff_t) plan->in_row + left, plan->in_row,
                             (gsize) (high - low), (gsize) n, w->step, to + low * (ptrdiff_t) plane->row + skip, plane->row,
                             plane->split);
      if (! plane->is_in_place)
        kernels->copy_windows (to, h->step * plane->row, plane->window, plane->n_windows, rows, w->positions,
                               panel + c * plane->n_windows * plane->stride, plane->stride);
    }
}

static gsize
n_slices (const NrConvPlan *plan)
{
  return (plan->in_channels + SLICE - 1) / SLICE;
}

static void
fill_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrNode     *convolution = node->params;
  const NrConvPlan *plan        = convolution->params;

  for (gsize item = begin; item < end; item++)
    {
      const gsize index = item / n_slices (plan);
      const gsize slice = item % n_slices (plan) * SLICE;
      const gsize block = index % plan->plane->n_blocks;
      const gsize group = index / plan->plane->n_blocks;

      fill_panel (plan, kernels, block,
                  nr_tensor_f32 (convolution->in[0]) +
                      nr_conv_plan_in (plan, group / plan->groups, group % plan->groups * plan->in_channels),
                  slice, MIN (slice + SLICE, plan->in_channels), scratch,
                  nr_tensor_f32 (node->out[0]) + index * block_size (plan));
    }
}

static const NrOpClass fill_class = {
  .type = "FillPanels",
  .run  = fill_run,
};

static gboolean
fill_before (NrNode *node, const NrConvPlan *plan, GError **error)
{
  const gsize n_panels = plan->batch * plan->groups * plan->plane->n_blocks;
  NrNode     *fill     = nr_plan_add_before (node->plan, node, &fill_class, node->in[0], n_panels * block_size (plan), error);

  if (fill == NULL)
    return FALSE;

  fill->params  = node;
  fill->n_items = n_panels * n_slices (plan);
  fill->grain   = 1;
  fill->scratch = copy_size (plan) * sizeof (gfloat);
  nr_conv_set_input (node, NR_CONV_PATCHES, fill->out[0]);
  return TRUE;
}

gboolean
nr_conv_plane_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  g_autofree gchar *key = nr_conv_panel_lay_out (node, plan);

  describe (plan);
  plan->is_in_two = plan->batch * plan->groups * plan->plane->n_blocks < FEW_BLOCKS && plan->out_channels > LEAST_CHUNK;
  plan->n_blocks  = plan->is_in_two ? 1 : plan->plane->n_blocks;
  plan->chunk     = round_up (plan->out_channels, NR_ROWS);
  if (plan->is_in_two)
    {
      nr_conv_plan_split (plan, LEAST_CHUNK);
      if (! fill_before (node, plan, error))
        return FALSE;
    }

  return nr_conv_plan_finish (node, plan, key,
                              (sums_size (plan) + (plan->is_in_two ? 0 : copy_size (plan) + block_size (plan))) *
                                  sizeof (gfloat),
                              error);
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

/* Some output channels of a block. */
typedef struct
{
  const NrNode     *node;
  const NrConvPlan *plan;
  const NrKernels  *kernels;
  const gfloat     *weights; /* of the group */
  gsize             group;
  gfloat           *y;        /* the group's first channel */
  const gfloat     *residual; /* or NULL */
  gfloat           *sums, *mixed;
} Item;

static void
multiply (const Item *item, const gfloat *panel, gsize columns, gsize m, gsize n)
{
  const NrConvPlan  *plan  = item->plan;
  const NrConvPlane *plane = plan->plane;

  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const gsize   depth   = plan->in_channels * plan->parts[p].grid.n_taps;
      const gfloat *weights = item->weights + plan->parts[p].weights + m * depth;
      gfloat       *sums    = item->sums + p * NR_ROWS * NR_PANEL;

      item->kernels->product_stream (weights, panel, plane->stride, plane->offset[p],
                                     plane->is_in_place ? plane->grid->axis[1].step * plane->row : 16, depth, n, columns, sums,
                                     NR_PANEL);
    }
}

/* Sums of output channel M, row I of the products, for rows [y0, y0 + rows) of the grid. */
static void
store (const Item *item, gsize y0, gsize rows, gsize m, gsize i)
{
  const NrConvPlan   *plan     = item->plan;
  const NrConvPlane  *plane    = plan->plane;
  const NrGridAxis   *h        = &plane->grid->axis[1];
  const NrGridAxis   *w        = &plane->grid->axis[2];
  const NrRowEpilogue epilogue = nr_conv_row_epilogue (item->node, item->group * plan->out_channels + m);
  const gsize         channel  = m * plan->out_channel;
  const gsize         width    = w->positions * plane->lanes;

  for (gsize across = 0; across < plane->across; across++)
    {
      const gfloat *sums = item->sums + (across * plane->lanes * NR_ROWS + i) * NR_PANEL;

      if (plane->lanes > 1)
        {
          item->kernels->interleave (sums, NR_ROWS * NR_PANEL, plane->lanes, rows * plane->pitch, item->mixed);
          sums = item->mixed;
        }

      if (h->out_step == 1 && width == plan->out_row && w->positions == plane->pitch)
        {
          const gsize at = channel + y0 * width;

          item->kernels->store_row (sums, rows * width, &epilogue, item->residual != NULL ? item->residual + at : NULL,
                                    item->y + at, 1, 0);
          continue;
        }

      /* Later phases may lack the last row and the last column. */
      for (gsize r = 0; r < rows; r++)
        {
          const gsize y  = (y0 + r) * h->out_step + across;
          const gsize at = channel + y * plan->out_row;

          if (y < h->output)
            item->kernels->store_row (sums + r * plane->pitch * plane->lanes, MIN (width, w->output), &epilogue,
                                      item->residual != NULL ? item->residual + at : NULL, item->y + at, 1, 0);
        }
    }
}

void
nr_conv_plane_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize index, gfloat *scratch)
{
  const NrConvPlan  *plan      = node->params;
  const NrConvPlane *plane     = plan->plane;
  const NrConvItem   work      = nr_conv_plan_item (plan, index);
  const gsize        first_out = nr_conv_plan_out (plan, work.entry, work.group * plan->out_channels);
  const gsize        n_panels  = plan->is_in_two ? plane->n_blocks : 1;
  const gsize        height    = plane->grid->axis[1].positions;
  gfloat            *panels    = scratch + sums_size (plan);
  const Item         item      = { .node     = node,
                                   .plan     = plan,
                                   .kernels  = kernels,
                                   .weights  = packed + work.group * plan->group_weights,
                                   .group    = work.group,
                                   .y        = nr_tensor_f32 (node->out[0]) + first_out,
                                   .residual = node->epilogue.residual != NULL ? nr_tensor_f32 (node->epilogue.residual) + first_out : NULL,
                                   .sums     = scratch,
                                   .mixed    = scratch + plan->n_parts * NR_ROWS * NR_PANEL };

  if (plan->is_in_two)
    panels = nr_tensor_f32 (node->in[NR_CONV_PATCHES]) + (work.entry * plan->groups + work.group) * n_panels * block_size (plan);
  else
    fill_panel (plan, kernels, work.block,
                nr_tensor_f32 (node->in[0]) + nr_conv_plan_in (plan, work.entry, work.group * plan->in_channels), 0,
                plan->in_channels, panels + block_size (plan), panels);

  for (gsize m = work.begin; m < work.end; m += NR_ROWS)
    for (gsize b = 0; b < n_panels; b++)
      {
        const gsize y0   = (plan->is_in_two ? b : work.block) * plane->rows;
        const gsize rows = MIN (plane->rows, height - y0);
        const gsize n    = MIN (NR_ROWS, work.end - m);

        multiply (&item, panels + b * block_size (plan), round_up (rows * plane->pitch, 16), m, n);
        for (gsize i = 0; i < n; i++)
          store (&item, y0, rows, m + i, i);
      }
}
