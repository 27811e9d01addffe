/* `neural-restore run MODEL.onnx`: runs or times an ONNX file on arrays.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "command.h"

#include <stdio.h>
#include <string.h>

#include "interrupt.h"
#include "npy.h"
#include "nr-inference.h"

typedef struct
{
  gchar **inputs, **outputs; /* NAME=FILE.npy */
  gchar  *size;              /* HxW */
  gint    repeat, threads;
} RunOptions;

typedef struct
{
  guint    n_in, n_out;
  NrShape *shapes;
  void   **inputs;
  void   **outputs;
} Tensors;

static void
tensors_clear (Tensors *t)
{
  for (guint i = 0; i < t->n_in; i++)
    g_free (t->inputs[i]);
  for (guint i = 0; i < t->n_out; i++)
    g_free (t->outputs[i]);
  g_free (t->shapes);
  g_free (t->inputs);
  g_free (t->outputs);
}

/* -- Inputs ------------------------------------------------------------------------------------------------------- */

/* The file given for NAME in a list of NAME=FILE, NULL if there is none. */
static const gchar *
file_for (gchar **list, const gchar *name)
{
  gsize length = strlen (name);

  for (guint i = 0; list && list[i]; i++)
    if (strncmp (list[i], name, length) == 0 && list[i][length] == '=')
      return list[i] + length + 1;

  return NULL;
}

/* Every NAME=FILE must name an input (or output) of the model. */
static gboolean
check_names (gchar **list, const NrModel *model, gboolean is_input, GError **error)
{
  guint n = is_input ? nr_model_n_inputs (model) : nr_model_n_outputs (model);

  for (guint i = 0; list && list[i]; i++)
    {
      gboolean known = FALSE;

      for (guint k = 0; k < n && ! known; k++)
        {
          const gchar *name = is_input ? nr_model_input_name (model, k) : nr_model_output_name (model, k);

          known = g_str_has_prefix (list[i], name) && list[i][strlen (name)] == '=';
        }
      if (! known)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "'%s' names no %s of the model (write NAME=FILE.npy)",
                       list[i], is_input ? "input" : "output");
          return FALSE;
        }
    }

  return TRUE;
}

/* Values in [0, 1) that are the same on every machine: a linear congruential sequence. */
static void
fill_with_noise (float *data, gsize n)
{
  guint32 state = 1;

  for (gsize i = 0; i < n; i++)
    {
      state   = state * 1664525u + 1013904223u;
      data[i] = (float) (state >> 8) / 16777216.0f;
    }
}

/* Noise of the model's own shape, its open dimensions 1, N x C x H x W with --size. */
static void *
make_input (const RunOptions *o, const NrModel *model, guint i, NrShape *shape, GError **error)
{
  gint   height = 64, width = 64;
  gsize  n;
  float *data = NULL;
  gchar  rest;

  *shape = *nr_model_input_shape (model, i);

  if (o->size && (sscanf (o->size, "%dx%d%c", &height, &width, &rest) != 2 || height < 1 || width < 1))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--size '%s' is not HEIGHTxWIDTH, like 256x256", o->size);
      return NULL;
    }
  for (guint d = 0; d < shape->rank; d++)
    if (shape->dims[d] < 0)
      shape->dims[d] = shape->rank == 4 && d == 2 ? height : shape->rank == 4 && d == 3 ? width
                                                                                        : 1;

  if (shape->type == NR_TYPE_FLOAT32 && nr_shape_n_elements (shape, &n) && (data = g_try_new (float, MAX (n, 1))))
    fill_with_noise (data, n);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "give --input %s=FILE.npy: no values can be made up for it", nr_model_input_name (model, i));

  return data;
}

