/* How far a picture network looks: receptive fields followed through the graph.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The model is planned for square pictures and every value gets two fields (field.h), one for rows and one for columns.
 * What an operator mixes is stated here once per operator, so convolutions, pixel shuffles written as Reshape and
 * Transpose, and attention within windows are all followed the same way. The radius that comes out for one picture size
 * must come out for twice that size too: what grows with the picture is global. Halo and multiple are exact where each
 * operator's output really depends on all the elements that the fields hold, and never too small.
 */

#include "graph/field.h"
#include "graph/plan.h"

#include <math.h>
#include <string.h>

/* A step over more pixels than any tile has. */
#define MAX_STEP 4096

/* Elements of all fields together: above that the answer is not worth the time. */
#define MAX_WORK ((gsize) 1 << 27)

enum
{
  ROWS,
  COLUMNS,
  N_AXES
};

typedef struct
{
  NrPlan     *plan;
  GHashTable *fields[N_AXES]; /* NrTensor -> NrField; values that do not depend on the picture have none */
  gboolean    is_global;
  gboolean    is_fixed; /* the network takes pictures of one size only */
  gint64      multiple;
  gsize       work; /* elements of all fields so far */
} Walk;

typedef struct
{
  gint64   multiple;
  gint64   scale;
  gint64   halo;
  gboolean is_global;
} Finding;

/* The field of an operator's first output along one picture axis; NULL: cannot be followed. */
typedef NrField *(*RuleFunc) (Walk *walk, const NrNode *node, guint axis);

static NrField *
field_of (const Walk *walk, const NrTensor *tensor, guint axis)
{
  return tensor == NULL ? NULL : g_hash_table_lookup (walk->fields[axis], tensor);
}

/* A field that takes the place of another, which is freed. */
static void
replace (NrField **field, NrField *by)
{
  nr_field_unref (*field);
  *field = by;
}

/* -- Windows: convolution and pooling ----------------------------------------------------------------------------- */

typedef struct
{
  gint64 kernel, stride, dilation, begin, input, output;
} Window;

static gint64
spatial_int (const NrNode *node, const gchar *name, guint i, gint64 fallback)
{
  gsize         n;
  const gint64 *values = nr_node_get_ints (node, name, &n);

  return values != NULL && i < n ? values[i] : fallback;
}

/* Padding that the sizes decide: all that is missing, half of it in front, the odd one behind (or in front: LOWER). */
static gint64
auto_begin (const gchar *mode, gint64 missing)
{
  if (g_str_equal (mode, "VALID") || missing <= 0)
    return 0;
  return g_str_equal (mode, "SAME_LOWER") ? (missing + 1) / 2 : missing / 2;
}

static Window
read_window (const NrNode *node, guint spatial, gboolean is_transposed)
{
  const NrShape *in     = &node->in[0]->shape;
  const gchar   *mode   = nr_node_get_string (node, "auto_pad", "NOTSET");
  const gint64   kernel = node->n_in > 1 && node->in[1] != NULL && node->in[1]->shape.rank == in->rank
                              ? node->in[1]->shape.dims[spatial + 2]
                              : 1;
  Window         window;
  gint64         extent, missing;

  window.kernel   = spatial_int (node, "kernel_shape", spatial, kernel);
  window.stride   = spatial_int (node, "strides", spatial, 1);
  window.dilation = spatial_int (node, "dilations", spatial, 1);
  window.begin    = spatial_int (node, "pads", spatial, 0);
  window.input    = in->dims[spatial + 2];
  window.output   = node->out[0]->shape.dims[spatial + 2];

  extent = (window.kernel - 1) * window.dilation + 1;
  if (is_transposed)
    missing = (window.input - 1) * window.stride + extent + spatial_int (node, "output_padding", spatial, 0) - window.output;
  else
    missing = (window.output - 1) * window.stride + extent - window.input;

  if (! g_str_equal (mode, "NOTSET") || (is_transposed && nr_node_has_attr (node, "output_shape")))
    window.begin = auto_begin (mode, missing);

  return window;
}

static NrTaps
window_taps (gsize o, gpointer data)
{
  const Window *window = data;

  return (NrTaps) { (gint64) o * window->stride - window->begin, window->dilation, window->kernel };
}

/* Output o gets input i through tap k where i stride + k dilation - begin = o: from the last such tap to the first. */
static NrTaps
transposed_taps (gsize o, gpointer data)
{
  const Window *window = data;
  const gint64  at     = (gint64) o + window->begin;
  gint64        low = G_MAXINT64, high = -1;

  for (gint64 k = 0; k < window->kernel; k++)
    {
      const gint64 position = at - k * window->dilation;

      if (position < 0 || position % window->stride != 0)
        continue;

      low  = MIN (low, position / window->stride);
      high = MAX (high, position / window->stride);
    }

  return (NrTaps) { low, 1, high < 0 ? 0 : high - low + 1 };
}

