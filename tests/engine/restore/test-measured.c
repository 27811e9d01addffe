/* Noise and blur are measured once for several runs on the same source.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "fixture.h"

enum
{
  SIZE = 256
};

static const NrRect part = { 96, 96, 40, 40 };

/* A source that counts the pixels that are read. */
typedef struct
{
  NrSource picture;
  gint64   n_read;
} Counter;

static gboolean
counter_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  Counter *counter = data;

  counter->n_read += (gint64) into->width * into->height;
  return counter->picture.read (counter->picture.data, x, y, into, error);
}

/* Restores the part of PICTURE, with what is MEASURED; *N_READ: pixels that were read. */
static NrPicture *
run (const NrArguments *arguments, NrPicture *picture, NrMeasured *measured, gint64 *n_read)
{
  Counter            counter = { .picture = nr_picture_source (picture) };
  NrSource           source  = counter.picture;
  NrPicture         *result  = nr_picture_new (part.width, part.height, 3, FALSE, FALSE);
  const NrSink       sink    = nr_picture_sink (result);
  g_autoptr (GError) error   = NULL;
  NrReport           report;

  source.read     = counter_read;
  source.data     = &counter;
  source.measured = measured;
  g_assert_true (nr_restore_run (arguments, &source, &part, &sink, NULL, NULL, NULL, &report, &error));
  g_assert_no_error (error);
  nr_report_clear (&report);
  *n_read = counter.n_read;
  return result;
}

static void
test_once (gconstpointer data)
{
  const NrArguments     *arguments = data;
  static const NrBlur    blur      = { NR_BLUR_GAUSSIAN, 1.5, 0, 8 };
  g_autoptr (NrPicture)  sharp     = fixture_leaves (SIZE, 3);
  g_autoptr (NrPicture)  picture   = fixture_blurred (sharp, &blur);
  g_autoptr (NrMeasured) measured  = nr_measured_new ();
  gint64                 n_alone, n_first, n_second;
  g_autoptr (NrPicture)  alone  = run (arguments, picture, NULL, &n_alone);
  g_autoptr (NrPicture)  first  = run (arguments, picture, measured, &n_first);
  g_autoptr (NrPicture)  second = run (arguments, picture, measured, &n_second);

  g_test_message ("%" G_GINT64_FORMAT " pixels read, the second time %" G_GINT64_FORMAT, n_first, n_second);
  g_assert_cmpint (n_first, ==, n_alone);
  g_assert_cmpint (n_first - n_second, >=, SIZE * SIZE);
  fixture_assert_same (alone, first);
  fixture_assert_same (alone, second);
}

gint
main (gint argc, gchar *argv[])
{
  NrArguments denoise, deblur;

  g_test_init (&argc, &argv, NULL);
  nr_arguments_init (&denoise, NR_TASK_DENOISE);
  nr_arguments_init (&deblur, NR_TASK_DEBLUR);
  denoise.method = "nl-means";
  deblur.method  = "richardson-lucy";
  g_test_add_data_func ("/restore/measured/noise-once", &denoise, test_once);
  g_test_add_data_func ("/restore/measured/blur-once", &deblur, test_once);
  return g_test_run ();
}
