/* Names, defaults and checks of arguments; sources, regions and reports.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "nr-restore.h"

static void
test_names (void)
{
  NrTask task;

  for (guint i = 0; i < NR_N_TASKS; i++)
    {
      g_assert_true (nr_task_from_name (nr_task_name (i), &task));
      g_assert_cmpint (task, ==, i);
      g_assert_cmpstr (nr_task_methods (i)[0], ==, i == NR_TASK_FILL ? "patch-match" : "network");
    }
  g_assert_false (nr_task_from_name ("upscale", &task));
  g_assert_false (nr_task_from_name ("", &task));
  g_assert_false (nr_task_from_name (NULL, &task));
}

static void
test_methods (void)
{
  g_assert_true (nr_task_method_uses (NR_TASK_DENOISE, NULL, "noise"));
  g_assert_true (nr_task_method_uses (NR_TASK_DENOISE, "network", "model"));
  g_assert_false (nr_task_method_uses (NR_TASK_DENOISE, "network", "seed"));
  g_assert_true (nr_task_method_uses (NR_TASK_FILL, "", "seed"));
  g_assert_true (nr_task_method_uses (NR_TASK_FILL, "", "threads")); /* every method's */
  g_assert_false (nr_task_method_uses (NR_TASK_FILL, "network", "threads"));
  g_assert_false (nr_task_method_can_stop (NR_TASK_FILL, "patch-match"));
  g_assert_false (nr_task_method_can_stop (NR_TASK_FILL, "nonsense"));
}

static void
test_defaults (void)
{
  for (guint i = 0; i < NR_N_TASKS; i++)
    {
      NrArguments arguments;

      nr_arguments_init (&arguments, i);
      g_assert_true (nr_arguments_check (&arguments, NULL));
      g_assert_cmpfloat (arguments.strength, ==, 1);
      g_assert_cmpint (arguments.scale, ==, 2);
      g_assert_true (arguments.blend);
    }
}

static void
refuse (const NrArguments *arguments, const gchar *name)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (nr_arguments_check (arguments, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, name));
}

static void
test_refused (void)
{
  static const gdouble not_shares[] = { -0.01, 1.01, NAN, INFINITY, -INFINITY };
  NrArguments          base, arguments;

  nr_arguments_init (&base, NR_TASK_SUPER_RESOLVE);
  for (guint i = 0; i < G_N_ELEMENTS (not_shares); i++)
    {
      arguments          = base;
      arguments.strength = not_shares[i];
      refuse (&arguments, "strength");
      arguments        = base;
      arguments.detail = not_shares[i];
      refuse (&arguments, "detail");
    }
  arguments       = base;
  arguments.noise = 101;
  refuse (&arguments, "noise");
  arguments.noise = NAN;
  refuse (&arguments, "noise");
  arguments      = base;
  arguments.blur = -1;
  refuse (&arguments, "blur");
  arguments            = base;
  arguments.iterations = -1;
  refuse (&arguments, "iterations");
  arguments.iterations = 100001;
  refuse (&arguments, "iterations");
  for (gint scale = -1; scale < 8; scale++)
    if (scale < 2 || scale > 4)
      {
        arguments       = base;
        arguments.scale = scale;
        refuse (&arguments, "scale");
      }
  arguments         = base;
  arguments.variant = "blurry";
  refuse (&arguments, "variant");
  arguments        = base;
  arguments.passes = 0;
  refuse (&arguments, "passes");
  arguments.passes = NR_MAX_PASSES + 1;
  refuse (&arguments, "passes");
  arguments         = base;
  arguments.context = -1;
  refuse (&arguments, "context");
  arguments        = base;
  arguments.method = "magic";
  refuse (&arguments, "it has: network");
  arguments      = base;
  arguments.task = 17;
  refuse (&arguments, "task");
}

static gboolean
never_read (gpointer data, gint x, gint y, NrPicture *into, GError **error)
{
  g_assert_not_reached ();
}

static void
test_regions (void)
{
  static const NrRect bad[] = {
    { 0, 0, 0, 5 },
    { 0, 0, 5, -1 },
    { -1, 0, 5, 5 },
    { 0, 6, 5, 5 },
    { 8, 0, 5, 5 },
    { G_MAXINT, 0, G_MAXINT, 1 },
  };
  const NrSource source = { .width = 10, .height = 10, .n_channels = 3, .read = never_read };
  const NrSink   sink   = { 0 };
  NrArguments    arguments;

  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (nr_restore_run (&arguments, &source, &bad[i], &sink, NULL, NULL, NULL, NULL, &error));
      g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE);
    }
}

static void
test_sources (void)
{
  static const NrSource bad[] = {
    { .width = 0, .height = 10, .n_channels = 3, .read = never_read },
    { .width = 10, .height = -4, .n_channels = 3, .read = never_read },
    { .width = 10, .height = 10, .n_channels = 2, .read = never_read },
  };
  const NrSink sink = { 0 };
  NrArguments  arguments;

  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (nr_restore_run (&arguments, &bad[i], NULL, &sink, NULL, NULL, NULL, NULL, &error));
      g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE);
    }
}

static void
test_result_size (void)
{
  NrArguments arguments;
  gint        width, height;

  nr_arguments_init (&arguments, NR_TASK_SUPER_RESOLVE);
  arguments.scale = 3;
  nr_restore_result_size (&arguments, 7, 5, &width, &height);
  g_assert_cmpint (width, ==, 21);
  g_assert_cmpint (height, ==, 15);
  nr_arguments_init (&arguments, NR_TASK_DEBLUR);
  nr_restore_result_size (&arguments, 7, 5, &width, &height);
  g_assert_cmpint (width, ==, 7);
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/arguments/names-and-methods", test_names);
  g_test_add_func ("/restore/arguments/methods-say-what-they-use", test_methods);
  g_test_add_func ("/restore/arguments/defaults-are-allowed", test_defaults);
  g_test_add_func ("/restore/arguments/what-is-out-of-range-is-named", test_refused);
  g_test_add_func ("/restore/arguments/regions-outside-are-refused", test_regions);
  g_test_add_func ("/restore/arguments/impossible-sources-are-refused", test_sources);
  g_test_add_func ("/restore/arguments/result-size", test_result_size);
  return g_test_run ();
}
