/* Pad: grows or (negative pads) crops the borders. ONNX Pad-2 (attributes), -11, -13, -18 (inputs, axes), -19 (wrap), -21;
 * modes constant, reflect, edge, wrap; any type. Pads must be known at load, the constant may come later.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Negative pads crop before the border is made; reflection and wrapping go on as often as needed.
 */

#include "axes.h"

typedef enum
{
  PAD_CONSTANT,
  PAD_REFLECT,
  PAD_EDGE,
  PAD_WRAP
} PadMode;

/* One dimension: output index i is index i - before of the N elements left of the input from FIRST on. */
typedef struct
{
  gint64 out, before, first, n;
  gsize  stride; /* of the input, in elements */
} PadAxis;

typedef struct
{
  PadMode mode;
  guint   rank;
  PadAxis axes[NR_MAX_RANK];
} PadParams;

static gboolean
read_mode (const NrNode *node, PadMode *mode, GError **error)
{
  static const gchar *const names[] = { "constant", "reflect", "edge", "wrap" };
  const gchar              *name    = nr_node_get_string (node, "mode", "constant");

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]) && (i != PAD_WRAP || node->opset >= 19))
      {
        *mode = (PadMode) i;
        return TRUE;
      }

  return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "mode '%s' does not exist in opset %d", name, node->opset);
}

/* Pads before and behind each dimension. */
static gboolean
read_pads (const NrNode *node, guint rank, gint64 *before, gint64 *behind, GError **error)
{
  gint64        values[2 * NR_MAX_RANK];
  const gint64 *pads = values;
  guint         axes[NR_MAX_RANK], n_axes = 0;
  gsize         n;

  if (node->opset < 11)
    pads = nr_node_get_ints (node, "pads", &n);
  else if (! nr_node_const_ints (node, 1, values, G_N_ELEMENTS (values), &n, error))
    return FALSE;

  if (! nr_axes_read_list (node, 18, 3, rank, axes, &n_axes, error))
    return FALSE;
  if (node->opset < 18 || nr_node_in (node, 3) == NULL)
    for (n_axes = 0; n_axes < rank; n_axes++)
      axes[n_axes] = n_axes;

  if (n != 2 * (gsize) n_axes)
    return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%" G_GSIZE_FORMAT " pads for %u axes", n, n_axes);

  for (guint i = 0; i < rank; i++)
    before[i] = behind[i] = 0;
  for (guint k = 0; k < n_axes; k++)
    {
      before[axes[k]] = pads[k];
      behind[axes[k]] = pads[k + n_axes];
      if (ABS (pads[k] / 2) > G_MAXINT32 || ABS (pads[k + n_axes] / 2) > G_MAXINT32)
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "pads of axis %u are out of range", axes[k]);
    }

  return TRUE;
}

/* Index into a dimension of DIM >= 1 elements that goes on beyond its ends. */
static gint64
border_index (PadMode mode, gint64 index, gint64 dim)
{
  gint64 period;

  if (index >= 0 && index < dim)
    return index;

  switch (mode)
    {
    case PAD_CONSTANT:
      return -1;
    case PAD_EDGE:
      return CLAMP (index, 0, dim - 1);
    case PAD_WRAP:
      return (index % dim + dim) % dim;
    case PAD_REFLECT:
    default:
      period = MAX (2 * (dim - 1), 1);
      index  = (index % period + period) % period;
      return MIN (index, period - index);
    }
}

static gboolean
check_constant (const NrNode *node, GError **error)
{
  if (nr_node_in (node, 2) == NULL)
    return TRUE;
  if (! nr_node_check_type (node, 2, node->in[0]->shape.type, error))
    return FALSE;

  return node->in[2]->n == 1 || nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "the constant is not a scalar");
}

static gboolean
pad_infer (NrNode *node, GError **error)
{
  const NrShape *in     = &node->in[0]->shape;
  PadParams     *params = g_new0 (PadParams, 1);
  gint64         before[NR_MAX_RANK], behind[NR_MAX_RANK], dims[NR_MAX_RANK] = { 0 };
  gsize          stride = 1, row;

  node->params      = params;
  node->free_params = g_free;
  params->rank      = in->rank;

  if (! read_mode (node, &params->mode, error) || ! read_pads (node, in->rank, before, behind, error) ||
      ! check_constant (node, error))
    return FALSE;

  for (guint i = in->rank; i-- > 0;)
    {
      PadAxis *a = &params->axes[i];

      a->before = MAX (before[i], 0);
      a->first  = MAX (-before[i], 0);
      a->n      = MAX (in->dims[i] - a->first - MAX (-behind[i], 0), 0);
      a->stride = stride;
      a->out    = in->dims[i] + before[i] + behind[i];
      dims[i]   = a->out;
      stride *= (gsize) in->dims[i];

      if (a->out < 0 || (a->out > 0 && a->n == 0 && params->mode != PAD_CONSTANT))
        return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "dimension %u of %" G_GINT64_FORMAT " cannot be padded by %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                              i, in->dims[i], before[i], behind[i]);
    }

  if (! nr_node_set_out (node, 0, in->type, in->rank, dims, error))
    return FALSE;

  node->is_part = node->out[0]->n > 0;
  for (guint i = 0; i < in->rank; i++)
    node->is_part = node->is_part && before[i] == 0 && behind[i] == 0;

  /* Items are rows. */
  row = in->rank > 0 ? (gsize) MAX (dims[in->rank - 1], 1) : 1;
  if (node->out[0]->n > 0)
    node->n_items = node->out[0]->n / row;
  node->grain = 1 + 4096 / row;
  return TRUE;
}

