/* Trains one network again and again on request, for bench.py.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Usage: train-network MODEL.onnx INPUT.f32 GRADIENTS.f32 THREADS SHAPE
 *
 * SHAPE is the input's, as in 1x32x256x256. An iteration is a forward, the mean squared error against 0.5, a backward and a step of Adam. The first one's gradients are
 * written to GRADIENTS, parameter by parameter in the order of their names, and a line of JSON about itself is printed, with
 * the resident memory before anything was allocated. Then each line on standard input is answered with the milliseconds of one
 * more iteration.
 */

#include "nr-gradient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  NrTrainer     *trainer;
  NrAdam        *adam;
  gfloat       **values;
  const gfloat **gradients;
  const void    *input;
  gfloat        *target;
  gsize          n_output;
} Training;

static gsize
resident_bytes (void)
{
  g_autofree gchar *text  = NULL;
  gsize             pages = 0;

  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    {
      const gchar *second = strchr (text, ' ');

      pages = second != NULL ? (gsize) g_ascii_strtoull (second, NULL, 10) : 0;
    }
  return pages * (gsize) sysconf (_SC_PAGESIZE);
}

static void
fail (const GError *error, const gchar *otherwise)
{
  fprintf (stderr, "%s\n", error != NULL ? error->message : otherwise);
  exit (1);
}

static NrShape
parse_shape (const gchar *text)
{
  g_auto (GStrv) dims  = g_strsplit (text, "x", NR_MAX_RANK);
  NrShape        shape = { .type = NR_TYPE_FLOAT32 };

  for (; dims[shape.rank] != NULL; shape.rank++)
    shape.dims[shape.rank] = g_ascii_strtoll (dims[shape.rank], NULL, 10);
  return shape;
}

static gdouble
iterate (Training *t)
{
  g_autoptr (GError) error = NULL;
  NrPool            *pool  = nr_trainer_pool (t->trainer);
  const gint64       start = g_get_monotonic_time ();

  if (! nr_trainer_forward (t->trainer, &t->input, NULL, &error))
    fail (error, NULL);
  nr_loss_mse (pool, nr_trainer_output (t->trainer, 0), t->target, NULL, t->n_output, nr_trainer_output_gradient (t->trainer, 0));
  if (! nr_trainer_backward (t->trainer, NULL, &error))
    fail (error, NULL);
  nr_adam_step (t->adam, pool, t->values, t->gradients);

  return (g_get_monotonic_time () - start) / 1000.0;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar *const *) a, *(const gchar *const *) b);
}

static void
append_gradient (GByteArray *bytes, NrTrainer *trainer, const gchar *name)
{
  guint i = 0;
  gsize n;

  while (! g_str_equal (nr_trainer_parameter_name (trainer, i), name))
    i++;
  nr_trainer_parameter (trainer, i, &n);
  g_byte_array_append (bytes, (const guint8 *) nr_trainer_parameter_gradient (trainer, i), (guint) (n * sizeof (gfloat)));
}

static void
write_gradients (NrTrainer *trainer, const gchar *path)
{
  g_autoptr (GPtrArray)  names = g_ptr_array_new ();
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError)     error = NULL;

  for (guint i = 0; i < nr_trainer_n_parameters (trainer); i++)
    g_ptr_array_add (names, (gpointer) nr_trainer_parameter_name (trainer, i));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    append_gradient (bytes, trainer, g_ptr_array_index (names, i));

  if (! g_file_set_contents (path, (const gchar *) bytes->data, (gssize) bytes->len, &error))
    fail (error, NULL);
}

static void
prepare (Training *t)
{
  const NrAdamOptions adam       = { 0.01, 0.9, 0.999, 1e-8 };
  const guint         n          = nr_trainer_n_parameters (t->trainer);
  g_autofree gsize   *n_elements = g_new (gsize, n);

  t->values    = g_new (gfloat *, n);
  t->gradients = g_new (const gfloat *, n);
  for (guint i = 0; i < n; i++)
    {
      t->values[i]    = nr_trainer_parameter (t->trainer, i, &n_elements[i]);
      t->gradients[i] = nr_trainer_parameter_gradient (t->trainer, i);
    }
  t->adam = nr_adam_new (&adam, n, n_elements);

  nr_shape_n_elements (nr_trainer_output_shape (t->trainer, 0), &t->n_output);
  t->target = g_new (gfloat, t->n_output);
  for (gsize i = 0; i < t->n_output; i++)
    t->target[i] = 0.5f;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = NULL;
  g_autofree gchar   *input = NULL;
  Training            t     = { 0 };
  gsize               n_input, n_given, before;
  gchar               line[64];

  if (argc != 6)
    {
      fprintf (stderr, "usage: train-network MODEL.onnx INPUT.f32 GRADIENTS.f32 THREADS SHAPE\n");
      return 2;
    }

  const NrTrainerOptions options = { (guint) atoi (argv[4]), NR_CPU_AVX512, 0, FALSE, TRUE };
  const NrShape          shape   = parse_shape (argv[5]);

  model = nr_model_load (argv[1], &error);
  if (model == NULL || ! g_file_get_contents (argv[2], &input, &n_given, &error))
    fail (error, NULL);
  if (! nr_shape_n_elements (&shape, &n_input) || n_given != n_input * sizeof (gfloat))
    fail (NULL, "the input has another size");

  before    = resident_bytes ();
  t.input   = input;
  t.trainer = nr_trainer_new (model, &shape, &options, &error);
  if (t.trainer == NULL)
    fail (error, NULL);
  prepare (&t);

  iterate (&t);
  write_gradients (t.trainer, argv[3]);
  printf ("{\"macs\": %" G_GUINT64_FORMAT ", \"memory\": %" G_GSIZE_FORMAT ", \"before\": %" G_GSIZE_FORMAT ", \"level\": \"%s\"}\n",
          nr_trainer_n_macs (t.trainer), nr_trainer_memory (t.trainer), before, nr_cpu_level_name (nr_cpu_level ()));
  fflush (stdout);

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      printf ("%.4f\n", iterate (&t));
      fflush (stdout);
    }

  nr_adam_free (t.adam);
  nr_trainer_free (t.trainer);
  g_free (t.values);
  g_free (t.gradients);
  g_free (t.target);
  return 0;
}
