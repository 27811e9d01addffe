/* The way back through broadcasting: an input's gradient is the sum of local gradients over all elements of the output that
 * it meets.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "broadcast.h"

/* What a local gradient reads at an element of the output, beside the output's gradient: the output, or input i. */
typedef gint NrOperand;
#define NR_OPERAND_OUT (-1)

enum
{
  NR_LOCAL_MAX_OPERANDS = 2
};

/* d[i] = what output element i adds to the gradient of its input, i < n. gy: the output's gradient; operand k is at v[k],
 * its elements step[k] (0 or 1) apart. d may be gy. */
typedef void (*NrLocalGradient) (const NrNode        *node,
                                 const NrKernels     *kernels,
                                 const gfloat        *gy,
                                 const gfloat *const *v,
                                 const gint          *step,
                                 gfloat              *d,
                                 gsize                n);

/* Plans the gradient of the one input that BACKWARD wants, whose output has the shape that its inputs broadcast to: LOCAL
 * (NULL: the output's gradient itself) and its operands, which are kept. Such a node's backward is
 * nr_broadcast_sum_backward (). Each element is one sum in double in an order of its own, however the work is cut. */
void nr_broadcast_sum_plan (NrBackward *backward, NrLocalGradient local, guint n_operands, const NrOperand *operands);
void nr_broadcast_sum_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch);

/* The one input of BACKWARD whose gradient is wanted. */
guint nr_backward_wanted (const NrBackward *backward);
