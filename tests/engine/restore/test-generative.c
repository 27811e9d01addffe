/* Completion by a generator: it finds the picture that was there, keeps what is known, can stop; packages.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"

enum
{
  SIDE    = 16,
  N_MADE  = 3 * SIDE * SIDE,
  NUMBERS = 2
};

/* Each number stands for a ramp, one across and one down. */
static gfloat
basis (gint number, gint i)
{
  const gint x = i % SIDE;
  const gint y = i / SIDE % SIDE;

  return ((number == 0 ? x : y) - (SIDE - 1) / 2.0) / SIDE;
}

/* tanh (z B), as pictures. */
static GBytes *
make_generator (void)
{
  const gint64   z_dims[]     = { -1, NUMBERS };
  const gint64   basis_dims[] = { NUMBERS, N_MADE };
  const gint64   four[]       = { 4 };
  const gint64   shape[]      = { -1, 3, SIDE, SIDE };
  NrOnnx__Model *model        = nr_builder_new (17);
  gfloat         values[NUMBERS * N_MADE];
  GBytes        *bytes;

  for (gint i = 0; i < NUMBERS * N_MADE; i++)
    values[i] = basis (i / N_MADE, i % N_MADE);
  nr_builder_input (model, "z", 1, 2, z_dims);
  nr_builder_f32 (model, "basis", 2, basis_dims, values);
  nr_builder_i64 (model, "shape", 1, four, shape);
  nr_builder_node (model, "MatMul", "z basis", "flat");
  nr_builder_node (model, "Tanh", "flat", "bounded");
  nr_builder_node (model, "Reshape", "bounded shape", "image");
  nr_builder_output (model, "image");
  bytes = nr_builder_pack (model);
  nr_builder_free (model);
  return bytes;
}

/* The same doubt about every picture but for its brightness. */
static GBytes *
make_discriminator (void)
{
  const gint64   image_dims[]  = { -1, 3, SIDE, SIDE };
  const gint64   weight_dims[] = { N_MADE, 1 };
  const gint64   two[]         = { 2 };
  const gint64   shape[]       = { -1, N_MADE };
  NrOnnx__Model *model         = nr_builder_new (17);
  gfloat         values[N_MADE];
  GBytes        *bytes;

  for (gint i = 0; i < N_MADE; i++)
    values[i] = 1e-3f;
  nr_builder_input (model, "image", 1, 4, image_dims);
  nr_builder_f32 (model, "weights", 2, weight_dims, values);
  nr_builder_i64 (model, "shape", 1, two, shape);
  nr_builder_node (model, "Reshape", "image shape", "flat");
  nr_builder_node (model, "MatMul", "flat weights", "logit");
  nr_builder_node (model, "Sigmoid", "logit", "probability");
  nr_builder_output (model, "probability");
  bytes = nr_builder_pack (model);
  nr_builder_free (model);
  return bytes;
}

static void
write_file (const gchar *folder, const gchar *name, GBytes *bytes)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL));
}

static void
write_package (const gchar *id, GBytes *generator, GBytes *discriminator)
{
  g_autofree gchar  *folder = g_build_filename (fixture_installed_folder (), id, NULL);
  g_autofree gchar  *text   = g_strdup_printf ("{\"id\": \"%s\", \"name\": \"Ramps\", \"task\": \"fill\", \"backend\": \"onnx\", \"version\": \"1\"}", id);
  g_autoptr (GBytes) config = g_bytes_new (text, strlen (text));

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  write_file (folder, "config.json", config);
  write_file (folder, "generator.onnx", generator);
  write_file (folder, "discriminator.onnx", discriminator);
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* What the generator makes of Z, ENLARGED times as large, with a black hole of half its side in the middle. */
static NrPicture *
damaged_ramps (const gfloat z[NUMBERS], gint enlarged, NrPicture **whole)
{
  const gint  side    = SIDE * enlarged;
  const gsize plane   = (gsize) side * side;
  NrPicture  *picture = nr_picture_new (side, side, 3, FALSE, TRUE);

  for (gsize i = 0; i < 3 * plane; i++)
    {
      const gint x = i % side / enlarged;
      const gint y = i / side % side / enlarged;

      picture->color[i] = 0.5 + 0.5 * tanh (z[0] * basis (0, y * SIDE + x) + z[1] * basis (1, y * SIDE + x));
    }
  *whole = fixture_picture_copy (picture);
  for (gsize i = 0; i < 3 * plane; i++)
    {
      const gint x = i % side;
      const gint y = i / side % side;

      if (MIN (x, y) < side / 4 || MAX (x, y) >= side - side / 4)
        continue;
      picture->color[i]          = 0;
      picture->weight[i % plane] = 1;
    }
  return picture;
}

typedef struct
{
  guint         stop_after, n_progress;
  GCancellable *trigger;
} Watch;

static void
progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  Watch *watch = data;

  if (++watch->n_progress == watch->stop_after)
    g_cancellable_cancel (watch->trigger);
}

