/* Reductions along axes: ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceL2. ONNX versions 1 to 20: axes as attribute,
 * from opset 18 on (ReduceSum: 13) as input, known at load; float32 and integers, ReduceMax and ReduceMin bool too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Neighbouring dimensions that are both kept or both reduced are merged. If the innermost is reduced, each output is a
 * sum of rows; if it is kept (means over the channels of NCHW), rows of the output add up rows of the input. Either
 * way each output's sum runs in one order, however the work is cut.
 */

#include "axes.h"
#include "broadcast.h"
#include "integers.h"

#include <math.h>

typedef enum
{
  REDUCE_L2,
  REDUCE_MAX,
  REDUCE_MEAN,
  REDUCE_MIN,
  REDUCE_SUM
} Reduction;

static const struct
{
  const gchar *type;
  Reduction    reduction;
  gint         axes_since; /* opset in which axes became an input */
} rows[] = {
  { "ReduceL2", REDUCE_L2, 18 },
  { "ReduceMax", REDUCE_MAX, 18 },
  { "ReduceMean", REDUCE_MEAN, 18 },
  { "ReduceMin", REDUCE_MIN, 18 },
  { "ReduceSum", REDUCE_SUM, 13 },
};

/* A walk through some dimensions of the input. */
typedef struct
{
  guint rank;
  gsize dims[NR_MAX_RANK], strides[NR_MAX_RANK];
  gsize n; /* product of dims */
} Walk;

typedef struct
{
  Reduction reduction;
  Walk      kept, reduced; /* without the innermost dimension */
  gsize     inner;         /* its size */
  gboolean  inner_is_kept;
  gsize     count; /* elements that become one */
  NrShape   kept_shape; /* of the output, as if dimensions were kept */
} ReduceParams;

/* -- Planning ----------------------------------------------------------------------------------------------------- */

static void
walk_add (Walk *walk, gsize dim, gsize stride)
{
  walk->dims[walk->rank]      = dim;
  walk->strides[walk->rank++] = stride;
  walk->n *= dim;
}

/* The dimensions of the input, outermost first, sorted into walks. */
static void
plan_walks (ReduceParams *params, const NrShape *in, const gboolean *is_axis)
{
  gsize    dims[NR_MAX_RANK], stride = 1;
  gboolean reduced[NR_MAX_RANK];
  guint    rank = 0;

  for (guint i = 0; i < in->rank; i++)
    if (in->dims[i] == 1)
      continue;
    else if (rank > 0 && reduced[rank - 1] == is_axis[i])
      dims[rank - 1] *= (gsize) in->dims[i];
    else
      {
        dims[rank]      = (gsize) in->dims[i];
        reduced[rank++] = is_axis[i];
      }

  params->inner         = rank > 0 ? dims[rank - 1] : 1;
  params->inner_is_kept = rank > 0 && ! reduced[rank - 1];
  params->kept.n = params->reduced.n = 1;

  /* Innermost first: indices are decoded with the fastest dimension at 0. */
  for (guint i = rank; i-- > 0;)
    {
      if (i + 1 < rank)
        walk_add (reduced[i] ? &params->reduced : &params->kept, dims[i], stride);
      stride *= dims[i];
    }

  params->count = params->reduced.n * (params->inner_is_kept ? 1 : params->inner);
}

static gsize
walk_offset (const Walk *walk, gsize index)
{
  gsize offset = 0;

  for (guint i = 0; i < walk->rank; i++)
    {
      offset += index % walk->dims[i] * walk->strides[i];
      index /= walk->dims[i];
    }
  return offset;
}

