/* Resize and Upsample: nearest, linear and cubic interpolation along any axes. ONNX Upsample-9, Resize-10, -11, -13, -18,
 * -19: all coordinate transformations, antialias, regions; nearest for any type, otherwise float32. Scales, sizes and
 * regions must be known at load.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The filters are separable, their taps are tabulated for each axis (resize-axis.c). An output row is made in two steps:
 * the input rows that its outer axes meet are summed, then the sum is resized along the innermost axis.
 */

#include "axes.h"
#include "resize-axis.h"

#include <math.h>

/* Elements [first, last) of a row of which each pair (is_doubled) or each one has the weights of those before and indices one
 * or two further: linear interpolation by 2, and its way back. Both 0: there are none. */
typedef struct
{
  gboolean is_doubled;
  gsize    first, last;
} RegularRun;

typedef struct
{
  NrResizeOptions options;
  gfloat          extrapolation; /* for coordinates outside of the input, where regions are cropped */
  guint           rank;
  NrResizeAxis    axes[NR_MAX_RANK];
  gsize           strides[NR_MAX_RANK]; /* of the input */
  gsize           repeat;               /* nearest: each element of a row stands this often, 0: not so regular */
  RegularRun      run;                  /* filters: of the innermost axis */
} ResizeParams;

static void
resize_params_free (gpointer data)
{
  ResizeParams *params = data;

  for (guint i = 0; i < NR_MAX_RANK; i++)
    nr_resize_axis_clear (&params->axes[i]);
  g_free (params);
}

/* -- Attributes --------------------------------------------------------------------------------------------------- */

static gboolean
read_choice (const NrNode *node, const gchar *name, const gchar *const *names, guint fallback, guint *choice, GError **error)
{
  const gchar *value = nr_node_get_string (node, name, names[fallback]);

  for (*choice = 0; names[*choice] != NULL; (*choice)++)
    if (g_str_equal (value, names[*choice]))
      return TRUE;

  return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "%s is '%s', which is unknown", name, value);
}

static gboolean
read_options (const NrNode *node, NrResizeOptions *options, GError **error)
{
  static const gchar *const modes[]       = { "nearest", "linear", "cubic", NULL };
  static const gchar *const coordinates[] = { "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                              "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL };
  static const gchar *const nearest[]     = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL };
  guint                     mode, coordinate, rounding;

  if (! read_choice (node, "mode", modes, NR_RESIZE_NEAREST, &mode, error) ||
      ! read_choice (node, "coordinate_transformation_mode", coordinates,
                     node->opset < 11 ? NR_RESIZE_ASYMMETRIC : NR_RESIZE_HALF_PIXEL, &coordinate, error) ||
      ! read_choice (node, "nearest_mode", nearest, node->opset < 11 ? NR_RESIZE_FLOOR : NR_RESIZE_ROUND_PREFER_FLOOR,
                     &rounding, error))
    return FALSE;

  options->mode            = (NrResizeMode) mode;
  options->coordinates     = (NrResizeCoordinates) coordinate;
  options->nearest         = (NrResizeNearest) rounding;
  options->cubic_a         = nr_node_get_float (node, "cubic_coeff_a", -0.75f);
  options->exclude_outside = nr_node_get_int (node, "exclude_outside", 0) != 0;
  options->antialias       = nr_node_get_int (node, "antialias", 0) != 0 && mode != NR_RESIZE_NEAREST;
  return TRUE;
}

/* -- Sizes -------------------------------------------------------------------------------------------------------- */

/* Constant float32 input i: N values. */
static gboolean
read_floats (const NrNode *node, guint i, gsize n, const gfloat **values, GError **error)
{
  const NrTensor *tensor = nr_node_in (node, i);

  if (! nr_node_check_type (node, i, NR_TYPE_FLOAT32, error))
    return FALSE;
  if (! tensor->is_constant)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "input %u ('%s') must be known when the network is loaded",
                          i, tensor->name);
  if (tensor->n != n)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "input %u ('%s') has %" G_GSIZE_FORMAT " values, expected %" G_GSIZE_FORMAT,
                          i, tensor->name, tensor->n, n);

  *values = nr_tensor_f32 (tensor);
  for (gsize k = 0; k < n; k++)
    if (! isfinite ((*values)[k]))
      return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "input %u ('%s') has a value that is not finite", i, tensor->name);

  return TRUE;
}

