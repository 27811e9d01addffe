/* Pictures, jobs and model packages for the tests of the picture level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "fixture.h"
#include "package-files.h"
#include "window.h"

static gchar *root, *installed, *user, *darktable;

/* -- Pictures ------------------------------------------------------------------------------------------------------ */

NrPicture *
fixture_picture (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight, guint32 seed)
{
  NrPicture        *picture = nr_picture_new (width, height, n_channels, has_alpha, has_weight);
  const gsize       plane   = (gsize) width * height;
  g_autoptr (GRand) rand    = g_rand_new_with_seed (seed);

  for (gint c = 0; c < n_channels; c++)
    {
      const gdouble fx = g_rand_double_range (rand, 0.02, 0.3);
      const gdouble fy = g_rand_double_range (rand, 0.02, 0.3);

      for (gsize i = 0; i < plane; i++)
        picture->color[c * plane + i] = 0.5 + 0.3 * sin (fx * (i % width)) * cos (fy * (i / width)) +
                                        g_rand_double_range (rand, -0.15, 0.15);
    }
  for (gsize i = 0; i < plane; i++)
    {
      if (has_alpha)
        picture->alpha[i] = 1;
      if (has_weight)
        picture->weight[i] = 1;
    }
  return picture;
}

NrPicture *
fixture_leaves (gint size, guint32 seed)
{
  NrPicture        *picture = nr_picture_new (size, size, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (seed);

  for (gint i = 0; i < 3000; i++)
    {
      const gdouble radius = 1 / sqrt (g_rand_double_range (rand, 1 / (120.0 * 120), 1 / (2.0 * 2)));
      const gdouble x      = g_rand_double_range (rand, 0, size);
      const gdouble y      = g_rand_double_range (rand, 0, size);
      const gdouble grey   = g_rand_double_range (rand, 0.1, 0.9);
      const gdouble tint   = g_rand_double_range (rand, -0.1, 0.1);

      for (gint v = MAX (0, ceil (y - radius)); v < MIN (size, y + radius); v++)
        for (gint u = MAX (0, ceil (x - radius)); u < MIN (size, x + radius); u++)
          if (hypot (u - x, v - y) < radius)
            for (gint c = 0; c < 3; c++)
              picture->color[(c * size + v) * size + u] = grey + (c - 1) * tint;
    }
  return picture;
}

NrPicture *
fixture_blurred (const NrPicture *picture, const NrBlur *blur)
{
  const gint        width   = picture->width;
  const gint        height  = picture->height;
  NrPicture        *spoiled = nr_picture_new (picture->width, picture->height, 3, FALSE, FALSE);
  g_autoptr (GRand) rand    = g_rand_new_with_seed (9);
  g_auto (NrKernel) kernel  = nr_blur_kernel (blur);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < height; y++)
      for (gint x = 0; x < width; x++)
        {
          const gfloat *plane = picture->color + c * width * height;
          gdouble       sum   = 0;

          for (guint i = 0; i < kernel.n_taps; i++)
            for (guint j = 0; j < (kernel.is_separable ? kernel.n_taps : 1); j++)
              for (gint sign = -1; sign <= 1; sign += 2)
                for (gint other = -1; other <= 1; other += 2)
                  {
                    const NrTap *tap    = &kernel.taps[i];
                    const gint   dx     = sign * tap->dx;
                    const gint   dy     = kernel.is_separable ? other * kernel.taps[j].dx : sign * tap->dy;
                    const gfloat weight = tap->weight * (kernel.is_separable ? kernel.taps[j].weight : 0.5);

                    sum += weight * plane[nr_window_mirror (y + dy, height) * width + nr_window_mirror (x + dx, width)];
                  }
          sum += blur->noise / 255 * sqrt (3) * g_rand_double_range (rand, -1, 1);
          spoiled->color[(c * height + y) * width + x] = CLAMP (rint (255 * sum), 0, 255) / 255;
        }
  return spoiled;
}

NrPicture *
fixture_picture_copy (const NrPicture *picture)
{
  NrPicture *copy   = nr_picture_new (picture->width, picture->height, picture->n_channels,
                                      picture->alpha != NULL, picture->weight != NULL);
  NrSource   source = nr_picture_source ((NrPicture *) picture);

  g_assert_true (source.read (source.data, 0, 0, copy, NULL));
  return copy;
}

