/* Concat: inputs one behind the other along an axis. ONNX Concat-4, -11, -13, any type.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/node.h"

typedef struct
{
  gsize  outer;     /* product of the dimensions before the axis */
  gsize *lengths;   /* bytes that each input gives to one outer index */
  gsize  row_bytes; /* their sum */
} ConcatParams;

static void
concat_params_free (gpointer data)
{
  ConcatParams *params = data;

  g_free (params->lengths);
  g_free (params);
}

/* The output's dimensions: inputs agree but along the axis. */
static gboolean
concat_dims (const NrNode *node, guint axis, gint64 *dims, GError **error)
{
  const NrShape *first = &node->in[0]->shape;

  for (guint i = 0; i < first->rank; i++)
    dims[i] = i == axis ? 0 : first->dims[i];

  for (guint k = 0; k < node->n_in; k++)
    {
      const NrShape *shape = nr_node_check_type (node, k, first->type, error) ? &node->in[k]->shape : NULL;
      gboolean       fits;

      if (shape == NULL)
        return FALSE;

      fits = shape->rank == first->rank;
      for (guint i = 0; fits && i < shape->rank; i++)
        fits = i == axis || shape->dims[i] == dims[i];
      if (! fits || shape->dims[axis] > G_MAXINT64 - dims[axis])
        {
          g_autofree gchar *text_a = nr_shape_to_string (first);
          g_autofree gchar *text_b = nr_shape_to_string (shape);

          return nr_node_error (node, error, NR_ENGINE_ERROR_SHAPE, "%s and %s do not join along axis %u", text_a, text_b, axis);
        }

      dims[axis] += shape->dims[axis];
    }

  return TRUE;
}

static gboolean
concat_infer (NrNode *node, GError **error)
{
  const NrShape *first  = &node->in[0]->shape;
  ConcatParams  *params = g_new0 (ConcatParams, 1);
  gint64         dims[NR_MAX_RANK];
  guint          axis;

  params->lengths   = g_new0 (gsize, node->n_in);
  node->params      = params;
  node->free_params = concat_params_free;

  if (! nr_node_has_attr (node, "axis"))
    return nr_node_error (node, error, NR_ENGINE_ERROR_FILE, "the attribute axis is missing");
  if (! nr_node_axis (node, nr_node_get_int (node, "axis", 0), first->rank, &axis, error) ||
      ! concat_dims (node, axis, dims, error) ||
      ! nr_node_set_out (node, 0, first->type, first->rank, dims, error))
    return FALSE;

  params->outer = 1;
  for (guint i = 0; i < axis; i++)
    params->outer *= (gsize) MAX (dims[i], 1);

  for (guint k = 0; k < node->n_in; k++)
    {
      params->lengths[k] = node->in[k]->n / params->outer * nr_type_size (first->type);
      params->row_bytes += params->lengths[k];
    }

  return TRUE;
}

/* Elements [begin, end) of the output, piece by piece. An input that the plan has made lie in the output is there. */
static void
concat_run (const NrNode *node, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ConcatParams *params = node->params;
  gsize               size   = nr_type_size (node->out[0]->shape.type);
  guint8             *out    = node->out[0]->data;
  gsize               pos    = begin * size;
  gsize               outer  = pos / params->row_bytes;
  gsize               within = pos % params->row_bytes;

  for (; pos < end * size; outer++, within = 0)
    for (guint k = 0; k < node->n_in && pos < end * size; k++)
      {
        gsize length = params->lengths[k], n;

        if (within >= length)
          {
            within -= length;
            continue;
          }

        const guint8 *piece = (const guint8 *) node->in[k]->data + outer * length + within;

        n = MIN (length - within, end * size - pos);
        if (piece != out + pos)
          memcpy (out + pos, piece, n);
        pos += n;
        within = 0;
      }
}

/* Elements [begin, end) of the wanted input's gradient: one piece of each row of the output's. */
static void
concat_backward (const NrBackward *backward, const NrKernels *kernels, gsize begin, gsize end, void *scratch)
{
  const ConcatParams *params   = backward->node->params;
  const gsize         size     = sizeof (gfloat);
  const guint8       *gradient = backward->out_gradient[0]->data;
  guint8             *target;
  gsize               length;
  guint               k = 0;

  for (; backward->in_gradient[k] == NULL; k++)
    gradient += params->lengths[k];

  target = backward->in_gradient[k]->data;
  length = params->lengths[k];
  for (gsize pos = begin * size, n; pos < end * size; pos += n)
    {
      n = MIN (length - pos % length, end * size - pos);
      memcpy (target + pos, gradient + pos / length * params->row_bytes + pos % length, n);
    }
}

static const NrAttrSpec concat_attrs[] = { { "axis", NR_ATTR_INT }, { NULL } };

const NrOpClass nr_op_concat = {
  .type    = "Concat",
  .min_in  = 1,
  .max_in  = G_MAXUINT,
  .min_out = 1,
  .max_out = 1,
  .attrs   = concat_attrs,
  .infer   = concat_infer,
  .run     = concat_run,

  .backward = concat_backward,
};