static gboolean
use_scales (const NrNode *node, guint i, ResizeParams *params, const guint *axes, guint n_axes, GError **error)
{
  const gfloat *scales;

  if (! read_floats (node, i, n_axes, &scales, error))
    return FALSE;

  for (guint k = 0; k < n_axes; k++)
    {
      NrResizeAxis *a = &params->axes[axes[k]];

      a->length = (gdouble) a->in * scales[k];
      if (scales[k] <= 0.0f || a->length > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "scale %g is out of range", scales[k]);

      /* 10 times 1.1, rounded to float32, is 11. */
      a->out = (gsize) floor (a->length + 1e-7 * a->length);
    }

  return TRUE;
}

static gboolean
use_sizes (const NrNode *node, ResizeParams *params, const guint *axes, guint n_axes, GError **error)
{
  const gchar *policy = nr_node_get_string (node, "keep_aspect_ratio_policy", "stretch");
  gint64       sizes[NR_MAX_RANK];
  gdouble      least = INFINITY, most = 0.0;
  gsize        n;

  if (! nr_node_const_ints (node, 3, sizes, NR_MAX_RANK, &n, error))
    return FALSE;
  if (n != n_axes)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GSIZE_FORMAT " sizes for %u axes", n, n_axes);

  for (guint k = 0; k < n_axes; k++)
    {
      NrResizeAxis *a = &params->axes[axes[k]];

      if (sizes[k] < 0 || sizes[k] > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "size %" G_GINT64_FORMAT " is out of range", sizes[k]);

      a->out    = (gsize) sizes[k];
      a->length = (gdouble) sizes[k];
      least     = MIN (least, a->length / (gdouble) a->in);
      most      = MAX (most, a->length / (gdouble) a->in);
    }

  if (g_str_equal (policy, "stretch"))
    return TRUE;
  if (! g_str_equal (policy, "not_larger") && ! g_str_equal (policy, "not_smaller"))
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "keep_aspect_ratio_policy is '%s', which is unknown", policy);

  for (guint k = 0; k < n_axes; k++)
    {
      NrResizeAxis *a = &params->axes[axes[k]];

      a->length = (g_str_equal (policy, "not_larger") ? least : most) * (gdouble) a->in;
      if (a->length > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the output would be too large");
      a->out = (gsize) floor (a->length + 0.5);
    }

  return TRUE;
}

static gboolean
read_sizes (const NrNode *node, ResizeParams *params, const guint *axes, guint n_axes, GError **error)
{
  const gboolean  is_old = node->opset < 11;
  const NrTensor *scales = nr_node_in (node, is_old ? 1 : 2);
  const NrTensor *sizes  = is_old ? NULL : nr_node_in (node, 3);
  const gfloat   *roi;

  if (params->options.coordinates == NR_RESIZE_TF_CROP_AND_RESIZE)
    {
      if (! read_floats (node, 1, 2 * (gsize) n_axes, &roi, error))
        return FALSE;
      for (guint k = 0; k < n_axes; k++)
        {
          params->axes[axes[k]].roi_start = roi[k];
          params->axes[axes[k]].roi_end   = roi[k + n_axes];
        }
    }

  /* Up to opset 12 the one that is not meant is there, but empty. */
  if (sizes != NULL && sizes->n > 0)
    return use_sizes (node, params, axes, n_axes, error);
  if (scales == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "neither scales nor sizes are given");
  return use_scales (node, is_old ? 1 : 2, params, axes, n_axes, error);
}

/* -- Infer -------------------------------------------------------------------------------------------------------- */

