/* Receptive fields as tensors.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/field.h"

#include <string.h>

/* Above this a field costs more than the answer is worth. */
#define MAX_ELEMENTS ((gsize) 1 << 23)

#define MAX_STEP ((gint64) 1 << 24)

#define NOTHING_FIRST G_MAXINT32
#define NOTHING_LAST (-1)

static NrField *
field_new (guint rank, const gsize *dims, gint64 num, gint64 den)
{
  NrField *field;
  gsize    n = 1;

  for (guint i = 0; i < rank; i++)
    if (! g_size_checked_mul (&n, n, dims[i]))
      return NULL;

  if (n > MAX_ELEMENTS || rank > NR_MAX_RANK)
    return NULL;

  field       = g_new0 (NrField, 1);
  field->rank = rank;
  field->n    = n;
  field->num  = num;
  field->den  = den;
  g_atomic_ref_count_init (&field->ref_count);
  memcpy (field->dims, dims, rank * sizeof *dims);
  field->first = g_new (gint32, n);
  field->last  = g_new (gint32, n);
  for (gsize i = 0; i < n; i++)
    {
      field->first[i] = NOTHING_FIRST;
      field->last[i]  = NOTHING_LAST;
    }
  return field;
}

NrField *
nr_field_ref (NrField *field)
{
  g_atomic_ref_count_inc (&field->ref_count);
  return field;
}

void
nr_field_unref (NrField *field)
{
  if (field == NULL || ! g_atomic_ref_count_dec (&field->ref_count))
    return;

  g_free (field->first);
  g_free (field->last);
  g_free (field);
}

static void
join (NrField *to, gsize at, const NrField *from, gsize i)
{
  to->first[at] = MIN (to->first[at], from->first[i]);
  to->last[at]  = MAX (to->last[at], from->last[i]);
}

static gint64
greatest_common_divisor (gint64 a, gint64 b)
{
  while (b != 0)
    {
      gint64 rest = a % b;

      a = b;
      b = rest;
    }
  return a;
}

/* Steps beyond any tile stay at MAX_STEP: their exact value does not matter, that they do not overflow does. */
static void
scale_step (NrField *field, gint64 num, gint64 den)
{
  gint64 divisor = greatest_common_divisor (num, den);

  field->num *= MIN (num / divisor, MAX_STEP);
  field->den *= MIN (den / divisor, MAX_STEP);
  divisor    = greatest_common_divisor (field->num, field->den);
  field->num = MIN (field->num / divisor, MAX_STEP);
  field->den = MIN (field->den / divisor, MAX_STEP);
}

/* The product of the dimensions before AXIS, and of those after. */
static void
split_at (const NrField *field, guint axis, gsize *outer, gsize *inner)
{
  *outer = *inner = 1;
  for (guint i = 0; i < field->rank; i++)
    if (i < axis)
      *outer *= field->dims[i];
    else if (i > axis)
      *inner *= field->dims[i];
}

/* A dimension along which nothing changes shrinks to 1. */
static NrField *
simplify (NrField *field)
{
  for (guint axis = 0; field != NULL && axis < field->rank; axis++)
    {
      const gsize size    = field->dims[axis];
      gboolean    is_same = TRUE;
      gsize       outer, inner;
      NrField    *small;
      gsize       dims[NR_MAX_RANK];

      if (size <= 1)
        continue;

      split_at (field, axis, &outer, &inner);
      for (gsize i = 0; i < field->n && is_same; i++)
        {
          const gsize zero = i / (size * inner) * size * inner + i % inner;

          is_same = field->first[i] == field->first[zero] && field->last[i] == field->last[zero];
        }

      if (! is_same)
        continue;

      memcpy (dims, field->dims, sizeof dims);
      dims[axis] = 1;
      small      = field_new (field->rank, dims, field->num, field->den);
      for (gsize i = 0; i < small->n; i++)
        join (small, i, field, i / inner * size * inner + i % inner);
      nr_field_unref (field);
      field = small;
    }

  return field;
}

