/* From the bytes of an ONNX file to an NrModel.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "model.h"
#include "onnx.pb-c.h"

/* Element types as the format numbers them. */
enum
{
  NR_ONNX_FLOAT    = 1,
  NR_ONNX_UINT8    = 2,
  NR_ONNX_INT8     = 3,
  NR_ONNX_INT32    = 6,
  NR_ONNX_INT64    = 7,
  NR_ONNX_BOOL     = 9,
  NR_ONNX_FLOAT16  = 10,
  NR_ONNX_DOUBLE   = 11,
  NR_ONNX_BFLOAT16 = 16
};

/* Fills MODEL from a file's bytes. Nothing in them is trusted: sizes are checked against the bytes that are there before
 * anything of that size is allocated. */
gboolean nr_onnx_read (NrModel *model, const guint8 *bytes, gsize size, GError **error);

/* The engine's type for an element type of the format: float16, bfloat16 and double become float32;
 * NR_TYPE_UNDEFINED when there is none. */
NrType nr_onnx_type (gint32 data_type);

/* The format's name of an element type, for messages: "uint16". */
const gchar *nr_onnx_type_name (gint32 data_type);

/* A tensor with data of its own from a message; the caller frees it. WHAT stands in errors: "initialiser 'w'". */
NrTensor *nr_onnx_read_tensor (const NrOnnx__Tensor *message, const gchar *what, GError **error);

/* Refuses names that are too long or not UTF-8, for they end up in messages. WHAT: "the name of a node". */
gboolean nr_onnx_check_name (const gchar *name, const gchar *what, GError **error);
