/* Convolution by bands: some output rows at a time, their input rows copied once beside each other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An item copies the input rows that a few output rows read, all input channels, into scratch memory, with zeros for the
 * padding; rows that are read with a step are split by the remainder, so that neighboring outputs always read neighboring
 * floats. The row of the panel under weight k is then such a row at an offset that depends on k alone: nothing is packed
 * for each tap.
 *
 * An item computes a unit of parts. The phases of a transposed convolution read the same rows, so they are stacked: each
 * is a row of one product over the union of their taps, with zeros where it has none, and the product's sums go to the
 * output at once, those of two phases along a row interleaved. A plain convolution with few output channels is split into
 * phases across rows for the same reason: a product of one row leaves the multipliers waiting for loads. Where the zeros
 * would cost too much, or there are more than two phases along a row, each phase has its own product and their sums are
 * interleaved from scratch memory.
 *
 * Packed weights of a group and unit: for each block of NR_ROWS rows (the last may have fewer) a matrix [k][rows]; row
 * (channel * phases across + phase across) * phases along + phase along; k = input channel * taps + tap.
 */

#include "conv-method.h"

enum
{
  MAX_COLUMNS = 480,      /* positions of a row at once: longer rows are cut */
  CUT_COLUMNS = 384,      /* into pieces of about this, */
  MAX_ROWS    = 32,       /* output rows of an item */
  CACHED      = 1 << 18,  /* floats of scratch that stay in the L2 cache: 1 MiB */
  MAX_SCRATCH = 1 << 22,  /* floats: beyond that panels serve better */
  MAX_LANES   = 8,        /* phases along a row */
  NARROW      = 4,        /* positions of a row */
  LEAST_ITEMS = 8,
  LEAST_WORK  = 200000,   /* multiply-adds of an item, where there are more than those */
  MAX_SPLIT   = 4         /* phases across rows of a plain convolution */
};

#define NO_TAP G_MAXSIZE

/* The rows that an item copies and where they lie. */
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

struct _NrConvBand
{
  const NrConvPart *parts; /* lanes x across of them */
  Layout            layout;
  gsize             first_block, n_blocks;
  gsize             n_products;        /* 1 if stacked, else one a lane */
  gsize             depth[MAX_LANES];  /* of each product */
  gsize             weights[MAX_LANES];
  gsize            *taps[MAX_LANES];   /* what each packed weight is in the kernel */
  ptrdiff_t        *offset[MAX_LANES]; /* of each k in the copied rows */
};

