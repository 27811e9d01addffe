/* The gradient of a convolution's weights: products of input and output's gradient, summed over positions.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dw[m][c][t] is the sum over positions q of dy[m][q] x[c][p (q, t)]. With the channels of each position side by side the sum
 * over a row's positions is a product of two matrices, [positions x m] transposed times [positions x c], and another tap is the
 * same memory at another offset, another stride another distance of rows. So rows are transposed once, those of the input kept
 * while taps still read them, and everything else is the kernel product_outer.
 *
 * The work is cut into stripes of rows and chunks of output channels, from the shapes alone. Each stripe has sums of its own,
 * which a second node adds up in order: the same bytes for any number of threads.
 */

#include "gradient/conv-gradient.h"

#include <string.h>

enum
{
  LANES        = 16,
  SEGMENT      = 384, /* positions of a row at once, about: rows of 128 channels of both sides stay in the L2 cache */
  DEPTH        = 128, /* positions of a product: 48 channels of them stay in the L1 cache */
  MAX_STRIPES  = 8,
  STRIPE       = 512, /* positions that a stripe has at least: its sums cost as much as 16 or so */
  WANTED_ITEMS = 8,
  LEAST_CHUNK  = 32 /* output channels */
};

/* Positions of one part that are worked on together lie in one segment of a row. */
typedef struct
{
  gsize     n_rows, n_segments; /* of a batch entry */
  gsize     first_unit;         /* a unit is a segment of a row */
  gsize     n_units;
  ptrdiff_t x_first;        /* offset of the leftmost tap */
  gsize     y_span, x_span; /* reach of the taps: rows, columns */
} Part;

typedef struct
{
  NrConvPlan *plan;
  Part       *parts;
  gsize       segment;
  gsize       n_units, n_stripes;
  gsize       chunk, n_chunks;
  gsize       m_ld, c_ld; /* floats between positions of transposed rows */
  gsize       c_padded;   /* floats between output channels of sums */
  gsize       group_sums; /* floats */
  gsize       row_floats, ring_floats, line_floats; /* scratch: dy's row, x's rows, a line of 16 channels */
  gsize       n_slots;                              /* rows of the ring */
} WeightPlan;

static gsize
round_up (gsize n, gsize multiple)
{
  return (n + multiple - 1) / multiple * multiple;
}

/* Rows that are not a multiple of 128 bytes apart: else neighbors share their cache sets. */
static gsize
padded_ld (gsize channels)
{
  const gsize n = round_up (channels, LANES);

  return n % 32 == 0 ? n + LANES : n;
}

static void
weight_plan_free (gpointer data)
{
  WeightPlan *weights = data;

  nr_conv_plan_free (weights->plan);
  g_free (weights->parts);
  g_free (weights);
}

/* -- Plan ----------------------------------------------------------------------------------------------------------- */

/* First offset and reach of one axis' taps. */
static void
find_span (const NrGridAxis *axis, ptrdiff_t *first, gsize *span)
{
  ptrdiff_t last = 0;

  *first = 0;
  for (gsize t = 0; t < axis->n_taps; t++)
    {
      *first = t == 0 ? axis->offset[t] : MIN (*first, axis->offset[t]);
      last   = t == 0 ? axis->offset[t] : MAX (last, axis->offset[t]);
    }
  *span = (gsize) (last - *first) + 1;
}

static gboolean
plan_scratch (WeightPlan *weights, const NrNode *node, GError **error)
{
  const NrConvPlan *plan = weights->plan;

  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const Part   *part = &weights->parts[p];
      const NrGrid *grid = &plan->parts[p].grid;
      gsize         line, ring;

      if (! g_size_checked_mul (&line, weights->segment - 1, grid->axis[2].step) ||
          ! g_size_checked_add (&line, line, part->x_span) ||
          ! g_size_checked_mul (&ring, line, weights->c_ld) ||
          ! g_size_checked_mul (&ring, ring, MAX (grid->axis[0].n_taps, 1)) ||
          ! g_size_checked_mul (&ring, ring, part->y_span) || ring > G_MAXSSIZE / 64)
        return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "no gradient for taps that reach so far");

      weights->ring_floats = MAX (weights->ring_floats, round_up (ring, LANES));
      weights->line_floats = MAX (weights->line_floats, round_up (MAX (line, weights->segment), LANES));
      weights->n_slots     = MAX (weights->n_slots, grid->axis[0].n_taps * part->y_span);
    }

  weights->row_floats = weights->segment * weights->m_ld;
  return TRUE;
}

