/* Runs one network again and again on request, for bench.py.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: run-network MODEL.onnx INPUT.f32 OUTPUT.f32 THREADS CHANNELS HEIGHT WIDTH
 *
 * Plans the network, runs it once on INPUT (raw float32) and writes OUTPUT, prints one line of JSON about itself. Then each
 * line on standard input is answered with the milliseconds of one more run.
 */

#include "nr-inference.h"

#include <stdio.h>
#include <stdlib.h>

static gdouble
run (NrSession *session, const void *input, void *output)
{
  g_autoptr (GError) error = NULL;
  const gint64       start = g_get_monotonic_time ();

  if (! nr_session_run (session, &input, &output, NULL, NULL, NULL, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      exit (1);
    }

  return (g_get_monotonic_time () - start) / 1000.0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrModel)   model   = NULL;
  g_autoptr (NrSession) session = NULL;
  g_autofree gchar     *input   = NULL;
  g_autofree gchar     *output  = NULL;
  gsize                 n_input, n_output, n_given;
  gchar                 line[64];

  if (argc != 8)
    {
      fprintf (stderr, "usage: run-network MODEL.onnx INPUT.f32 OUTPUT.f32 THREADS CHANNELS HEIGHT WIDTH\n");
      return 2;
    }

  const NrSessionOptions options = { (guint) atoi (argv[4]), NR_CPU_AVX512, 0 };
  const NrShape          shape   = { NR_TYPE_FLOAT32, 4, { 1, atoi (argv[5]), atoi (argv[6]), atoi (argv[7]) } };

  model = nr_model_load (argv[1], &error);
  if (model != NULL)
    session = nr_session_new (model, &shape, &options, &error);
  if (session == NULL || ! g_file_get_contents (argv[2], &input, &n_given, &error) ||
      ! nr_shape_n_elements (&shape, &n_input) ||
      ! nr_shape_n_elements (nr_session_output_shape (session, 0), &n_output))
    {
      fprintf (stderr, "%s\n", error != NULL ? error->message : "too large");
      return 1;
    }

  if (n_given != n_input * sizeof (gfloat))
    {
      fprintf (stderr, "%s does not hold %" G_GSIZE_FORMAT " values\n", argv[2], n_input);
      return 1;
    }

  output = g_malloc (n_output * sizeof (gfloat));
  run (session, input, output);
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
      printf ("%.4f\n", run (session, input, output));
      fflush (stdout);
    }

  return 0;
}
