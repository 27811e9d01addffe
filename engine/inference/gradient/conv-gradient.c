/* Gradients of Conv and ConvTranspose, for any geometry.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Output position q of channel m is the sum over input channels c and taps t of w[m][c][t] x[c][p (q, t)], p the position of
 * the plan's grids. So dx[c][p] collects w[m][c][t] dy[m][q], dw[m][c][t] the products x[c][p] dy[m][q], db[m] the dy[m][q].
 */

#include "ops/conv-plan.h"

#include <string.h>

gboolean
nr_conv_plan_backward (NrBackward *backward, GError **error)
{
  const NrConvPlan *plan = backward->node->params;

  if (backward->in_gradient[0] != NULL)
    {
      nr_backward_keep_in (backward, 1);
      backward->n_items = plan->batch * plan->groups * plan->in_channels; /* planes of dx */
    }
  else if (backward->in_gradient[1] != NULL)
    {
      nr_backward_keep_in (backward, 0);
      backward->n_items = plan->groups * plan->out_channels * plan->in_channels; /* kernels */
    }
  else
    {
      backward->n_items = plan->groups * plan->out_channels;
    }

  backward->grain = 1;
  return TRUE;
}

/* Input index of tap t of each axis at position q, or -1 outside; and where the position is written. */
static gssize
input_index (const NrGrid *grid, const gsize q[3], gsize tap)
{
  const NrGridAxis *axis = grid->axis;
  const gsize       t[3] = { tap / axis[2].n_taps / axis[1].n_taps, tap / axis[2].n_taps % axis[1].n_taps, tap % axis[2].n_taps };
  gssize            at   = 0;

  for (guint a = 0; a < 3; a++)
    {
      const gssize p = (gssize) (q[a] * axis[a].step) + axis[a].offset[t[a]];

      if (p < 0 || p >= (gssize) axis[a].input)
        return -1;
      at = at * (gssize) axis[a].input + p;
    }

  return at;
}

static gsize
output_index (const NrGrid *grid, const gsize q[3])
{
  gsize at = 0;

  for (guint a = 0; a < 3; a++)
    at = at * grid->axis[a].output + q[a] * grid->axis[a].out_step + grid->axis[a].out_phase;

  return at;
}

/* For each position and tap of PART: to[...] collects from[...] times what is constant over the plane, or the product of two
 * planes is summed up. */
static void
scatter (const NrConvPart *part, const gfloat *w, const gfloat *dy, gfloat *dx)
{
  const NrGrid *grid = &part->grid;
  gsize         q[3];

  for (q[0] = 0; q[0] < grid->axis[0].positions; q[0]++)
    for (q[1] = 0; q[1] < grid->axis[1].positions; q[1]++)
      for (q[2] = 0; q[2] < grid->axis[2].positions; q[2]++)
        for (gsize tap = 0; tap < grid->n_taps; tap++)
          {
            const gssize at = input_index (grid, q, tap);

            if (at >= 0)
              dx[at] += w[part->taps[tap]] * dy[output_index (grid, q)];
          }
}

static void
correlate (const NrConvPart *part, const gfloat *x, const gfloat *dy, gfloat *dw)
{
  const NrGrid *grid = &part->grid;
  gsize         q[3];

  for (gsize tap = 0; tap < grid->n_taps; tap++)
    {
      gdouble sum = 0.0;

      for (q[0] = 0; q[0] < grid->axis[0].positions; q[0]++)
        for (q[1] = 0; q[1] < grid->axis[1].positions; q[1]++)
          for (q[2] = 0; q[2] < grid->axis[2].positions; q[2]++)
            {
              const gssize at = input_index (grid, q, tap);

              if (at >= 0)
                sum += (gdouble) x[at] * dy[output_index (grid, q)];
            }

      dw[part->taps[tap]] += (gfloat) sum;
    }
}

static void
input_gradient (const NrBackward *backward, gsize item)
{
  const NrConvPlan *plan  = backward->node->params;
  const NrGrid     *grid  = &plan->parts[0].grid;
  const gsize       group = item / plan->in_channels;
  const gsize       c     = item % plan->in_channels;
  const gfloat     *w     = nr_tensor_f32 (backward->in[1]) + group % plan->groups * plan->w_group + c * plan->w_in;
  const gfloat     *dy    = nr_tensor_f32 (backward->out_gradient[0]) + group * plan->out_channels * grid->out_plane;
  gfloat           *dx    = nr_tensor_f32 (backward->in_gradient[0]) + item * grid->in_plane;

  memset (dx, 0, grid->in_plane * sizeof (gfloat));
  for (gsize m = 0; m < plan->out_channels; m++)
    for (gsize p = 0; p < plan->n_parts; p++)
      scatter (&plan->parts[p], w + m * plan->w_out, dy + m * grid->out_plane, dx);
}

static void
weight_gradient (const NrBackward *backward, gsize item)
{
  const NrConvPlan *plan   = backward->node->params;
  const NrGrid     *grid   = &plan->parts[0].grid;
  const gsize       c      = item % plan->in_channels;
  const gsize       m      = item / plan->in_channels % plan->out_channels;
  const gsize       group  = item / plan->in_channels / plan->out_channels;
  const gsize       n_taps = MIN (plan->w_in, plan->w_out);
  gfloat           *dw     = nr_tensor_f32 (backward->in_gradient[1]) + group * plan->w_group + m * plan->w_out + c * plan->w_in;

  memset (dw, 0, n_taps * sizeof (gfloat));
  for (gsize n = 0; n < plan->batch; n++)
    {
      const gsize   at = n * plan->groups + group;
      const gfloat *x  = nr_tensor_f32 (backward->in[0]) + (at * plan->in_channels + c) * grid->in_plane;
      const gfloat *dy = nr_tensor_f32 (backward->out_gradient[0]) + (at * plan->out_channels + m) * grid->out_plane;

      for (gsize p = 0; p < plan->n_parts; p++)
        correlate (&plan->parts[p], x, dy, dw);
    }
}

static void
bias_gradient (const NrBackward *backward, gsize channel)
{
  const NrConvPlan *plan     = backward->node->params;
  const gsize       plane    = plan->parts[0].grid.out_plane;
  const gsize       channels = plan->groups * plan->out_channels;
  const gfloat     *dy       = nr_tensor_f32 (backward->out_gradient[0]);
  gdouble           sum      = 0.0;

  for (gsize n = 0; n < plan->batch; n++)
    for (gsize i = 0; i < plane; i++)
      sum += dy[(n * channels + channel) * plane + i];

  nr_tensor_f32 (backward->in_gradient[2])[channel] = (gfloat) sum;
}

void
nr_conv_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  for (gsize item = begin; item < end; item++)
    if (backward->in_gradient[0] != NULL)
      input_gradient (backward, item);
    else if (backward->in_gradient[1] != NULL)
      weight_gradient (backward, item);
    else
      bias_gradient (backward, item);
}