static gsize
round_up (gsize n, gsize multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* -- Taps --------------------------------------------------------------------------------------------------------- */

/* Index of the part's tap at OFFSET along an axis, or its n_taps if it has none. */
static gsize
find_tap (const NrGridAxis *axis, ptrdiff_t offset)
{
  gsize t = 0;

  while (t < axis->n_taps && axis->offset[t] != offset)
    t++;

  return t;
}

/* -- Choice of units ---------------------------------------------------------------------------------------------- */

/* Cycles of a 16-lane core for one k of ROWS product rows and 48 columns: two multiply-adds or two loads in each, the
 * columns' loads count half as much again since most cross a cache line. */
static gdouble
cost_of_rows (gsize rows)
{
  gdouble cost = 0.0;

  for (gsize i = 0; i < rows; i += NR_ROWS)
    {
      const gdouble n = MIN (rows - i, NR_ROWS);

      cost += MAX (1.5 * n, 0.5 * (4.5 + n));
    }

  return cost;
}

/* Of stacking ACROSS x LANES parts into one product, for one output row of each. */
static gdouble
cost_of_stack (const NrConvPlan *plan, gsize across, gsize lanes)
{
  g_autofree NrConvTaps *y = nr_conv_union_of_taps (plan->parts, across, lanes, 1);
  g_autofree NrConvTaps *x = nr_conv_union_of_taps (plan->parts, lanes, 1, 2);

  return y->n * x->n * cost_of_rows (plan->out_channels * across * lanes);
}

static gsize
n_phases_along (const NrConvPlan *plan)
{
  const NrGridAxis *w = &plan->parts[0].grid.axis[2];

  return MIN (w->out_step, w->output);
}

/* Sets lanes, across and is_stacked for the phases of a transposed convolution. */
static void
choose_stack (NrConvPlan *plan)
{
  const gsize lanes    = n_phases_along (plan);
  const gsize phases   = plan->n_parts / lanes;
  gdouble     separate = 0.0, along = 0.0, all;

  plan->lanes      = lanes;
  plan->across     = 1;
  plan->is_stacked = lanes == 1;
  if (lanes > 2)
    return;

  for (gsize p = 0; p < plan->n_parts; p++)
    separate += plan->parts[p].grid.n_taps * cost_of_rows (plan->out_channels);
  for (gsize y = 0; y < phases; y++)
    along += plan->parts[y * lanes].grid.axis[1].n_taps * cost_of_stack (plan, 1, lanes) /
             MAX (plan->parts[0].grid.axis[1].n_taps, 1);
  all = cost_of_stack (plan, phases, lanes);

  if (phases > 1 && all <= MIN (separate, along))
    {
      plan->across     = phases;
      plan->is_stacked = TRUE;
    }
  else if (along <= separate)
    {
      plan->is_stacked = TRUE;
    }
}

/* Splits a plain convolution's rows into N phases across them. */
static void
split_rows (NrConvPlan *plan, gsize n)
{
  const NrConvPart  whole = plan->parts[0];
  const NrGridAxis *h     = &whole.grid.axis[1];

  plan->parts = g_renew (NrConvPart, plan->parts, n);
  for (gsize phase = 0; phase < n; phase++)
    {
      NrConvPart *part = &plan->parts[phase];
      const gsize taps = whole.grid.axis[0].n_taps + h->n_taps + whole.grid.axis[2].n_taps;
      NrGridAxis *own  = &part->grid.axis[1];

      *part         = whole;
      part->offsets = g_memdup2 (whole.offsets, taps * sizeof (ptrdiff_t));
      part->taps    = g_memdup2 (whole.taps, whole.grid.n_taps * sizeof (gsize));
      for (guint a = 0; a < 3; a++)
        part->grid.axis[a].offset = part->offsets + (whole.grid.axis[a].offset - whole.offsets);
      for (gsize t = 0; t < h->n_taps; t++)
        part->offsets[whole.grid.axis[0].n_taps + t] += (ptrdiff_t) (phase * h->step);

      own->positions         = (h->positions - phase + n - 1) / n;
      own->step              = h->step * n;
      own->out_step          = n;
      own->out_phase         = phase;
      part->grid.n_positions = own->positions * whole.grid.axis[2].positions;
    }

  g_free (whole.offsets);
  g_free (whole.taps);
  plan->n_parts = n;
}

/* Few output channels: as many rows at once as the multipliers gain more from than the zeros between them cost. */
static void
split_few_channels (NrConvPlan *plan)
{
  const NrGridAxis *h    = &plan->parts[0].grid.axis[1];
  gdouble           best = h->n_taps * cost_of_rows (plan->out_channels);
  gsize             n    = 1;
  ptrdiff_t         low = h->n_taps > 0 ? h->offset[0] : 0, high = low;

  if (plan->n_parts != 1 || h->out_step != 1 || h->positions < 2 * MAX_SPLIT)
    return;

  for (gsize t = 0; t < h->n_taps; t++)
    {
      low  = MIN (low, h->offset[t]);
      high = MAX (high, h->offset[t]);
    }
  if ((gsize) (high - low) + 1 != h->n_taps || h->step != 1) /* dilated: rows share no taps */
    return;

  for (gsize rows = 2; rows <= MAX_SPLIT && rows * plan->out_channels <= NR_ROWS; rows++)
    {
      const gdouble cost = (h->n_taps + rows - 1) * cost_of_rows (rows * plan->out_channels) / rows;

      if (cost < 0.9 * best)
        {
          best = cost;
          n    = rows;
        }
    }

  if (n > 1)
    {
      split_rows (plan, n);
      plan->across = n;
    }
}

/* -- Layout ------------------------------------------------------------------------------------------------------- */

static Layout
lay_out (const NrConvPlan *plan, const NrConvPart *parts, gsize rows, gsize columns)
{
  g_autofree NrConvTaps *y      = nr_conv_union_of_taps (parts, plan->across, plan->lanes, 1);
  g_autofree NrConvTaps *x      = nr_conv_union_of_taps (parts, plan->lanes, 1, 2);
  const gsize            y_step = parts->grid.axis[1].step;
  const ptrdiff_t        x_step = (ptrdiff_t) parts->grid.axis[2].step;
  const gsize            reach  = y->n > 0 ? (gsize) (y->offset[y->n - 1] - y->offset[0]) : 0;
  const ptrdiff_t        x_last = x->n > 0 ? nr_conv_floor_div (x->offset[x->n - 1], x_step) : 0;
  Layout                 layout = { .n_splits = (gsize) x_step };

  layout.y_first = y->n > 0 ? y->offset[0] : 0;
  layout.x_first = x->n > 0 ? nr_conv_floor_div (x->offset[0], x_step) : 0;
  layout.n_rows  = (rows - 1) * y_step + reach + 1;
  layout.split   = round_up (round_up (columns, 16) + (gsize) (x_last - layout.x_first), 16);
  layout.row     = layout.split * layout.n_splits;
  layout.channel = layout.row * layout.n_rows + 16; /* not a multiple of 4096 bytes */
  layout.size    = layout.channel * plan->in_channels + 16;

  return layout;
}

static gsize
targets_size (const NrConvPlan *plan)
{
  return round_up (plan->chunk * plan->across * sizeof (NrRowTarget) / sizeof (gfloat), 16);
}

/* Floats of scratch: rows; where sums go, or sums of all lanes and a row of interleaved ones. */
static gsize
scratch_size (const NrConvPlan *plan, gsize rows, gsize columns)
{
  gsize size = 0;

  for (gsize p = 0; p < plan->n_parts; p += plan->lanes * plan->across)
    size = MAX (size, round_up (lay_out (plan, &plan->parts[p], rows, columns).size, 16));

  return size + (plan->is_stacked ? targets_size (plan) : (plan->lanes * plan->chunk + plan->lanes) * round_up (columns, 16));
}

gboolean
nr_conv_band_fits (NrConvPlan *plan)
{
  const gsize groups = MAX (plan->batch * plan->groups, 1);

  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const NrGrid *own = &plan->parts[p].grid;

      if (own->axis[0].n_taps != 1 || own->axis[0].input != 1 || own->axis[0].output != 1 || own->axis[0].offset[0] != 0 ||
          n_phases_along (plan) > MAX_LANES)
        return FALSE;

      /* Far-reaching taps would copy mostly what nobody reads, and overflow sizes. */
      for (guint a = 1; a < 3; a++)
        for (gsize t = 0; t < own->axis[a].n_taps; t++)
          if (ABS (own->axis[a].offset[t] - own->axis[a].offset[0]) > 64 || own->axis[a].step > 16)
            return FALSE;
    }

  /* Rows of a few positions leave most of a vector empty; panels go across rows. */
  if (plan->parts[0].grid.axis[2].positions <= NARROW && plan->parts[0].grid.axis[1].positions > 1)
    return FALSE;

  choose_stack (plan);
  split_few_channels (plan);

  const NrGridAxis *h     = &plan->parts[0].grid.axis[1];
  const gsize       width = plan->parts[0].grid.axis[2].positions;

  /* A row of single positions may be cut anywhere: then so that a piece of all channels is in the cache. */
  plan->columns = width;
  if (width > MAX_COLUMNS)
    {
      const gsize most = h->positions > 1 ? CUT_COLUMNS : CLAMP (CACHED / 2 / plan->in_channels, 48, CUT_COLUMNS);
      const gsize n    = (width + most - 1) / most;

      plan->columns = round_up ((width + n - 1) / n, NR_PANEL);
    }

  /* Tall kernels copy the rows between items twice: fewer, taller items. So do small pictures, whose rows are soon copied
   * but not for nothing. */
  const gdouble work = (gdouble) h->positions * (gdouble) (width * plan->n_parts * plan->parts[0].grid.n_taps) *
                       (gdouble) (plan->in_channels * plan->out_channels * groups);
  const gsize n_items = (gsize) CLAMP (work / LEAST_WORK, LEAST_ITEMS, h->n_taps > 2 ? 32 : 64);
  const gsize n_bands = h->positions * ((width + plan->columns - 1) / plan->columns) * groups * plan->n_parts /
                        (plan->lanes * plan->across);

  plan->chunk = round_up (plan->out_channels, NR_ROWS);
  plan->rows  = CLAMP (n_bands / n_items, 1, MAX_ROWS);
  plan->rows  = MIN (plan->rows, h->positions);
  while (plan->rows > 1 && scratch_size (plan, plan->rows, plan->columns) > CACHED)
    plan->rows = (plan->rows + 1) / 2;

  return scratch_size (plan, plan->rows, plan->columns) <= MAX_SCRATCH;
}

