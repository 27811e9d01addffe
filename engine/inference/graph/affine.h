/* A scale and a shift a channel, taken into a convolution's weights.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * act (s (W * x + b) + t) = act ((s W) * x + (s b + t)): BatchNormalization with known statistics, and Add, Sub, Mul and
 * Div with a constant per channel, cost nothing after a Conv or ConvTranspose whose weights are known.
 */

#pragma once

#include "graph/plan.h"

/* What is to be taken in; empty at first. */
typedef struct
{
  gsize    n; /* channels */
  gdouble *scale, *shift;
  gboolean is_shared; /* made of the model's constants only: then sessions share the result */
  GString *key;       /* names the constants it was made of */
} NrAffine;

/* For a convolution; FALSE if its weights or bias are not known, or it is none. Clear with nr_affine_clear (). */
gboolean nr_affine_init (NrAffine *affine, const NrNode *convolution);
void     nr_affine_clear (NrAffine *affine);

/* Adds NODE, one of whose inputs is X, if it is a scale and shift of X per channel; FALSE: it is not, nothing changed. */
gboolean nr_affine_add (NrAffine *affine, const NrNode *node, const NrTensor *x);

/* Changes the sign of all. */
void nr_affine_negate (NrAffine *affine);

/* Gives CONVOLUTION weights and bias with all that was added; nothing was: leaves it alone. */
gboolean nr_affine_apply (NrAffine *affine, NrNode *convolution, GError **error);

/* Whether TENSOR broadcasts over a result of SHAPE as one value for each channel (axis 1), or one for all; its data may
 * not be known. */
gboolean nr_affine_is_per_channel (const NrTensor *tensor, const NrShape *shape);
