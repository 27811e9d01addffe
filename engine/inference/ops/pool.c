/* MaxPool and AveragePool: the largest or mean of a window. ONNX MaxPool-8 to -22, AveragePool-7 to -22, [N, C, ...] with
 * one to three axes; float32, MaxPool integers and its second output, Indices, too.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "integers.h"

#include <math.h>

enum
{
  MAX_AXES   = 3,
  MAX_KERNEL = 65536 /* longer than any picture: a file cannot make a row take for ever */
};

typedef struct
{
  gint64 in, out, kernel, stride, dilation, begin, behind;
} PoolAxis;

typedef struct
{
  PoolAxis axes[MAX_AXES]; /* depth, height, width; leading ones of size 1 where there are fewer */
  guint    n_axes;
  gboolean is_max, count_include_pad, is_column_major;
} PoolParams;

/* -- Geometry ----------------------------------------------------------------------------------------------------- */

/* Entry i of an attribute with COUNT values, FALLBACK when it is absent. */
static gboolean
read_value (const NrNode *node, const gchar *name, gsize i, gsize count, gint64 fallback, gint64 *value, GError **error)
{
  gsize         n;
  const gint64 *list = nr_node_get_ints (node, name, &n);

  if (list != NULL && n != count)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "%s has %" G_GSIZE_FORMAT " values, expected %" G_GSIZE_FORMAT, name, n, count);

  *value = list != NULL ? list[i] : fallback;
  if (*value < 0 || *value > G_MAXINT32)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "%s has the value %" G_GINT64_FORMAT ", which is out of range", name, *value);

  return TRUE;
}

static gint64
ceil_div (gint64 a, gint64 b)
{
  return a / b + (a % b > 0);
}

/* Replaces pads by what auto_pad says and sets the output's size. */
static gboolean
resolve_axis (const NrNode *node, PoolAxis *a, GError **error)
{
  const gchar *auto_pad = nr_node_get_string (node, "auto_pad", "NOTSET");
  const gint64 reach    = (a->kernel - 1) * a->dilation + 1;
  gint64       room;

  if (g_str_has_prefix (auto_pad, "SAME_"))
    {
      gint64 total = MAX ((ceil_div (a->in, a->stride) - 1) * a->stride + reach - a->in, 0);

      a->begin  = g_str_equal (auto_pad, "SAME_UPPER") ? total / 2 : total - total / 2;
      a->behind = total - a->begin;
      a->out    = ceil_div (a->in, a->stride);
      return TRUE;
    }

  if (g_str_equal (auto_pad, "VALID"))
    a->begin = a->behind = 0;
  else if (! g_str_equal (auto_pad, "NOTSET"))
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "auto_pad '%s' is unknown", auto_pad);

  room = a->in + a->begin + a->behind - reach;
  if (room < 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "a window of %" G_GINT64_FORMAT " is larger than the padded input of %" G_GINT64_FORMAT,
                          reach, a->in + a->begin + a->behind);

  a->out = room / a->stride + 1;
  if (nr_node_get_int (node, "ceil_mode", 0) != 0)
    {
      a->out = ceil_div (room, a->stride) + 1;
      /* A window that begins behind the input is dropped. */
      if ((a->out - 1) * a->stride >= a->in + a->begin)
        a->out--;
    }

  return TRUE;
}

