/* Every operator of the engine: one declaration and one row each, in alphabetical order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

extern const NrOpClass nr_op_abs;
extern const NrOpClass nr_op_add;
extern const NrOpClass nr_op_and;
extern const NrOpClass nr_op_average_pool;
extern const NrOpClass nr_op_batch_normalization;
extern const NrOpClass nr_op_cast;
extern const NrOpClass nr_op_ceil;
extern const NrOpClass nr_op_clip;
extern const NrOpClass nr_op_concat;
extern const NrOpClass nr_op_constant_of_shape;
extern const NrOpClass nr_op_conv;
extern const NrOpClass nr_op_conv_transpose;
extern const NrOpClass nr_op_depth_to_space;
extern const NrOpClass nr_op_div;
extern const NrOpClass nr_op_dropout;
extern const NrOpClass nr_op_elu;
extern const NrOpClass nr_op_equal;
extern const NrOpClass nr_op_erf;
extern const NrOpClass nr_op_exp;
extern const NrOpClass nr_op_expand;
extern const NrOpClass nr_op_flatten;
extern const NrOpClass nr_op_floor;
extern const NrOpClass nr_op_gather;
extern const NrOpClass nr_op_gelu;
extern const NrOpClass nr_op_gemm;
extern const NrOpClass nr_op_global_average_pool;
extern const NrOpClass nr_op_global_max_pool;
extern const NrOpClass nr_op_greater;
extern const NrOpClass nr_op_greater_or_equal;
extern const NrOpClass nr_op_group_normalization;
extern const NrOpClass nr_op_hard_sigmoid;
extern const NrOpClass nr_op_hard_swish;
extern const NrOpClass nr_op_identity;
extern const NrOpClass nr_op_instance_normalization;
extern const NrOpClass nr_op_layer_normalization;
extern const NrOpClass nr_op_leaky_relu;
extern const NrOpClass nr_op_less;
extern const NrOpClass nr_op_less_or_equal;
extern const NrOpClass nr_op_log;
extern const NrOpClass nr_op_lp_normalization;
extern const NrOpClass nr_op_matmul;
extern const NrOpClass nr_op_max;
extern const NrOpClass nr_op_max_pool;
extern const NrOpClass nr_op_min;
extern const NrOpClass nr_op_mish;
extern const NrOpClass nr_op_mod;
extern const NrOpClass nr_op_mul;
extern const NrOpClass nr_op_neg;
extern const NrOpClass nr_op_not;
extern const NrOpClass nr_op_or;
extern const NrOpClass nr_op_pad;
extern const NrOpClass nr_op_pow;
extern const NrOpClass nr_op_prelu;
extern const NrOpClass nr_op_range;
extern const NrOpClass nr_op_reciprocal;
extern const NrOpClass nr_op_reduce_l2;
extern const NrOpClass nr_op_reduce_max;
extern const NrOpClass nr_op_reduce_mean;
extern const NrOpClass nr_op_reduce_min;
extern const NrOpClass nr_op_reduce_sum;
extern const NrOpClass nr_op_relu;
extern const NrOpClass nr_op_reshape;
extern const NrOpClass nr_op_resize;
extern const NrOpClass nr_op_round;
extern const NrOpClass nr_op_selu;
extern const NrOpClass nr_op_shape;
extern const NrOpClass nr_op_sigmoid;
extern const NrOpClass nr_op_size;
extern const NrOpClass nr_op_slice;
extern const NrOpClass nr_op_softmax;
extern const NrOpClass nr_op_softplus;
extern const NrOpClass nr_op_space_to_depth;
extern const NrOpClass nr_op_split;
extern const NrOpClass nr_op_sqrt;
extern const NrOpClass nr_op_squeeze;
extern const NrOpClass nr_op_sub;
extern const NrOpClass nr_op_tanh;
extern const NrOpClass nr_op_tile;
extern const NrOpClass nr_op_transpose;
extern const NrOpClass nr_op_unsqueeze;
extern const NrOpClass nr_op_upsample;
extern const NrOpClass nr_op_where;
extern const NrOpClass nr_op_xor;

static const NrOpClass *const classes[] = {
  &nr_op_abs,
  &nr_op_add,
  &nr_op_and,
  &nr_op_average_pool,
  &nr_op_batch_normalization,
  &nr_op_cast,
  &nr_op_ceil,
  &nr_op_clip,
  &nr_op_concat,
  &nr_op_constant_of_shape,
  &nr_op_conv,
  &nr_op_conv_transpose,
  &nr_op_depth_to_space,
  &nr_op_div,
  &nr_op_dropout,
  &nr_op_elu,
  &nr_op_equal,
  &nr_op_erf,
  &nr_op_exp,
  &nr_op_expand,
  &nr_op_flatten,
  &nr_op_floor,
  &nr_op_gather,
  &nr_op_gelu,
  &nr_op_gemm,
  &nr_op_global_average_pool,
  &nr_op_global_max_pool,
  &nr_op_greater,
  &nr_op_greater_or_equal,
  &nr_op_group_normalization,
  &nr_op_hard_sigmoid,
  &nr_op_hard_swish,
  &nr_op_identity,
  &nr_op_instance_normalization,
  &nr_op_layer_normalization,
  &nr_op_leaky_relu,
  &nr_op_less,
  &nr_op_less_or_equal,
  &nr_op_log,
  &nr_op_lp_normalization,
  &nr_op_matmul,
  &nr_op_max,
  &nr_op_max_pool,
  &nr_op_min,
  &nr_op_mish,
  &nr_op_mod,
  &nr_op_mul,
  &nr_op_neg,
  &nr_op_not,
  &nr_op_or,
  &nr_op_pad,
  &nr_op_pow,
  &nr_op_prelu,
  &nr_op_range,
  &nr_op_reciprocal,
  &nr_op_reduce_l2,
  &nr_op_reduce_max,
  &nr_op_reduce_mean,
  &nr_op_reduce_min,
  &nr_op_reduce_sum,
  &nr_op_relu,
  &nr_op_reshape,
  &nr_op_resize,
  &nr_op_round,
  &nr_op_selu,
  &nr_op_shape,
  &nr_op_sigmoid,
  &nr_op_size,
  &nr_op_slice,
  &nr_op_softmax,
  &nr_op_softplus,
  &nr_op_space_to_depth,
  &nr_op_split,
  &nr_op_sqrt,
  &nr_op_squeeze,
  &nr_op_sub,
  &nr_op_tanh,
  &nr_op_tile,
  &nr_op_transpose,
  &nr_op_unsqueeze,
  &nr_op_upsample,
  &nr_op_where,
  &nr_op_xor,
  NULL
};

const NrOpClass *const *
nr_op_all (void)
{
  return classes;
}

const NrOpClass *
nr_op_lookup (const gchar *type)
{
  for (guint i = 0; classes[i] != NULL; i++)
    if (g_str_equal (classes[i]->type, type))
      return classes[i];

  return NULL;
}
