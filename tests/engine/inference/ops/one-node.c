/* A model of one node.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>
#include <string.h>

enum
{
  MAX_VALUES  = 8,
  MAX_THREADS = 3,
  GUARD       = 0xa5,
  GUARD_BYTES = 64
};

struct _NrOneNode
{
  NrOnnx__Model *model; /* NULL once it was loaded */
  NrOnnx__Node  *node;
  GRand         *rand;
  guint          n_in, n_out; /* n_in: given at run time */
  NrShape        in_shapes[MAX_VALUES], out_shapes[MAX_VALUES];
  gpointer       in[MAX_VALUES], out[MAX_VALUES];
};

NrOneNode *
nr_one_node_new (const gchar *op, gint64 opset)
{
  NrOneNode *one = g_new0 (NrOneNode, 1);

  one->model = nr_builder_new (opset);
  one->node  = nr_builder_node (one->model, op, "", "");
  one->rand  = g_rand_new_with_seed (7);
  return one;
}

void
nr_one_node_free (NrOneNode *one)
{
  if (one->model != NULL)
    nr_builder_free (one->model);
  for (guint i = 0; i < MAX_VALUES; i++)
    {
      g_free (one->in[i]);
      g_free (one->out[i]);
    }
  g_rand_free (one->rand);
  g_free (one);
}

NrOnnx__Node *
nr_one_node_message (NrOneNode *one)
{
  return one->node;
}

/* -- Inputs ------------------------------------------------------------------------------------------------------- */

/* "" for an input that is left out. */
static const gchar *
add_input_name (NrOneNode *one, gchar *name)
{
  one->node->input                       = g_realloc_n (one->node->input, one->node->n_input + 1, sizeof (gchar *));
  one->node->input[one->node->n_input++] = name;
  return name;
}

static const gchar *
add_input (NrOneNode *one)
{
  return add_input_name (one, g_strdup_printf ("in%" G_GSIZE_FORMAT, one->node->n_input));
}

gpointer
nr_one_node_input (NrOneNode *one, NrType type, guint rank, const gint64 *dims)
{
  static const gint32 onnx_types[] = {
    [NR_TYPE_FLOAT32] = 1,
    [NR_TYPE_INT32]   = 6,
    [NR_TYPE_INT64]   = 7,
    [NR_TYPE_UINT8]   = 2,
    [NR_TYPE_INT8]    = 3,
    [NR_TYPE_BOOL]    = 9,
  };
  NrShape *shape = &one->in_shapes[one->n_in];
  gsize    n;

  g_assert_cmpuint (one->n_in, <, MAX_VALUES);
  shape->type = type;
  shape->rank = rank;
  for (guint i = 0; i < rank; i++)
    shape->dims[i] = dims[i];
  g_assert_true (nr_shape_n_elements (shape, &n));

  nr_builder_input (one->model, add_input (one), onnx_types[type], rank, dims);
  one->in[one->n_in] = g_malloc0 (n * nr_type_size (type) + 1);
  return one->in[one->n_in++];
}

gfloat *
nr_one_node_random (NrOneNode *one, guint rank, const gint64 *dims)
{
  gfloat *x = nr_one_node_input (one, NR_TYPE_FLOAT32, rank, dims);
  gsize   n;

  nr_shape_n_elements (&one->in_shapes[one->n_in - 1], &n);
  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) g_rand_double_range (one->rand, -2.0, 2.0);
  return x;
}

void
nr_one_node_i64 (NrOneNode *one, gsize n, const gint64 *values)
{
  nr_builder_i64 (one->model, add_input (one), 1, (const gint64[]) { (gint64) n }, values);
}

void
nr_one_node_f32 (NrOneNode *one, gsize n, const gfloat *values)
{
  nr_builder_f32 (one->model, add_input (one), 1, (const gint64[]) { (gint64) n }, values);
}