NrField *
nr_field_new_picture (guint rank, guint axis, gsize size)
{
  gsize    dims[NR_MAX_RANK];
  NrField *field;

  for (guint i = 0; i < rank; i++)
    dims[i] = i == axis ? size : 1;

  field = field_new (rank, dims, 1, 1);
  for (gsize i = 0; field != NULL && i < size; i++)
    field->first[i] = field->last[i] = i;
  return field;
}

NrField *
nr_field_resample (NrField *field, guint axis, gsize size, gint64 num, gint64 den, NrTapsFunc taps, gpointer data)
{
  const gsize from = field->dims[axis];
  gsize       dims[NR_MAX_RANK];
  gsize       outer, inner;
  NrField    *result;

  if (from == 1)
    return nr_field_ref (field);

  memcpy (dims, field->dims, sizeof dims);
  dims[axis] = size;
  result     = field_new (field->rank, dims, field->num, field->den);
  if (result == NULL)
    return NULL;

  scale_step (result, num, den);
  split_at (field, axis, &outer, &inner);
  for (gsize o = 0; o < size; o++)
    {
      const NrTaps tap = taps (o, data);

      for (gint64 k = 0; k < tap.count; k++)
        {
          const gint64 i = tap.first + k * tap.step;

          if (i < 0 || i >= (gint64) from)
            continue;

          for (gsize a = 0; a < outer; a++)
            for (gsize b = 0; b < inner; b++)
              join (result, (a * size + o) * inner + b, field, (a * from + i) * inner + b);
        }
    }

  return result;
}

NrField *
nr_field_reduce (NrField *field, guint axis)
{
  gsize    dims[NR_MAX_RANK];
  gsize    outer, inner;
  NrField *result;

  memcpy (dims, field->dims, sizeof dims);
  dims[axis] = 1;
  result     = field_new (field->rank, dims, field->num, field->den);
  if (result == NULL)
    return NULL;

  split_at (field, axis, &outer, &inner);
  for (gsize i = 0; i < field->n; i++)
    join (result, i / (field->dims[axis] * inner) * inner + i % inner, field, i);
  return simplify (result);
}

/* Index into FIELD of the element with the multi-index AT, where broadcasting dimensions stand still. */
static gsize
index_of (const NrField *field, const gsize *at)
{
  gsize index = 0;

  for (guint i = 0; i < field->rank; i++)
    index = index * field->dims[i] + (field->dims[i] == 1 ? 0 : at[i]);
  return index;
}

static void
next_index (gsize *at, guint rank, const gsize *dims)
{
  for (guint i = rank; i-- > 0;)
    {
      if (++at[i] < dims[i])
        return;
      at[i] = 0;
    }
}

NrField *
nr_field_permute (NrField *field, const guint *order)
{
  gsize    dims[NR_MAX_RANK];
  gsize    at[NR_MAX_RANK] = { 0 };
  NrField *result;

  for (guint i = 0; i < field->rank; i++)
    dims[i] = field->dims[order[i]];

  result = field_new (field->rank, dims, field->num, field->den);
  for (gsize i = 0; result != NULL && i < result->n; i++, next_index (at, result->rank, result->dims))
    {
      gsize source[NR_MAX_RANK];

      for (guint k = 0; k < field->rank; k++)
        source[order[k]] = at[k];
      join (result, i, field, index_of (field, source));
    }

  return result;
}

static NrField *
expand_to (NrField *field, const gsize *dims)
{
  gsize    at[NR_MAX_RANK] = { 0 };
  NrField *result          = field_new (field->rank, dims, field->num, field->den);

  for (gsize i = 0; result != NULL && i < result->n; i++, next_index (at, result->rank, result->dims))
    join (result, i, field, index_of (field, at));
  return result;
}

static gsize
longest (const NrField *field)
{
  gsize size = 1;

  for (guint i = 0; i < field->rank; i++)
    size = MAX (size, field->dims[i]);
  return size;
}

/* Dimensions fall into groups of equal product. A group that the field does not vary in stays small; any other is
 * expanded and cut anew. */