/* -- Weights ------------------------------------------------------------------------------------------------------ */

/* Which tap of the kernel is weight [union tap][row within the stack] of a product of ACROSS x LANES parts; NO_TAP: zero. */
static gsize *
find_taps (const NrConvPlan *plan, const NrConvPart *parts, gsize across, gsize lanes, gsize stride)
{
  g_autofree NrConvTaps *y     = nr_conv_union_of_taps (parts, across, stride, 1);
  g_autofree NrConvTaps *x     = nr_conv_union_of_taps (parts, lanes, 1, 2);
  const gsize            stack = across * lanes;
  gsize                 *taps  = g_new (gsize, y->n * x->n * stack + 1);

  for (gsize t = 0; t < y->n * x->n; t++)
    for (gsize row = 0; row < stack; row++)
      {
        const NrConvPart *part = &parts[row / lanes * stride + row % lanes];
        const NrGridAxis *h = &part->grid.axis[1], *v = &part->grid.axis[2];
        const gsize       ty = find_tap (h, y->offset[t / x->n]), tx = find_tap (v, x->offset[t % x->n]);

        taps[t * stack + row] = ty < h->n_taps && tx < v->n_taps ? part->taps[ty * v->n_taps + tx] : NO_TAP;
      }

  return taps;
}

/* The block of product rows from FIRST on. */
static gfloat *
pack_rows (gfloat *to, const NrConvPlan *plan, const gsize *taps, gsize n_taps, gsize stack, gsize first, const gfloat *w)
{
  const gsize   n = MIN (NR_ROWS, plan->out_channels * stack - first);
  const gfloat *channel[NR_ROWS];
  gsize         phase[NR_ROWS];

  for (gsize i = 0; i < n; i++)
    {
      channel[i] = w + (first + i) / stack * plan->w_out;
      phase[i]   = (first + i) % stack;
    }

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize t = 0; t < n_taps; t++)
      for (gsize i = 0; i < n; i++)
        {
          const gsize tap = taps[t * stack + phase[i]];

          *to++ = tap != NO_TAP ? channel[i][c * plan->w_in + tap] : 0.0f;
        }

  return to;
}