/* Input element at the start of output row ROW; FALSE: the row is all constant. */
static gboolean
find_row (const PadParams *params, gsize row, gsize *start)
{
  *start = 0;
  for (guint i = params->rank > 0 ? params->rank - 1 : 0; i-- > 0;)
    {
      const PadAxis *a     = &params->axes[i];
      gint64         index = border_index (params->mode, (gint64) (row % (gsize) a->out) - a->before, a->n);

      if (index < 0)
        return FALSE;
      *start += (gsize) (index + a->first) * a->stride;
      row /= (gsize) a->out;
    }

  return TRUE;
}

static void
fill (guint8 *out, const guint8 *value, gsize size, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    memcpy (out + (gsize) i * size, value, size);
}

/* Output indices [i, end) of a row, beyond the input's elements. */
static void
fill_border (const PadParams *params, const guint8 *in, guint8 *out, gsize size, const guint8 *value, gint64 i, gint64 end)
{
  const PadAxis *a = &params->axes[params->rank - 1];

  if (params->mode == PAD_CONSTANT)
    fill (out + (gsize) i * size, value, size, end - i);
  else
    for (; i < end; i++)
      memcpy (out + (gsize) i * size,
              in + (gsize) (border_index (params->mode, i - a->before, a->n) + a->first) * size, size);
}

static void
pad_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  static const PadAxis scalar      = { 1, 0, 0, 1, 1 };
  const PadParams     *params      = node->params;
  const PadAxis       *a           = params->rank > 0 ? &params->axes[params->rank - 1] : &scalar;
  const gsize          size        = nr_type_size (node->out[0]->shape.type);
  const gint64         behind      = MIN (a->before + a->n, a->out);
  const gfloat         value       = nr_node_get_float (node, "value", 0.0f);
  guint8               constant[8] = { 0 };

  if (nr_node_in (node, 2) != NULL)
    memcpy (constant, node->in[2]->data, size);
  else if (node->out[0]->shape.type == NR_TYPE_FLOAT32)
    memcpy (constant, &value, size);

  for (gsize row = begin; row < end; row++)
    {
      guint8 *out = (guint8 *) node->out[0]->data + row * (gsize) a->out * size;
      gsize   start;

      if (! find_row (params, row, &start))
        {
          fill (out, constant, size, a->out);
        }
      else
        {
          const guint8 *in = (const guint8 *) node->in[0]->data + start * size;

          if (a->before > 0)
            fill_border (params, in, out, size, constant, 0, MIN (a->before, a->out));
          memcpy (out + (gsize) a->before * size, in + (gsize) a->first * size, (gsize) a->n * size);
          if (behind < a->out)
            fill_border (params, in, out, size, constant, behind, a->out);
        }
    }
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* Of one axis: the output indices made of input index i are outputs[first[i]] to outputs[first[i + 1] - 1]. */
typedef struct
{
  gsize *first, *outputs;
  gsize  stride; /* of the output, in elements */
} PadReaders;

static void
readers_free (gpointer data)
{
  PadReaders *readers = data;

  for (guint i = 0; i < NR_MAX_RANK; i++)
    {
      g_free (readers[i].first);
      g_free (readers[i].outputs);
    }
  g_free (readers);
}

static gint64
input_index (PadMode mode, const PadAxis *a, gint64 output)
{
  const gint64 index = border_index (mode, output - a->before, a->n);

  return index < 0 ? -1 : index + a->first;
}

static void
find_readers (PadReaders *readers, PadMode mode, const PadAxis *a, gint64 in)
{
  gsize *first = g_new0 (gsize, (gsize) in + 2);

  readers->first   = first;
  readers->outputs = g_new (gsize, (gsize) a->out);

  /* Counted one place further on, so that filling in leaves the beginnings. */
  for (gint64 o = 0; o < a->out; o++)
    if (input_index (mode, a, o) >= 0)
      first[input_index (mode, a, o) + 2]++;
  for (gint64 i = 0; i < in; i++)
    first[i + 2] += first[i + 1];
  for (gint64 o = 0; o < a->out; o++)
    if (input_index (mode, a, o) >= 0)
      readers->outputs[first[input_index (mode, a, o) + 1]++] = (gsize) o;
}