NrField *
nr_field_reshape (NrField *field, const NrShape *from, const NrShape *to)
{
  gsize               wide[NR_MAX_RANK], dims[NR_MAX_RANK];
  guint               i = 0, k = 0;
  g_autoptr (NrField) expanded = NULL;
  NrField            *result;

  while (i < from->rank || k < to->rank)
    {
      const guint i0 = i, k0 = k;
      gint64      product_from = i < from->rank ? from->dims[i++] : 1;
      gint64      product_to   = k < to->rank ? to->dims[k++] : 1;
      gboolean    varies       = FALSE;

      while (product_from != product_to)
        if (product_from < product_to && i < from->rank)
          product_from *= from->dims[i++];
        else if (k < to->rank)
          product_to *= to->dims[k++];
        else
          return NULL;

      for (guint d = i0; d < i; d++)
        varies = varies || field->dims[d] > 1;
      for (guint d = i0; d < i; d++)
        wide[d] = varies ? (gsize) from->dims[d] : 1;
      for (guint d = k0; d < k; d++)
        dims[d] = varies ? (gsize) to->dims[d] : 1;
    }

  expanded = expand_to (field, wide);
  result   = expanded != NULL ? field_new (to->rank, dims, field->num, field->den) : NULL;
  if (result == NULL)
    return NULL;

  for (gsize e = 0; e < result->n; e++)
    join (result, e, expanded, e);

  /* A picture axis cut in two: the outer part steps over the inner one. */
  result = simplify (result);
  scale_step (result, longest (field), longest (result));
  return result;
}

NrField *
nr_field_with_rank (NrField *field, guint rank)
{
  gsize    dims[NR_MAX_RANK];
  NrField *result;

  for (guint i = 0; i < rank; i++)
    dims[i] = i + field->rank < rank ? 1 : field->dims[i + field->rank - rank];

  result = field_new (rank, dims, field->num, field->den);
  for (gsize i = 0; result != NULL && i < field->n; i++)
    join (result, i, field, i);
  return result;
}

NrField *
nr_field_combine (NrField *a, NrField *b)
{
  const guint         rank   = MAX (a->rank, b->rank);
  g_autoptr (NrField) wide_a = nr_field_with_rank (a, rank);
  g_autoptr (NrField) wide_b = nr_field_with_rank (b, rank);
  gsize               dims[NR_MAX_RANK];
  gsize               at[NR_MAX_RANK] = { 0 };
  NrField            *result;

  if (wide_a == NULL || wide_b == NULL)
    return NULL;

  for (guint i = 0; i < rank; i++)
    {
      if (wide_a->dims[i] != wide_b->dims[i] && wide_a->dims[i] != 1 && wide_b->dims[i] != 1)
        return NULL;
      dims[i] = MAX (wide_a->dims[i], wide_b->dims[i]);
    }

  result = field_new (rank, dims, longest (a) >= longest (b) ? a->num : b->num, longest (a) >= longest (b) ? a->den : b->den);
  for (gsize i = 0; result != NULL && i < result->n; i++, next_index (at, rank, dims))
    {
      join (result, i, wide_a, index_of (wide_a, at));
      join (result, i, wide_b, index_of (wide_b, at));
    }

  return result;
}

NrField *
nr_field_concat (NrField *a, gsize size_a, NrField *b, gsize size_b, guint axis)
{
  gsize    dims[NR_MAX_RANK];
  gsize    at[NR_MAX_RANK] = { 0 };
  NrField *result;

  /* Neither varies along the axis: what follows usually mixes them, so one for both will do. */
  if (a->dims[axis] == 1 && b->dims[axis] == 1)
    return nr_field_combine (a, b);

  for (guint i = 0; i < a->rank; i++)
    dims[i] = i == axis ? size_a + size_b : MAX (a->dims[i], b->dims[i]);

  result = field_new (a->rank, dims, a->num, a->den);
  for (gsize i = 0; result != NULL && i < result->n; i++, next_index (at, result->rank, dims))
    {
      const gboolean is_a = at[axis] < size_a;
      gsize          source[NR_MAX_RANK];

      memcpy (source, at, sizeof source);
      source[axis] -= is_a ? 0 : size_a;
      join (result, i, is_a ? a : b, index_of (is_a ? a : b, source));
    }

  return result;
}