void
nr_conv_band_pack (gfloat *packed, const NrNode *node, const NrKernels *kernels, gsize item)
{
  const NrConvPlan *plan     = node->params;
  const gsize       stack    = plan->is_stacked ? plan->across * plan->lanes : 1;
  const gsize       n_blocks = (plan->out_channels + NR_ROWS - 1) / NR_ROWS;
  const gsize       group    = item / n_blocks;
  const gsize       first    = item % n_blocks * NR_ROWS;
  const gsize       last     = MIN (first + NR_ROWS, plan->out_channels);
  const gfloat     *w        = nr_tensor_f32 (node->in[1]) + group * plan->w_group;

  for (gsize b = 0; b < plan->n_bands; b++)
    for (gsize i = 0; i < plan->bands[b].n_products; i++)
      {
        const NrConvBand *band = &plan->bands[b];
        gfloat           *to   = packed + group * plan->group_weights + band->weights[i] + first * stack * band->depth[i];

        for (gsize row = first * stack; row < last * stack; row += NR_ROWS)
          to = pack_rows (to, plan, band->taps[i], band->depth[i] / plan->in_channels, stack, row, w);
      }
}

static gchar *
key_of (const NrNode *node, const NrConvPlan *plan)
{
  GString *key = g_string_new ("band-");

  g_string_append_printf (key, "%s-%" G_GSIZE_FORMAT "-%d-%" G_GSIZE_FORMAT "-%" G_GSIZE_FORMAT, node->op->type, plan->groups,
                          plan->is_stacked, plan->across, plan->lanes);
  for (gsize p = 0; p < plan->n_parts; p++)
    for (gsize t = 0; t < plan->parts[p].grid.n_taps; t++)
      g_string_append_printf (key, "%c%" G_GSIZE_FORMAT, t == 0 ? '/' : ',', plan->parts[p].taps[t]);

  return g_string_free (key, FALSE);
}

