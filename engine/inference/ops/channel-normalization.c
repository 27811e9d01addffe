/* ChannelNormalization: each pixel's channels get mean 0 and variance 1, then a scale and a bias a channel. No operator of
 * ONNX: graph/recognize.c puts it in the place of the nodes that exporters write for it. Inputs: x [N, C, ...], scale and
 * bias of C values each, known, or left out.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A pixel's channels are planes apart, which for usual sizes is the same set of the cache: so some pixels of all channels
 * are copied beside each other first.
 */

#include "graph/recognize.h"

typedef struct
{
  gsize  channels, pixels; /* of a batch entry */
  gsize  block, n_blocks;
  gfloat epsilon;
} ChannelParams;

gboolean
nr_channel_normalization_init (NrNode *node, gfloat epsilon, GError **error)
{
  const NrShape *x      = &node->in[0]->shape;
  ChannelParams *params = g_new0 (ChannelParams, 1);

  node->params      = params;
  node->free_params = g_free;
  nr_tensor_set_shape_like (node->out[0], node->in[0]);

  params->epsilon  = epsilon;
  params->channels = (gsize) x->dims[1];
  params->pixels   = node->in[0]->n / ((gsize) x->dims[0] * params->channels);
  params->block    = CLAMP (65536 / params->channels / 16 * 16, 16, 256);
  params->n_blocks = (params->pixels + params->block - 1) / params->block;

  node->n_items = (gsize) x->dims[0] * params->n_blocks;
  node->grain   = 1;
  if (! g_size_checked_mul (&node->scratch, params->channels * sizeof (gfloat), params->block + 16))
    return nr_node_error (node, error, NR_ENGINE_ERROR_MEMORY, "too many channels");

  return TRUE;
}

gfloat
nr_channel_normalization_epsilon (const NrNode *node)
{
  return ((const ChannelParams *) node->params)->epsilon;
}

static void
channel_normalization_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ChannelParams *params = node->params;
  const gfloat        *scale  = nr_node_in (node, 1) != NULL ? nr_tensor_f32 (node->in[1]) : NULL;
  const gfloat        *bias   = nr_node_in (node, 2) != NULL ? nr_tensor_f32 (node->in[2]) : NULL;
  gfloat              *copied = scratch;
  const gsize          stride = params->block + 16; /* not a multiple of the cache's sets */

  for (gsize item = begin; item < end; item++)
    {
      const gsize   first = item % params->n_blocks * params->block;
      const gsize   n     = MIN (params->block, params->pixels - first);
      const gsize   at    = item / params->n_blocks * params->channels * params->pixels + first;
      const gfloat *x     = nr_tensor_f32 (node->in[0]) + at;
      gfloat       *y     = nr_tensor_f32 (node->out[0]) + at;

      for (gsize c = 0; c < params->channels; c++)
        kernels->copy_row (x + c * params->pixels, 0, 1, (ptrdiff_t) n, (ptrdiff_t) (n + 15) / 16 * 16,
                           c + 1 < params->channels ? params->pixels : 0, copied + c * stride);

      kernels->normalize_columns (copied, stride, params->channels, n, params->epsilon, scale, bias);

      for (gsize c = 0; c < params->channels; c++)
        kernels->copy_row (copied + c * stride, 0, 1, (ptrdiff_t) n, (ptrdiff_t) n, 0, y + c * params->pixels);
    }
}

const NrOpClass nr_op_channel_normalization = {
  .type     = "ChannelNormalization",
  .min_in   = 1,
  .max_in   = 3,
  .min_out  = 1,
  .max_out  = 1,
  .run      = channel_normalization_run,
  .in_place = TRUE,
};