/* Whether the rows of a nearest resize repeat each element equally often. */
static gsize
find_repeat (const NrResizeAxis *a)
{
  gsize repeat = a->in > 0 ? a->out / a->in : 0;

  if (a->n_taps == 0)
    return 1;
  if (repeat == 0 || repeat * a->in != a->out || a->outside != NULL)
    return 0;
  for (gsize i = 0; i < a->out; i++)
    if (a->index[i] != i / repeat)
      return 0;
  return repeat;
}

/* Whether PERIOD elements from I on are like those before them, STEP further in the input. */
static gboolean
goes_on (const NrResizeAxis *a, gsize i, gsize period, guint32 step)
{
  for (gsize entry = i * a->n_taps; entry < (i + period) * a->n_taps; entry++)
    {
      const gsize before = entry - period * a->n_taps;

      if (a->index[entry] != a->index[before] + step || a->weights[entry] != a->weights[before])
        return FALSE;
    }
  return TRUE;
}

/* Whether the taps of element I are neighbours in the input. */
static gboolean
is_dense (const NrResizeAxis *a, gsize i)
{
  const guint32 *index = a->index + i * a->n_taps;

  for (guint t = 1; t < a->n_taps; t++)
    if (index[t] != index[0] + t)
      return FALSE;
  return TRUE;
}

static RegularRun
find_run (const NrResizeAxis *a)
{
  const gboolean is_doubled = a->n_taps == 2;
  const gsize    period     = is_doubled ? 2 : 1;
  const guint32  step       = is_doubled ? 1 : 2;
  gsize          first      = a->out / 2 / period * period;
  gsize          last       = first + period;

  if ((a->n_taps != 2 && a->n_taps != 4) || last > a->out || ! is_dense (a, first) || ! is_dense (a, last - 1))
    return (RegularRun) { FALSE, 0, 0 };

  while (first >= period && goes_on (a, first, period, step))
    first -= period;
  while (last + period <= a->out && goes_on (a, last, period, step))
    last += period;
  return (RegularRun) { is_doubled, first, last };
}

static gboolean
make_tables (NrNode *node, ResizeParams *params, GError **error)
{
  for (guint i = 0; i < params->rank; i++)
    if (! nr_resize_axis_init (&params->axes[i], &params->options))
      return nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "the filter of axis %u is too large", i);

  if (params->options.mode == NR_RESIZE_NEAREST)
    params->repeat = find_repeat (&params->axes[params->rank - 1]);
  else
    params->run = find_run (&params->axes[params->rank - 1]);
  return TRUE;
}

static gboolean
resize_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  ResizeParams  *params = g_new0 (ResizeParams, 1);
  gint64         dims[NR_MAX_RANK];
  guint          axes[NR_MAX_RANK], n_axes;
  gsize          stride = 1, row;

  node->params      = params;
  node->free_params = resize_params_free;

  if (! read_options (node, &params->options, error) ||
      (params->options.mode != NR_RESIZE_NEAREST && ! nr_node_check_type (node, 0, NR_TYPE_FLOAT32, error)) ||
      ! nr_axes_read_list (node, G_MAXINT, 0, in->rank, axes, &n_axes, error))
    return FALSE;
  if (in->rank == 0 || node->in[0]->n == 0)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the input is a scalar or empty");

  if (n_axes == 0)
    for (; n_axes < in->rank; n_axes++)
      axes[n_axes] = n_axes;

  params->rank          = in->rank;
  params->extrapolation = nr_node_get_float (node, "extrapolation_value", 0.0f);
  for (guint i = in->rank; i-- > 0;)
    {
      if (in->dims[i] > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "dimension %u is too large", i);

      params->axes[i]    = (NrResizeAxis) { .in = (gsize) in->dims[i], .out = (gsize) in->dims[i], .length = (gdouble) in->dims[i], .roi_end = 1.0 };
      params->strides[i] = stride;
      stride *= (gsize) in->dims[i];
    }

  if (! read_sizes (node, params, axes, n_axes, error))
    return FALSE;
  for (guint i = 0; i < in->rank; i++)
    dims[i] = (gint64) params->axes[i].out;
  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error) || ! make_tables (node, params, error))
    return FALSE;

  /* Items are rows of the output. */
  row = params->axes[in->rank - 1].out;
  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / row;
  node->grain   = 1 + 4096 / MAX (row, 1);
  node->scratch = params->options.mode == NR_RESIZE_NEAREST ? 0 : (gsize) in->dims[in->rank - 1] * sizeof (gfloat);
  return TRUE;
}