static NrField *
follow_window (Walk *walk, const NrNode *node, guint axis, gboolean is_transposed, gboolean mixes_channels)
{
  const NrShape *shape = &node->in[0]->shape;
  NrField       *field = nr_field_ref (field_of (walk, node->in[0], axis));

  if (mixes_channels && field->dims[1] > 1)
    replace (&field, nr_field_reduce (field, 1));

  for (guint i = 0; i + 2 < shape->rank && field != NULL; i++)
    {
      Window window = read_window (node, i, is_transposed);

      replace (&field, nr_field_resample (field, i + 2, window.output, is_transposed ? 1 : window.stride,
                                          is_transposed ? window.stride : 1,
                                          is_transposed ? transposed_taps : window_taps, &window));
    }

  return field;
}

static NrField *
follow_conv (Walk *walk, const NrNode *node, guint axis)
{
  return follow_window (walk, node, axis, FALSE, TRUE);
}

static NrField *
follow_conv_transpose (Walk *walk, const NrNode *node, guint axis)
{
  return follow_window (walk, node, axis, TRUE, TRUE);
}

static NrField *
follow_pool (Walk *walk, const NrNode *node, guint axis)
{
  return follow_window (walk, node, axis, FALSE, FALSE);
}

/* -- Resampling --------------------------------------------------------------------------------------------------- */

typedef struct
{
  gdouble  scale;
  gint64   before, after; /* taps on both sides of the position, 0 and 0: the nearest */
  gdouble  width;         /* antialiased: half the support */
  gboolean is_asymmetric, is_ceil, is_floor;
} Resize;

static NrTaps
resize_taps (gsize o, gpointer data)
{
  const Resize *resize = data;
  const gdouble x      = resize->is_asymmetric ? o / resize->scale : (o + 0.5) / resize->scale - 0.5;

  if (resize->width > 0)
    {
      const gint64 first = (gint64) ceil (x - resize->width);

      return (NrTaps) { first, 1, (gint64) floor (x + resize->width) - first + 1 };
    }

  if (resize->before == 0)
    return (NrTaps) { (gint64) (resize->is_floor  ? floor (x)
                                : resize->is_ceil ? ceil (x)
                                                  : ceil (x - 0.5)),
                      1, 1 };

  return (NrTaps) { (gint64) floor (x) - resize->before + 1, 1, resize->before + resize->after };
}

/* Taps outside are those of the edge: clamped instead of left out, so that no field is empty. */
typedef struct
{
  NrTapsFunc taps;
  gpointer   data;
  gint64     size;
} Clamped;

static NrTaps
clamped_taps (gsize o, gpointer data)
{
  const Clamped *clamped = data;
  NrTaps         taps    = clamped->taps (o, clamped->data);
  const gint64   first   = CLAMP (taps.first, 0, clamped->size - 1);
  const gint64   last    = CLAMP (taps.first + (taps.count - 1) * taps.step, 0, clamped->size - 1);

  return (NrTaps) { first, 1, last - first + 1 };
}

static gboolean
read_resize (const NrNode *node, gint64 input, gint64 output, Resize *resize)
{
  const gboolean is_upsample = g_str_equal (node->op->type, "Upsample");
  const gchar   *mode        = nr_node_get_string (node, "mode", "nearest");
  const gchar   *nearest     = nr_node_get_string (node, "nearest_mode", "round_prefer_floor");
  const gchar   *position    = nr_node_get_string (node, "coordinate_transformation_mode", "half_pixel");
  const gint64   reach       = g_str_equal (mode, "cubic") ? 2 : g_str_equal (mode, "nearest") ? 0
                                                                                               : 1;

  /* Before opset 11 there was one way. */
  if (is_upsample || node->opset < 11)
    {
      position = "asymmetric";
      nearest  = "floor";
    }

  /* Others stretch the whole picture: a pixel's sources move with its size. */
  if (! g_str_equal (position, "half_pixel") && ! g_str_equal (position, "asymmetric") &&
      ! g_str_equal (position, "pytorch_half_pixel") && ! g_str_equal (position, "half_pixel_symmetric"))
    return FALSE;

  resize->scale         = (gdouble) output / input;
  resize->before        = reach;
  resize->after         = reach;
  resize->is_asymmetric = g_str_equal (position, "asymmetric");
  resize->is_floor      = g_str_equal (nearest, "floor");
  resize->is_ceil       = g_str_equal (nearest, "ceil");
  resize->width         = 0;
  if (nr_node_get_int (node, "antialias", 0) != 0 && resize->scale < 1 && reach > 0)
    resize->width = reach / resize->scale;
  return TRUE;
}

