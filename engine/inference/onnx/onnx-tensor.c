/* Tensors of a file: sizes checked against the bytes that are there, elements widened or narrowed to ours.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "onnx-reader.h"

#include <string.h>

static const gchar *const type_names[] = {
  "undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "double",
  "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
  "float8e5m2fnuz", "uint4", "int4"
};

NrType
nr_onnx_type (gint32 data_type)
{
  switch (data_type)
    {
    case NR_ONNX_FLOAT:
    case NR_ONNX_FLOAT16:
    case NR_ONNX_BFLOAT16:
    case NR_ONNX_DOUBLE:
      return NR_TYPE_FLOAT32;
    case NR_ONNX_UINT8:
      return NR_TYPE_UINT8;
    case NR_ONNX_INT8:
      return NR_TYPE_INT8;
    case NR_ONNX_INT32:
      return NR_TYPE_INT32;
    case NR_ONNX_INT64:
      return NR_TYPE_INT64;
    case NR_ONNX_BOOL:
      return NR_TYPE_BOOL;
    default:
      return NR_TYPE_UNDEFINED;
    }
}

const gchar *
nr_onnx_type_name (gint32 data_type)
{
  return data_type >= 0 && data_type < (gint32) G_N_ELEMENTS (type_names) ? type_names[data_type] : "an unknown type";
}

/* -- Elements ----------------------------------------------------------------------------------------------------- */

