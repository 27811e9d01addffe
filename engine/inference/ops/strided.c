/* Strided copies.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "strided.h"

enum
{
  BLOCK           = 16,   /* rows and columns of a transposed block: 16 cache lines of 16 floats */
  MIN_PIECE_BYTES = 16384 /* smallest piece worth a thread */
};

void
nr_contiguous_strides (const NrShape *shape, gssize *strides)
{
  gssize stride = 1;

  for (guint i = shape->rank; i-- > 0;)
    {
      strides[i] = stride;
      stride *= (gssize) MAX (shape->dims[i], 1);
    }
}

/* Dimensions of 1 dropped, neighbours of one stride merged. */
static NrStridedCopy *
copy_new (gsize size, guint rank, const gint64 *dims, const gssize *strides, gsize offset)
{
  NrStridedCopy *copy = g_new0 (NrStridedCopy, 1);
  guint          last;

  copy->size   = size;
  copy->offset = offset;

  for (guint i = 0; i < rank; i++)
    {
      if (dims[i] == 1)
        continue;

      last = copy->rank - 1;
      if (copy->rank > 0 && copy->strides[last] == strides[i] * (gssize) dims[i])
        {
          copy->dims[last] *= (gsize) dims[i];
          copy->strides[last] = strides[i];
        }
      else
        {
          copy->dims[copy->rank]      = (gsize) dims[i];
          copy->strides[copy->rank++] = strides[i];
        }
    }

  if (copy->rank == 0)
    {
      copy->dims[0]    = 1;
      copy->strides[0] = 1;
      copy->rank       = 1;
    }

  last                = copy->rank - 1;
  copy->is_transposed = last > 0 && copy->strides[last - 1] == 1 && copy->strides[last] > 1 && copy->dims[last] > 0;
  return copy;
}

/* Items of a copy of N elements, and the smallest range worth a thread. */
static gsize
count_items (const NrStridedCopy *copy, gsize n, gsize *grain)
{
  const gsize width = copy->dims[copy->rank - 1];

  *grain = copy->is_transposed ? MAX (BLOCK, MIN_PIECE_BYTES / (copy->size * width)) : MIN_PIECE_BYTES / copy->size;
  return copy->is_transposed ? n / width : n;
}

void
nr_strided_copy_init_node (NrNode *node, guint rank, const gint64 *dims, const gssize *strides, gsize offset)
{
  g_return_if_fail (rank <= NR_STRIDED_MAX_RANK);

  NrStridedCopy *copy = copy_new (nr_type_size (node->out[0]->shape.type), rank, dims, strides, offset);

  node->is_part     = copy->rank == 1 && copy->strides[0] == 1 && node->out[0]->n > 0;
  node->part_offset = offset * copy->size;
  node->params      = copy;
  node->free_params = g_free;
  node->n_items     = count_items (node->params, node->out[0]->n, &node->grain);
}

/* Input element of the output row of this index; dimensions below the last. */
static const guint8 *
row_source (const NrStridedCopy *copy, const guint8 *in, guint last, gsize index)
{
  gssize position = (gssize) copy->offset;

  for (guint i = last; i-- > 0;)
    {
      position += (gssize) (index % copy->dims[i]) * copy->strides[i];
      index /= copy->dims[i];
    }

  return in + position * (gssize) copy->size;
}

/* One body for each element size: a row of n elements, STRIDE apart in the input. Every second element (space to depth
 * by 2) and one for all (Expand) are worth a loop that the compiler vectorises. */
#define DEFINE_GATHER(name, type)                          \
  static void                                              \
  name (const void *in, void *out, gsize n, gssize stride) \
  {                                                        \
    const type *x = in;                                    \
    type       *y = out;                                   \
                                                           \
    if (stride == 0)                                       \
      for (gsize i = 0; i < n; i++)                        \
        y[i] = x[0];                                       \
    else if (stride == 2)                                  \
      for (gsize i = 0; i < n; i++)                        \
        y[i] = x[2 * i];                                   \
    else                                                   \
      for (gsize i = 0; i < n; i++)                        \
        y[i] = x[(gssize) i * stride];                     \
  }

DEFINE_GATHER (gather_8, guint8)
DEFINE_GATHER (gather_32, guint32)
DEFINE_GATHER (gather_64, guint64)
#undef DEFINE_GATHER

static void
copy_row (gsize size, const void *in, void *out, gsize n, gssize stride)
{
  if (stride == 1)
    memcpy (out, in, n * size);
  else if (size == 4)
    gather_32 (in, out, n, stride);
  else if (size == 8)
    gather_64 (in, out, n, stride);
  else
    gather_8 (in, out, n, stride);
}

