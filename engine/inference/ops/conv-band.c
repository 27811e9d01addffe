/* Convolution by bands: some output rows at a time, their input rows copied once beside each other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item copies the input rows that a few output rows read, all input channels, into scratch memory, with zeros for the
 * padding; rows that are read with a step are split by the remainder, so that neighboring outputs always read neighboring
 * floats. The row of the panel under weight k is then such a row at an offset that depends on k alone: nothing is packed
 * for each tap. Weights are packed as for panels (conv-panel.c).
 *
 * The phases of a transposed convolution along a row share their input rows: an item computes all of them and
 * interleaves their sums, so that whole rows are stored.
 */

#include "conv-method.h"

enum
{
  MAX_COLUMNS = 480,      /* positions of a row at once: longer rows are cut */
  CUT_COLUMNS = 384,      /* into pieces of about this, */
  MAX_ROWS    = 32,       /* output rows of an item */
  CACHED      = 1 << 18,  /* floats of scratch that stay in the L2 cache: 1 MiB */
  MAX_SCRATCH = 1 << 22,  /* floats: beyond that panels serve better */
  MAX_LANES   = 8         /* phases along a row */
};

/* The rows that an item of PART copies and where they lie. */
typedef struct
{
  ptrdiff_t y_first;  /* input row of the first copied one, at output row 0 */
  gsize     n_rows;   /* copied rows, a channel */
  ptrdiff_t x_first;  /* first copied column after splitting, at position 0 */
  gsize     n_splits; /* remainders: the step */
  gsize     split;    /* floats between the pieces of a split row */
  gsize     row;      /* floats between rows */
  gsize     channel;  /* floats between channels */
  gsize     size;     /* of all */
} Layout;