static gboolean
load_inputs (const RunOptions *o, const NrModel *model, Tensors *t, GError **error)
{
  t->n_in   = nr_model_n_inputs (model);
  t->shapes = g_new0 (NrShape, MAX (t->n_in, 1));
  t->inputs = g_new0 (void *, MAX (t->n_in, 1));

  for (guint i = 0; i < t->n_in; i++)
    {
      const gchar *file = file_for (o->inputs, nr_model_input_name (model, i));

      t->inputs[i] = file ? nr_npy_read (file, &t->shapes[i], error) : make_input (o, model, i, &t->shapes[i], error);
      if (t->inputs[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

static void
make_outputs (const NrModel *model, const NrSession *session, Tensors *t)
{
  t->n_out   = nr_model_n_outputs (model);
  t->outputs = g_new0 (void *, MAX (t->n_out, 1));

  for (guint i = 0; i < t->n_out; i++)
    {
      const NrShape *shape = nr_session_output_shape (session, i);
      gsize          n     = 0;

      nr_shape_n_elements (shape, &n);
      t->outputs[i] = g_malloc (MAX (n * nr_type_size (shape->type), 1));
    }
}

static gboolean
save_outputs (const RunOptions *o, const NrModel *model, const NrSession *session, const Tensors *t, GError **error)
{
  for (guint i = 0; i < t->n_out; i++)
    {
      const gchar *file = file_for (o->outputs, nr_model_output_name (model, i));

      if (file && ! nr_npy_write (file, nr_session_output_shape (session, i), t->outputs[i], error))
        return FALSE;
    }

  return TRUE;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  const gint64 *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* One untimed run, then --repeat timed ones. */
static gboolean
run_repeatedly (const RunOptions *o, NrSession *session, const Tensors *t, GCancellable *cancellable, GError **error)
{
  g_autofree gint64 *times = g_new (gint64, MAX (o->repeat, 1));

  for (gint i = 0; i <= o->repeat; i++)
    {
      gint64 start = g_get_monotonic_time ();

      if (! nr_session_run (session, (const void *const *) t->inputs, t->outputs, NULL, NULL, cancellable, error))
        return FALSE;
      if (i > 0)
        times[i - 1] = g_get_monotonic_time () - start;
    }

  if (o->repeat > 0)
    {
      qsort (times, o->repeat, sizeof *times, compare_times);
      g_print ("{\"min_ms\":%.3f, \"median_ms\":%.3f, \"threads\":%u, \"peak_memory_mib\":%.1f}\n",
               times[0] / 1e3, times[o->repeat / 2] / 1e3, nr_session_n_threads (session),
               nr_session_memory (session) / 1048576.0);
    }
  return TRUE;
}

static void
describe (const NrModel *model, const NrSession *session, const Tensors *t)
{
  for (guint i = 0; i < t->n_in; i++)
    {
      g_autofree gchar *shape = nr_shape_to_string (&t->shapes[i]);

      g_print ("input  %s: %s\n", nr_model_input_name (model, i), shape);
    }
  for (guint i = 0; i < t->n_out; i++)
    {
      g_autofree gchar *shape = nr_shape_to_string (nr_session_output_shape (session, i));

      g_print ("output %s: %s\n", nr_model_output_name (model, i), shape);
    }
  g_print ("parameters %" G_GSIZE_FORMAT ", multiply-adds %" G_GUINT64_FORMAT ", memory %.1f MiB, %s, %u threads\n",
           nr_model_n_parameters (model), nr_session_n_macs (session), nr_session_memory (session) / 1048576.0,
           nr_cpu_level_name (nr_cpu_level ()), nr_session_n_threads (session));
}

static gboolean
run_file (const RunOptions *o, const gchar *path, Tensors *t, GError **error)
{
  g_autoptr (GCancellable) cancellable = nr_interrupt_cancellable ();
  NrSessionOptions         options     = NR_SESSION_OPTIONS_INIT;
  g_autoptr (NrModel)      model       = nr_model_load (path, error);
  g_autoptr (NrSession)    session     = NULL;

  if (model == NULL || ! check_names (o->inputs, model, TRUE, error) ||
      ! check_names (o->outputs, model, FALSE, error) || ! load_inputs (o, model, t, error))
    return FALSE;

  options.threads = o->threads;
  session         = nr_session_new (model, t->shapes, &options, error);
  if (session == NULL)
    return FALSE;

  make_outputs (model, session, t);
  if (! run_repeatedly (o, session, t, cancellable, error) || ! save_outputs (o, model, session, t, error))
    return FALSE;

  if (o->repeat == 0)
    describe (model, session, t);
  return TRUE;
}

int
nr_run_command (int argc, char **argv)
{
  g_autoptr (GError) error     = NULL;
  RunOptions         o         = { 0 };
  Tensors            t         = { 0 };
  int                status    = NR_EXIT_DONE;
  const GOptionEntry entries[] = {
    { "input", 'i', 0, G_OPTION_ARG_FILENAME_ARRAY, &o.inputs, "Values of an input (noise in [0, 1) if left out)", "NAME=FILE.npy" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME_ARRAY, &o.outputs, "Where an output goes", "NAME=FILE.npy" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &o.size, "Height and width of made-up inputs (64x64)", "HxW" },
    { "repeat", 0, 0, G_OPTION_ARG_INT, &o.repeat, "Time N runs after a first one, print JSON", "N" },
    { "threads", 't', 0, G_OPTION_ARG_INT, &o.threads, "Threads (0: all cores)", "N" },
    { NULL }
  };

  if (! nr_command_parse (&argc, &argv, entries, "MODEL.onnx", "Runs an ONNX file; prints its shapes and cost, or times."))
    return NR_EXIT_USAGE;
  if (argc != 2 || o.repeat < 0 || o.threads < 0)
    {
      nr_command_complain ("run takes one MODEL.onnx, --repeat and --threads of 0 or more (see neural-restore run --help)");
      status = NR_EXIT_USAGE;
    }
  else if (! run_file (&o, argv[1], &t, &error))
    status = nr_command_fail (error);

  tensors_clear (&t);
  g_strfreev (o.inputs);
  g_strfreev (o.outputs);
  g_free (o.size);
  return status;
}