/* Elements [begin, end) of the output. */
static void
copy_elements (const NrStridedCopy *copy, const guint8 *in, guint8 *out, gsize begin, gsize end)
{
  guint  last   = copy->rank - 1;
  gsize  row    = begin / copy->dims[last];
  gsize  column = begin % copy->dims[last];
  gssize stride = copy->strides[last];

  while (begin < end)
    {
      gsize n = MIN (copy->dims[last] - column, end - begin);

      copy_row (copy->size, row_source (copy, in, last, row) + (gssize) column * stride * (gssize) copy->size,
                out + begin * copy->size, n, stride);
      begin += n;
      column = 0;
      row++;
    }
}

/* y[r][c] = x[c][r]: rows r of WIDTH columns, whose elements are contiguous along r in the input. A block at a time, so
 * that the lines read and written stay in the cache. */
#define DEFINE_TRANSPOSE(name, type)                                        \
  static void                                                               \
  name (const void *in, void *out, gsize n_rows, gsize width, gsize stride) \
  {                                                                         \
    const type *x = in;                                                     \
    type       *y = out;                                                    \
                                                                            \
    for (gsize r0 = 0; r0 < n_rows; r0 += BLOCK)                            \
      for (gsize c0 = 0; c0 < width; c0 += BLOCK)                           \
        for (gsize r = r0; r < MIN (r0 + BLOCK, n_rows); r++)               \
          for (gsize c = c0; c < MIN (c0 + BLOCK, width); c++)              \
            y[r * width + c] = x[c * stride + r];                           \
  }

DEFINE_TRANSPOSE (transpose_8, guint8)
DEFINE_TRANSPOSE (transpose_32, guint32)
DEFINE_TRANSPOSE (transpose_64, guint64)
#undef DEFINE_TRANSPOSE

/* Rows [begin, end) of the output, contiguous in the input as far as they have the same outer index. */
static void
copy_transposed (const NrStridedCopy *copy, const NrKernels *kernels, const guint8 *in, guint8 *out, gsize begin, gsize end)
{
  guint last  = copy->rank - 1;
  gsize width = copy->dims[last];

  while (begin < end)
    {
      gsize         n      = MIN (copy->dims[last - 1] - begin % copy->dims[last - 1], end - begin);
      const guint8 *source = row_source (copy, in, last, begin);
      guint8       *target = out + begin * width * copy->size;

      if (copy->size == 4 && width <= 4) /* pixel shuffle */
        kernels->interleave ((const gfloat *) source, (gsize) copy->strides[last], width, n, (gfloat *) target);
      else if (copy->size == 4)
        transpose_32 (source, target, n, width, (gsize) copy->strides[last]);
      else if (copy->size == 8)
        transpose_64 (source, target, n, width, (gsize) copy->strides[last]);
      else
        transpose_8 (source, target, n, width, (gsize) copy->strides[last]);
      begin += n;
    }
}

static void
run_copy (const NrStridedCopy *copy, const NrKernels *kernels, const guint8 *in, guint8 *out, gsize begin, gsize end)
{
  if (copy->is_transposed)
    copy_transposed (copy, kernels, in, out, begin, end);
  else
    copy_elements (copy, in, out, begin, end);
}

void
nr_strided_copy_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  run_copy (node->params, kernels, node->in[0]->data, node->out[0]->data, begin, end);
}

/* -- Backward ----------------------------------------------------------------------------------------------------- */

/* The input's dimensions, outermost first, are the output's in falling order of their strides in the input; each advances by
 * its stride in the output. */
gboolean
nr_strided_copy_plan_backward (NrBackward *backward, GError **error)
{
  const NrStridedCopy *copy                         = backward->node->params;
  gint64               dims[NR_STRIDED_MAX_RANK]    = { 0 };
  gssize               strides[NR_STRIDED_MAX_RANK] = { 0 }, stride = 1;

  for (guint i = copy->rank; i-- > 0;)
    {
      guint rank = 0;

      for (guint k = 0; k < copy->rank; k++)
        rank += copy->strides[k] > copy->strides[i];

      dims[rank]    = (gint64) copy->dims[i];
      strides[rank] = stride;
      stride *= (gssize) copy->dims[i];
    }

  backward->params      = copy_new (copy->size, copy->rank, dims, strides, 0);
  backward->free_params = g_free;
  backward->n_items     = count_items (backward->params, backward->node->in[0]->n, &backward->grain);
  return TRUE;
}

void
nr_strided_copy_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  run_copy (backward->params, kernels, backward->out_gradient[0]->data, backward->in_gradient[0]->data, begin, end);
}
