/* The `neural-restore` command line: finds the sub-command and runs it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "command.h"

#include <gegl.h>
#include <locale.h>
#include <string.h>

#include "nr-restore.h"

typedef struct
{
  const gchar *name;
  int (*run) (int argc, char **argv);
  const gchar *summary;
} Command;

static const Command commands[] = {
  { "denoise", nr_task_command, "remove noise" },
  { "deblur", nr_task_command, "sharpen what lens, motion or focus blurred" },
  { "super-resolve", nr_task_command, "enlarge 2, 3 or 4 times" },
  { "fill", nr_task_command, "fill the white part of a mask from its surroundings" },
  { "models", nr_models_command, "list, show, add or remove model packages" },
  { "compare", nr_compare_command, "PSNR and SSIM of two pictures" },
  { "run", nr_run_command, "run or time an ONNX file" },
};

static void
print_help (void)
{
  g_print ("Usage: neural-restore COMMAND [OPTION…] …\n\n"
           "Restores photographs with small neural networks, offline.\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    g_print ("  %-14s %s\n", commands[i].name, commands[i].summary);
  g_print ("\n`neural-restore COMMAND --help` tells a command's options.\n"
           "Example: neural-restore denoise --noise 25 noisy.png clean.png\n");
}

void
nr_command_complain (const gchar *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list           args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  g_printerr ("neural-restore: %s\n", message);
}

int
nr_command_fail (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      nr_command_complain ("interrupted, nothing was written");
      return NR_EXIT_INTERRUPTED;
    }

  nr_command_complain ("%s", error->message);
  return NR_EXIT_FAILED;
}

gboolean
nr_command_parse (int                *argc,
                  char             ***argv,
                  const GOptionEntry *entries,
                  const gchar        *words,
                  const gchar        *summary)
{
  g_autoptr (GOptionContext) context = g_option_context_new (words);
  g_autoptr (GError)         error   = NULL;
  g_autofree gchar          *program = g_strdup_printf ("neural-restore %s", (*argv)[0]);
  const gchar               *name    = (*argv)[0];

  g_set_prgname (program);
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);

  if (g_option_context_parse (context, argc, argv, &error))
    return TRUE;

  nr_command_complain ("%s (see neural-restore %s --help)", error->message, name);
  return FALSE;
}

int
main (int argc, char **argv)
{
  int status = NR_EXIT_USAGE;

  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");

  if (argc < 2)
    {
      nr_command_complain ("no command given (see neural-restore --help)");
      return NR_EXIT_USAGE;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    {
      print_help ();
      return NR_EXIT_DONE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      g_print ("neural-restore %s\n", NR_VERSION);
      return NR_EXIT_DONE;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      {
        gegl_init (NULL, NULL);
        status = commands[i].run (argc - 1, argv + 1);
        gegl_exit ();
        return status;
      }

  nr_command_complain ("there is no command '%s' (see neural-restore --help)", argv[1]);
  return status;
}