static void
init_arguments (NrArguments *arguments)
{
  nr_arguments_init (arguments, NR_TASK_FILL);
  arguments->method = "generative";
  arguments->model  = "ramps";
}

static const gfloat truth[NUMBERS] = { 0.8f, -0.5f };

static void
test_finds_it (void)
{
  for (gint enlarged = 1; enlarged <= 3; enlarged += 2)
    {
      g_autoptr (NrPicture) whole   = NULL;
      g_autoptr (NrPicture) picture = damaged_ramps (truth, enlarged, &whole);
      g_autoptr (NrPicture) result  = NULL;
      g_autoptr (GError)    error   = NULL;
      const gsize           plane   = (gsize) picture->width * picture->height;
      NrArguments           arguments;

      init_arguments (&arguments);
      arguments.iterations = 200;
      result               = fixture_run (&arguments, picture, NULL, &error);
      g_assert_no_error (error);
      for (gsize i = 0; i < 3 * plane; i++)
        if (picture->weight[i % plane] > 0)
          g_assert_cmpfloat_with_epsilon (result->color[i], whole->color[i], 0.03);
        else
          g_assert_cmpmem (&result->color[i], sizeof (gfloat), &whole->color[i], sizeof (gfloat));
    }
}

/* One seed, one result, whatever the threads; after a single iteration another seed is elsewhere. */
static void
test_threads_and_seed (void)
{
  g_autoptr (NrPicture) whole   = NULL;
  g_autoptr (NrPicture) picture = damaged_ramps (truth, 1, &whole);
  g_autoptr (NrPicture) one     = NULL;
  g_autoptr (NrPicture) three   = NULL;
  g_autoptr (NrPicture) other   = NULL;
  NrArguments           arguments;

  init_arguments (&arguments);
  arguments.iterations = 1;
  arguments.threads    = 1;
  one                  = fixture_run (&arguments, picture, NULL, NULL);
  arguments.threads    = 3;
  three                = fixture_run (&arguments, picture, NULL, NULL);
  arguments.seed       = 7;
  other                = fixture_run (&arguments, picture, NULL, NULL);
  fixture_assert_same (one, three);
  g_assert_cmpfloat (fixture_difference (one, other), >, 1e-4);
}

static gboolean
run_watched (gboolean is_stop, GError **error)
{
  g_autoptr (NrPicture)    whole   = NULL;
  g_autoptr (NrPicture)    picture = damaged_ramps (truth, 1, &whole);
  g_autoptr (NrPicture)    result  = nr_picture_new (SIDE, SIDE, 3, FALSE, FALSE);
  g_autoptr (GCancellable) trigger = g_cancellable_new ();
  const NrSource           source  = nr_picture_source (picture);
  const NrSink             sink    = nr_picture_sink (result);
  Watch                    watch   = { .stop_after = 30, .trigger = trigger };
  NrArguments              arguments;

  init_arguments (&arguments);
  arguments.iterations = 100000;
  arguments.stop       = is_stop ? trigger : NULL;
  return nr_restore_run (&arguments, &source, NULL, &sink, progress, &watch, is_stop ? NULL : trigger, NULL, error);
}

static void
test_stop_and_cancel (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (run_watched (TRUE, NULL));
  g_assert_false (run_watched (FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* -- Packages ------------------------------------------------------------------------------------------------------ */

static void
refuse (const gchar *model, NrRestoreError code, const gchar *word)
{
  g_autoptr (NrPicture) whole   = NULL;
  g_autoptr (NrPicture) picture = damaged_ramps (truth, 1, &whole);
  g_autoptr (GError)    error   = NULL;
  NrArguments           arguments;

  init_arguments (&arguments);
  arguments.model = model;
  g_assert_null (fixture_run (&arguments, picture, NULL, &error));
  g_assert_error (error, NR_RESTORE_ERROR, (gint) code);
  if (! strstr (error->message, word))
    g_error ("no '%s' in: %s", word, error->message);
}

static void
test_bad_models (void)
{
  refuse ("nothing", NR_RESTORE_ERROR_ARGUMENT, "'ramps'");
  refuse ("swapped", NR_RESTORE_ERROR_PACKAGE, "generator.onnx must");
}

int
main (int argc, char **argv)
{
  g_autoptr (GBytes) generator     = make_generator ();
  g_autoptr (GBytes) discriminator = make_discriminator ();
  int                status;

  g_test_init (&argc, &argv, NULL);
  fixture_init ();
  write_package ("ramps", generator, discriminator);
  write_package ("swapped", discriminator, generator);

  g_test_add_func ("/restore/generative/finds-what-was-there", test_finds_it);
  g_test_add_func ("/restore/generative/threads-change-nothing-and-the-seed-does", test_threads_and_seed);
  g_test_add_func ("/restore/generative/stop-keeps-cancel-throws-away", test_stop_and_cancel);
  g_test_add_func ("/restore/generative/bad-models-are-refused", test_bad_models);

  status = g_test_run ();
  fixture_clear ();
  return status;
}