void
fixture_assert_same (const NrPicture *a, const NrPicture *b)
{
  const gsize plane = (gsize) a->width * a->height * sizeof (gfloat);

  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  g_assert_cmpint (a->n_channels, ==, b->n_channels);
  g_assert_cmpmem (a->color, plane * a->n_channels, b->color, plane * b->n_channels);
  g_assert_true ((a->alpha != NULL) == (b->alpha != NULL));
  if (a->alpha)
    g_assert_cmpmem (a->alpha, plane, b->alpha, plane);
}

gdouble
fixture_difference (const NrPicture *a, const NrPicture *b)
{
  gdouble largest = 0;

  g_assert_cmpint (a->width, ==, b->width);
  g_assert_cmpint (a->height, ==, b->height);
  for (gsize i = 0; i < (gsize) a->width * a->height * a->n_channels; i++)
    {
      const gdouble difference = fabs ((gdouble) a->color[i] - b->color[i]);

      if (! (difference <= largest)) /* NaN is a difference */
        largest = difference;
    }
  return largest;
}

NrPicture *
fixture_run (const NrArguments *arguments, NrPicture *picture, const NrRect *region, GError **error)
{
  const NrSource        source = nr_picture_source (picture);
  g_autoptr (NrPicture) result = NULL;
  NrSink                sink;
  gint                  width, height;

  nr_restore_result_size (arguments, region ? region->width : picture->width, region ? region->height : picture->height,
                          &width, &height);
  result = nr_picture_new (width, height, picture->n_channels, picture->alpha != NULL, FALSE);
  sink   = nr_picture_sink (result);
  if (! nr_restore_run (arguments, &source, region, &sink, NULL, NULL, NULL, NULL, error))
    return NULL;
  return g_steal_pointer (&result);
}

NrPicture *
fixture_run_or_fail (const NrArguments *arguments, NrPicture *picture, const NrRect *region)
{
  g_autoptr (GError) error  = NULL;
  NrPicture         *result = fixture_run (arguments, picture, region, &error);

  g_assert_no_error (error);
  g_assert_nonnull (result);
  return result;
}

/* -- Folders ------------------------------------------------------------------------------------------------------- */

void
fixture_init (void)
{
  g_autofree gchar *data = NULL;

  root      = g_dir_make_tmp ("neural-restore-test-XXXXXX", NULL);
  data      = g_build_filename (root, "data", NULL);
  installed = g_build_filename (root, "weights", NULL);
  user      = g_build_filename (data, "neural-restore", "models", NULL);
  darktable = g_build_filename (data, "darktable", "models", NULL);
  g_assert_cmpint (g_mkdir_with_parents (installed, 0755), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (user, 0755), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (darktable, 0755), ==, 0);
  g_setenv ("XDG_DATA_HOME", data, TRUE);
  g_setenv ("NEURAL_RESTORE_WEIGHTS", installed, TRUE);
}

void
fixture_clear (void)
{
  g_assert_true (nr_package_files_delete (root, NULL));
  g_clear_pointer (&root, g_free);
  g_clear_pointer (&installed, g_free);
  g_clear_pointer (&user, g_free);
  g_clear_pointer (&darktable, g_free);
}

const gchar *
fixture_installed_folder (void)
{
  return installed;
}

const gchar *
fixture_user_folder (void)
{
  return user;
}

const gchar *
fixture_darktable_folder (void)
{
  return darktable;
}

/* -- Networks ------------------------------------------------------------------------------------------------------ */

static void
add_picture_input (NrOnnx__Model *model, FixtureNetwork network)
{
  if (network == FIXTURE_FIXED || network == FIXTURE_FIXED_GLOBAL)
    nr_builder_input (model, "input", 1, 4, (const gint64[]) { 1, 3, 48, 64 });
  else if (network == FIXTURE_LATENT)
    nr_builder_input (model, "input", 1, 2, (const gint64[]) { -1, 8 });
  else
    nr_builder_input (model, "input", 1, 4, (const gint64[]) { 1, 3, -1, -1 });
}