static void
plan_units (WeightPlan *weights)
{
  const NrConvPlan *plan      = weights->plan;
  const gsize       width     = MAX (plan->parts[0].grid.axis[2].positions, 1);
  const gsize       n         = (width + SEGMENT - 1) / SEGMENT;
  gsize             positions = 0, items;

  weights->segment = (width + n - 1) / n;
  for (gsize p = 0; p < plan->n_parts; p++)
    {
      const NrGrid *grid = &plan->parts[p].grid;
      Part         *part = &weights->parts[p];
      ptrdiff_t     y_first;

      part->n_rows     = grid->axis[0].positions * grid->axis[1].positions;
      part->n_segments = (grid->axis[2].positions + weights->segment - 1) / weights->segment;
      part->first_unit = weights->n_units;
      part->n_units    = plan->batch * part->n_segments * part->n_rows;
      find_span (&grid->axis[1], &y_first, &part->y_span);
      find_span (&grid->axis[2], &part->x_first, &part->x_span);
      weights->n_units += part->n_units;
      positions += plan->batch * grid->n_positions;
    }

  weights->n_stripes = CLAMP (positions / STRIPE, 1, MIN (MAX_STRIPES, MAX (weights->n_units, 1)));
  items              = weights->n_stripes * plan->groups;
  weights->n_chunks  = items >= WANTED_ITEMS ? 1 : (WANTED_ITEMS + items - 1) / items;
  weights->n_chunks  = CLAMP (plan->out_channels / LEAST_CHUNK, 1, weights->n_chunks);
  weights->chunk     = round_up ((plan->out_channels + weights->n_chunks - 1) / weights->n_chunks, NR_ROWS);
  weights->n_chunks  = (plan->out_channels + weights->chunk - 1) / weights->chunk;
}

static WeightPlan *
weight_plan_new (const NrNode *node, GError **error)
{
  NrConvPlan *plan    = nr_conv_plan_copy (node->params);
  WeightPlan *weights = g_new0 (WeightPlan, 1);

  weights->plan  = plan;
  weights->parts = g_new0 (Part, plan->n_parts);
  plan_units (weights);
  weights->m_ld       = padded_ld (weights->chunk);
  weights->c_ld       = padded_ld (plan->in_channels);
  weights->c_padded   = round_up (plan->in_channels, LANES);
  weights->group_sums = plan->n_taps * plan->out_channels * weights->c_padded;

  if (! plan_scratch (weights, node, error))
    g_clear_pointer (&weights, weight_plan_free);
  return weights;
}

/* -- Products -------------------------------------------------------------------------------------------------------- */

/* What an item works with. */
typedef struct
{
  const WeightPlan *weights;
  const NrKernels  *kernels;
  gsize             group, m, n_m; /* output channels of the group from m on */
  gfloat           *sums;          /* [tap][output channel][c_padded] of the group */
  gfloat           *dy_row;        /* [position][m_ld] */
  gfloat           *ring;          /* rows of x: [tap in depth][row modulo y_span][position][c_ld] */
  gsize            *slots;         /* what lies in each row of the ring: 1 + its index in the plane of x, 0: nothing */
  gfloat           *lines;         /* [16][line_floats] */

  /* Of the current unit. */
  const NrConvPart *conv;
  const Part       *part;
  const gfloat     *x, *dy; /* first channels of batch entry and group */
  gsize             z, y, first, n; /* row of the grid, first position in it, number of positions */
} Item;

/* Channels [0, n) of a row, transposed: to[j * ld + c] = plane[c][first + j * step], 0 outside [0, width). */
static void
transpose (const Item *item, const gfloat *row, gsize plane, gsize n_channels, ptrdiff_t first, ptrdiff_t step, gsize width, gsize n, gfloat *to, gsize ld)
{
  const gsize line = item->weights->line_floats;

  for (gsize c = 0; c < n_channels; c += LANES)
    {
      for (gsize i = 0; i < LANES; i++)
        if (c + i < n_channels)
          item->kernels->copy_row (row + (c + i) * plane, first, step, (ptrdiff_t) width, (ptrdiff_t) n, 0, item->lines + i * line);
        else
          memset (item->lines + i * line, 0, n * sizeof (gfloat));

      item->kernels->transpose_rows (item->lines, line, n, to + c, ld);
    }
}

static void
load_dy (const Item *item)
{
  const WeightPlan *weights = item->weights;
  const NrGridAxis *axis    = item->conv->grid.axis;
  const gsize       z       = item->z * axis[0].out_step + axis[0].out_phase;
  const gsize       y       = item->y * axis[1].out_step + axis[1].out_phase;
  const gsize       plane   = item->conv->grid.out_plane;

  transpose (item, item->dy + item->m * plane + (z * axis[1].output + y) * axis[2].output, plane, item->n_m,
             (ptrdiff_t) (item->first * axis[2].out_step + axis[2].out_phase), (ptrdiff_t) axis[2].out_step, axis[2].output,
             item->n, item->dy_row, weights->m_ld);
}