/* -- Nearest ------------------------------------------------------------------------------------------------------ */

/* Where the input row of output row ROW begins, for an input of one row for each; FALSE: outside of the input. */
static gboolean
nearest_row (const ResizeParams *params, gsize row, gsize *start)
{
  *start = 0;
  for (guint i = params->rank - 1; i-- > 0;)
    {
      const NrResizeAxis *a     = &params->axes[i];
      gsize               index = row % a->out;

      row /= a->out;
      if (a->outside != NULL && a->outside[index])
        return FALSE;
      *start += (a->n_taps > 0 ? a->index[index] : index) * params->strides[i];
    }

  return TRUE;
}

static void
copy_nearest (const ResizeParams *params, const guint8 *in, guint8 *out, gsize size)
{
  const NrResizeAxis *a = &params->axes[params->rank - 1];

  if (params->repeat == 1)
    memcpy (out, in, a->in * size);
  else if (params->repeat == 2 && size == sizeof (gfloat))
    for (gsize i = 0; i < a->in; i++)
      ((gfloat *) out)[2 * i] = ((gfloat *) out)[2 * i + 1] = ((const gfloat *) in)[i];
  else if (size == sizeof (gfloat))
    for (gsize i = 0; i < a->out; i++)
      ((gfloat *) out)[i] = ((const gfloat *) in)[a->index[i]];
  else
    for (gsize i = 0; i < a->out; i++)
      memcpy (out + i * size, in + a->index[i] * size, size);
}

/* What lies outside of a cropped region; 0 for types other than float32. */
static void
fill_outside (const ResizeParams *params, const NrTensor *y, gsize element)
{
  gsize size = nr_type_size (y->shape.type);

  if (y->shape.type == NR_TYPE_FLOAT32)
    nr_tensor_f32 (y)[element] = params->extrapolation;
  else
    memset ((guint8 *) y->data + element * size, 0, size);
}

static void
resize_nearest (const NrNode *node, gsize begin, gsize end)
{
  const ResizeParams *params = node->params;
  const NrResizeAxis *a      = &params->axes[params->rank - 1];
  const NrTensor     *y      = node->out[0];
  const gsize         size   = nr_type_size (y->shape.type);
  gsize               last   = G_MAXSIZE; /* where the previous row came from */

  for (gsize row = begin; row < end; row++)
    {
      guint8  *out = (guint8 *) y->data + row * a->out * size;
      gsize    start;
      gboolean is_inside = nearest_row (params, row, &start);

      if (is_inside && start == last)
        memcpy (out, out - a->out * size, a->out * size);
      else if (is_inside)
        copy_nearest (params, (const guint8 *) node->in[0]->data + start * size, out, size);
      last = is_inside ? start : G_MAXSIZE;

      for (gsize i = 0; i < a->out && (! is_inside || a->outside != NULL); i++)
        if (! is_inside || a->outside[i])
          fill_outside (params, y, row * a->out + i);
    }
}

/* -- Filters ------------------------------------------------------------------------------------------------------ */

/* Adds the input rows that output row ROW meets to SUM, which has the input's width: axes from AXIS on, the innermost left
 * out. FALSE: outside of the input. */
