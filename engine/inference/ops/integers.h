/* Integer elements of any type, for the shape arithmetic of a graph: a few numbers, so one path for all types.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/node.h"

static inline gboolean
nr_type_is_integer (NrType type)
{
  return type == NR_TYPE_INT32 || type == NR_TYPE_INT64 || type == NR_TYPE_UINT8 || type == NR_TYPE_INT8;
}

/* Element i of integers or booleans. */
static inline gint64
nr_integer_get (const NrTensor *tensor, gsize i)
{
  switch (tensor->shape.type)
    {
    case NR_TYPE_INT32:
      return ((const gint32 *) tensor->data)[i];
    case NR_TYPE_INT64:
      return ((const gint64 *) tensor->data)[i];
    case NR_TYPE_INT8:
      return ((const gint8 *) tensor->data)[i];
    case NR_TYPE_UINT8:
    case NR_TYPE_BOOL:
      return ((const guint8 *) tensor->data)[i];
    default:
      g_return_val_if_reached (0);
    }
}

/* Stores the low bits of VALUE, as a conversion in C does; a boolean is VALUE != 0. */
static inline void
nr_integer_set (NrTensor *tensor, gsize i, gint64 value)
{
  switch (tensor->shape.type)
    {
    case NR_TYPE_INT32:
      ((gint32 *) tensor->data)[i] = (gint32) value;
      return;
    case NR_TYPE_INT64:
      ((gint64 *) tensor->data)[i] = value;
      return;
    case NR_TYPE_INT8:
      ((gint8 *) tensor->data)[i] = (gint8) value;
      return;
    case NR_TYPE_UINT8:
      ((guint8 *) tensor->data)[i] = (guint8) value;
      return;
    case NR_TYPE_BOOL:
      ((guint8 *) tensor->data)[i] = value != 0;
      return;
    default:
      g_return_if_reached ();
    }
}

/* Element i of any type as a double. */
static inline gdouble
nr_number_get (const NrTensor *tensor, gsize i)
{
  return tensor->shape.type == NR_TYPE_FLOAT32 ? nr_tensor_f32 (tensor)[i] : (gdouble) nr_integer_get (tensor, i);
}

/* A double as the nearest number of int64 towards 0; out of range: the nearest end, NaN: 0. */
static inline gint64
nr_integer_from_double (gdouble value)
{
  if (value >= 9223372036854775807.0)
    return G_MAXINT64;
  if (value <= -9223372036854775808.0)
    return G_MININT64;
  return value == value ? (gint64) value : 0;
}
