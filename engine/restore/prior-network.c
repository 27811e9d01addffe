/* Networks for the deep image prior: see prior-network.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "prior-network.h"

#include <math.h>

#include "nr-gradient.h"
#include "nr-restore.h"
#include "random-plane.h"

enum
{
  N_INPUTS  = 16,
  N_FINE    = 32, /* channels of the finest level; the paper's has 128 on all */
  MAX_DEPTH = 5
};

/* What the kinds of hourglass differ by. */
typedef struct
{
  gint n_coarse;  /* channels of all but the finest level */
  gint last_size; /* of a level's last kernel */
  gint n_skip;    /* channels of a skip connection */
} Kind;

static const Kind kinds[] = {
  [NR_PRIOR_PLAIN]    = { 32, 1, 4 },
  [NR_PRIOR_DETAILED] = { 64, 3, 4 },
  [NR_PRIOR_COARSE]   = { 32, 1, 0 },
};

void
nr_prior_network_clear (NrPriorNetwork *network)
{
  g_clear_pointer (&network->model, nr_model_unref);
}

guint
nr_prior_network_depth (gint side)
{
  guint depth = 1;

  while (depth < MAX_DEPTH && side >> (depth + 1) >= 16)
    depth++;
  return depth;
}

/* -- The hourglass ------------------------------------------------------------------------------------------------- */

typedef struct
{
  NrGraph    *graph;
  const Kind *kind;
  guint       depth;
  guint       seed;
  guint       n_parameters; /* made so far */
} Builder;

static NrValue
parameter (Builder *builder, const NrShape *shape, const gfloat *data)
{
  g_autofree gchar *name = g_strdup_printf ("p%u", builder->n_parameters++);

  return nr_graph_parameter (builder->graph, name, shape, data);
}

/* Uniform within +- 1 / sqrt (FAN_IN). */
static NrValue
random_parameter (Builder *builder, const NrShape *shape, gint fan_in)
{
  const guint64      key   = nr_random_key (builder->seed, builder->n_parameters);
  const gfloat       bound = 1 / sqrtf (fan_in);
  gsize              n     = 0;
  g_autofree gfloat *data  = NULL;

  nr_shape_n_elements (shape, &n);
  data = g_new (gfloat, n);
  for (gsize i = 0; i < n; i++)
    data[i] = bound * (2 * nr_random_uniform (key + i) - 1);
  return parameter (builder, shape, data);
}

static NrValue
vector (Builder *builder, gint n, gfloat value, gboolean is_trained)
{
  const NrShape      shape = { NR_TYPE_FLOAT32, 1, { n } };
  g_autofree gfloat *data  = g_new (gfloat, n);

  for (gint i = 0; i < n; i++)
    data[i] = value;
  return is_trained ? parameter (builder, &shape, data) : nr_graph_constant (builder->graph, &shape, data);
}

static NrValue
normalize (Builder *builder, NrValue value, gint n_channels)
{
  const NrValue inputs[] = {
    value,
    vector (builder, n_channels, 1, TRUE),
    vector (builder, n_channels, 0, TRUE),
    vector (builder, n_channels, 0, FALSE), /* running mean and variance: not looked at in training */
    vector (builder, n_channels, 1, FALSE),
  };

  return nr_graph_op (builder->graph, "BatchNormalization", G_N_ELEMENTS (inputs), inputs, "training_mode=1");
}

/* Convolution, normalization and activation. A bias would be normalized away. */
static NrValue
convolve (Builder *builder, NrValue value, gint n_from, gint n_to, gint size, gint stride)
{
  const NrShape     shape      = { NR_TYPE_FLOAT32, 4, { n_to, n_from, size, size } };
  const gint        pad        = size / 2;
  g_autofree gchar *attributes = g_strdup_printf ("strides=%d,%d pads=%d,%d,%d,%d", stride, stride, pad, pad, pad, pad);
  const NrValue     inputs[]   = { value, random_parameter (builder, &shape, n_from * size * size) };

  value = nr_graph_op (builder->graph, "Conv", G_N_ELEMENTS (inputs), inputs, attributes);
  value = normalize (builder, value, n_to);
  return nr_graph_op (builder->graph, "LeakyRelu", 1, &value, "alpha=0.2");
}

static NrValue
enlarge (Builder *builder, NrValue value)
{
  static const gfloat twice[]  = { 1, 1, 2, 2 };
  const NrShape       shape    = { NR_TYPE_FLOAT32, 1, { 4 } };
  const NrValue       inputs[] = { value, NR_VALUE_NONE, nr_graph_constant (builder->graph, &shape, twice) };

  return nr_graph_op (builder->graph, "Resize", G_N_ELEMENTS (inputs), inputs, "mode=linear");
}

static gint
level_width (const Builder *builder, guint level)
{
  return level == 0 ? N_FINE : builder->kind->n_coarse;
}