/* Items are rows of the input. */
static gboolean
pad_plan_backward (NrBackward *backward, GError **error)
{
  const NrNode    *node    = backward->node;
  const PadParams *params  = node->params;
  const NrShape   *in      = &node->in[0]->shape;
  PadReaders      *readers = g_new0 (PadReaders, NR_MAX_RANK);
  gsize            stride  = 1, width;

  backward->params      = readers;
  backward->free_params = readers_free;
  if (backward->in_gradient[0] == NULL)
    return nr_node_error (node, error, NR_ENGINE_ERROR_UNSUPPORTED, "the constant has no gradient");

  for (guint i = params->rank; i-- > 0; stride *= (gsize) params->axes[i].out)
    {
      readers[i].stride = stride;
      if (i + 1 < params->rank)
        find_readers (&readers[i], params->mode, &params->axes[i], in->dims[i]);
    }

  width             = params->rank > 0 ? (gsize) MAX (in->dims[params->rank - 1], 1) : 1;
  backward->n_items = node->in[0]->n / width;
  backward->grain   = 1 + 4096 / width;
  return TRUE;
}

/* Adds what output indices [o, end) of a row, beyond the input's elements, were made of. */
static void
add_border (PadMode mode, const PadAxis *a, const gfloat *dy, gfloat *dx, gint64 o, gint64 end)
{
  for (; o < end; o++)
    {
      const gint64 i = input_index (mode, a, o);

      if (i >= 0)
        dx[i] += dy[o];
    }
}

/* One row of the output's gradient into one of the input's; IS_FIRST: which holds nothing yet. */
static void
add_row (PadMode mode, const PadAxis *a, gsize width, const gfloat *dy, gfloat *dx, gboolean is_first)
{
  if (is_first)
    {
      memset (dx, 0, (gsize) a->first * sizeof (gfloat));
      memcpy (dx + a->first, dy + a->before, (gsize) a->n * sizeof (gfloat));
      memset (dx + a->first + a->n, 0, (width - (gsize) (a->first + a->n)) * sizeof (gfloat));
    }
  else
    {
      for (gint64 i = 0; i < a->n; i++)
        dx[a->first + i] += dy[a->before + i];
    }

  add_border (mode, a, dy, dx, 0, MIN (a->before, a->out));
  add_border (mode, a, dy, dx, a->before + a->n, a->out);
}

/* Adds to an input row all rows of the output that were made of it: axes from AXIS on, at INDEX of the input. Returns how
 * many there are, N_BEFORE included. */
static gsize
add_rows (const NrBackward *backward, guint axis, const gsize *index, const gfloat *dy, gfloat *dx, gsize n_before)
{
  static const PadAxis scalar  = { 1, 0, 0, 1, 1 };
  const PadParams     *params  = backward->node->params;
  const PadReaders    *readers = (const PadReaders *) backward->params + axis;
  const NrShape       *in      = &backward->node->in[0]->shape;

  if (axis + 1 >= params->rank)
    {
      add_row (params->mode, params->rank > 0 ? &params->axes[axis] : &scalar, params->rank > 0 ? (gsize) in->dims[axis] : 1,
               dy, dx, n_before == 0);
      return n_before + 1;
    }

  for (gsize k = readers->first[index[axis]]; k < readers->first[index[axis] + 1]; k++)
    n_before = add_rows (backward, axis + 1, index, dy + readers->outputs[k] * readers->stride, dx, n_before);
  return n_before;
}

static void
pad_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const NrShape *in    = &backward->node->in[0]->shape;
  const gsize    width = in->rank > 0 ? (gsize) in->dims[in->rank - 1] : 1;

  for (gsize row = begin; row < end; row++)
    {
      gfloat *dx                 = nr_tensor_f32 (backward->in_gradient[0]) + row * width;
      gsize   index[NR_MAX_RANK] = { 0 }, rest = row;

      for (guint i = in->rank > 0 ? in->rank - 1 : 0; i-- > 0; rest /= (gsize) in->dims[i])
        index[i] = rest % (gsize) in->dims[i];

      if (add_rows (backward, 0, index, nr_tensor_f32 (backward->out_gradient[0]), dx, 0) == 0)
        memset (dx, 0, width * sizeof (gfloat));
    }
}

static const NrAttrSpec pad_attrs[] = {
  { "mode", NR_ATTR_STRING }, { "pads", NR_ATTR_INTS }, { "value", NR_ATTR_FLOAT }, { NULL }
};

const NrOpClass nr_op_pad = {
  .type    = "Pad",
  .min_in  = 1,
  .max_in  = 4,
  .min_out = 1,
  .max_out = 1,
  .attrs   = pad_attrs,
  .infer   = pad_infer,
  .run     = pad_run,

  .plan_backward = pad_plan_backward,
  .backward      = pad_backward,
};
