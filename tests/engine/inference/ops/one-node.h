/* A model of one node, run on every CPU level and with one to three threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "model-builder.h"

typedef struct _NrOneNode NrOneNode;

NrOneNode *nr_one_node_new (const gchar *op, gint64 opset);
void       nr_one_node_free (NrOneNode *one);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrOneNode, nr_one_node_free)

/* For attributes: nr_builder_int (nr_one_node_message (one), "axis", 1). */
NrOnnx__Node *nr_one_node_message (NrOneNode *one);

/* The next input, given at run time: zeroed elements to fill, which belong to ONE. */
gpointer nr_one_node_input (NrOneNode *one, NrType type, guint rank, const gint64 *dims);
/* The same in float32, filled with numbers from -2 to 2 that are the same in each run of the test. */
gfloat *nr_one_node_random (NrOneNode *one, guint rank, const gint64 *dims);
/* The next input, known at load: a list of int64 or float32. */
void nr_one_node_i64 (NrOneNode *one, gsize n, const gint64 *values);
void nr_one_node_f32 (NrOneNode *one, gsize n, const gfloat *values);
/* The next input is left out. */
void nr_one_node_skip (NrOneNode *one);

/* Runs it with N_OUT outputs: asserts that it works, that outputs are the same bytes for any number of threads, and that
 * nothing is written behind them. A level that the machine lacks is left out. AFTER is called for each level. */
typedef void (*NrOneNodeFunc) (NrOneNode *one, gpointer data);
void nr_one_node_run (NrOneNode *one, guint n_out, NrOneNodeFunc after, gpointer data);

/* Within AFTER. */
const NrShape *nr_one_node_shape (NrOneNode *one, guint i);
gconstpointer  nr_one_node_output (NrOneNode *one, guint i);

/* Runs it and asserts output 0: float32 of this shape and these values within TOLERANCE times max (1, |want|). */
void nr_one_node_assert_output (NrOneNode *one, guint rank, const gint64 *dims, const gdouble *want, gdouble tolerance);

/* Asserts that a session cannot be made, with this code and a message that contains TEXT. */
void nr_one_node_assert_error (NrOneNode *one, gint code, const gchar *text);
