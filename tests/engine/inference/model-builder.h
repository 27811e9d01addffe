/* Small ONNX models made in C, for tests.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"
#include "onnx.pb-c.h"

/* A model message under construction: change its fields freely before it is packed. Free with nr_builder_free (). */
NrOnnx__Model *nr_builder_new (gint64 opset);
void           nr_builder_free (NrOnnx__Model *model);

/* A float input (element type 1) or another; a dimension -1 is left open. */
void nr_builder_input (NrOnnx__Model *model, const gchar *name, gint32 type, guint rank, const gint64 *dims);
void nr_builder_output (NrOnnx__Model *model, const gchar *name);

/* Names are separated by spaces; "-" stands for one that is left out. Returns the node, for its attributes. */
NrOnnx__Node *nr_builder_node (NrOnnx__Model *model, const gchar *op, const gchar *inputs, const gchar *outputs);

NrOnnx__Attribute *nr_builder_int (NrOnnx__Node *node, const gchar *name, gint64 value);
NrOnnx__Attribute *nr_builder_float (NrOnnx__Node *node, const gchar *name, gfloat value);
NrOnnx__Attribute *nr_builder_string (NrOnnx__Node *node, const gchar *name, const gchar *value);
NrOnnx__Attribute *nr_builder_ints (NrOnnx__Node *node, const gchar *name, gsize n, const gint64 *values);
NrOnnx__Attribute *nr_builder_floats (NrOnnx__Node *node, const gchar *name, gsize n, const gfloat *values);

/* Initialisers with their values in raw_data. */
NrOnnx__Tensor *nr_builder_raw (NrOnnx__Model *model,
                                const gchar   *name,
                                gint32         type,
                                guint          rank,
                                const gint64  *dims,
                                gconstpointer  data,
                                gsize          size);
NrOnnx__Tensor *nr_builder_f32 (NrOnnx__Model *model, const gchar *name, guint rank, const gint64 *dims, const gfloat *data);
NrOnnx__Tensor *nr_builder_i64 (NrOnnx__Model *model, const gchar *name, guint rank, const gint64 *dims, const gint64 *data);

/* The file. */
GBytes *nr_builder_pack (NrOnnx__Model *model);

/* Packs, frees and loads. */
NrModel *nr_builder_load (NrOnnx__Model *model, GError **error);
