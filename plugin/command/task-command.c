/* `neural-restore denoise|deblur|super-resolve|fill`: one picture, or many into a folder.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "command.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "interrupt.h"
#include "nr-restore.h"
#include "picture-file.h"
#include "pixels.h"
#include "progress-bar.h"

typedef struct
{
  NrArguments arguments;
  gchar      *method, *model, *variant, *kernel; /* owned strings behind ARGUMENTS */
  gint        seed, threads, memory, quality;
  gchar      *method_help; /* of the option */
  gchar      *mask, *output_dir;
  gboolean    json, quiet, force;
} TaskOptions;

/* -- Options ------------------------------------------------------------------------------------------------------ */

/* Bit t stands for NrTask t. */
enum
{
  DENOISE       = 1 << NR_TASK_DENOISE,
  DEBLUR        = 1 << NR_TASK_DEBLUR,
  SUPER_RESOLVE = 1 << NR_TASK_SUPER_RESOLVE,
  FILL          = 1 << NR_TASK_FILL,
  ALL           = DENOISE | DEBLUR | SUPER_RESOLVE | FILL
};

typedef struct
{
  guint        tasks;
  GOptionEntry entry;
} TaskEntry;

static gchar *
method_help (NrTask task)
{
  g_autofree gchar *methods = g_strjoinv (", ", (gchar **) nr_task_methods (task));

  return g_strdup_printf ("How it is done: %s (the first)", methods);
}

/* The options TASK has, ending with an empty entry; free the array. */
static GOptionEntry *
task_entries (TaskOptions *o, NrTask task)
{
  NrArguments    *a         = &o->arguments;
  const TaskEntry entries[] = {
    { DENOISE | DEBLUR | FILL,
      { "strength", 's', 0, G_OPTION_ARG_DOUBLE, &a->strength, "How much of the change is kept, 0 to 1 (1)", "S" } },
    { DENOISE, { "noise", 'n', 0, G_OPTION_ARG_DOUBLE, &a->noise, "Noise level sigma on the 0-255 scale (0: estimate)", "SIGMA" } },
    { DENOISE, { "detail", 0, 0, G_OPTION_ARG_DOUBLE, &a->detail, "Fine texture that comes back, 0 to 1 (0)", "D" } },
    { DEBLUR, { "blur", 'b', 0, G_OPTION_ARG_DOUBLE, &a->blur, "Sigma (disc: radius, motion: length) of the blur in pixels (0: measured)", "B" } },
    { DEBLUR, { "kernel", 0, 0, G_OPTION_ARG_STRING, &o->kernel, "Shape of the blur: gaussian, disc or motion (gaussian)", "SHAPE" } },
    { DEBLUR, { "angle", 0, 0, G_OPTION_ARG_DOUBLE, &a->angle, "Direction of a motion in degrees, counter-clockwise (0)", "DEGREES" } },
    { SUPER_RESOLVE, { "scale", 'x', 0, G_OPTION_ARG_INT, &a->scale, "2, 3 or 4 times as wide and high (2)", "N" } },
    { SUPER_RESOLVE, { "variant", 0, 0, G_OPTION_ARG_STRING, &o->variant, "What the picture is: photo or clean (photo)", "V" } },
    { DENOISE | DEBLUR | SUPER_RESOLVE, { "passes", 0, 0, G_OPTION_ARG_INT, &a->passes, "Mirrored copies whose mean is the result, 1 to 4: better and slower (1)", "N" } },
    { FILL, { "context", 0, 0, G_OPTION_ARG_INT, &a->context, "Pixels looked at around the hole (0: automatic)", "PIXELS" } },
    { ALL, { "iterations", 'i', 0, G_OPTION_ARG_INT, &a->iterations, "Steps of a method that goes step by step (0: automatic)", "N" } },
    { DENOISE | SUPER_RESOLVE | FILL, { "seed", 0, 0, G_OPTION_ARG_INT, &o->seed, "Start of what begins at random (0)", "N" } },
    { DENOISE | DEBLUR | FILL, { "mask", 'm', 0, G_OPTION_ARG_FILENAME, &o->mask, "Picture of the same size, white where to work", "FILE" } },
    { ALL, { "method", 0, 0, G_OPTION_ARG_STRING, &o->method, o->method_help, "NAME" } },
    { ALL, { "model", 0, 0, G_OPTION_ARG_STRING, &o->model, "Model package, see `neural-restore models`", "ID" } },
    { ALL, { "threads", 't', 0, G_OPTION_ARG_INT, &o->threads, "Threads (0: all cores)", "N" } },
    { ALL, { "memory", 0, 0, G_OPTION_ARG_INT, &o->memory, "MiB to work in (0: a quarter of RAM, at most 2048)", "MIB" } },
    { ALL, { "output-dir", 'd', 0, G_OPTION_ARG_FILENAME, &o->output_dir, "Write every INPUT under its own name into DIR", "DIR" } },
    { ALL, { "quality", 'q', 0, G_OPTION_ARG_INT, &o->quality, "Of JPEG and WebP outputs, 1 to 100 (95)", "Q" } },
    { ALL, { "force", 'f', 0, G_OPTION_ARG_NONE, &o->force, "Replace outputs that are there already", NULL } },
    { ALL, { "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print a report as JSON, one line a picture", NULL } },
    { ALL, { "quiet", 0, 0, G_OPTION_ARG_NONE, &o->quiet, "Print nothing but errors", NULL } },
  };
  GOptionEntry *list = g_new0 (GOptionEntry, G_N_ELEMENTS (entries) + 1);
  gsize         n    = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    if (entries[i].tasks & (1u << task))
      list[n++] = entries[i].entry;

  return list;
}