/* Seeded weights of a convolution named NAME, in total weight about 1 for each output. */
static void
add_weights (NrOnnx__Model *model, const gchar *name, gint64 outputs, gint64 inputs, gint64 size, guint32 seed)
{
  const gint64       dims[] = { outputs, inputs, size, size };
  const gsize        n      = outputs * inputs * size * size;
  g_autofree gfloat *data   = g_new (gfloat, n);
  g_autoptr (GRand)  rand   = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < n; i++)
    data[i] = g_rand_double_range (rand, -1, 3) / (inputs * size * size);
  nr_builder_f32 (model, name, 4, dims, data);
}

static void
add_conv (NrOnnx__Model *model, const gchar *input, const gchar *output, gint64 outputs, gint64 inputs, gint64 size, gint64 stride, gint64 pad)
{
  g_autofree gchar *weights     = g_strconcat (output, ".weight", NULL);
  g_autofree gchar *inputs_text = g_strconcat (input, " ", weights, NULL);
  NrOnnx__Node     *node;

  add_weights (model, weights, outputs, inputs, size, g_str_hash (output));
  node = nr_builder_node (model, "Conv", inputs_text, output);
  nr_builder_ints (node, "kernel_shape", 2, (const gint64[]) { size, size });
  nr_builder_ints (node, "strides", 2, (const gint64[]) { stride, stride });
  nr_builder_ints (node, "pads", 4, (const gint64[]) { pad, pad, pad, pad });
}

static void
build_invert (NrOnnx__Model *model)
{
  nr_builder_f32 (model, "one", 1, (const gint64[]) { 1 }, (const gfloat[]) { 1 });
  nr_builder_node (model, "Sub", "one input", "output");
}

static void
build_blur (NrOnnx__Model *model)
{
  add_conv (model, "input", "a", 8, 3, 3, 1, 1);
  nr_builder_node (model, "Relu", "a", "b");
  add_conv (model, "b", "c", 8, 8, 3, 1, 1);
  add_conv (model, "c", "output", 3, 8, 3, 1, 1);
}

static void
build_strided (NrOnnx__Model *model)
{
  NrOnnx__Node *up;

  add_conv (model, "input", "a", 8, 3, 2, 2, 0);
  add_conv (model, "a", "b", 8, 8, 3, 1, 1);
  add_weights (model, "up.weight", 8, 3, 2, 7);
  up = nr_builder_node (model, "ConvTranspose", "b up.weight", "c");
  nr_builder_ints (up, "kernel_shape", 2, (const gint64[]) { 2, 2 });
  nr_builder_ints (up, "strides", 2, (const gint64[]) { 2, 2 });
  nr_builder_node (model, "Add", "c input", "output");
}

static void
build_sigma (NrOnnx__Model *model)
{
  nr_builder_input (model, "sigma", 1, 4, (const gint64[]) { 1, 1, -1, -1 });
  nr_builder_f32 (model, "zero", 1, (const gint64[]) { 1 }, (const gfloat[]) { 0 });
  nr_builder_node (model, "Mul", "input zero", "nothing");
  nr_builder_node (model, "Add", "nothing sigma", "output");
}

/* Red and blue: the first plane of the second input, green: the second one. */
static void
build_sharpened (NrOnnx__Model *model)
{
  const gfloat  weights[] = { 1, 0, 0, 1, 1, 0 };
  NrOnnx__Node *node;

  nr_builder_input (model, "sharpened", 1, 4, (const gint64[]) { 1, 2, -1, -1 });
  nr_builder_f32 (model, "zero", 1, (const gint64[]) { 1 }, (const gfloat[]) { 0 });
  nr_builder_f32 (model, "weight", 4, (const gint64[]) { 3, 2, 1, 1 }, weights);
  nr_builder_node (model, "Mul", "input zero", "nothing");
  node = nr_builder_node (model, "Conv", "sharpened weight", "planes");
  nr_builder_ints (node, "kernel_shape", 2, (const gint64[]) { 1, 1 });
  nr_builder_node (model, "Add", "nothing planes", "output");
}