void
nr_one_node_skip (NrOneNode *one)
{
  add_input_name (one, g_strdup (""));
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

static NrModel *
load (NrOneNode *one, guint n_out, GError **error)
{
  one->n_out          = n_out;
  one->node->n_output = n_out;
  one->node->output   = g_new (gchar *, n_out);
  for (guint i = 0; i < n_out; i++)
    {
      one->node->output[i] = g_strdup_printf ("out%u", i);
      nr_builder_output (one->model, one->node->output[i]);
    }

  one->node = NULL;
  return nr_builder_load (g_steal_pointer (&one->model), error);
}

static gsize
output_bytes (const NrOneNode *one, guint i)
{
  gsize n;

  g_assert_true (nr_shape_n_elements (&one->out_shapes[i], &n));
  return n * nr_type_size (one->out_shapes[i].type);
}

static void
run_once (NrOneNode *one, NrModel *model, NrCpuLevel level, guint threads)
{
  NrSessionOptions      options = { .threads = threads, .cpu_level = level };
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrSession) session = nr_session_new (model, one->in_shapes, &options, &error);
  gboolean              success;

  g_assert_no_error (error);
  for (guint i = 0; i < one->n_out; i++)
    {
      one->out_shapes[i] = *nr_session_output_shape (session, i);
      g_free (one->out[i]);
      one->out[i] = g_malloc (output_bytes (one, i) + GUARD_BYTES);
      memset (one->out[i], GUARD, output_bytes (one, i) + GUARD_BYTES);
    }

  success = nr_session_run (session, (const void *const *) one->in, one->out, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (success);

  for (guint i = 0; i < one->n_out; i++)
    for (gsize k = 0; k < GUARD_BYTES; k++)
      g_assert_cmphex (((guint8 *) one->out[i])[output_bytes (one, i) + k], ==, GUARD);
}

void
nr_one_node_run (NrOneNode *one, guint n_out, NrOneNodeFunc after, gpointer data)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = load (one, n_out, &error);

  g_assert_no_error (error);
  for (NrCpuLevel level = NR_CPU_C; level <= nr_cpu_level (); level++)
    {
      gpointer first[MAX_VALUES] = { NULL };

      for (guint threads = 1; threads <= MAX_THREADS; threads++)
        {
          run_once (one, model, level, threads);
          for (guint i = 0; i < n_out; i++)
            if (threads == 1)
              first[i] = g_memdup2 (one->out[i], output_bytes (one, i) + 1);
            else
              g_assert_cmpmem (one->out[i], output_bytes (one, i), first[i], output_bytes (one, i));
        }

      if (after != NULL)
        after (one, data);
      for (guint i = 0; i < n_out; i++)
        g_free (first[i]);
    }
}

const NrShape *
nr_one_node_shape (NrOneNode *one, guint i)
{
  return &one->out_shapes[i];
}

gconstpointer
nr_one_node_output (NrOneNode *one, guint i)
{
  return one->out[i];
}

/* -- Assertions --------------------------------------------------------------------------------------------------- */

typedef struct
{
  NrShape        shape;
  const gdouble *values;
  gdouble        tolerance;
} Wanted;

static void
compare (NrOneNode *one, gpointer data)
{
  const Wanted     *want      = data;
  const gfloat     *got       = one->out[0];
  g_autofree gchar *got_text  = nr_shape_to_string (&one->out_shapes[0]);
  g_autofree gchar *want_text = nr_shape_to_string (&want->shape);
  gsize             n;

  g_assert_cmpstr (got_text, ==, want_text);
  nr_shape_n_elements (&want->shape, &n);
  for (gsize i = 0; i < n; i++)
    if (isfinite (want->values[i]))
      g_assert_cmpfloat (fabs (got[i] - want->values[i]), <=, want->tolerance * MAX (1.0, fabs (want->values[i])));
    else
      g_assert_true (isnan (want->values[i]) ? isnan (got[i]) : got[i] == want->values[i]);
}

void
nr_one_node_assert_output (NrOneNode *one, guint rank, const gint64 *dims, const gdouble *want, gdouble tolerance)
{
  Wanted wanted = { { NR_TYPE_FLOAT32, rank }, want, tolerance };

  for (guint i = 0; i < rank; i++)
    wanted.shape.dims[i] = dims[i];
  nr_one_node_run (one, 1, compare, &wanted);
}

void
nr_one_node_assert_error (NrOneNode *one, gint code, const gchar *text)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = load (one, 1, &error);

  if (model != NULL)
    g_assert_null (nr_session_new (model, one->in_shapes, NULL, &error));

  g_assert_error (error, NR_ENGINE_ERROR, code);
  if (strstr (error->message, text) == NULL)
    g_error ("'%s' does not say '%s'", error->message, text);
}