static NrField *
follow_resize (Walk *walk, const NrNode *node, guint axis)
{
  const NrShape *from = &node->in[0]->shape, *to = &node->out[0]->shape;
  NrField       *field = nr_field_ref (field_of (walk, node->in[0], axis));

  for (guint i = 0; i < from->rank && field != NULL; i++)
    {
      Resize  resize  = { 0 };
      Clamped clamped = { resize_taps, &resize, from->dims[i] };

      if (from->dims[i] == to->dims[i])
        continue;

      if (! read_resize (node, from->dims[i], to->dims[i], &resize))
        {
          walk->is_global = TRUE;
          continue;
        }

      replace (&field, nr_field_resample (field, i, to->dims[i], from->dims[i], to->dims[i], clamped_taps, &clamped));
    }

  return field;
}

static NrTaps
block_up_taps (gsize o, gpointer data)
{
  return (NrTaps) { (gint64) o / *(gint64 *) data, 1, 1 };
}

static NrTaps
block_down_taps (gsize o, gpointer data)
{
  return (NrTaps) { (gint64) o * *(gint64 *) data, 1, *(gint64 *) data };
}

static NrField *
follow_shuffle (Walk *walk, const NrNode *node, guint axis)
{
  const gboolean is_up = g_str_equal (node->op->type, "DepthToSpace");
  gint64         block = nr_node_get_int (node, "blocksize", 1);
  NrField       *field = nr_field_reduce (field_of (walk, node->in[0], axis), 1);

  for (guint i = 2; i < 4 && field != NULL; i++)
    replace (&field, nr_field_resample (field, i, node->out[0]->shape.dims[i], is_up ? 1 : block, is_up ? block : 1,
                                        is_up ? block_up_taps : block_down_taps, &block));
  return field;
}

/* -- Element by element ------------------------------------------------------------------------------------------- */

/* A constant that varies where the picture does ties the result to the place in the picture. One that is stored in a
 * network for any size cannot lie along the picture itself: it repeats (a window's position table). */
static void
check_constant (Walk *walk, const NrTensor *constant, const NrField *field)
{
  const guint rank = constant->shape.rank;

  if (constant->is_shared && ! walk->is_fixed)
    return;

  for (guint i = 0; i < rank && i < field->rank; i++)
    if (constant->shape.dims[rank - 1 - i] > 1 && field->dims[field->rank - 1 - i] > 1)
      walk->is_global = TRUE;
}

static NrField *
follow_elements (Walk *walk, const NrNode *node, guint axis)
{
  NrField *field = NULL;

  for (guint i = 0; i < node->n_in; i++)
    {
      NrField *other = field_of (walk, node->in[i], axis);

      if (other != NULL && field == NULL)
        field = nr_field_ref (other);
      else if (other != NULL)
        replace (&field, nr_field_combine (field, other));

      if (other != NULL && field == NULL)
        return NULL;
    }

  for (guint i = 0; i < node->n_in && field != NULL; i++)
    if (node->in[i] != NULL && node->in[i]->is_constant)
      check_constant (walk, node->in[i], field);

  return field;
}

/* -- Whole dimensions --------------------------------------------------------------------------------------------- */

/* Every element along dimension D depends on all of them. */
static void
mix (NrField **field, guint d)
{
  if (*field != NULL && (*field)->dims[d] > 1)
    replace (field, nr_field_reduce (*field, d));
}

static NrField *
follow_softmax (Walk *walk, const NrNode *node, guint axis)
{
  const guint  rank  = node->in[0]->shape.rank;
  const gint64 first = nr_node_get_int (node, "axis", node->opset < 13 ? 1 : -1);
  const guint  d     = first < 0 ? first + rank : first;
  NrField     *field = nr_field_ref (field_of (walk, node->in[0], axis));

  for (guint i = d; i < rank && (i == d || node->opset < 13); i++)
    mix (&field, i);
  return field;
}

static NrField *
follow_layer_norm (Walk *walk, const NrNode *node, guint axis)
{
  const guint  rank  = node->in[0]->shape.rank;
  const gint64 first = nr_node_get_int (node, "axis", -1);
  const guint  d     = first < 0 ? first + rank : first;
  NrField     *field = nr_field_ref (field_of (walk, node->in[0], axis));

  for (guint i = d; i < rank && (i == d || g_str_equal (node->op->type, "LayerNormalization")); i++)
    mix (&field, i);
  return field;
}