/* Row y of depth z of the input, for tap tz in depth. */
static gfloat *
load_x (const Item *item, gsize tz, gsize z, gsize y)
{
  const WeightPlan *weights = item->weights;
  const NrGrid     *grid    = &item->conv->grid;
  const NrGridAxis *w       = &grid->axis[2];
  const gsize       n       = (weights->segment - 1) * w->step + item->part->x_span;
  const gsize       slot    = tz * item->part->y_span + y % item->part->y_span;
  const gsize       index   = z * grid->axis[1].input + y;
  gfloat           *row     = item->ring + slot * n * weights->c_ld;

  if (item->slots[slot] != index + 1)
    transpose (item, item->x + index * w->input, grid->in_plane, weights->plan->in_channels,
               (ptrdiff_t) (item->first * w->step) + item->part->x_first, 1, w->input, n, row, weights->c_ld);
  item->slots[slot] = index + 1;
  return row;
}

/* All taps of one row of x: sums += dy^T x. */
static void
multiply (const Item *item, const gfloat *row, const gsize *taps)
{
  const WeightPlan *weights = item->weights;
  const NrConvPlan *plan    = weights->plan;
  const NrGridAxis *w       = &item->conv->grid.axis[2];
  const gsize       ldb     = w->step * weights->c_ld;

  for (gsize k = 0; k < item->n; k += DEPTH)
    for (gsize t = 0; t < w->n_taps; t++)
      for (gsize c = 0; c < weights->c_padded; c += NR_PANEL)
        {
          const gfloat *b   = row + (gsize) (w->offset[t] - item->part->x_first) * weights->c_ld + k * ldb + c;
          gfloat       *sum = item->sums + (taps[t] * plan->out_channels + item->m) * weights->c_padded + c;

          for (gsize m = 0; m < item->n_m; m += NR_ROWS)
            item->kernels->product_outer (item->dy_row + k * weights->m_ld + m, weights->m_ld, b, ldb, MIN (DEPTH, item->n - k),
                                          MIN (NR_ROWS, item->n_m - m), MIN (NR_PANEL, weights->c_padded - c),
                                          sum + m * weights->c_padded, weights->c_padded);
        }
}

/* One segment of one row of positions. */
static void
run_unit (const Item *item)
{
  const NrGridAxis *d = &item->conv->grid.axis[0], *h = &item->conv->grid.axis[1], *w = &item->conv->grid.axis[2];

  load_dy (item);
  for (gsize tz = 0; tz < d->n_taps; tz++)
    {
      const ptrdiff_t z = (ptrdiff_t) (item->z * d->step) + d->offset[tz];

      if (z < 0 || z >= (ptrdiff_t) d->input)
        continue;

      for (gsize ty = 0; ty < h->n_taps; ty++)
        {
          const ptrdiff_t y = (ptrdiff_t) (item->y * h->step) + h->offset[ty];

          if (y >= 0 && y < (ptrdiff_t) h->input)
            multiply (item, load_x (item, tz, (gsize) z, (gsize) y),
                      item->conv->taps + (tz * h->n_taps + ty) * w->n_taps);
        }
    }
}

/* Points ITEM to unit UNIT. At the top of a segment nothing in the ring is of use any more. */
static void
find_unit (Item *item, const NrNode *node, gsize unit)
{
  const WeightPlan *weights = item->weights;
  const NrConvPlan *plan    = weights->plan;
  gsize             p       = 0;

  while (unit >= weights->parts[p].first_unit + weights->parts[p].n_units)
    p++;

  const Part   *part    = &weights->parts[p];
  const NrGrid *grid    = &plan->parts[p].grid;
  const gsize   within  = unit - part->first_unit;
  const gsize   row     = within % part->n_rows;
  const gsize   segment = within / part->n_rows % part->n_segments;
  const gsize   entry   = within / part->n_rows / part->n_segments * plan->groups + item->group;

  item->part  = part;
  item->conv  = &plan->parts[p];
  item->x     = nr_tensor_f32 (node->in[0]) + entry * plan->in_channels * grid->in_plane;
  item->dy    = nr_tensor_f32 (node->in[1]) + entry * plan->out_channels * grid->out_plane;
  item->z     = row / grid->axis[1].positions;
  item->y     = row % grid->axis[1].positions;
  item->first = segment * weights->segment;
  item->n     = MIN (weights->segment, grid->axis[2].positions - item->first);
  if (row == 0)
    memset (item->slots, 0, weights->n_slots * sizeof *item->slots);
}