/* IEEE 754 half to single: exact, subnormals, infinities and NaN included. */
static gfloat
float_from_half (guint16 half)
{
  guint32 sign     = (guint32) (half & 0x8000) << 16;
  guint32 exponent = (half >> 10) & 0x1f;
  guint32 mantissa = half & 0x3ff;
  guint32 bits;
  gfloat  value;

  if (exponent == 0)
    {
      value = (gfloat) mantissa * 0x1p-24f;
      return sign ? -value : value;
    }

  bits = sign | (exponent == 31 ? 0xffu : exponent + 112) << 23 | mantissa << 13;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static gfloat
float_from_bfloat (guint16 half)
{
  guint32 bits = (guint32) half << 16;
  gfloat  value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* Bytes of one element in raw_data (little endian). */
static gsize
raw_size (gint32 data_type)
{
  switch (data_type)
    {
    case NR_ONNX_DOUBLE:
    case NR_ONNX_INT64:
      return 8;
    case NR_ONNX_FLOAT:
    case NR_ONNX_INT32:
      return 4;
    case NR_ONNX_FLOAT16:
    case NR_ONNX_BFLOAT16:
      return 2;
    default:
      return 1;
    }
}

static guint64
load_little_endian (const guint8 *bytes, gsize size)
{
  guint64 value = 0;

  for (gsize i = size; i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

/* Stores element I given by its bits in the file's type. */
static void
store_bits (NrTensor *tensor, gsize i, gint32 data_type, guint64 bits)
{
  guint32 low = (guint32) bits;
  gdouble wide;

  switch (data_type)
    {
    case NR_ONNX_FLOAT:
      memcpy ((gfloat *) tensor->data + i, &low, sizeof low);
      break;
    case NR_ONNX_FLOAT16:
      ((gfloat *) tensor->data)[i] = float_from_half ((guint16) bits);
      break;
    case NR_ONNX_BFLOAT16:
      ((gfloat *) tensor->data)[i] = float_from_bfloat ((guint16) bits);
      break;
    case NR_ONNX_DOUBLE:
      memcpy (&wide, &bits, sizeof wide);
      ((gfloat *) tensor->data)[i] = (gfloat) wide;
      break;
    case NR_ONNX_INT64:
      ((gint64 *) tensor->data)[i] = (gint64) bits;
      break;
    case NR_ONNX_INT32:
      ((gint32 *) tensor->data)[i] = (gint32) bits;
      break;
    case NR_ONNX_BOOL:
      ((guint8 *) tensor->data)[i] = bits != 0;
      break;
    default:
      ((guint8 *) tensor->data)[i] = (guint8) bits;
      break;
    }
}

static void
store_raw (NrTensor *tensor, const NrOnnx__Tensor *message)
{
  const gsize size = raw_size (message->data_type);

  if (G_BYTE_ORDER == G_LITTLE_ENDIAN && size == nr_type_size (tensor->shape.type) &&
      message->data_type != NR_ONNX_BOOL)
    {
      if (tensor->n > 0)
        memcpy (tensor->data, message->raw_data.data, message->raw_data.len);
      return;
    }

  for (gsize i = 0; i < tensor->n; i++)
    store_bits (tensor, i, message->data_type, load_little_endian (message->raw_data.data + i * size, size));
}

static void
store_typed (NrTensor *tensor, const NrOnnx__Tensor *message)
{
  for (gsize i = 0; i < tensor->n; i++)
    switch (message->data_type)
      {
      case NR_ONNX_FLOAT:
        ((gfloat *) tensor->data)[i] = message->float_data[i];
        break;
      case NR_ONNX_DOUBLE:
        ((gfloat *) tensor->data)[i] = (gfloat) message->double_data[i];
        break;
      case NR_ONNX_INT64:
        ((gint64 *) tensor->data)[i] = message->int64_data[i];
        break;
      default:
        store_bits (tensor, i, message->data_type, (guint64) message->int32_data[i]);
        break;
      }
}

/* -- Checks ------------------------------------------------------------------------------------------------------- */

/* Elements in the field that the type's values stand in when there is no raw_data. */
static gsize
n_typed_elements (const NrOnnx__Tensor *message)
{
  switch (message->data_type)
    {
    case NR_ONNX_FLOAT:
      return message->n_float_data;
    case NR_ONNX_DOUBLE:
      return message->n_double_data;
    case NR_ONNX_INT64:
      return message->n_int64_data;
    default:
      return message->n_int32_data;
    }
}

static gboolean
fail (GError **error, NrEngineError code, const gchar *what, const gchar *why)
{
  g_set_error (error, NR_ENGINE_ERROR, code, "%s %s", what, why);
  return FALSE;
}

static gboolean
check_form (const NrOnnx__Tensor *message, const gchar *what, GError **error)
{
  g_autofree gchar *why = NULL;

  if (message->data_location != 0 || message->n_external_data > 0)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, what,
                 "keeps its data in another file; save the model with all data in one file");

  if (message->segment.len > 0)
    return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, what, "is stored in segments, which are not supported");

  if (nr_onnx_type (message->data_type) == NR_TYPE_UNDEFINED)
    {
      why = g_strdup_printf ("has element type %s (%d), which is not supported",
                             nr_onnx_type_name (message->data_type), message->data_type);
      return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, what, why);
    }

  if (message->n_dims > NR_MAX_RANK)
    {
      why = g_strdup_printf ("has %" G_GSIZE_FORMAT " dimensions, at most %d are supported",
                             message->n_dims, NR_MAX_RANK);
      return fail (error, NR_ENGINE_ERROR_UNSUPPORTED, what, why);
    }

  return TRUE;
}

/* The dimensions must describe exactly the elements that are there: nothing is allocated before that is known. */
static gboolean
check_size (const NrTensor *tensor, const NrOnnx__Tensor *message, const gchar *what, GError **error)
{
  const gsize       size = raw_size (message->data_type);
  gsize             there;
  g_autofree gchar *why = NULL;

  if (message->raw_data.len > 0)
    there = message->raw_data.len % size == 0 ? message->raw_data.len / size : G_MAXSIZE;
  else
    there = n_typed_elements (message);

  if (there == tensor->n)
    return TRUE;

  if (there == G_MAXSIZE)
    why = g_strdup_printf ("has %" G_GSIZE_FORMAT " bytes of data, not a multiple of its element's %" G_GSIZE_FORMAT,
                           message->raw_data.len, size);
  else
    why = g_strdup_printf ("has dimensions for %" G_GSIZE_FORMAT " elements, but holds %" G_GSIZE_FORMAT,
                           tensor->n, there);
  return fail (error, NR_ENGINE_ERROR_FILE, what, why);
}

NrTensor *
nr_onnx_read_tensor (const NrOnnx__Tensor *message, const gchar *what, GError **error)
{
  g_autoptr (NrTensor) tensor = NULL;
  g_autoptr (GError)   local  = NULL;

  if (! check_form (message, what, error))
    return NULL;

  tensor = nr_tensor_new (message->name);
  if (! nr_tensor_set_shape (tensor, nr_onnx_type (message->data_type), message->n_dims, message->dims, &local))
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_FILE, "%s has impossible dimensions", what);
      return NULL;
    }

  if (! check_size (tensor, message, what, error) || ! nr_tensor_alloc (tensor, error))
    return NULL;

  if (message->raw_data.len > 0)
    store_raw (tensor, message);
  else
    store_typed (tensor, message);

  tensor->is_constant = TRUE;
  tensor->is_shared   = TRUE;
  return g_steal_pointer (&tensor);
}