/* InstanceNormalization, GroupNormalization, global pooling. */
static NrField *
follow_global (Walk *walk, const NrNode *node, guint axis)
{
  walk->is_global = TRUE;
  return NULL;
}

/* Statistics of the batch look everywhere, known ones nowhere. */
static NrField *
follow_batch_normalization (Walk *walk, const NrNode *node, guint axis)
{
  if (nr_node_get_int (node, "training_mode", 0) != 0)
    return follow_global (walk, node, axis);

  return nr_field_ref (field_of (walk, node->in[0], axis));
}

/* Dimensions that are 1 in the output (kept) or gone from it. */
static NrField *
follow_reduce (Walk *walk, const NrNode *node, guint axis)
{
  const NrShape *from = &node->in[0]->shape;
  gint64         axes[NR_MAX_RANK];
  gsize          n_axes    = 0;
  const gint64  *attribute = nr_node_get_ints (node, "axes", &n_axes);
  NrField       *field     = nr_field_ref (field_of (walk, node->in[0], axis));
  NrShape        kept      = *from;

  n_axes = MIN (n_axes, NR_MAX_RANK);
  if (attribute != NULL)
    memcpy (axes, attribute, n_axes * sizeof *axes);
  else if (nr_node_in (node, 1) != NULL && ! nr_node_const_ints (node, 1, axes, NR_MAX_RANK, &n_axes, NULL))
    n_axes = 0;

  if (n_axes == 0 && nr_node_get_int (node, "noop_with_empty_axes", 0) != 0)
    return field;

  for (guint d = 0; d < from->rank; d++)
    {
      gboolean is_reduced = n_axes == 0;

      for (gsize i = 0; i < n_axes; i++)
        is_reduced = is_reduced || axes[i] == d || axes[i] + from->rank == d;

      if (! is_reduced)
        continue;
      mix (&field, d);
      kept.dims[d] = 1;
    }

  if (field != NULL && node->out[0]->shape.rank != from->rank)
    replace (&field, nr_field_reshape (field, &kept, &node->out[0]->shape));
  return field;
}

/* The last but one dimension of A goes on, and the last of B. */
static NrField *
follow_matmul (Walk *walk, const NrNode *node, guint axis)
{
  NrField *a = field_of (walk, node->in[0], axis);
  NrField *b = field_of (walk, node->in[1], axis);
  NrField *result;

  if (node->in[0]->shape.rank < 2 || node->in[1]->shape.rank < 2)
    return NULL;

  a = a != NULL ? nr_field_reduce (a, a->rank - 1) : NULL;
  b = b != NULL ? nr_field_reduce (b, b->rank - 2) : NULL;
  if (a == NULL || b == NULL)
    return a != NULL ? a : b;

  result = nr_field_combine (a, b);
  nr_field_unref (a);
  nr_field_unref (b);
  return result;
}

/* -- Moving elements ---------------------------------------------------------------------------------------------- */

static NrField *
follow_reshape (Walk *walk, const NrNode *node, guint axis)
{
  return nr_field_reshape (field_of (walk, node->in[0], axis), &node->in[0]->shape, &node->out[0]->shape);
}

static NrField *
follow_transpose (Walk *walk, const NrNode *node, guint axis)
{
  const guint   rank = node->in[0]->shape.rank;
  gsize         n;
  const gint64 *perm = nr_node_get_ints (node, "perm", &n);
  guint         order[NR_MAX_RANK];

  for (guint i = 0; i < rank; i++)
    order[i] = perm != NULL && n == rank ? (guint) perm[i] : rank - 1 - i;
  return nr_field_permute (field_of (walk, node->in[0], axis), order);
}

static guint
axis_attribute (const NrNode *node, gint64 fallback)
{
  const gint64 axis = nr_node_get_int (node, "axis", fallback);

  return axis < 0 ? axis + node->in[0]->shape.rank : axis;
}

static NrField *
follow_concat (Walk *walk, const NrNode *node, guint axis)
{
  const guint d     = axis_attribute (node, 0);
  NrField    *field = NULL;
  gsize       size  = 0;

  for (guint i = 0; i < node->n_in; i++)
    {
      NrField *other = field_of (walk, node->in[i], axis);

      /* A part that does not depend on the picture: only the rest counts, unless it shifts it. */
      if (other == NULL && size == 0 && field == NULL && d != 1)
        walk->is_global = TRUE;
      else if (other != NULL && field == NULL)
        field = nr_field_ref (other);
      else if (other != NULL)
        replace (&field, nr_field_concat (field, size, other, node->in[i]->shape.dims[d], d));

      if (other != NULL && field == NULL)
        return NULL;
      size += node->in[i]->shape.dims[d];
    }

  return field;
}

