/* Convolution with small kernels against the plain sum in double.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "convolve.h"
#include "fixture.h"
#include "window.h"

enum
{
  WIDTH  = 37,
  HEIGHT = 29
};

typedef struct
{
  NrFilter        filter; /* first */
  const NrKernel *kernel;
} Filter;

static void
store_row (gint y, gfloat *sums, gpointer data)
{
  for (gint x = 0; x < WIDTH; x++)
    ((gfloat *) data)[y * WIDTH + x] = sums[x];
}

static gboolean
filter_run (const NrFilter  *filter,
            const NrPicture *input,
            const NrRect    *known,
            NrPicture       *output,
            NrFilterWork    *work,
            GError         **error)
{
  g_autofree gfloat *scratch = g_new (gfloat, WIDTH * HEIGHT);
  const gsize        plane   = WIDTH * HEIGHT;

  for (gint c = 0; c < 3; c++)
    if (! nr_convolve (((const Filter *) filter)->kernel, input->color + c * plane, scratch, WIDTH, HEIGHT, store_row,
                       output->color + c * plane, work, 1.0 / 3, error))
      return FALSE;
  return TRUE;
}

static guint64
filter_memory (const NrFilter *filter, gint width, gint height, guint n_threads)
{
  return 0;
}

/* PICTURE convolved, through the frame of the methods. */
static NrPicture *
run_convolve (const NrKernel *kernel, NrPicture *picture)
{
  const Filter   filter = { { .high = 1, .work = 1, .run = filter_run, .memory = filter_memory }, kernel };
  NrPicture     *result = nr_picture_new (WIDTH, HEIGHT, 3, FALSE, FALSE);
  const NrSource source = nr_picture_source (picture);
  const NrSink   sink   = nr_picture_sink (result);
  NrReport       report = { 0 };
  NrArguments    arguments;
  NrJob          job;

  nr_arguments_init (&arguments, NR_TASK_DEBLUR);
  job = (NrJob) {
    .arguments = &arguments,
    .source    = &source,
    .region    = { 0, 0, WIDTH, HEIGHT },
    .sink      = &sink,
    .memory    = 64 << 20,
    .report    = &report,
  };
  g_assert_true (nr_filter_run (&filter.filter, &job, 0, NULL));
  return result;
}

typedef gdouble (*TapFunc) (gdouble size, gint x, gint y);

static gdouble
gaussian_tap (gdouble sigma, gint x, gint y)
{
  const gint radius = ceil (4 * sigma);

  return ABS (x) > radius || ABS (y) > radius ? 0 : exp (-(x * x + y * y) / (2 * sigma * sigma));
}

static gdouble
disc_tap (gdouble radius, gint x, gint y)
{
  return CLAMP (radius + 0.5 - hypot (x, y), 0, 1);
}

static gdouble
slow_sum (TapFunc tap, gdouble size, gint radius, const gfloat *plane, gint x, gint y)
{
  gdouble sum = 0, total = 0;

  for (gint j = -radius; j <= radius; j++)
    for (gint i = -radius; i <= radius; i++)
      {
        sum += tap (size, i, j) * plane[nr_window_mirror (y + j, HEIGHT) * WIDTH + nr_window_mirror (x + i, WIDTH)];
        total += tap (size, i, j);
      }
  return sum / total;
}

static void
check_kernel (const NrKernel *kernel, TapFunc tap, gdouble size)
{
  g_autoptr (NrPicture) picture = fixture_picture (WIDTH, HEIGHT, 3, FALSE, FALSE, 1);
  g_autoptr (NrPicture) result  = NULL;

  picture->color[15 * WIDTH + 20] = 0.95f; /* something sharp in it */
  result                          = run_convolve (kernel, picture);
  for (gint y = 0; y < HEIGHT; y++)
    for (gint x = 0; x < WIDTH; x++)
      /* Single precision in sums of up to some hundred terms. */
      g_assert_cmpfloat_with_epsilon (result->color[y * WIDTH + x],
                                      slow_sum (tap, size, kernel->radius + 1, picture->color, x, y), 2e-6);
}

static void
test_gaussian (void)
{
  static const gdouble sigmas[] = { 0.3, 1, 2.5, 11 }; /* the last one is wider than the plane */

  for (guint i = 0; i < G_N_ELEMENTS (sigmas); i++)
    {
      g_auto (NrKernel) kernel = nr_kernel_gaussian (sigmas[i]);

      check_kernel (&kernel, gaussian_tap, sigmas[i]);
    }
}

static void
test_disc (void)
{
  static const gdouble radii[] = { 0.2, 1, 3.7, 9.5, 20 };

  for (guint i = 0; i < G_N_ELEMENTS (radii); i++)
    {
      g_auto (NrKernel) kernel = nr_kernel_disc (radii[i]);

      check_kernel (&kernel, disc_tap, radii[i]);
    }
}

/* The four pixels around every point of the way share it, in the kernel and here. */
static gdouble
motion_tap (gdouble length, gint x, gint y)
{
  const gdouble angle = 0.7;
  gdouble       sum   = 0;

  for (gint i = 0; i < 129; i++)
    {
      const gdouble along = length * (i / 128.0 - 0.5);

      sum += MAX (0, 1 - fabs (x - along * cos (angle))) * MAX (0, 1 - fabs (y + along * sin (angle)));
    }
  return sum;
}

static void
test_motion (void)
{
  static const gdouble lengths[] = { 1, 6.5, 15, 24 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_auto (NrKernel) kernel = nr_kernel_motion (lengths[i], 0.7);

      check_kernel (&kernel, motion_tap, lengths[i]);
    }
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/convolve/gaussian-is-the-plain-sum", test_gaussian);
  g_test_add_func ("/restore/convolve/disc-is-the-plain-sum", test_disc);
  g_test_add_func ("/restore/convolve/motion-is-the-plain-sum", test_motion);
  return g_test_run ();
}