/* Items: stripes, groups, chunks of output channels. */
static void
products_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const WeightPlan *weights = node->params;
  const NrConvPlan *plan    = weights->plan;

  for (gsize i = begin; i < end; i++)
    {
      const gsize stripe = i / weights->n_chunks / plan->groups;
      const gsize first  = stripe * weights->n_units / weights->n_stripes;
      const gsize last   = (stripe + 1) * weights->n_units / weights->n_stripes;
      Item        item   = { .weights = weights, .kernels = kernels };

      item.group  = i / weights->n_chunks % plan->groups;
      item.m      = i % weights->n_chunks * weights->chunk;
      item.n_m    = MIN (weights->chunk, plan->out_channels - item.m);
      item.sums   = nr_tensor_f32 (node->out[0]) + (stripe * plan->groups + item.group) * weights->group_sums;
      item.dy_row = scratch;
      item.ring   = item.dy_row + round_up (weights->row_floats, LANES);
      item.lines  = item.ring + weights->ring_floats;
      item.slots  = (gsize *) (item.lines + LANES * weights->line_floats);

      for (gsize t = 0; t < plan->n_taps; t++)
        memset (item.sums + (t * plan->out_channels + item.m) * weights->c_padded, 0, item.n_m * weights->c_padded * sizeof (gfloat));
      memset (item.slots, 0, weights->n_slots * sizeof *item.slots);
      for (gsize unit = first; unit < last; unit++)
        {
          find_unit (&item, node, unit);
          run_unit (&item);
        }
    }
}

static const NrOpClass products_class = {
  .type = "ConvWeightProducts",
  .run  = products_run,
};

/* -- Sum ------------------------------------------------------------------------------------------------------------- */

/* Items: output channels of all groups. */
static void
sum_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const WeightPlan *weights = node->params;
  const NrConvPlan *plan    = weights->plan;

  for (gsize item = begin; item < end; item++)
    {
      const gsize   group = item / plan->out_channels;
      const gsize   m     = item % plan->out_channels;
      const gfloat *from  = nr_tensor_f32 (node->in[0]) + group * weights->group_sums + m * weights->c_padded;
      gfloat       *dw    = nr_tensor_f32 (node->out[0]) + group * plan->w_group + m * plan->w_out;

      for (gsize t = 0; t < plan->n_taps; t++)
        for (gsize c = 0; c < plan->in_channels; c++)
          {
            const gfloat *own = from + t * plan->out_channels * weights->c_padded + c;
            gdouble       sum = 0.0;

            for (gsize stripe = 0; stripe < weights->n_stripes; stripe++)
              sum += own[stripe * plan->groups * weights->group_sums];
            dw[c * plan->w_in + t] = (gfloat) sum;
          }
    }
}

static const NrOpClass sum_class = {
  .type = "ConvWeightSum",
  .run  = sum_run,
};

/* -- Nodes ----------------------------------------------------------------------------------------------------------- */

NrTensor *
nr_conv_weight_gradient (NrTape *tape, const NrNode *node, NrTensor *dy, GError **error)
{
  const NrConvPlan *plan    = node->params;
  WeightPlan       *weights = weight_plan_new (node, error);
  NrTensor         *in[]    = { node->in[0], dy };
  NrTensor         *sums, *dw;
  NrNode           *products, *sum;

  if (weights == NULL)
    return NULL;

  const gint64 dims[] = { (gint64) weights->n_stripes, (gint64) plan->groups, (gint64) weights->group_sums };

  sums = nr_tape_tensor_new (tape, node, 3, dims, error);
  if (sums == NULL)
    {
      weight_plan_free (weights);
      return NULL;
    }

  products              = nr_tape_add (tape, node, &products_class, 2, in, 1, &sums);
  products->params      = weights;
  products->free_params = weight_plan_free;
  products->n_items     = weights->n_stripes * plan->groups * weights->n_chunks;
  products->grain       = 1;
  products->n_macs      = node->n_macs;
  products->scratch     = (round_up (weights->row_floats, LANES) + weights->ring_floats + LANES * weights->line_floats) * sizeof (gfloat) +
                      weights->n_slots * sizeof (gsize);

  dw           = nr_tape_tensor (tape, node->in[1]);
  sum          = nr_tape_add (tape, node, &sum_class, 1, &sums, 1, &dw);
  sum->params  = weights;
  sum->n_items = plan->groups * plan->out_channels;
  sum->grain   = 1;
  return dw;
}