static gboolean
pool_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  PoolParams    *params = g_new0 (PoolParams, 1);
  gint64         dims[NR_MAX_RANK];
  gsize          n_axes = in->rank - MIN (in->rank, 2);

  node->params      = params;
  node->free_params = g_free;

  params->is_max            = g_str_equal (node->op->type, "MaxPool");
  params->count_include_pad = nr_node_get_int (node, "count_include_pad", 0) != 0;
  params->is_column_major   = nr_node_get_int (node, "storage_order", 0) != 0;
  params->n_axes            = (guint) n_axes;

  if (! (params->is_max && nr_type_is_integer (in->type)) && ! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (n_axes < 1 || n_axes > MAX_AXES)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input has %u dimensions, 3 to 5 are supported", in->rank);
  if (! nr_node_has_attr (node, "kernel_shape"))
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "the attribute kernel_shape is missing");

  for (guint i = 0; i < MAX_AXES; i++)
    params->axes[i] = (PoolAxis) { 1, 1, 1, 1, 1, 0, 0 };

  dims[0] = in->dims[0];
  dims[1] = in->dims[1];
  for (gsize i = 0; i < n_axes; i++)
    {
      PoolAxis *a = &params->axes[MAX_AXES - n_axes + i];

      a->in = in->dims[2 + i];
      if (! read_value (node, "kernel_shape", i, n_axes, 1, &a->kernel, error) ||
          ! read_value (node, "strides", i, n_axes, 1, &a->stride, error) ||
          ! read_value (node, "dilations", i, n_axes, 1, &a->dilation, error) ||
          ! read_value (node, "pads", i, 2 * n_axes, 0, &a->begin, error) ||
          ! read_value (node, "pads", i + n_axes, 2 * n_axes, 0, &a->behind, error))
        return FALSE;
      if (a->kernel < 1 || a->kernel > MAX_KERNEL || a->stride < 1 || a->dilation < 1 || a->in > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "window, stride or dilation of axis %" G_GSIZE_FORMAT " is out of range", i);
      if (! resolve_axis (node, a, error))
        return FALSE;
      dims[2 + i] = a->out;
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error) ||
      ! nr_node_set_out (node, 1, NR_TYPE_INT64, in->rank, dims, error))
    return FALSE;

  /* Items are rows of the output. */
  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / (gsize) params->axes[2].out;
  node->grain   = 1 + 2048 / (gsize) MAX (params->axes[2].out, 1);
  node->scratch = params->is_max ? 0 : (gsize) params->axes[2].out * sizeof (gfloat);
  return TRUE;
}

/* -- Rows of floats ----------------------------------------------------------------------------------------------- */

/* Taps [*first, *last) of the window at output position O that lie in [low, high) of the axis. */
static void
taps_within (const PoolAxis *a, gint64 o, gint64 low, gint64 high, gint64 *first, gint64 *last)
{
  gint64 origin = o * a->stride - a->begin;

  *first = origin >= low ? 0 : ceil_div (low - origin, a->dilation);
  *last  = origin >= high ? 0 : MIN (a->kernel, ceil_div (high - origin, a->dilation));
}

/* How many taps count for the mean at output position O. */
static gint64
count_taps (const PoolAxis *a, gint64 o, gboolean include_pad)
{
  gint64 first, last;

  taps_within (a, o, include_pad ? -a->begin : 0, a->in + (include_pad ? a->behind : 0), &first, &last);
  return MAX (last - first, 0);
}

/* Adds (or takes the maximum of) one row of the input at column tap K to the output row. */
static void
pool_tap (const NrKernels *kernels, const PoolParams *params, const gfloat *x, gfloat *y, gint64 k)
{
  const PoolAxis *a      = &params->axes[2];
  gint64          origin = k * a->dilation - a->begin;
  gint64          first  = origin >= 0 ? 0 : ceil_div (-origin, a->stride);
  gint64          last   = origin >= a->in ? 0 : MIN (a->out, ceil_div (a->in - origin, a->stride));

  if (first >= last)
    return;

  x += first * a->stride + origin;
  y += first;
  if (a->stride == 1)
    kernels->binary[params->is_max ? NR_BINARY_MAX : NR_BINARY_ADD](y, x, y, (gsize) (last - first), 1, 1);
  else if (params->is_max)
    for (gint64 o = 0; o < last - first; o++)
      y[o] = x[o * a->stride] > y[o] || isnan (x[o * a->stride]) ? x[o * a->stride] : y[o];
  else
    for (gint64 o = 0; o < last - first; o++)
      y[o] += x[o * a->stride];
}

/* COUNTS: of the taps of each column, for a mean. */
static void
pool_row (const NrKernels  *kernels,
          const PoolParams *params,
          const gfloat     *plane,
          const gfloat     *counts,
          gfloat           *y,
          gint64            od,
          gint64            oh)
{
  const PoolAxis *d = &params->axes[0], *h = &params->axes[1], *w = &params->axes[2];
  gint64          d0, d1, h0, h1;

  for (gint64 o = 0; o < w->out; o++)
    y[o] = params->is_max ? -INFINITY : 0.0f;

  taps_within (d, od, 0, d->in, &d0, &d1);
  taps_within (h, oh, 0, h->in, &h0, &h1);
  for (gint64 kd = d0; kd < d1; kd++)
    for (gint64 kh = h0; kh < h1; kh++)
      {
        gint64        id = od * d->stride - d->begin + kd * d->dilation;
        gint64        ih = oh * h->stride - h->begin + kh * h->dilation;
        const gfloat *x  = plane + (id * h->in + ih) * w->in;

        for (gint64 k = 0; k < w->kernel; k++)
          pool_tap (kernels, params, x, y, k);
      }

  if (! params->is_max)
    {
      gfloat count = (gfloat) (count_taps (d, od, params->count_include_pad) * count_taps (h, oh, params->count_include_pad));

      for (gint64 o = 0; o < w->out; o++)
        y[o] /= MAX (count * counts[o], 1.0f);
    }
}