static gboolean
sum_rows (const ResizeParams *params, const NrKernels *kernels, const gfloat *x, const gsize *position, gfloat *sum)
{
  const guint outer            = params->rank - 1;
  const gsize width            = params->axes[outer].in;
  guint       tap[NR_MAX_RANK] = { 0 };
  gboolean    is_first         = TRUE;
  guint       i;

  for (i = 0; i < outer; i++)
    if (params->axes[i].outside != NULL && params->axes[i].outside[position[i]])
      return FALSE;

  do
    {
      gfloat        weight = 1.0f;
      const gfloat *row    = x;

      for (i = 0; i < outer; i++)
        {
          const NrResizeAxis *a     = &params->axes[i];
          gsize               entry = position[i] * a->n_taps + tap[i];

          weight *= a->n_taps > 0 ? a->weights[entry] : 1.0f;
          row += (a->n_taps > 0 ? a->index[entry] : position[i]) * params->strides[i];
        }

      if (is_first)
        kernels->unary[NR_UNARY_LINEAR](row, sum, width, weight, 0.0f);
      else if (weight != 0.0f)
        kernels->row_combine (sum, row, sum, width, 1.0f, weight, 0.0f, 0.0f);
      is_first = FALSE;

      /* The next combination of taps. */
      for (i = outer; i-- > 0;)
        {
          if (++tap[i] < params->axes[i].n_taps)
            break;
          tap[i] = 0;
        }
    }
  while (i < outer);

  return TRUE;
}

/* Elements [begin, end) of a row. */
static void
filter_elements (const NrResizeAxis *a, const gfloat *x, gfloat *y, gsize begin, gsize end)
{
  const guint    n       = a->n_taps;
  const guint32 *index   = a->index + begin * n;
  const gfloat  *weights = a->weights + begin * n;

  if (n == 2)
    for (gsize i = begin; i < end; i++, index += 2, weights += 2)
      y[i] = weights[0] * x[index[0]] + weights[1] * x[index[1]];
  else
    for (gsize i = begin; i < end; i++, index += n, weights += n)
      {
        gfloat sum = 0.0f;

        for (guint t = 0; t < n; t++)
          sum += weights[t] * x[index[t]];
        y[i] = sum;
      }
}

/* The run of 2 N elements from y on: each pair out of neighbours. */
static void
filter_doubled (const gfloat *restrict even, const gfloat *restrict odd, const gfloat *weights, gfloat *restrict y, gsize n)
{
  const gfloat a = weights[0], b = weights[1], c = weights[2], d = weights[3];

  for (gsize i = 0; i < n; i++)
    {
      y[2 * i]     = a * even[i] + b * even[i + 1];
      y[2 * i + 1] = c * odd[i] + d * odd[i + 1];
    }
}

/* The run of N elements from y on: each out of four that begin two further. */
static void
filter_halved (const gfloat *restrict x, const gfloat *weights, gfloat *restrict y, gsize n)
{
  const gfloat a = weights[0], b = weights[1], c = weights[2], d = weights[3];

  for (gsize i = 0; i < n; i++)
    y[i] = ((a * x[2 * i] + b * x[2 * i + 1]) + c * x[2 * i + 2]) + d * x[2 * i + 3];
}

static void
filter_row (const ResizeParams *params, const gfloat *x, gfloat *y)
{
  const NrResizeAxis *a       = &params->axes[params->rank - 1];
  const RegularRun   *run     = &params->run;
  const guint32      *index   = a->index + run->first * a->n_taps;
  const gfloat       *weights = a->weights + run->first * a->n_taps;

  filter_elements (a, x, y, 0, run->first);
  if (run->is_doubled)
    filter_doubled (x + index[0], x + index[2], weights, y + run->first, (run->last - run->first) / 2);
  else if (run->last > run->first)
    filter_halved (x + index[0], weights, y + run->first, run->last - run->first);
  filter_elements (a, x, y, run->last, a->out);
}