/* -- Prepare ------------------------------------------------------------------------------------------------------ */

/* Where each k of a product is read. */
static ptrdiff_t *
find_offsets (const NrConvPlan *plan, const NrConvPart *parts, gsize across, gsize lanes, const Layout *layout, gsize *depth)
{
  g_autofree NrConvTaps *y      = nr_conv_union_of_taps (parts, across, lanes, 1);
  g_autofree NrConvTaps *x      = nr_conv_union_of_taps (parts, lanes, 1, 2);
  const ptrdiff_t        step   = (ptrdiff_t) parts->grid.axis[2].step;
  ptrdiff_t             *offset = g_new (ptrdiff_t, plan->in_channels * y->n * x->n + 1);

  *depth = 0;
  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize ty = 0; ty < y->n; ty++)
      for (gsize tx = 0; tx < x->n; tx++)
        {
          const ptrdiff_t column = nr_conv_floor_div (x->offset[tx], step);
          const ptrdiff_t split  = x->offset[tx] - column * step;

          offset[(*depth)++] = (ptrdiff_t) (c * layout->channel) + (y->offset[ty] - layout->y_first) * (ptrdiff_t) layout->row +
                               split * (ptrdiff_t) layout->split + column - layout->x_first;
        }

  return offset;
}

static void
describe_unit (NrConvPlan *plan, NrConvBand *band, const NrConvPart *parts)
{
  const NrGridAxis *h = &parts->grid.axis[1];
  const NrGridAxis *w = &parts->grid.axis[2];

  band->parts       = parts;
  band->layout      = lay_out (plan, parts, plan->rows, plan->columns);
  band->first_block = plan->n_blocks;
  band->n_blocks    = (h->positions + plan->rows - 1) / plan->rows * ((w->positions + plan->columns - 1) / plan->columns);
  band->n_products  = plan->is_stacked ? 1 : plan->lanes;

  for (gsize i = 0; i < band->n_products; i++)
    {
      const gsize stack = plan->is_stacked ? plan->across * plan->lanes : 1;

      band->offset[i]  = plan->is_stacked
                             ? find_offsets (plan, parts, plan->across, plan->lanes, &band->layout, &band->depth[i])
                             : find_offsets (plan, &parts[i], 1, 1, &band->layout, &band->depth[i]);
      band->taps[i]    = plan->is_stacked ? find_taps (plan, parts, plan->across, plan->lanes, plan->lanes)
                                          : find_taps (plan, &parts[i], 1, 1, 1);
      band->weights[i] = plan->group_weights;
      plan->group_weights += band->depth[i] * plan->out_channels * stack;
    }

  plan->n_blocks += band->n_blocks;
}