static ptrdiff_t
floor_div (ptrdiff_t a, ptrdiff_t b)
{
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static gsize
round_up (gsize n, gsize multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* Phases along a row that parts[0] begins: the parts that differ from it in the last axis only. */
static gsize
n_lanes (const NrConvPart *part)
{
  const NrGridAxis *w = &part->grid.axis[2];

  return MIN (w->out_step, w->output);
}

static Layout
lay_out (const NrConvPlan *plan, const NrConvPart *part, gsize rows, gsize columns)
{
  const NrGridAxis *h      = &part->grid.axis[1];
  const ptrdiff_t   step   = (ptrdiff_t) part->grid.axis[2].step;
  ptrdiff_t         y_last = 0, x_last = 0;
  gboolean          is_first = TRUE;
  Layout            layout   = { .n_splits = (gsize) step };

  for (gsize t = 0; t < h->n_taps; t++)
    {
      layout.y_first = t == 0 ? h->offset[t] : MIN (layout.y_first, h->offset[t]);
      y_last         = t == 0 ? h->offset[t] : MAX (y_last, h->offset[t]);
    }

  for (gsize lane = 0; lane < n_lanes (part); lane++)
    {
      const NrGridAxis *w = &part[lane].grid.axis[2];

      for (gsize t = 0; t < w->n_taps; t++, is_first = FALSE)
        {
          const ptrdiff_t x = floor_div (w->offset[t], step);

          layout.x_first = is_first ? x : MIN (layout.x_first, x);
          x_last         = is_first ? x : MAX (x_last, x);
        }
    }

  layout.n_rows  = (rows - 1) * h->step + (gsize) (y_last - layout.y_first) + 1;
  layout.split   = round_up (round_up (columns, 16) + (gsize) (x_last - layout.x_first), 16);
  layout.row     = layout.split * layout.n_splits;
  layout.channel = layout.row * layout.n_rows + 16; /* not a multiple of 4096 bytes */
  layout.size    = layout.channel * plan->in_channels + 16;

  return layout;
}

/* Floats of scratch: rows, offsets of all lanes' taps, sums of all lanes, a row of interleaved ones. */
static gsize
scratch_size (const NrConvPlan *plan, gsize rows, gsize columns)
{
  gsize size = 0;

  for (gsize p = 0; p < plan->n_parts; p += n_lanes (&plan->parts[p]))
    {
      const NrConvPart *part  = &plan->parts[p];
      const gsize       lanes = n_lanes (part);
      gsize             taps  = 0;

      for (gsize lane = 0; lane < lanes; lane++)
        taps += part[lane].grid.n_taps;

      size = MAX (size, round_up (lay_out (plan, part, rows, columns).size, 16) +
                            round_up (taps * plan->in_channels * sizeof (ptrdiff_t) / sizeof (gfloat), 16) +
                            (lanes * plan->chunk + lanes) * round_up (columns, 16));
    }

  return size;
}

gboolean
nr_conv_band_fits (NrConvPlan *plan)
{
  const NrGrid *grid   = &plan->parts[0].grid;
  const gsize   width  = grid->axis[2].positions;
  const gsize   groups = MAX (plan->batch * plan->groups, 1);
  gsize         n_bands; /* of one row */

  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const NrGrid *own = &plan->parts[p].grid;

      if (own->axis[0].n_taps != 1 || own->axis[0].input != 1 || own->axis[0].output != 1 || own->axis[0].offset[0] != 0 ||
          n_lanes (&plan->parts[p]) > MAX_LANES)
        return FALSE;

      /* Far-reaching taps would copy mostly what nobody reads, and overflow sizes. */
      for (guint a = 1; a < 3; a++)
        for (gsize t = 0; t < own->axis[a].n_taps; t++)
          if (ABS (own->axis[a].offset[t] - own->axis[a].offset[0]) > 64 || own->axis[a].step > 16)
            return FALSE;
    }

  /* A row of single positions may be cut anywhere: then so that a piece of all channels is in the cache. */
  plan->columns = width;
  if (width > MAX_COLUMNS)
    {
      const gsize most = grid->axis[1].positions > 1 ? CUT_COLUMNS : CLAMP (CACHED / 2 / plan->in_channels, 48, CUT_COLUMNS);
      const gsize n    = (width + most - 1) / most;

      plan->columns = round_up ((width + n - 1) / n, NR_PANEL);
    }

  plan->chunk = round_up (plan->out_channels, NR_ROWS);
  n_bands     = grid->axis[1].positions * ((width + plan->columns - 1) / plan->columns) * groups * plan->n_parts / n_lanes (plan->parts);
  plan->rows  = CLAMP (n_bands / 64, 1, MAX_ROWS);
  plan->rows  = MIN (plan->rows, grid->axis[1].positions);
  while (plan->rows > 1 && scratch_size (plan, plan->rows, plan->columns) > CACHED)
    plan->rows = (plan->rows + 1) / 2;

  return scratch_size (plan, plan->rows, plan->columns) <= MAX_SCRATCH;
}

gboolean
nr_conv_band_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  g_autofree gchar *key = nr_conv_panel_lay_out_weights (node, plan);

  plan->n_blocks = 0;
  for (gsize p = 0; p < plan->n_parts; p += n_lanes (&plan->parts[p]))
    {
      NrConvPart       *part = &plan->parts[p];
      const NrGridAxis *h    = &part->grid.axis[1];
      const NrGridAxis *w    = &part->grid.axis[2];

      part->first_block = plan->n_blocks;
      part->n_blocks    = (h->positions + plan->rows - 1) / plan->rows * ((w->positions + plan->columns - 1) / plan->columns);
      plan->n_blocks += part->n_blocks;
    }
  nr_conv_plan_split (plan, 32);

  return nr_conv_plan_finish (node, plan, key,
                              scratch_size (plan, plan->rows, plan->columns) * sizeof (gfloat), error);
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

/* Rows and columns of the grid that an item computes. */
typedef struct
{
  gsize y, x, rows, columns;
} Band;

static void
copy_rows (const NrConvPlan *plan, const NrKernels *kernels, const NrGrid *grid, const Layout *layout, const Band *band, const gfloat *x, gfloat *to)
{
  const NrGridAxis *h      = &grid->axis[1];
  const NrGridAxis *w      = &grid->axis[2];
  const ptrdiff_t   step   = (ptrdiff_t) w->step;
  const ptrdiff_t   y0     = (ptrdiff_t) (band->y * h->step) + layout->y_first;
  const ptrdiff_t   x0     = ((ptrdiff_t) band->x + layout->x_first) * step;
  const gsize       n_rows = (band->rows - 1) * h->step + layout->n_rows - (plan->rows - 1) * h->step;

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize r = 0; r < n_rows; r++)
      {
        const ptrdiff_t y     = y0 + (ptrdiff_t) r;
        const gboolean  is_in = y >= 0 && y < (ptrdiff_t) h->input;

        for (gsize split = 0; split < layout->n_splits; split++)
          kernels->copy_row (x + c * grid->in_plane + (is_in ? y * (ptrdiff_t) w->input : 0), x0 + (ptrdiff_t) split, step,
                             is_in ? (ptrdiff_t) w->input : 0, (ptrdiff_t) layout->split,
                             split == 0 && c + 1 < plan->in_channels ? grid->in_plane : 0,
                             to + c * layout->channel + r * layout->row + split * layout->split);
      }
}