/* Rows [begin, end) of y. */
static void
resize_filtered (const ResizeParams *params, const NrKernels *kernels, const gfloat *x, gfloat *y, gsize begin, gsize end, gfloat *sum)
{
  const NrResizeAxis *a = &params->axes[params->rank - 1];

  for (gsize row = begin; row < end; row++)
    {
      gfloat  *target                = y + row * a->out;
      gsize    position[NR_MAX_RANK] = { 0 }, rest = row;
      gboolean is_inside;

      for (guint i = params->rank - 1; i-- > 0;)
        {
          position[i] = rest % params->axes[i].out;
          rest /= params->axes[i].out;
        }

      is_inside = sum_rows (params, kernels, x, position, a->n_taps > 0 ? sum : target);
      if (is_inside && a->n_taps > 0)
        filter_row (params, sum, target);

      for (gsize i = 0; i < a->out && (! is_inside || a->outside != NULL); i++)
        if (! is_inside || a->outside[i])
          target[i] = params->extrapolation;
    }
}

static void
resize_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ResizeParams *params = node->params;

  if (params->options.mode == NR_RESIZE_NEAREST)
    resize_nearest (node, begin, end);
  else
    resize_filtered (params, kernels, nr_tensor_f32 (node->in[0]), nr_tensor_f32 (node->out[0]), begin, end, scratch);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* A filter again, with each axis transposed, for nearest too: rows of the input are made of the output's. */
static gboolean
resize_plan_backward (NrBackward *backward, GError **error)
{
  const NrNode       *node    = backward->node;
  const ResizeParams *forward = node->params;
  ResizeParams       *params  = g_new0 (ResizeParams, 1);
  const gsize         width   = forward->axes[forward->rank - 1].in;
  gsize               stride  = 1;

  backward->params      = params;
  backward->free_params = resize_params_free;
  params->rank          = forward->rank;

  for (guint i = params->rank; i-- > 0;)
    {
      if (! nr_resize_axis_transpose (&forward->axes[i], &params->axes[i]))
        return nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "the filter of axis %u is too large to be differentiated", i);
      params->strides[i] = stride;
      stride *= params->axes[i].in;
    }
  params->run = find_run (&params->axes[params->rank - 1]);

  backward->n_items = node->in[0]->n / width;
  backward->grain   = 1 + 4096 / width;
  backward->scratch = params->axes[params->rank - 1].in * sizeof (gfloat);
  return TRUE;
}

static void
resize_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  resize_filtered (backward->params, kernels, nr_tensor_f32 (backward->out_gradient[0]), nr_tensor_f32 (backward->in_gradient[0]),
                   begin, end, scratch);
}

static const NrAttrSpec resize_attrs[] = {
  { "antialias", NR_ATTR_INT },
  { "axes", NR_ATTR_INTS },
  { "coordinate_transformation_mode", NR_ATTR_STRING },
  { "cubic_coeff_a", NR_ATTR_FLOAT },
  { "exclude_outside", NR_ATTR_INT },
  { "extrapolation_value", NR_ATTR_FLOAT },
  { "keep_aspect_ratio_policy", NR_ATTR_STRING },
  { "mode", NR_ATTR_STRING },
  { "nearest_mode", NR_ATTR_STRING },
  { NULL }
};

static const NrAttrSpec upsample_attrs[] = { { "mode", NR_ATTR_STRING }, { NULL } };

const NrOpClass nr_op_resize = {
  .type        = "Resize",
  .since_opset = 10,
  .min_in      = 1,
  .max_in      = 4,
  .min_out     = 1,
  .max_out     = 1,
  .attrs       = resize_attrs,
  .infer       = resize_infer,
  .run         = resize_run,

  .plan_backward = resize_plan_backward,
  .backward      = resize_backward,
};

const NrOpClass nr_op_upsample = {
  .type       = "Upsample",
  .last_opset = 9,
  .min_in     = 2,
  .max_in     = 2,
  .min_out    = 1,
  .max_out    = 1,
  .attrs      = upsample_attrs,
  .infer      = resize_infer,
  .run        = resize_run,

  .plan_backward = resize_plan_backward,
  .backward      = resize_backward,
};
