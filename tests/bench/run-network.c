/* Runs one network again and again on request, for bench.py.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: run-network MODEL.onnx INPUT.f32 OUTPUT.f32 THREADS SHAPES
 *
 * SHAPES are those of the inputs, as in 1x3x64x64+1x1x64x64; INPUT holds the inputs one after another. Plans the network,
 * runs it once on INPUT (raw float32) and writes OUTPUT, prints one line of JSON about itself. Then each line on standard
 * input is answered with the milliseconds of one more run.
 */

#include "nr-inference.h"

#include <stdio.h>
#include <stdlib.h>

enum
{
  MAX_INPUTS = 4
};

static gdouble
run (NrSession *session, const void *const *inputs, void *output)
{
  g_autoptr (GError) error = NULL;
  const gint64       start = g_get_monotonic_time ();

  if (! nr_session_run (session, inputs, &output, NULL, NULL, NULL, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      exit (1);
    }

  return (g_get_monotonic_time () - start) / 1000.0;
}

/* "1x3x64x64" */
static gboolean
parse_shape (const gchar *text, NrShape *shape, gsize *n)
{
  g_auto (GStrv) dims = g_strsplit (text, "x", NR_MAX_RANK);

  *shape = (NrShape) { .type = NR_TYPE_FLOAT32, .rank = g_strv_length (dims) };
  for (guint i = 0; i < shape->rank; i++)
    shape->dims[i] = g_ascii_strtoll (dims[i], NULL, 10);

  return nr_shape_n_elements (shape, n);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrModel)   model   = NULL;
  g_autoptr (NrSession) session = NULL;
  g_autofree gchar     *input   = NULL;
  g_autofree gchar     *output  = NULL;
  const void           *inputs[MAX_INPUTS];
  NrShape               shapes[MAX_INPUTS];
  gsize                 offsets[MAX_INPUTS];
  gsize                 n_input = 0, n_output, n_given;
  gchar                 line[64];

  if (argc != 6)
    {
      fprintf (stderr, "usage: run-network MODEL.onnx INPUT.f32 OUTPUT.f32 THREADS SHAPES\n");
      return 2;
    }

  const NrSessionOptions options = { (guint) atoi (argv[4]), NR_CPU_AVX512, 0 };
  g_auto (GStrv)         given   = g_strsplit (argv[5], "+", MAX_INPUTS);

  for (guint i = 0; given[i] != NULL; i++)
    {
      gsize n = 0;

      offsets[i] = n_input;
      if (! parse_shape (given[i], &shapes[i], &n))
        return 2;
      n_input += n;
    }

  model = nr_model_load (argv[1], &error);
  if (model != NULL && nr_model_n_inputs (model) == g_strv_length (given))
    session = nr_session_new (model, shapes, &options, &error);
  if (session == NULL || ! g_file_get_contents (argv[2], &input, &n_given, &error) ||
      ! nr_shape_n_elements (nr_session_output_shape (session, 0), &n_output))
    {
      fprintf (stderr, "%s\n", error != NULL ? error->message : "it takes other inputs, or its output is too large");
      return 1;
    }

  if (n_given != n_input * sizeof (gfloat))
    {
      fprintf (stderr, "%s does not hold %" G_GSIZE_FORMAT " values\n", argv[2], n_input);
      return 1;
    }

  for (guint i = 0; given[i] != NULL; i++)
    inputs[i] = input + offsets[i] * sizeof (gfloat);
  output = g_malloc (n_output * sizeof (gfloat));
  run (session, inputs, output);
  if (! g_file_set_contents (argv[3], output, (gssize) (n_output * sizeof (gfloat)), &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }

  printf ("{\"macs\": %" G_GUINT64_FORMAT ", \"memory\": %" G_GSIZE_FORMAT ", \"level\": \"%s\"}\n",
          nr_session_n_macs (session), nr_session_memory (session), nr_cpu_level_name (nr_cpu_level ()));
  fflush (stdout);

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      printf ("%.4f\n", run (session, inputs, output));
      fflush (stdout);
    }

  return 0;
}