typedef struct
{
  gint64 start, step;
} Stride;

static NrTaps
stride_taps (gsize o, gpointer data)
{
  const Stride *stride = data;

  return (NrTaps) { stride->start + (gint64) o * stride->step, 1, 1 };
}

/* Where each output of a Split begins along its axis. */
static NrField *
split_part (NrField *field, const NrNode *node, guint part)
{
  const guint d      = axis_attribute (node, 0);
  Stride      stride = { 0, 1 };

  for (guint i = 0; i < part; i++)
    if (node->out[i] != NULL)
      stride.start += node->out[i]->shape.dims[d];
    else
      return NULL;

  return nr_field_resample (field, d, node->out[part]->shape.dims[d], 1, 1, stride_taps, &stride);
}

static NrField *
follow_split (Walk *walk, const NrNode *node, guint axis)
{
  return node->out[0] == NULL ? NULL : split_part (field_of (walk, node->in[0], axis), node, 0);
}

static gboolean
slice_values (const NrNode *node, guint input, const gchar *attr, gint64 *values, gsize *n)
{
  const gint64 *ints = nr_node_get_ints (node, attr, n);

  if (nr_node_in (node, input) != NULL)
    return nr_node_const_ints (node, input, values, NR_MAX_RANK, n, NULL);

  *n = MIN (*n, NR_MAX_RANK);
  if (ints != NULL)
    memcpy (values, ints, *n * sizeof *values);
  return TRUE;
}

static NrField *
follow_slice (Walk *walk, const NrNode *node, guint axis)
{
  const NrShape *from = &node->in[0]->shape, *to = &node->out[0]->shape;
  NrField       *field = nr_field_ref (field_of (walk, node->in[0], axis));
  gint64         starts[NR_MAX_RANK], axes[NR_MAX_RANK], steps[NR_MAX_RANK];
  gsize          n, n_axes, n_steps;

  if (! slice_values (node, 1, "starts", starts, &n) || ! slice_values (node, 3, "axes", axes, &n_axes) ||
      ! slice_values (node, 4, "steps", steps, &n_steps))
    {
      nr_field_unref (field);
      return NULL;
    }

  for (gsize i = 0; i < n && field != NULL; i++)
    {
      const gint64 along  = n_axes > i ? axes[i] : (gint64) i;
      const guint  d      = along < 0 ? along + from->rank : along;
      Stride       stride = { starts[i], n_steps > i ? steps[i] : 1 };

      if (stride.start < 0)
        stride.start += from->dims[d];
      stride.start = CLAMP (stride.start, 0, stride.step < 0 ? from->dims[d] - 1 : from->dims[d]);
      replace (&field, nr_field_resample (field, d, to->dims[d], ABS (CLAMP (stride.step, -MAX_STEP, MAX_STEP)), 1, stride_taps, &stride));
    }

  return field;
}

typedef struct
{
  gint64   begin, size;
  gboolean is_reflect, is_wrap, is_edge;
} Padding;

static NrTaps
pad_taps (gsize o, gpointer data)
{
  const Padding *padding = data;
  const gint64   size    = padding->size;
  gint64         i       = (gint64) o - padding->begin;

  if (padding->is_edge)
    i = CLAMP (i, 0, size - 1);
  else if (padding->is_wrap)
    i = (i % size + size) % size;
  else if (padding->is_reflect && i < 0)
    i = MIN (-i, size - 1);
  else if (padding->is_reflect && i >= size)
    i = MAX (2 * (size - 1) - i, 0);
  return (NrTaps) { i, 1, 1 };
}

static NrField *
follow_pad (Walk *walk, const NrNode *node, guint axis)
{
  const NrShape *from = &node->in[0]->shape, *to = &node->out[0]->shape;
  const gchar   *mode  = nr_node_get_string (node, "mode", "constant");
  NrField       *field = nr_field_ref (field_of (walk, node->in[0], axis));
  gint64         pads[2 * NR_MAX_RANK], axes[NR_MAX_RANK];
  gsize          n = 0, n_axes = 0;
  const gint64  *ints = nr_node_get_ints (node, "pads", &n);

  n = MIN (n, G_N_ELEMENTS (pads));
  if (ints != NULL)
    memcpy (pads, ints, n * sizeof *pads);
  else if (! nr_node_const_ints (node, 1, pads, G_N_ELEMENTS (pads), &n, NULL) ||
           (nr_node_in (node, 3) != NULL && ! nr_node_const_ints (node, 3, axes, NR_MAX_RANK, &n_axes, NULL)))
    n = 0;

  for (gsize i = 0; i < n / 2 && field != NULL; i++)
    {
      const gint64 along   = n_axes > i ? axes[i] : (gint64) i;
      const guint  d       = along < 0 ? along + from->rank : along;
      Padding      padding = { pads[i], from->dims[d], g_str_equal (mode, "reflect"), g_str_equal (mode, "wrap"),
                               g_str_equal (mode, "edge") };

      if (from->dims[d] != to->dims[d] || pads[i] != 0)
        replace (&field, nr_field_resample (field, d, to->dims[d], 1, 1, pad_taps, &padding));
    }

  return field;
}

