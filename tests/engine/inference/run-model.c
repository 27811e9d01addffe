/* Runs a model for tests in other languages, with 1, 2 and 3 threads, and checks that all give the same bytes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: run-model MODEL LEVEL OUTPUT SHAPE:INPUT...
 *
 * LEVEL: c, avx2 or avx512 (status 77 when the machine has less). SHAPE: 1x3x64x64. INPUT and OUTPUT: float32 elements,
 * nothing else. Prints the shape of output 0 as SHAPE.
 */

#include <stdlib.h>
#include <string.h>

#include "driver-arguments.h"

enum
{
  MAX_INPUTS  = 8,
  MAX_THREADS = 3,
  MISSING     = 77
};

/* Output 0 with so many threads; the caller frees it. */
static gchar *
run (NrModel *model, const NrShape *shapes, const void *const *inputs, NrCpuLevel level, guint threads, NrShape *shape)
{
  NrSessionOptions      options             = { .threads = threads, .cpu_level = level };
  g_autoptr (GError)    error               = NULL;
  g_autoptr (NrSession) session             = nr_session_new (model, shapes, &options, &error);
  gpointer              outputs[MAX_INPUTS] = { NULL };
  gsize                 n, estimate;

  if (session == NULL)
    g_error ("%s", error->message);

  *shape = *nr_session_output_shape (session, 0);
  g_assert_true (nr_shape_n_elements (shape, &n));
  outputs[0] = g_malloc (n * sizeof (gfloat));

  if (! nr_session_run (session, inputs, outputs, NULL, NULL, NULL, &error))
    g_error ("%s", error->message);

  g_assert_true (nr_session_estimate_memory (model, shapes, &options, &estimate, &error));
  g_assert_cmpuint (estimate, ==, nr_session_memory (session));
  return outputs[0];
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = NULL;
  NrShape             shapes[MAX_INPUTS], shape;
  const void         *inputs[MAX_INPUTS];
  NrCpuLevel          level;
  gchar              *results[MAX_THREADS];
  gsize               n;

  if (argc < 5 || argc > 4 + MAX_INPUTS)
    g_error ("usage: run-model MODEL LEVEL OUTPUT SHAPE:INPUT...");

  level = parse_level (argv[2]);
  if (level > nr_cpu_level ())
    return MISSING;

  model = nr_model_load (argv[1], &error);
  if (model == NULL)
    g_error ("%s", error->message);

  for (int i = 4; i < argc; i++)
    inputs[i - 4] = read_input (argv[i], &shapes[i - 4]);

  for (guint i = 0; i < MAX_THREADS; i++)
    {
      results[i] = run (model, shapes, inputs, level, i + 1, &shape);
      g_assert_true (nr_shape_n_elements (&shape, &n));
      if (memcmp (results[0], results[i], n * sizeof (gfloat)) != 0)
        g_error ("%u threads give other bytes than 1", i + 1);
    }

  g_assert_true (g_file_set_contents (argv[3], results[0], n * sizeof (gfloat), NULL));
  print_shape (&shape);
  return 0;
}
