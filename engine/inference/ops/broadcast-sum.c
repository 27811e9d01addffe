/* The way back through broadcasting.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The output's dimensions are those that the input has (kept) and those along which it repeats (reduced). If the innermost
 * is reduced, an element of the input is a sum of rows of the output; if it is kept, rows of the output add up.
 */

#include "broadcast-sum.h"

enum
{
  PIECE = 512 /* elements at a time: local gradients and their sums stay in the cache */
};

typedef struct
{
  NrLocalGradient local;
  guint           n_operands;
  NrOperand       operands[NR_LOCAL_MAX_OPERANDS];
  NrBroadcast     all;                                   /* input, output, operands */
  guint           n_kept, n_reduced;                     /* dimensions but the innermost */
  guint           kept[NR_MAX_RANK], reduced[NR_MAX_RANK]; /* which, innermost first */
  gsize           n_reduced_rows;                        /* product of the reduced ones */
} BroadcastSum;

/* Operands of ALL. */
enum
{
  TARGET,
  OUT,
  FIRST_OPERAND
};

/* Elements of the output's gradient and of the operands where a row begins. */
typedef struct
{
  gsize at[NR_BROADCAST_MAX_IN];
} Position;

guint
nr_backward_wanted (const NrBackward *backward)
{
  guint i = 0;

  while (backward->in_gradient[i] == NULL)
    i++;
  return i;
}

void
nr_broadcast_sum_plan (NrBackward *backward, NrLocalGradient local, guint n_operands, const NrOperand *operands)
{
  const NrNode   *node                        = backward->node;
  const NrShape  *out                         = &node->out[0]->shape;
  const NrTensor *target                      = node->in[nr_backward_wanted (backward)];
  const NrShape  *shapes[NR_BROADCAST_MAX_IN] = { [TARGET] = &target->shape, [OUT] = out };
  BroadcastSum   *sum                         = g_new0 (BroadcastSum, 1);

  backward->params      = sum;
  backward->free_params = g_free;
  backward->in_place    = target->n == node->out[0]->n;
  backward->is_view     = local == NULL && backward->in_place;

  sum->local      = local;
  sum->n_operands = n_operands;
  for (guint k = 0; k < n_operands; k++)
    {
      const NrOperand operand = operands[k];

      sum->operands[k]          = operand;
      shapes[FIRST_OPERAND + k] = operand == NR_OPERAND_OUT ? out : &node->in[operand]->shape;
      if (operand == NR_OPERAND_OUT)
        nr_backward_keep_out (backward, 0);
      else
        nr_backward_keep_in (backward, (guint) operand);
    }

  nr_broadcast_init (&sum->all, out, shapes, FIRST_OPERAND + n_operands);
  sum->n_reduced_rows = 1;
  for (guint i = sum->all.rank - 1; i-- > 0;)
    if (sum->all.strides[TARGET][i] != 0)
      {
        sum->kept[sum->n_kept++] = i;
      }
    else
      {
        sum->reduced[sum->n_reduced++] = i;
        sum->n_reduced_rows *= sum->all.dims[i];
      }

  backward->grain = 1 + 16384 * MAX (target->n, 1) / MAX (node->out[0]->n, 1);
}

/* Adds to POSITION the elements of index INDEX of the dimensions named. */
static void
advance (const BroadcastSum *sum, guint n, const guint *dims, gsize index, Position *position)
{
  for (guint i = 0; i < n; i++)
    {
      const gsize within = index % sum->all.dims[dims[i]];

      index /= sum->all.dims[dims[i]];
      for (guint k = OUT; k < sum->all.n_in; k++)
        position->at[k] += within * sum->all.strides[k][dims[i]];
    }
}

/* Local gradients of N elements of one row of the output from its element FIRST on: D, or where they are already. */
static const gfloat *
local_gradients (const NrBackward *backward, const NrKernels *kernels, const Position *row, gsize first, gsize n, gfloat *d)
{
  const BroadcastSum *sum  = backward->params;
  const guint         last = sum->all.rank - 1;
  const gfloat       *gy   = nr_tensor_f32 (backward->out_gradient[0]) + row->at[OUT] + first;
  const gfloat       *v[NR_LOCAL_MAX_OPERANDS];
  gint                step[NR_LOCAL_MAX_OPERANDS];

  if (sum->local == NULL)
    return gy;

  for (guint k = 0; k < sum->n_operands; k++)
    {
      const NrOperand operand = sum->operands[k];
      const NrTensor *tensor  = operand == NR_OPERAND_OUT ? backward->out[0] : backward->in[operand];
      const gsize     stride  = sum->all.strides[FIRST_OPERAND + k][last];

      v[k]    = nr_tensor_f32 (tensor) + row->at[FIRST_OPERAND + k] + first * stride;
      step[k] = (gint) stride;
    }

  sum->local (backward->node, kernels, gy, v, step, d, n);
  return d;
}

/* One element of the input, met by whole rows of the output. */
static gfloat
sum_rows (const NrBackward *backward, const NrKernels *kernels, const Position *start)
{
  const BroadcastSum *sum   = backward->params;
  const gsize         width = sum->all.dims[sum->all.rank - 1];
  gdouble             total = 0.0;
  gfloat              buffer[PIECE];

  for (gsize r = 0; r < sum->n_reduced_rows; r++)
    {
      Position row = *start;

      advance (sum, sum->n_reduced, sum->reduced, r, &row);
      for (gsize i = 0; i < width; i += PIECE)
        {
          const gsize n = MIN (PIECE, width - i);

          total += kernels->row_sum (local_gradients (backward, kernels, &row, i, n, buffer), n);
        }
    }

  return (gfloat) total;
}

/* N neighbouring elements of the input, met by one row of the output or more from its element FIRST on. */
static void
sum_columns (const NrBackward *backward, const NrKernels *kernels, const Position *start, gsize first, gsize n, gfloat *target)
{
  const BroadcastSum *sum          = backward->params;
  gdouble             total[PIECE] = { 0.0 };
  gfloat              buffer[PIECE];

  if (sum->n_reduced_rows == 1)
    {
      const gfloat *d = local_gradients (backward, kernels, start, first, n, target);

      if (d != target)
        memcpy (target, d, n * sizeof (gfloat));
      return;
    }

  for (gsize r = 0; r < sum->n_reduced_rows; r++)
    {
      Position      row = *start;
      const gfloat *d;

      advance (sum, sum->n_reduced, sum->reduced, r, &row);
      d = local_gradients (backward, kernels, &row, first, n, buffer);
      for (gsize i = 0; i < n; i++)
        total[i] += d[i];
    }

  for (gsize i = 0; i < n; i++)
    target[i] = (gfloat) total[i];
}

void
nr_broadcast_sum_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const BroadcastSum *sum     = backward->params;
  const guint         last    = sum->all.rank - 1;
  const gboolean      is_kept = sum->all.strides[TARGET][last] != 0 || sum->all.dims[last] == 1;
  const gsize         width   = is_kept ? sum->all.dims[last] : 1;
  gfloat             *target  = nr_tensor_f32 (backward->in_gradient[nr_backward_wanted (backward)]);

  for (gsize i = begin, n; i < end; i += n)
    {
      Position start = { { 0 } };

      n = MIN (MIN (width - i % width, end - i), PIECE);
      advance (sum, sum->n_kept, sum->kept, i / width, &start);
      if (is_kept)
        sum_columns (backward, kernels, &start, i % width, n, target + i);
      else
        target[i] = sum_rows (backward, kernels, &start);
    }
}