/* From N_FROM channels to the level's width, of the same size. */
static NrValue
hourglass (Builder *builder, NrValue value, gint n_from, guint level)
{
  const gint n_skip   = builder->kind->n_skip;
  const gint n        = level_width (builder, level);
  gint       n_joined = n_skip + n;
  NrValue    joined[2];

  if (n_skip > 0)
    joined[0] = convolve (builder, value, n_from, n_skip, 1, 1);
  value = convolve (builder, value, n_from, n, 3, 2);
  value = convolve (builder, value, n, n, 3, 1);
  if (level + 1 < builder->depth)
    {
      value    = hourglass (builder, value, n, level + 1);
      n_joined = n_skip + level_width (builder, level + 1);
    }
  value = joined[1] = enlarge (builder, value);

  if (n_skip > 0)
    value = nr_graph_op (builder->graph, "Concat", 2, joined, "axis=1");
  value = normalize (builder, value, n_joined);
  value = convolve (builder, value, n_joined, n, 3, 1);
  return convolve (builder, value, n, n, builder->kind->last_size, 1);
}

/* The last convolution and its sigmoid. */
static NrValue
to_picture (Builder *builder, NrValue value)
{
  const NrShape weights  = { NR_TYPE_FLOAT32, 4, { 3, N_FINE, 1, 1 } };
  const NrShape bias     = { NR_TYPE_FLOAT32, 1, { 3 } };
  NrValue       inputs[] = { value, NR_VALUE_NONE, NR_VALUE_NONE };

  inputs[1] = random_parameter (builder, &weights, N_FINE);
  inputs[2] = random_parameter (builder, &bias, N_FINE);
  value     = nr_graph_op (builder->graph, "Conv", G_N_ELEMENTS (inputs), inputs, NULL);
  return nr_graph_op (builder->graph, "Sigmoid", 1, &value, NULL);
}

gboolean
nr_prior_network_new (NrPriorNetwork *network, NrPriorKind kind, guint depth, guint seed, GError **error)
{
  const NrShape       shape   = { NR_TYPE_FLOAT32, 4, { 1, N_INPUTS, -1, -1 } };
  g_autoptr (NrGraph) graph   = nr_graph_new ("deep image prior");
  Builder             builder = { graph, &kinds[kind], depth, seed, 0 };
  NrValue             value   = nr_graph_input (graph, "noise", &shape);

  g_return_val_if_fail (depth >= 1 && depth <= MAX_DEPTH, FALSE);

  value = hourglass (&builder, value, N_INPUTS, 0);
  nr_graph_output (graph, to_picture (&builder, value), "picture");

  *network = (NrPriorNetwork) { .model = nr_graph_to_model (graph, error), .n_inputs = N_INPUTS, .multiple = 1 << depth };
  return network->model != NULL;
}

/* -- From a file --------------------------------------------------------------------------------------------------- */

static gboolean
refuse (const gchar *path, const gchar *reason, GError **error)
{
  g_autofree gchar *name = g_filename_display_name (path);

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
               "the network '%s' cannot be a deep image prior: %s; it must turn one input [1, channels, height, width] into "
               "one picture [1, 3, height, width] of the same size",
               name, reason);
  return FALSE;
}

gboolean
nr_prior_network_load (NrPriorNetwork *network, const gchar *path, GError **error)
{
  g_auto (NrPriorNetwork) loaded = { 0 };
  g_autoptr (GError)      why    = NULL;
  const NrShape          *shape;
  NrReach                 reach;

  loaded.model = nr_model_load (path, &why);
  if (! loaded.model)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the model of deep-image-prior must be the path of an ONNX file: %s", why->message);
      return FALSE;
    }
  if (nr_model_n_inputs (loaded.model) != 1 || nr_model_n_outputs (loaded.model) != 1)
    return refuse (path, "it has several inputs or outputs", error);
  shape = nr_model_input_shape (loaded.model, 0);
  if (shape->type != NR_TYPE_FLOAT32 || shape->rank != 4 || shape->dims[1] < 1 || shape->dims[1] > 1024 ||
      shape->dims[2] > G_MAXINT16 || shape->dims[3] > G_MAXINT16)
    return refuse (path, "its input is not such a tensor", error);
  if (! nr_model_get_reach (loaded.model, &reach, &why))
    return refuse (path, why->message, error);
  if (reach.scale != 1)
    return refuse (path, "its output is larger than its input", error);

  *network = (NrPriorNetwork) {
    .model    = g_steal_pointer (&loaded.model),
    .n_inputs = shape->dims[1],
    .multiple = MAX (reach.multiple, 1),
    .height   = MAX (shape->dims[2], 0),
    .width    = MAX (shape->dims[3], 0),
  };
  return TRUE;
}
