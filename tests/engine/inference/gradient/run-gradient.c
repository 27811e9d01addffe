/* Runs a model there and back for tests in other languages, with 1, 2 and 3 threads, and checks that all give the same bytes
 * and that the memory a trainer takes is what was estimated.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: run-gradient MODEL LEVEL FOLDER SHAPE:INPUT...
 *
 * LEVEL: c, avx2 or avx512 (status 77 when the machine has less). SHAPE: 1x3x64x64. FOLDER has the gradients of the outputs,
 * seed-0, seed-1 ...; written into it are output-0 ..., input-0 ... and parameter-0 ..., the latter two gradients. All files
 * are float32 elements, nothing else. Prints "output SHAPE", "input SHAPE" or "parameter NAME SHAPE", a line each; an input
 * that the outputs do not depend on is left out.
 */

#include "nr-gradient.h"

#include <stdlib.h>
#include <string.h>

#include "../driver-arguments.h"

enum
{
  MAX_INPUTS  = 8,
  MAX_THREADS = 3,
  MISSING     = 77
};

typedef struct
{
  const gchar *folder;
  guint        threads;
} Run;

/* Writes KIND-I, or compares it with what one thread has written. */
static void
deliver (const Run *run, const gchar *kind, guint i, const gchar *name, const NrShape *shape, const gfloat *data)
{
  g_autofree gchar *path = g_strdup_printf ("%s/%s-%u", run->folder, kind, i);
  gsize             n;

  if (run->threads > 1)
    {
      g_autofree gchar *before = read_file (path, shape);

      g_assert_true (nr_shape_n_elements (shape, &n));
      if (memcmp (before, data, n * sizeof (gfloat)) != 0)
        g_error ("%s %u: %u threads give other bytes than 1", kind, i, run->threads);
      return;
    }

  g_assert_true (nr_shape_n_elements (shape, &n));
  g_assert_true (g_file_set_contents (path, (const gchar *) data, (gssize) (n * sizeof (gfloat)), NULL));
  g_print ("%s %u %s ", kind, i, name);
  print_shape (shape);
}

static void
fill_seed (const Run *run, NrTrainer *trainer, guint i)
{
  g_autofree gchar *path    = g_strdup_printf ("%s/seed-%u", run->folder, i);
  const NrShape    *shape   = nr_trainer_output_shape (trainer, i);
  g_autofree gchar *content = read_file (path, shape);
  gfloat           *seed    = nr_trainer_output_gradient (trainer, i);
  gsize             n;

  g_assert_true (nr_shape_n_elements (shape, &n));
  if (seed != NULL)
    memcpy (seed, content, n * sizeof (gfloat));
}

static void
there_and_back (const Run *run, NrModel *model, const NrShape *shapes, const void *const *inputs, NrCpuLevel level)
{
  NrTrainerOptions      options = { .threads                   = run->threads,
                                    .cpu_level                 = level,
                                    .wants_input_gradients     = TRUE,
                                    .wants_parameter_gradients = TRUE };
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrTrainer) trainer = nr_trainer_new (model, shapes, &options, &error);
  gsize                 estimate;

  if (trainer == NULL)
    g_error ("%s", error->message);

  g_assert_true (nr_trainer_estimate_memory (model, shapes, &options, &estimate, &error));
  g_assert_cmpuint (estimate, ==, nr_trainer_memory (trainer));

  if (! nr_trainer_forward (trainer, inputs, NULL, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < nr_model_n_outputs (model); i++)
    {
      fill_seed (run, trainer, i);
      deliver (run, "output", i, "-", nr_trainer_output_shape (trainer, i), nr_trainer_output (trainer, i));
    }

  if (! nr_trainer_backward (trainer, NULL, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < nr_model_n_inputs (model); i++)
    if (nr_trainer_input_gradient (trainer, i) != NULL)
      deliver (run, "input", i, nr_model_input_name (model, i), &shapes[i], nr_trainer_input_gradient (trainer, i));
  for (guint i = 0; i < nr_trainer_n_parameters (trainer); i++)
    deliver (run, "parameter", i, nr_trainer_parameter_name (trainer, i), nr_trainer_parameter_shape (trainer, i),
             nr_trainer_parameter_gradient (trainer, i));
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = NULL;
  NrShape             shapes[MAX_INPUTS];
  gchar              *inputs[MAX_INPUTS] = { NULL };
  NrCpuLevel          level;

  if (argc < 4 || argc > 4 + MAX_INPUTS)
    g_error ("usage: run-gradient MODEL LEVEL FOLDER SHAPE:INPUT...");

  level = parse_level (argv[2]);
  if (level > nr_cpu_level ())
    return MISSING;

  model = nr_model_load (argv[1], &error);
  if (model == NULL)
    g_error ("%s", error->message);

  for (int i = 4; i < argc; i++)
    inputs[i - 4] = read_input (argv[i], &shapes[i - 4]);

  for (guint threads = 1; threads <= MAX_THREADS; threads++)
    {
      const Run run = { argv[3], threads };

      there_and_back (&run, model, shapes, (const void *const *) inputs, level);
    }

  for (guint i = 0; i < MAX_INPUTS; i++)
    g_free (inputs[i]);
  return 0;
}
