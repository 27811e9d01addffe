/* Receptive fields as tensors: for each element of a value, the first and last picture row (or column) it depends on.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One field describes one picture axis. Along a dimension on which nothing depends the field has size 1 and broadcasts:
 * for a picture [1, 3, H, W] the rows' field is [1, 1, H, 1]. Fields are immutable and counted.
 */

#pragma once

#include <glib.h>

#include "nr-inference.h"

typedef struct
{
  gatomicrefcount ref_count;
  guint           rank;
  gsize           dims[NR_MAX_RANK];
  gsize           n;
  gint32         *first, *last; /* first > last: depends on nothing */
  gint64          num, den;     /* picture pixels a step along the picture axis, as a fraction */
} NrField;

NrField *nr_field_ref (NrField *field);
void     nr_field_unref (NrField *field);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrField, nr_field_unref)

/* The field of the picture itself: SIZE pixels along AXIS of RANK dimensions. */
NrField *nr_field_new_picture (guint rank, guint axis, gsize size);

/* For element O along an axis: the elements it is made of are first, first + step, ...; those outside count as nothing. */
typedef struct
{
  gint64 first, step, count;
} NrTaps;

typedef NrTaps (*NrTapsFunc) (gsize o, gpointer data);

/* All return a new field, or NULL when it would be too large to follow. NUM / DEN: how the step changes. */
NrField *nr_field_resample (NrField *field, guint axis, gsize size, gint64 num, gint64 den, NrTapsFunc taps, gpointer data);
NrField *nr_field_reduce (NrField *field, guint axis);
NrField *nr_field_permute (NrField *field, const guint *order);
NrField *nr_field_reshape (NrField *field, const NrShape *from, const NrShape *to);
/* Trailing dimensions aligned, as in broadcasting. */
NrField *nr_field_combine (NrField *a, NrField *b);
/* SIZES: how long A and B are along AXIS. */
NrField *nr_field_concat (NrField *a, gsize size_a, NrField *b, gsize size_b, guint axis);
/* With dimensions of 1 in front; RANK is at least the field's. */
NrField *nr_field_with_rank (NrField *field, guint rank);