static gboolean
reduce_infer (NrNode *node, GError **error)
{
  const NrShape *in        = &node->in[0]->shape;
  const gboolean keep_dims = nr_node_get_int (node, "keepdims", 1) != 0;
  ReduceParams  *params    = g_new0 (ReduceParams, 1);
  gint64         dims[NR_MAX_RANK];
  gboolean       is_axis[NR_MAX_RANK];
  guint          n_axes, rank = 0, row = 0;

  while (! g_str_equal (rows[row].type, node->op->type))
    row++;

  params->reduction = rows[row].reduction;
  node->params      = params;
  node->free_params = g_free;

  if (! nr_type_is_integer (in->type) &&
      ! (in->type == NR_TYPE_BOOL && (params->reduction == REDUCE_MAX || params->reduction == REDUCE_MIN)) &&
      ! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (! nr_axes_read (node, rows[row].axes_since, 1, in->rank, is_axis, &n_axes, error))
    return FALSE;

  if (n_axes == 0 && nr_node_get_int (node, "noop_with_empty_axes", 0) != 0)
    params->reduction = REDUCE_SUM; /* of one element each: a copy */
  else if (n_axes == 0)
    for (guint i = 0; i < in->rank; i++)
      is_axis[i] = TRUE;

  params->kept_shape = *in;
  for (guint i = 0; i < in->rank; i++)
    if (is_axis[i])
      params->kept_shape.dims[i] = 1;

  for (guint i = 0; i < in->rank; i++)
    if (! is_axis[i])
      dims[rank++] = in->dims[i];
    else if (keep_dims)
      dims[rank++] = 1;

  if (! nr_node_set_out (node, 0, in->type, rank, dims, error))
    return FALSE;

  plan_walks (params, in, is_axis);
  node->grain = 1 + 16384 / MAX (params->count, 1);
  return TRUE;
}

/* -- Floats ------------------------------------------------------------------------------------------------------- */

static gfloat
row_min (const gfloat *x, gsize n)
{
  gfloat least = INFINITY;

  for (gsize i = 0; i < n; i++)
    least = x[i] < least || isnan (x[i]) ? x[i] : least;
  return least;
}

/* One output: the innermost dimension is reduced. */
static gfloat
reduce_rows (const NrKernels *kernels, const ReduceParams *params, const gfloat *x)
{
  gdouble sum   = 0.0;
  gfloat  bound = params->reduction == REDUCE_MAX ? -INFINITY : INFINITY;

  for (gsize r = 0; r < params->reduced.n; r++)
    {
      const gfloat *row = x + walk_offset (&params->reduced, r);
      gfloat        value;

      switch (params->reduction)
        {
        case REDUCE_L2:
          sum += kernels->row_sum_squares (row, params->inner, 0.0f);
          break;
        case REDUCE_MAX:
          value = kernels->row_max (row, params->inner);
          bound = value > bound || isnan (value) ? value : bound;
          break;
        case REDUCE_MIN:
          value = row_min (row, params->inner);
          bound = value < bound || isnan (value) ? value : bound;
          break;
        case REDUCE_MEAN:
        case REDUCE_SUM:
          sum += kernels->row_sum (row, params->inner);
          break;
        }
    }

  switch (params->reduction)
    {
    case REDUCE_L2:
      return (gfloat) sqrt (sum);
    case REDUCE_MEAN:
      return (gfloat) (sum / (gdouble) params->count);
    case REDUCE_SUM:
      return (gfloat) sum;
    default:
      return bound;
    }
}

/* N neighbouring outputs: the innermost dimension is kept. */
static void
reduce_columns (const NrKernels *kernels, const ReduceParams *params, const gfloat *x, gfloat *y, gsize n)
{
  static const NrBinary functions[] = {
    [REDUCE_L2]   = NR_BINARY_ADD_SQUARE,
    [REDUCE_MAX]  = NR_BINARY_MAX,
    [REDUCE_MEAN] = NR_BINARY_ADD,
    [REDUCE_MIN]  = NR_BINARY_MIN,
    [REDUCE_SUM]  = NR_BINARY_ADD,
  };
  const gfloat start = params->reduction == REDUCE_MAX ? -INFINITY : params->reduction == REDUCE_MIN ? INFINITY
                                                                                                     : 0.0f;

  for (gsize i = 0; i < n; i++)
    y[i] = start;
  for (gsize r = 0; r < params->reduced.n; r++)
    kernels->binary[functions[params->reduction]](y, x + walk_offset (&params->reduced, r), y, n, 1, 1);

  if (params->reduction == REDUCE_L2)
    kernels->unary[NR_UNARY_SQRT](y, y, n, 0.0f, 0.0f);
  else if (params->reduction == REDUCE_MEAN)
    kernels->unary[NR_UNARY_LINEAR](y, y, n, 1.0f / (gfloat) params->count, 0.0f);
}

/* -- Integers ----------------------------------------------------------------------------------------------------- */

static gint64
integer_start (Reduction reduction, NrType type)
{
  static const gint64 least[] = { [NR_TYPE_INT32] = G_MININT32, [NR_TYPE_INT64] = G_MININT64, [NR_TYPE_INT8] = G_MININT8, [NR_TYPE_BOOL] = 0 };
  static const gint64 most[]  = { [NR_TYPE_INT32] = G_MAXINT32, [NR_TYPE_INT64] = G_MAXINT64, [NR_TYPE_UINT8] = G_MAXUINT8, [NR_TYPE_INT8] = G_MAXINT8, [NR_TYPE_BOOL] = 1 };

  return reduction == REDUCE_MAX ? least[type] : reduction == REDUCE_MIN ? most[type]
                                                                         : 0;
}

static gint64
reduce_integers (const ReduceParams *params, const NrTensor *x, gsize start)
{
  gint64 result = integer_start (params->reduction, x->shape.type);
  gsize  inner  = params->inner_is_kept ? 1 : params->inner;

  for (gsize r = 0; r < params->reduced.n; r++)
    for (gsize i = 0; i < inner; i++)
      {
        gint64 value = nr_integer_get (x, start + walk_offset (&params->reduced, r) + i);

        if (params->reduction == REDUCE_MAX)
          result = MAX (result, value);
        else if (params->reduction == REDUCE_MIN)
          result = MIN (result, value);
        else /* unsigned: wraps around */
          result = (gint64) ((guint64) result + (guint64) value * (params->reduction == REDUCE_L2 ? (guint64) value : 1));
      }

  if (params->reduction == REDUCE_MEAN)
    return params->count > 0 ? result / (gint64) params->count : 0;
  return params->reduction == REDUCE_L2 ? nr_integer_from_double (sqrt ((gdouble) result)) : result;
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

static void
reduce_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ReduceParams *params = node->params;
  const NrTensor     *x      = node->in[0];
  const gsize         inner  = params->inner_is_kept ? params->inner : 1;

  for (gsize o = begin, n; o < end; o += n)
    {
      gsize start = walk_offset (&params->kept, o / inner) + o % inner;

      n = MIN (inner - o % inner, end - o);
      if (x->shape.type != NR_TYPE_FLOAT32)
        for (gsize i = 0; i < n; i++)
          nr_integer_set (node->out[0], o + i, reduce_integers (params, x, start + i));
      else if (params->inner_is_kept)
        reduce_columns (kernels, params, nr_tensor_f32 (x) + start, nr_tensor_f32 (node->out[0]) + o, n);
      else
        nr_tensor_f32 (node->out[0])[o] = reduce_rows (kernels, params, nr_tensor_f32 (x) + start);
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

static gboolean
is_bound (Reduction reduction)
{
  return reduction == REDUCE_MAX || reduction == REDUCE_MIN;
}

/* Sums: the output's gradient is broadcast to the input's elements. Bounds: items are elements of the output, for those that
 * are equal to one share its gradient. */
static gboolean
reduce_plan_backward (NrBackward *backward, GError **error)
{
  const ReduceParams *params = backward->node->params;

  if (params->reduction == REDUCE_L2 || is_bound (params->reduction))
    {
      nr_backward_keep_in (backward, 0);
      nr_backward_keep_out (backward, 0);
    }

  if (is_bound (params->reduction))
    {
      backward->n_items = backward->node->out[0]->n;
      backward->grain   = 1 + 16384 / MAX (params->count, 1);
      return TRUE;
    }

  backward->params      = g_new (NrBroadcast, 1);
  backward->free_params = g_free;
  nr_broadcast_init (backward->params, &backward->node->in[0]->shape, (const NrShape *[]) { &params->kept_shape }, 1);
  return TRUE;
}

/* dx = dy, dy / count, or dy x / y; 0 where the norm is 0. */
static void
sum_backward (const NrBackward *backward, gsize begin, gsize end)
{
  const ReduceParams *params = backward->node->params;
  const gfloat        factor = params->reduction == REDUCE_MEAN ? 1.0f / (gfloat) params->count : 1.0f;
  NrBroadcastRows     r;

  for (nr_broadcast_rows (&r, backward->params, begin, end); nr_broadcast_next (&r);)
    {
      const gfloat *dy = nr_tensor_f32 (backward->out_gradient[0]) + r.in[0];
      gfloat       *dx = nr_tensor_f32 (backward->in_gradient[0]) + r.out;

      if (params->reduction != REDUCE_L2)
        for (gsize i = 0; i < r.n; i++)
          dx[i] = factor * dy[i * r.step[0]];
      else
        for (gsize i = 0; i < r.n; i++)
          {
            const gfloat y = nr_tensor_f32 (backward->out[0])[r.in[0] + i * r.step[0]];

            dx[i] = y > 0.0f ? dy[i * r.step[0]] * nr_tensor_f32 (backward->in[0])[r.out + i] / y : 0.0f;
          }
    }
}

static void
bound_backward (const NrBackward *backward, gsize o)
{
  const ReduceParams *params  = backward->node->params;
  const gsize         kept    = params->inner_is_kept ? params->inner : 1;
  const gsize         row     = params->inner_is_kept ? 1 : params->inner;
  const gsize         start   = walk_offset (&params->kept, o / kept) + o % kept;
  const gfloat       *x       = nr_tensor_f32 (backward->in[0]) + start;
  gfloat             *dx      = nr_tensor_f32 (backward->in_gradient[0]) + start;
  const gfloat        y       = nr_tensor_f32 (backward->out[0])[o];
  gsize               n_equal = 0;
  gfloat              share;

  for (gsize r = 0; r < params->reduced.n; r++)
    for (gsize i = 0, at = walk_offset (&params->reduced, r); i < row; i++)
      n_equal += x[at + i] == y;

  share = nr_tensor_f32 (backward->out_gradient[0])[o] / (gfloat) MAX (n_equal, 1);
  for (gsize r = 0; r < params->reduced.n; r++)
    for (gsize i = 0, at = walk_offset (&params->reduced, r); i < row; i++)
      dx[at + i] = x[at + i] == y ? share : 0.0f;
}

static void
reduce_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ReduceParams *params = backward->node->params;

  if (! is_bound (params->reduction))
    sum_backward (backward, begin, end);
  else
    for (gsize o = begin; o < end; o++)
      bound_backward (backward, o);
}

static const NrAttrSpec reduce_attrs[] = {
  { "axes", NR_ATTR_INTS }, { "keepdims", NR_ATTR_INT }, { "noop_with_empty_axes", NR_ATTR_INT }, { NULL }
};

const NrOpClass nr_op_reduce_l2 = {
  .type    = "ReduceL2",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reduce_attrs,
  .infer   = reduce_infer,
  .run     = reduce_run,

  .plan_backward = reduce_plan_backward,
  .backward      = reduce_backward,
};

const NrOpClass nr_op_reduce_max = {
  .type    = "ReduceMax",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reduce_attrs,
  .infer   = reduce_infer,
  .run     = reduce_run,

  .plan_backward = reduce_plan_backward,
  .backward      = reduce_backward,
};

const NrOpClass nr_op_reduce_mean = {
  .type    = "ReduceMean",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reduce_attrs,
  .infer   = reduce_infer,
  .run     = reduce_run,

  .plan_backward = reduce_plan_backward,
  .backward      = reduce_backward,
};

const NrOpClass nr_op_reduce_min = {
  .type    = "ReduceMin",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reduce_attrs,
  .infer   = reduce_infer,
  .run     = reduce_run,

  .plan_backward = reduce_plan_backward,
  .backward      = reduce_backward,
};

const NrOpClass nr_op_reduce_sum = {
  .type    = "ReduceSum",
  .min_in  = 1,
  .max_in  = 2,
  .min_out = 1,
  .max_out = 1,
  .attrs   = reduce_attrs,
  .infer   = reduce_infer,
  .run     = reduce_run,

  .plan_backward = reduce_plan_backward,
  .backward      = reduce_backward,
};