static void
task_options_clear (TaskOptions *o)
{
  g_free (o->method);
  g_free (o->method_help);
  g_free (o->model);
  g_free (o->variant);
  g_free (o->kernel);
  g_free (o->mask);
  g_free (o->output_dir);
}

/* Parsed options into arguments; FALSE after a sentence. */
static gboolean
task_options_check (TaskOptions *o, int n_words)
{
  g_autoptr (GError) error = NULL;
  const gchar       *wrong = NULL;

  if (o->threads < 0)
    wrong = "--threads must be 0 (all) or more";
  else if (o->memory < 0)
    wrong = "--memory must be 0 (automatic) or a number of MiB";
  else if (o->seed < 0)
    wrong = "--seed must be 0 or more";
  else if (o->quality < 1 || o->quality > 100)
    wrong = "--quality must be 1 to 100";
  else if (o->arguments.task == NR_TASK_FILL && o->mask == NULL)
    wrong = "fill needs --mask FILE, a picture of the same size that is white where to fill";
  else if (o->output_dir ? n_words < 1 : n_words != 2)
    wrong = o->output_dir ? "give at least one INPUT" : "give one INPUT and one OUTPUT (or --output-dir DIR for many)";

  o->arguments.method  = o->method;
  o->arguments.model   = o->model;
  o->arguments.variant = o->variant ? o->variant : o->arguments.variant;
  o->arguments.kernel  = o->kernel ? o->kernel : o->arguments.kernel;
  o->arguments.seed    = o->seed;
  o->arguments.threads = o->threads;
  o->arguments.memory  = o->memory;

  if (wrong == NULL && ! nr_arguments_check (&o->arguments, &error))
    wrong = error->message;
  if (wrong)
    nr_command_complain ("%s (see neural-restore %s --help)", wrong, nr_task_name (o->arguments.task));

  return wrong == NULL;
}

/* -- One picture -------------------------------------------------------------------------------------------------- */

static GeglBuffer *
load_mask (const gchar *path, GeglBuffer *picture, GError **error)
{
  g_autofree gchar *display = NULL;
  GeglBuffer       *mask    = nr_picture_file_load (path, error);

  if (mask == NULL)
    return NULL;

  if (gegl_buffer_get_width (mask) == gegl_buffer_get_width (picture) &&
      gegl_buffer_get_height (mask) == gegl_buffer_get_height (picture))
    return mask;

  display = g_filename_display_name (path);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "the mask '%s' is %d x %d pixels, the picture %d x %d: give a mask of the picture's size", display,
               gegl_buffer_get_width (mask), gegl_buffer_get_height (mask),
               gegl_buffer_get_width (picture), gegl_buffer_get_height (picture));
  g_object_unref (mask);
  return NULL;
}

/* The whole restored picture: outside the mask the source's own bytes. */
static GeglBuffer *
restore_buffer (const TaskOptions *o,
                GeglBuffer        *picture,
                GeglBuffer        *mask,
                NrProgressBar     *bar,
                GCancellable      *cancellable,
                NrReport          *report,
                GError           **error)
{
  g_autoptr (NrPixels)       pixels = nr_pixels_new (picture, mask, babl_format ("Y~ float"), 0, 0);
  g_autoptr (NrPixelsResult) result = NULL;
  NrSource                   source = nr_pixels_source (pixels);
  NrSink                     sink;
  NrRect                     whole = { 0, 0, source.width, source.height };
  NrRect                     selected;

  if (! nr_pixels_selected_bounds (pixels, &selected))
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE,
                   "the mask is black everywhere: paint white what to %s",
                   o->arguments.task == NR_TASK_FILL ? "fill" : "restore");
      return NULL;
    }

  result = nr_pixels_result_new (pixels, &whole, o->arguments.task == NR_TASK_SUPER_RESOLVE ? o->arguments.scale : 1);
  sink   = nr_pixels_result_sink (result);

  if (! nr_restore_run (&o->arguments, &source, NULL, &sink, nr_progress_bar_update, bar, cancellable, report, error))
    return NULL;

  return g_object_ref (nr_pixels_result_buffer (result));
}