static NrTaps
gather_taps (gsize o, gpointer data)
{
  const NrTensor *indices = data;
  const gint64    i       = indices->shape.type == NR_TYPE_INT32 ? ((const gint32 *) indices->data)[o]
                                                                 : nr_tensor_i64 (indices)[o];

  return (NrTaps) { i, 1, 1 };
}

static NrField *
follow_gather (Walk *walk, const NrNode *node, guint axis)
{
  NrTensor *indices = node->in[1];
  NrField  *field   = field_of (walk, node->in[0], axis);
  guint     d       = axis_attribute (node, 0);
  NrShape   kept    = node->in[0]->shape;

  if (field == NULL || ! indices->is_constant || indices->shape.rank > 1)
    return NULL;

  kept.dims[d] = indices->n;
  field        = nr_field_resample (field, d, indices->n, 1, 1, gather_taps, indices);
  if (field != NULL && indices->shape.rank == 0)
    replace (&field, nr_field_reshape (field, &kept, &node->out[0]->shape));
  return field;
}

/* Expand, whose new dimensions are all alike. */
static NrField *
follow_unchanged (Walk *walk, const NrNode *node, guint axis)
{
  return nr_field_ref (field_of (walk, node->in[0], axis));
}

/* -- All rules ---------------------------------------------------------------------------------------------------- */

static const struct
{
  const gchar *type;
  RuleFunc     follow;
} rules[] = {
  { "AveragePool", follow_pool },
  { "BatchNormalization", follow_batch_normalization },
  { "Concat", follow_concat },
  { "Conv", follow_conv },
  { "ConvTranspose", follow_conv_transpose },
  { "DepthToSpace", follow_shuffle },
  { "Expand", follow_unchanged },
  { "Flatten", follow_reshape },
  { "Gather", follow_gather },
  { "GlobalAveragePool", follow_global },
  { "GlobalMaxPool", follow_global },
  { "GroupNormalization", follow_global },
  { "InstanceNormalization", follow_global },
  { "LayerNormalization", follow_layer_norm },
  { "LpNormalization", follow_layer_norm },
  { "MatMul", follow_matmul },
  { "MaxPool", follow_pool },
  { "Pad", follow_pad },
  { "ReduceL2", follow_reduce },
  { "ReduceMax", follow_reduce },
  { "ReduceMean", follow_reduce },
  { "ReduceMin", follow_reduce },
  { "ReduceSum", follow_reduce },
  { "Reshape", follow_reshape },
  { "Resize", follow_resize },
  { "Slice", follow_slice },
  { "Softmax", follow_softmax },
  { "SpaceToDepth", follow_shuffle },
  { "Split", follow_split },
  { "Squeeze", follow_reshape },
  { "Transpose", follow_transpose },
  { "Unsqueeze", follow_reshape },
  { "Upsample", follow_resize },
};

/* Operators whose output element depends on the input elements at the same place only. */
static const gchar *const element_wise[] = {
  "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater",
  "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Min",
  "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Softplus",
  "Sqrt", "Sub", "Tanh", "Where", "Xor", NULL
};

static RuleFunc
find_rule (const gchar *type)
{
  if (g_strv_contains (element_wise, type))
    return follow_elements;

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_str_equal (rules[i].type, type))
      return rules[i].follow;

  return NULL;
}

/* -- The walk ----------------------------------------------------------------------------------------------------- */

static gboolean
depends_on_picture (const Walk *walk, const NrNode *node)
{
  for (guint i = 0; i < node->n_in; i++)
    if (field_of (walk, node->in[i], ROWS) != NULL || field_of (walk, node->in[i], COLUMNS) != NULL)
      return TRUE;

  return FALSE;
}