gboolean
nr_conv_band_prepare (NrNode *node, NrConvPlan *plan, GError **error)
{
  g_autofree gchar *key  = key_of (node, plan);
  const gsize       unit = plan->lanes * plan->across;

  plan->n_blocks      = 0;
  plan->group_weights = 0;
  plan->n_bands       = plan->n_parts / unit;
  plan->bands         = g_new0 (NrConvBand, plan->n_bands);
  for (gsize i = 0; i < plan->n_bands; i++)
    describe_unit (plan, &plan->bands[i], &plan->parts[i * unit]);
  nr_conv_plan_split (plan, 32);

  return nr_conv_plan_finish (node, plan, key,
                              scratch_size (plan, plan->rows, plan->columns) * sizeof (gfloat), error);
}

void
nr_conv_band_free (NrConvPlan *plan)
{
  for (gsize i = 0; i < plan->n_bands; i++)
    for (gsize k = 0; k < plan->bands[i].n_products; k++)
      {
        g_free (plan->bands[i].offset[k]);
        g_free (plan->bands[i].taps[k]);
      }
  g_free (plan->bands);
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

/* What an item computes: some rows and columns of its unit's grids. */
typedef struct
{
  const NrNode     *node;
  const NrConvPlan *plan;
  const NrKernels  *kernels;
  const NrConvBand *band;
  NrConvItem        work;
  gsize             y, x, rows, columns;
  const gfloat     *in; /* first channel of the group */
  gfloat           *out;
  const gfloat     *residual; /* or NULL */
  const gfloat     *weights;  /* of the group */
  gfloat           *copied;
} Item;

static void
copy_rows (const Item *item)
{
  const NrConvPlan *plan   = item->plan;
  const NrGrid     *grid   = &item->band->parts->grid;
  const Layout     *layout = &item->band->layout;
  const NrGridAxis *h      = &grid->axis[1];
  const NrGridAxis *w      = &grid->axis[2];
  const ptrdiff_t   step   = (ptrdiff_t) w->step;
  const ptrdiff_t   y0     = (ptrdiff_t) (item->y * h->step) + layout->y_first;
  const ptrdiff_t   x0     = ((ptrdiff_t) item->x + layout->x_first) * step;
  const gsize       n_rows = (item->rows - 1) * h->step + layout->n_rows - (plan->rows - 1) * h->step;

  for (gsize c = 0; c < plan->in_channels; c++)
    for (gsize r = 0; r < n_rows; r++)
      {
        const ptrdiff_t y     = y0 + (ptrdiff_t) r;
        const gboolean  is_in = y >= 0 && y < (ptrdiff_t) h->input;

        for (gsize split = 0; split < layout->n_splits; split++)
          item->kernels->copy_row (item->in + c * plan->in_channel + (is_in ? (gsize) y * plan->in_row : 0),
                                   x0 + (ptrdiff_t) split, step, is_in ? (ptrdiff_t) w->input : 0, (ptrdiff_t) layout->split,
                                   split == 0 && c + 1 < plan->in_channels ? plan->in_channel : 0,
                                   item->copied + c * layout->channel + r * layout->row + split * layout->split);
      }
}

/* What a 1x1 convolution does with its input; the row of all pixels is the only one. */
static void
apply_prologue (const Item *item)
{
  const NrConvPlan *plan     = item->plan;
  const NrPrologue *prologue = &item->node->prologue;
  const gsize       stride   = item->band->layout.channel;
  const gsize       plane    = item->band->parts->grid.in_plane;

  if (prologue->kind == NR_PROLOGUE_NORMALIZE)
    {
      item->kernels->normalize_columns (item->copied, stride, plan->in_channels, item->columns, prologue->epsilon,
                                        prologue->scale, prologue->bias);
      return;
    }

  const gfloat *factor = nr_tensor_f32 (item->node->in[NR_CONV_PROLOGUE]);

  for (gsize c = 0; c < plan->in_channels; c++)
    {
      const gsize channel = item->work.entry * plan->in_channels + c;
      gfloat     *row     = item->copied + c * stride;

      if (prologue->kind == NR_PROLOGUE_MULTIPLY)
        item->kernels->binary[NR_BINARY_MUL](row, factor + channel * plane + item->x, row, item->columns, 1, 1);
      else
        item->kernels->unary[NR_UNARY_LINEAR](row, row, item->columns, factor[channel], 0.0f);
    }
}

/* Where the rows of the stacked product go, at output row and column 0. */
static void
find_targets (const Item *item, NrRowTarget *targets)
{
  const NrConvPlan *plan = item->plan;
  const gsize       n    = (item->work.end - item->work.begin) * plan->across;

  for (gsize i = 0; i < n; i++)
    {
      const gsize   m    = item->work.begin + i / plan->across;
      const NrGrid *grid = &item->band->parts[i % plan->across * plan->lanes].grid;
      const gsize   at   = m * plan->out_channel + grid->axis[1].out_phase * plan->out_row;

      targets[i] = (NrRowTarget) { .y        = item->out + at,
                                   .residual = item->residual != NULL ? item->residual + at : NULL,
                                   .epilogue = nr_conv_row_epilogue (item->node, item->work.group * plan->out_channels + m) };
    }
}

/* Row R of the item, all phases in one product. */
static void
compute_stacked (const Item *item, gsize r, const NrRowTarget *targets)
{
  const NrConvPlan *plan   = item->plan;
  const NrConvBand *band   = item->band;
  const NrGridAxis *h      = &band->parts->grid.axis[1];
  const NrGridAxis *w      = &band->parts->grid.axis[2];
  const gsize       stack  = plan->across * plan->lanes;
  const gsize       n_rows = plan->out_channels * stack;
  const gsize       per    = NR_ROWS / plan->lanes; /* targets of a block */
  const gsize       left   = h->output - (item->y + r) * h->out_step; /* output rows from here on */
  const gsize       first  = item->work.begin * stack;

  for (gsize j = 0; j < item->columns; j += NR_PANEL)
    {
      const gsize x  = (item->x + j) * plan->lanes;
      const gsize n  = MIN (MIN (item->columns - j, NR_PANEL) * plan->lanes, w->output - x);
      const gsize at = (item->y + r) * h->out_step * plan->out_row + x;

      for (gsize row = first; row < item->work.end * stack; row += NR_ROWS)
        {
          const NrRowTarget *to = targets + (row - first) / plan->lanes;
          NrRowTarget        some[NR_ROWS];

          /* Beyond the last row there may be phases without one. */
          if (left < h->out_step)
            for (gsize i = 0; i < per; i++)
              {
                some[i] = to[i];
                if (band->parts[((row - first) / plan->lanes + i) % plan->across * plan->lanes].grid.axis[1].out_phase >= left)
                  some[i].y = NULL;
              }

          item->kernels->product_store (item->weights + band->weights[0] + row * band->depth[0],
                                        item->copied + r * h->step * band->layout.row + j, band->offset[0], band->depth[0],
                                        MIN (NR_ROWS, n_rows - row), n, plan->lanes, left < h->out_step ? some : to, at);
        }
    }
}

/* Row R of the item, each phase along it by itself. SUMS: rows of all lanes' channels, then one of interleaved ones. */
static void
compute_lanes (const Item *item, gsize r, gfloat *sums)
{
  const NrConvPlan *plan   = item->plan;
  const NrConvBand *band   = item->band;
  const NrGrid     *grid   = &band->parts->grid;
  const NrGridAxis *h      = &grid->axis[1];
  const NrGridAxis *w      = &grid->axis[2];
  const gsize       stride = round_up (plan->columns, 16);
  const gsize       at     = ((item->y + r) * h->out_step + h->out_phase) * plan->out_row + item->x * plan->lanes;
  const gsize       n      = MIN (item->columns * plan->lanes, w->output - item->x * plan->lanes);
  gfloat           *mixed  = sums + plan->lanes * plan->chunk * stride;

  for (gsize lane = 0; lane < plan->lanes; lane++)
    for (gsize j = 0; j < item->columns; j += NR_PANEL)
      for (gsize m = item->work.begin; m < item->work.end; m += NR_ROWS)
        item->kernels->product_at (item->weights + band->weights[lane] + m * band->depth[lane],
                                   item->copied + r * h->step * band->layout.row + j, band->offset[lane], band->depth[lane],
                                   MIN (NR_ROWS, plan->out_channels - m), round_up (MIN (item->columns - j, NR_PANEL), 16),
                                   sums + (lane * plan->chunk + m - item->work.begin) * stride + j, stride);

  for (gsize m = item->work.begin; m < item->work.end; m++)
    {
      const NrRowEpilogue epilogue = nr_conv_row_epilogue (item->node, item->work.group * plan->out_channels + m);

      item->kernels->interleave (sums + (m - item->work.begin) * stride, plan->chunk * stride, plan->lanes, item->columns, mixed);
      item->kernels->store_row (mixed, n, &epilogue, item->residual != NULL ? item->residual + m * plan->out_channel + at : NULL,
                                item->out + m * plan->out_channel + at, 1, m + 1 < item->work.end ? plan->out_channel : 0);
    }
}

void
nr_conv_band_item (const NrNode *node, const NrKernels *kernels, const gfloat *packed, gsize index, gfloat *scratch)
{
  const NrConvPlan *plan = node->params;
  const NrConvBand *band = plan->bands;
  const NrConvItem  work = nr_conv_plan_item (plan, index);

  while (work.block >= band->first_block + band->n_blocks)
    band++;

  const NrGrid     *grid     = &band->parts->grid;
  const NrGridAxis *h        = &grid->axis[1];
  const NrGridAxis *w        = &grid->axis[2];
  const gsize       first    = nr_conv_plan_out (plan, work.entry, work.group * plan->out_channels);
  const gsize       n_across = (w->positions + plan->columns - 1) / plan->columns;
  const gsize       y        = (work.block - band->first_block) / n_across * plan->rows;
  const gsize       x        = (work.block - band->first_block) % n_across * plan->columns;
  const Item        item     = { .node    = node,
                                 .plan    = plan,
                                 .kernels = kernels,
                                 .band    = band,
                                 .work    = work,
                                 .y       = y,
                                 .x       = x,
                                 .rows    = MIN (plan->rows, h->positions - y),
                                 .columns = MIN (plan->columns, w->positions - x),
                                 .in      = nr_tensor_f32 (node->in[0]) +
                                       nr_conv_plan_in (plan, work.entry, work.group * plan->in_channels),
                                 .out      = nr_tensor_f32 (node->out[0]) + first,
                                 .residual = node->epilogue.residual != NULL ? nr_tensor_f32 (node->epilogue.residual) + first : NULL,
                                 .weights  = packed + work.group * plan->group_weights,
                                 .copied   = scratch };
  gfloat           *behind   = scratch + round_up (band->layout.size, 16);

  copy_rows (&item);
  if (node->prologue.kind != NR_PROLOGUE_NONE)
    apply_prologue (&item);
  if (plan->is_stacked)
    find_targets (&item, (NrRowTarget *) behind);

  for (gsize r = 0; r < item.rows; r++)
    if (plan->is_stacked)
      compute_stacked (&item, r, (NrRowTarget *) behind);
    else
      compute_lanes (&item, r, behind);
}