static void
print_report (const TaskOptions *o, const gchar *input, const gchar *output, const NrReport *report)
{
  g_autofree gchar *text = NULL;

  if (o->json)
    {
      g_autofree gchar    *plain  = nr_report_to_json (report);
      g_autoptr (JsonNode) node   = json_from_string (plain, NULL);
      JsonObject          *object = json_node_get_object (node);

      json_object_set_string_member (object, "input", input);
      json_object_set_string_member (object, "output", output);
      text = json_to_string (node, FALSE);
      g_print ("%s\n", text);
    }
  else if (! o->quiet)
    {
      g_print ("%s -> %s: %d x %d, %.1f s", input, output, report->width, report->height, report->milliseconds / 1000);
      if (report->noise_estimate >= 0)
        g_print (", noise %.1f", report->noise_estimate);
      if (report->blur_size > 0)
        g_print (", %s blur %.1f", report->blur_shape, report->blur_size);
      g_print ("\n");
    }
}

static gboolean
restore_file (const TaskOptions *o, const gchar *input, const gchar *output, GCancellable *cancellable, GError **error)
{
  g_autofree gchar      *label   = g_path_get_basename (input);
  NrProgressBar          bar     = nr_progress_bar_new (label, o->quiet);
  NrReport               report  = { 0 };
  g_autoptr (GeglBuffer) picture = NULL;
  g_autoptr (GeglBuffer) mask    = NULL;
  g_autoptr (GeglBuffer) result  = NULL;
  gboolean               done;

  if (! nr_picture_file_check_target (output, FALSE, o->force, error))
    return FALSE;

  picture = nr_picture_file_load (input, error);
  if (picture == NULL ||
      ! nr_picture_file_check_target (output, babl_format_has_alpha (gegl_buffer_get_format (picture)), o->force, error))
    return FALSE;

  if (o->mask && (mask = load_mask (o->mask, picture, error)) == NULL)
    return FALSE;

  result = restore_buffer (o, picture, mask, &bar, cancellable, &report, error);
  nr_progress_bar_end (&bar);

  done = result && nr_picture_file_save (result, output, input, o->quality, o->force, cancellable, error);
  if (done)
    print_report (o, input, output, &report);

  nr_report_clear (&report);
  return done;
}

/* -- Many pictures ------------------------------------------------------------------------------------------------ */

static int
restore_files (const TaskOptions *o, gchar **inputs, GCancellable *cancellable)
{
  g_autoptr (GHashTable) written  = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint                  n_failed = 0, n = 0;

  for (; inputs[n] && ! g_cancellable_is_cancelled (cancellable); n++)
    {
      g_autoptr (GError) error  = NULL;
      g_autofree gchar  *base   = g_path_get_basename (inputs[n]);
      g_autofree gchar  *output = g_build_filename (o->output_dir, base, NULL);
      gboolean           is_new = g_hash_table_add (written, g_strdup (output));

      if (! is_new)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                     "'%s': another input of this run has the same name, restore it by itself", inputs[n]);
      else
        restore_file (o, inputs[n], output, cancellable, &error);

      if (error)
        {
          nr_command_fail (error);
          n_failed++;
        }
    }

  if (g_cancellable_is_cancelled (cancellable))
    return NR_EXIT_INTERRUPTED;
  if (n > 1 && ! o->quiet && ! o->json)
    g_print ("%u of %u pictures restored\n", n - n_failed, n);

  return n_failed ? NR_EXIT_FAILED : NR_EXIT_DONE;
}

/* -- Command ------------------------------------------------------------------------------------------------------ */

static int
run_task (TaskOptions *o, int argc, char **argv)
{
  g_autoptr (GCancellable) cancellable = nr_interrupt_cancellable ();
  g_autoptr (GError)       error       = NULL;

  if (o->output_dir)
    {
      if (g_mkdir_with_parents (o->output_dir, 0777) != 0)
        {
          nr_command_complain ("cannot make the folder '%s': %s", o->output_dir, g_strerror (errno));
          return NR_EXIT_FAILED;
        }
      return restore_files (o, argv + 1, cancellable);
    }

  if (! restore_file (o, argv[1], argv[2], cancellable, &error))
    return nr_command_fail (error);

  return NR_EXIT_DONE;
}

int
nr_task_command (int argc, char **argv)
{
  static const gchar *const summaries[NR_N_TASKS] = {
    [NR_TASK_DENOISE]       = "Removes noise; the level is estimated unless --noise is given.",
    [NR_TASK_DEBLUR]        = "Sharpens what lens, motion or focus blurred.",
    [NR_TASK_SUPER_RESOLVE] = "Enlarges pictures 2, 3 or 4 times.",
    [NR_TASK_FILL]          = "Fills the white part of a mask from its surroundings. The method generative knows upright faces only, seen\n"
                              "from the front, and takes the hole for the middle of one.",
  };

  TaskOptions              o       = { .quality = 95 };
  g_autofree GOptionEntry *entries = NULL;
  NrTask                   task;
  int                      status = NR_EXIT_USAGE;

  if (! nr_task_from_name (argv[0], &task))
    g_return_val_if_reached (NR_EXIT_USAGE);

  nr_arguments_init (&o.arguments, task);
  o.method_help = method_help (task);
  entries       = task_entries (&o, task);

  if (nr_command_parse (&argc, &argv, entries, "INPUT OUTPUT | --output-dir DIR INPUT…", summaries[task]) &&
      task_options_check (&o, argc - 1))
    status = run_task (&o, argc, argv);

  task_options_clear (&o);
  return status;
}