/* Rules that look at input 0 alone need it, and no other input may depend on the picture. */
static gboolean
can_follow (const Walk *walk, const NrNode *node, RuleFunc follow, guint axis)
{
  if (follow == NULL)
    return FALSE;

  if (follow == follow_elements || follow == follow_concat || follow == follow_matmul)
    return TRUE;

  for (guint i = 1; i < node->n_in; i++)
    if (field_of (walk, node->in[i], axis) != NULL)
      return FALSE;

  return field_of (walk, node->in[0], axis) != NULL;
}

/* As many dimensions as the tensor has, each as long as there or 1; NULL: the field is not one of this tensor. Takes it. */
static NrField *
fit (NrField *field, const NrTensor *tensor)
{
  if (field != NULL && field->rank < tensor->shape.rank)
    replace (&field, nr_field_with_rank (field, tensor->shape.rank));

  for (guint i = 0; field != NULL && i < field->rank; i++)
    if (field->rank != tensor->shape.rank || (field->dims[i] != 1 && (gint64) field->dims[i] != tensor->shape.dims[i]))
      replace (&field, NULL);

  return field;
}

/* Takes FIELD; NULL: what happens here cannot be followed. */
static void
set_field (Walk *walk, NrTensor *tensor, guint axis, NrField *field)
{
  gint64 a = walk->multiple, b;

  field = fit (field, tensor);
  if (field == NULL)
    {
      walk->is_global = TRUE;
      return;
    }

  g_hash_table_insert (walk->fields[axis], tensor, field);
  walk->work += field->n;

  /* The least common multiple. */
  b = field->num;
  while (b != 0)
    {
      const gint64 rest = a % b;

      a = b;
      b = rest;
    }
  walk->multiple = walk->multiple / a * field->num;
  if (walk->multiple > MAX_STEP || walk->work > MAX_WORK)
    walk->is_global = TRUE;
}

static void
walk_node (Walk *walk, const NrNode *node)
{
  const RuleFunc follow = find_rule (node->op->type);

  for (guint axis = 0; axis < N_AXES && ! walk->is_global; axis++)
    {
      NrField *field = can_follow (walk, node, follow, axis) ? follow (walk, node, axis) : NULL;

      if (node->out[0] == NULL)
        {
          nr_field_unref (field);
          walk->is_global = TRUE;
          return;
        }
      set_field (walk, node->out[0], axis, field);

      /* Several outputs: parts of a Split; of others (masks, indices) the same as the first. */
      for (guint i = 1; i < node->n_out && ! walk->is_global; i++)
        if (node->out[i] == NULL)
          continue;
        else if (follow == follow_split)
          set_field (walk, node->out[i], axis, split_part (field_of (walk, node->in[0], axis), node, i));
        else
          set_field (walk, node->out[i], axis, nr_field_ref (field_of (walk, node->out[0], axis)));
    }
}

static gboolean
is_picture (const NrShape *shape)
{
  return shape->type == NR_TYPE_FLOAT32 && shape->rank == 4;
}

/* The radius in output 0: for the output pixels of an input pixel, how far beyond it they look. -1: all look at the same. */
static gint64
find_halo (const Walk *walk, gint64 scale)
{
  const NrTensor *output = walk->plan->outputs[0];
  gint64          halo   = 0;

  for (guint axis = 0; axis < N_AXES; axis++)
    {
      const NrField *field = field_of (walk, output, axis);
      const gsize    size  = output->shape.dims[2 + axis];
      const gsize    inner = field != NULL && axis == ROWS ? field->dims[3] : 1;

      if (field == NULL)
        continue; /* nothing of the picture comes out */
      if (field->dims[2 + axis] != size)
        return -1;

      for (gsize i = 0; i < field->n; i++)
        {
          const gint64 pixel = (gint64) (i / inner % size) / scale;

          if (field->first[i] <= field->last[i])
            halo = MAX (halo, MAX (pixel - field->first[i], field->last[i] - pixel));
        }
    }

  return halo;
}

static gboolean
find_scale (const NrPlan *plan, gint64 *scale, GError **error)
{
  const NrShape *in = &plan->inputs[0]->shape, *out = &plan->outputs[0]->shape;

  *scale = is_picture (out) && in->dims[2] > 0 ? out->dims[2] / in->dims[2] : 0;
  if (*scale > 0 && out->dims[2] == in->dims[2] * *scale && out->dims[3] == in->dims[3] * *scale)
    return TRUE;

  g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE,
               "%s: its output is not a picture of 1, 2, 3 ... times the input's size", plan->model->name);
  return FALSE;
}

