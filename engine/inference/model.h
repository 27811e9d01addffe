/* The inside of NrModel: the graph as the file states it, checked and sorted, without concrete shapes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/node.h"

/* Stands for an optional input or output that is left out. */
#define NR_NO_VALUE G_MAXUINT

typedef struct
{
  gchar           *name; /* the file's, or the first output's name when the file gives none */
  const NrOpClass *op;
  GPtrArray       *attrs; /* NrAttr */
  guint            n_in, n_out;
  guint           *in, *out; /* indices of values, or NR_NO_VALUE */
} NrModelNode;

struct _NrModel
{
  gatomicrefcount ref_count;
  gchar          *name; /* for messages */
  gint            opset;

  GPtrArray *values;       /* NrTensor: initialisers have shape and data, all others only their name */
  GPtrArray *nodes;        /* NrModelNode, each after those it reads from */
  GArray    *inputs;       /* guint: indices of values */
  GArray    *input_shapes; /* NrShape, -1 for open dimensions */
  GArray    *outputs;      /* guint */
  gsize      n_parameters;
  GArray    *parameters; /* guint: values that were made as parameters; NULL in a model from a file: nobody said */

  /* What sessions made from the weights and share. */
  GMutex      lock;
  GHashTable *derived; /* name -> NrTensor: weights changed by fusing */
  GHashTable *packed;  /* "tensor/key" -> aligned block */
};

/* An empty model for the reader to fill. */
NrModel     *nr_model_new (const gchar *name);
NrTensor    *nr_model_value (const NrModel *model, guint i);
NrModelNode *nr_model_node (const NrModel *model, guint i);
void         nr_model_node_free (NrModelNode *node);

/* The derived tensor kept under KEY, or the one that MAKE returns now (NULL with an error: passed on). Locks. */
typedef NrTensor *(*NrDeriveFunc) (gpointer data, GError **error);
NrTensor *nr_model_derive (NrModel *model, const gchar *key, NrDeriveFunc make, gpointer data, GError **error);

/* Sorts nodes so that each stands after those it reads from, the file's order kept otherwise; error on a cycle. */
gboolean nr_model_sort (NrModel *model, GError **error);
