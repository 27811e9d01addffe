/* Every operator of the engine: one declaration and one row each, in alphabetical order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

extern const NrOpClass nr_op_conv;
extern const NrOpClass nr_op_conv_transpose;
extern const NrOpClass nr_op_gemm;
extern const NrOpClass nr_op_matmul;
extern const NrOpClass nr_op_relu;

static const NrOpClass *const classes[] = {
  &nr_op_conv,
  &nr_op_conv_transpose,
  &nr_op_gemm,
  &nr_op_matmul,
  &nr_op_relu,
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