static gboolean
walk_plan (NrPlan *plan, gboolean is_fixed, Finding *finding, GError **error)
{
  Walk walk = { .plan = plan, .multiple = 1, .is_fixed = is_fixed };

  if (! find_scale (plan, &finding->scale, error))
    return FALSE;

  for (guint axis = 0; axis < N_AXES; axis++)
    walk.fields[axis] = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) nr_field_unref);

  for (guint i = 0; i < plan->model->inputs->len; i++)
    for (guint axis = 0; axis < N_AXES; axis++)
      if (is_picture (&plan->inputs[i]->shape) &&
          plan->inputs[i]->shape.dims[2 + axis] == plan->inputs[0]->shape.dims[2 + axis])
        set_field (&walk, plan->inputs[i], axis,
                   nr_field_new_picture (4, 2 + axis, plan->inputs[i]->shape.dims[2 + axis]));

  for (guint i = 0; i < plan->nodes->len && ! walk.is_global; i++)
    if (depends_on_picture (&walk, nr_plan_node (plan, i)))
      walk_node (&walk, nr_plan_node (plan, i));

  finding->multiple  = walk.multiple;
  finding->halo      = walk.is_global ? -1 : find_halo (&walk, finding->scale);
  finding->is_global = finding->halo < 0;

  for (guint axis = 0; axis < N_AXES; axis++)
    g_hash_table_unref (walk.fields[axis]);
  return TRUE;
}

/* -- Picture sizes ------------------------------------------------------------------------------------------------ */

/* SIZE stands for open heights and widths; 0: there are none. */
static gboolean
look (NrModel *model, gint64 size, Finding *finding, GError **error)
{
  const guint         n_inputs = nr_model_n_inputs (model);
  g_autofree NrShape *shapes   = g_new (NrShape, n_inputs);
  g_autoptr (NrPlan)  plan     = NULL;

  for (guint i = 0; i < n_inputs; i++)
    {
      shapes[i] = *nr_model_input_shape (model, i);
      for (guint k = 0; k < shapes[i].rank; k++)
        if (shapes[i].dims[k] == -1)
          shapes[i].dims[k] = is_picture (&shapes[i]) && k >= 2 ? size : 1;
    }

  plan = nr_plan_build (model, shapes, nr_kernels_get (NR_CPU_C), NULL, error);
  return plan != NULL && walk_plan (plan, size == 0, finding, error);
}

/* Two sizes that agree, from 64 pixels on; sizes that the network does not take are passed over. */
static gboolean
look_at_growing_sizes (NrModel *model, gint64 size, NrReach *reach, GError **error)
{
  Finding  now, before = { .halo = -1 };
  gboolean was_seen = FALSE;

  for (; size <= 2048; size *= 2)
    {
      g_autoptr (GError) local = NULL;

      if (! look (model, size, &now, &local))
        {
          if (size * 2 <= 2048 || was_seen)
            continue;
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }

      was_seen        = TRUE;
      reach->scale    = (guint) now.scale;
      reach->is_local = ! now.is_global && now.halo == before.halo && now.multiple == before.multiple;
      reach->multiple = now.is_global ? 1 : (guint) now.multiple;
      reach->halo     = reach->is_local ? (guint) now.halo : 0;
      if (now.is_global || reach->is_local)
        return TRUE;
      before = now;
    }

  return was_seen;
}

gboolean
nr_model_get_reach (NrModel *model, NrReach *reach, GError **error)
{
  const NrShape     *shape;
  Finding            finding;
  g_autoptr (GError) local = NULL;

  g_return_val_if_fail (model != NULL && reach != NULL, FALSE);

  memset (reach, 0, sizeof *reach);
  if (nr_model_n_inputs (model) == 0 || ! is_picture (shape = nr_model_input_shape (model, 0)))
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE, "%s: its first input is not a picture [1, C, H, W]",
                   model->name);
      return FALSE;
    }

  /* For pictures of one size only: what reaches over half of it may as well be all of it. */
  if (shape->dims[2] != -1 && shape->dims[3] != -1)
    {
      if (! look (model, 0, &finding, error))
        return FALSE;

      reach->scale    = (guint) finding.scale;
      reach->multiple = finding.is_global ? 1 : (guint) finding.multiple;
      reach->is_local = ! finding.is_global && finding.halo < MIN (shape->dims[2], shape->dims[3]) / 2;
      reach->halo     = reach->is_local ? (guint) finding.halo : 0;
      return TRUE;
    }

  /* Windows and strides that no power of two fits: 60 and 84 have the factors 3, 5 and 7. */
  return look_at_growing_sizes (model, 64, reach, &local) || look_at_growing_sizes (model, 60, reach, NULL) ||
         look_at_growing_sizes (model, 84, reach, NULL) ||
         (g_propagate_error (error, g_steal_pointer (&local)), FALSE);
}