/* The input indices first, first + dilation ... below last of each axis that lie in the window at output position O. */
typedef struct
{
  gint64 first[MAX_AXES], last[MAX_AXES];
} Window;

static Window
find_window (const PoolAxis *a, const gint64 *o)
{
  Window window;

  for (guint k = 0; k < MAX_AXES; k++)
    {
      const gint64 origin = o[k] * a[k].stride - a[k].begin;
      gint64       t0, t1;

      taps_within (&a[k], o[k], 0, a[k].in, &t0, &t1);
      window.first[k] = origin + t0 * a[k].dilation;
      window.last[k]  = origin + t1 * a[k].dilation;
    }

  return window;
}

/* -- Maxima of any type, with their indices ------------------------------------------------------------------------- */

static gint64
flat_index (const PoolParams *params, gint64 plane, gint64 d, gint64 h, gint64 w)
{
  const PoolAxis *a = params->axes;

  if (params->is_column_major)
    return ((plane * a[2].in + w) * a[1].in + h) * a[0].in + d;
  return ((plane * a[0].in + d) * a[1].in + h) * a[2].in + w;
}

static void
max_element (const NrNode *node, gint64 plane, const gint64 *o, gsize out)
{
  const PoolParams *params = node->params;
  const PoolAxis   *a      = params->axes;
  const NrTensor   *x      = node->in[0];
  const Window      w      = find_window (a, o);
  gint64            best = -1, best_index = 0, i[MAX_AXES];

  for (i[0] = w.first[0]; i[0] < w.last[0]; i[0] += a[0].dilation)
    for (i[1] = w.first[1]; i[1] < w.last[1]; i[1] += a[1].dilation)
      for (i[2] = w.first[2]; i[2] < w.last[2]; i[2] += a[2].dilation)
        {
          gint64 here = ((plane * a[0].in + i[0]) * a[1].in + i[1]) * a[2].in + i[2];

          if (best < 0 || nr_number_get (x, (gsize) here) > nr_number_get (x, (gsize) best))
            {
              best       = here;
              best_index = flat_index (params, plane, i[0], i[1], i[2]);
            }
        }

  if (x->shape.type != NR_TYPE_FLOAT32)
    nr_integer_set (node->out[0], out, best < 0 ? 0 : nr_integer_get (x, (gsize) best));
  else
    nr_tensor_f32 (node->out[0])[out] = best < 0 ? -INFINITY : nr_tensor_f32 (x)[best];
  if (node->n_out > 1 && node->out[1] != NULL)
    nr_tensor_i64 (node->out[1])[out] = best_index;
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

static void
pool_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const PoolParams *params  = node->params;
  const PoolAxis   *a       = params->axes;
  const gboolean    is_fast = node->in[0]->shape.type == NR_TYPE_FLOAT32 && (node->n_out < 2 || node->out[1] == NULL);
  gfloat           *counts  = scratch;

  for (gint64 o = 0; o < a[2].out && ! params->is_max; o++)
    counts[o] = (gfloat) count_taps (&a[2], o, params->count_include_pad);

  for (gsize row = begin; row < end; row++)
    {
      gint64 oh    = (gint64) (row % (gsize) a[1].out);
      gint64 od    = (gint64) (row / (gsize) a[1].out % (gsize) a[0].out);
      gint64 plane = (gint64) (row / (gsize) (a[1].out * a[0].out));
      gsize  out   = row * (gsize) a[2].out;

      if (is_fast)
        pool_row (kernels, params, nr_tensor_f32 (node->in[0]) + plane * a[0].in * a[1].in * a[2].in, counts,
                  nr_tensor_f32 (node->out[0]) + out, od, oh);
      else
        for (gint64 ow = 0; ow < a[2].out; ow++)
          max_element (node, plane, (const gint64[]) { od, oh, ow }, out + (gsize) ow);
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Items are planes, for windows overlap. */
static gboolean
pool_plan_backward (NrBackward *backward, GError **error)
{
  const NrNode     *node   = backward->node;
  const PoolParams *params = node->params;
  const PoolAxis   *a      = params->axes;
  const gsize       plane  = (gsize) (a[0].in * a[1].in * a[2].in);

  if (backward->out_gradient[0] == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "indices have no gradient");

  if (params->is_max)
    nr_backward_keep_in (backward, 0);
  backward->n_items = node->in[0]->n / MAX (plane, 1);
  backward->grain   = 1 + 4096 / MAX (plane, 1);
  return TRUE;
}

/* The first of the largest elements of a window gets the gradient. */
static void
max_window (const PoolAxis *a, const gint64 *o, const gfloat *x, gfloat dy, gfloat *dx)
{
  const Window w    = find_window (a, o);
  gint64       best = -1;

  for (gint64 d = w.first[0]; d < w.last[0]; d += a[0].dilation)
    for (gint64 h = w.first[1]; h < w.last[1]; h += a[1].dilation)
      for (gint64 i = w.first[2]; i < w.last[2]; i += a[2].dilation)
        {
          const gint64 here = (d * a[1].in + h) * a[2].in + i;

          if (best < 0 || x[here] > x[best])
            best = here;
        }

  if (best >= 0)
    dx[best] += dy;
}

static void
mean_window (const PoolParams *params, const gint64 *o, gfloat dy, gfloat *dx)
{
  const PoolAxis *a     = params->axes;
  const Window    w     = find_window (a, o);
  gfloat          count = 1.0f;

  for (guint k = 0; k < MAX_AXES; k++)
    count *= (gfloat) count_taps (&a[k], o[k], params->count_include_pad);
  dy /= MAX (count, 1.0f);

  for (gint64 d = w.first[0]; d < w.last[0]; d += a[0].dilation)
    for (gint64 h = w.first[1]; h < w.last[1]; h += a[1].dilation)
      for (gint64 i = w.first[2]; i < w.last[2]; i += a[2].dilation)
        dx[(d * a[1].in + h) * a[2].in + i] += dy;
}

static void
pool_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const PoolParams *params = backward->node->params;
  const PoolAxis   *a      = params->axes;
  const gsize       in     = (gsize) (a[0].in * a[1].in * a[2].in);
  const gsize       out    = (gsize) (a[0].out * a[1].out * a[2].out);

  for (gsize plane = begin; plane < end; plane++)
    {
      const gfloat *dy = nr_tensor_f32 (backward->out_gradient[0]) + plane * out;
      gfloat       *dx = nr_tensor_f32 (backward->in_gradient[0]) + plane * in;

      memset (dx, 0, in * sizeof (gfloat));
      for (gsize i = 0; i < out; i++)
        {
          const gint64 o[MAX_AXES] = { (gint64) i / (a[1].out * a[2].out), (gint64) i / a[2].out % a[1].out, (gint64) i % a[2].out };

          if (params->is_max)
            max_window (a, o, nr_tensor_f32 (backward->in[0]) + plane * in, dy[i], dx);
          else
            mean_window (params, o, dy[i], dx);
        }
    }
}

static const NrAttrSpec average_pool_attrs[] = {
  { "auto_pad", NR_ATTR_STRING },
  { "ceil_mode", NR_ATTR_INT },
  { "count_include_pad", NR_ATTR_INT },
  { "dilations", NR_ATTR_INTS },
  { "kernel_shape", NR_ATTR_INTS },
  { "pads", NR_ATTR_INTS },
  { "strides", NR_ATTR_INTS },
  { NULL }
};

static const NrAttrSpec max_pool_attrs[] = {
  { "auto_pad", NR_ATTR_STRING },
  { "ceil_mode", NR_ATTR_INT },
  { "dilations", NR_ATTR_INTS },
  { "kernel_shape", NR_ATTR_INTS },
  { "pads", NR_ATTR_INTS },
  { "storage_order", NR_ATTR_INT },
  { "strides", NR_ATTR_INTS },
  { NULL }
};

const NrOpClass nr_op_average_pool = {
  .type    = "AveragePool",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 1,
  .attrs   = average_pool_attrs,
  .infer   = pool_infer,
  .run     = pool_run,

  .plan_backward = pool_plan_backward,
  .backward      = pool_backward,
};

const NrOpClass nr_op_max_pool = {
  .type    = "MaxPool",
  .min_in  = 1,
  .max_in  = 1,
  .min_out = 1,
  .max_out = 2,
  .attrs   = max_pool_attrs,
  .infer   = pool_infer,
  .run     = pool_run,

  .plan_backward = pool_plan_backward,
  .backward      = pool_backward,
};