static void
build_global (NrOnnx__Model *model)
{
  nr_builder_f32 (model, "one", 1, (const gint64[]) { 1 }, (const gfloat[]) { 1 });
  nr_builder_f32 (model, "half", 1, (const gint64[]) { 1 }, (const gfloat[]) { 0.5f });
  nr_builder_node (model, "GlobalAveragePool", "input", "mean");
  nr_builder_node (model, "Add", "mean one", "more");
  nr_builder_node (model, "Mul", "more half", "gain");
  nr_builder_node (model, "Mul", "input gain", "output");
}

/* Nearest neighbour by a 1x1 convolution and a pixel shuffle. */
static void
build_enlarge (NrOnnx__Model *model, gint64 scale)
{
  const gint64       dims[]  = { 3 * scale * scale, 3, 1, 1 };
  g_autofree gfloat *weights = g_new0 (gfloat, dims[0] * 3);
  NrOnnx__Node      *node;

  for (gint64 i = 0; i < dims[0]; i++)
    weights[i * 3 + i / (scale * scale)] = 1;
  nr_builder_f32 (model, "weight", 4, dims, weights);
  node = nr_builder_node (model, "Conv", "input weight", "wide");
  nr_builder_ints (node, "kernel_shape", 2, (const gint64[]) { 1, 1 });
  node = nr_builder_node (model, "DepthToSpace", "wide", "output");
  nr_builder_int (node, "blocksize", scale);
  nr_builder_string (node, "mode", "CRD");
}

static void
build_slow (NrOnnx__Model *model)
{
  const gchar *names[] = { "a", "b", "c", "d", "e", "f" };

  add_conv (model, "input", "a", 96, 3, 3, 1, 1);
  for (guint i = 0; i + 1 < G_N_ELEMENTS (names); i++)
    add_conv (model, names[i], names[i + 1], 96, 96, 3, 1, 1);
  add_conv (model, "f", "output", 3, 96, 3, 1, 1);
}

GBytes *
fixture_network (FixtureNetwork network)
{
  NrOnnx__Model *model = nr_builder_new (17);
  GBytes        *bytes;

  add_picture_input (model, network);
  switch (network)
    {
    case FIXTURE_COPY:
    case FIXTURE_LATENT:
      nr_builder_node (model, "Identity", "input", "output");
      break;
    case FIXTURE_INVERT:
      build_invert (model);
      break;
    case FIXTURE_BLUR:
    case FIXTURE_FIXED:
      build_blur (model);
      break;
    case FIXTURE_STRIDED:
      build_strided (model);
      break;
    case FIXTURE_SIGMA:
      build_sigma (model);
      break;
    case FIXTURE_SHARPENED:
      build_sharpened (model);
      break;
    case FIXTURE_GLOBAL:
    case FIXTURE_FIXED_GLOBAL:
      build_global (model);
      break;
    case FIXTURE_ENLARGE2:
      build_enlarge (model, 2);
      break;
    case FIXTURE_ENLARGE3:
      build_enlarge (model, 3);
      break;
    case FIXTURE_SLOW:
      build_slow (model);
      break;
    }
  nr_builder_output (model, "output");
  bytes = nr_builder_pack (model);
  nr_builder_free (model);
  return bytes;
}

void
fixture_write_package (const gchar *folder, const gchar *id, const gchar *task, gint n_inputs, const gchar *attributes, const gchar *file, FixtureNetwork network)
{
  g_autofree gchar  *path        = g_build_filename (folder, id, NULL);
  g_autofree gchar  *config_path = g_build_filename (path, "config.json", NULL);
  g_autofree gchar  *model_path  = g_build_filename (path, file, NULL);
  g_autofree gchar  *config      = NULL;
  g_autoptr (GBytes) bytes       = fixture_network (network);

  config = g_strdup_printf ("{\"id\": \"%s\", \"name\": \"%s\", \"description\": \"a test\", \"task\": \"%s\", "
                            "\"backend\": \"onnx\", \"version\": \"1.0\", \"num_inputs\": %d, \"attributes\": %s}",
                            id, id, task, n_inputs, attributes ? attributes : "{}");
  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
  g_assert_true (g_file_set_contents (config_path, config, -1, NULL));
  g_assert_true (g_file_set_contents (model_path, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), NULL));
}