/* Writes the offset of each k; returns where it stopped. */
static ptrdiff_t *
find_offsets (const NrConvPlan *plan, const NrGrid *grid, const Layout *layout, ptrdiff_t *offset)
{
  const NrGridAxis *h = &grid->axis[1];
  const NrGridAxis *w = &grid->axis[2];

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize ty = 0; ty < h->n_taps; ty++)
      for (gsize tx = 0; tx < w->n_taps; tx++)
        {
          const ptrdiff_t x     = floor_div (w->offset[tx], (ptrdiff_t) w->step);
          const ptrdiff_t split = w->offset[tx] - x * (ptrdiff_t) w->step;

          *offset++ = (ptrdiff_t) (c * layout->channel) + (h->offset[ty] - layout->y_first) * (ptrdiff_t) layout->row +
                      split * (ptrdiff_t) layout->split + x - layout->x_first;
        }

  return offset;
}

void
nr_conv_band_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize item, gfloat *scratch)
{
  const NrConvPlan *plan = node->params;
  const NrConvItem  work = nr_conv_plan_item (plan, item);
  const NrConvPart *part = plan->parts;

  while (work.block >= part->first_block + part->n_blocks)
    part += n_lanes (part);

  const NrGrid     *grid     = &part->grid;
  const NrGridAxis *h        = &grid->axis[1];
  const NrGridAxis *w        = &grid->axis[2];
  const gsize       lanes    = n_lanes (part);
  const gsize       group    = work.entry * plan->groups + work.group;
  const gsize       n_across = (w->positions + plan->columns - 1) / plan->columns;
  const gsize       y_block  = (work.block - part->first_block) / n_across;
  const gsize       x_block  = (work.block - part->first_block) % n_across;
  const Band        band     = { .y       = y_block * plan->rows,
                                 .x       = x_block * plan->columns,
                                 .rows    = MIN (plan->rows, h->positions - y_block * plan->rows),
                                 .columns = MIN (plan->columns, w->positions - x_block * plan->columns) };
  const Layout      layout   = lay_out (plan, part, plan->rows, plan->columns);
  const gsize       stride   = round_up (plan->columns, 16);
  const gfloat     *x        = nr_tensor_f32 (node->in[0]) + group * plan->in_channels * grid->in_plane;
  gfloat           *y        = nr_tensor_f32 (node->out[0]) + group * plan->out_channels * grid->out_plane;
  const gfloat     *residual = node->epilogue.residual != NULL
                                   ? nr_tensor_f32 (node->epilogue.residual) + group * plan->out_channels * grid->out_plane
                                   : NULL;
  gfloat           *rows     = scratch;
  gfloat           *sums     = rows + round_up (layout.size, 16);
  gfloat           *mixed    = sums + lanes * plan->chunk * stride;
  ptrdiff_t        *offset   = (ptrdiff_t *) (mixed + lanes * stride);

  const ptrdiff_t *lane_offset[MAX_LANES];

  copy_rows (plan, kernels, grid, &layout, &band, x, rows);
  for (gsize lane = 0; lane < lanes; lane++)
    {
      lane_offset[lane] = offset;
      offset            = find_offsets (plan, &part[lane].grid, &layout, offset);
    }

  for (gsize r = 0; r < band.rows; r++)
    {
      for (gsize lane = 0; lane < lanes; lane++)
        {
          const NrConvPart *own     = &part[lane];
          const gsize       depth   = plan->in_channels * own->grid.n_taps;
          const gfloat     *weights = packed + work.group * plan->group_weights + own->weights;

          for (gsize j = 0; j < band.columns; j += NR_PANEL)
            for (gsize m = work.begin; m < work.end; m += NR_ROWS)
              kernels->product_at (weights + m * depth, rows + r * h->step * layout.row + j, lane_offset[lane], depth,
                                   MIN (NR_ROWS, plan->out_channels - m), round_up (MIN (band.columns - j, NR_PANEL), 16),
                                   sums + (lane * plan->chunk + m - work.begin) * stride + j, stride);
        }

      const gsize at = ((band.y + r) * h->out_step + h->out_phase) * w->output + band.x * lanes;
      const gsize n  = MIN (band.columns * lanes, w->output - band.x * lanes);

      for (gsize m = work.begin; m < work.end; m++)
        {
          const NrRowEpilogue epilogue = nr_conv_row_epilogue (node, work.group * plan->out_channels + m);
          const gfloat       *sum      = sums + (m - work.begin) * stride;

          if (lanes > 1)
            {
              kernels->interleave (sum, plan->chunk * stride, lanes, band.columns, mixed);
              sum = mixed;
            }
          kernels->store_row (sum, n, &epilogue, residual != NULL ? residual + m * grid->out_plane + at : NULL,
                              y + m * grid->out_plane + at, 1, m + 1 < work.end ? grid->out_plane : 0);
        }
    }
}
