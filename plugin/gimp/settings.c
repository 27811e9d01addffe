/* What the user asked for: see settings.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "settings.h"

#include <glib/gi18n.h>

typedef enum
{
  ARGUMENT_REAL,  /* gdouble */
  ARGUMENT_WHOLE, /* gint or guint */
  ARGUMENT_WORD   /* const gchar * */
} ArgumentType;

enum
{
  DENOISE       = 1 << NR_TASK_DENOISE,
  DEBLUR        = 1 << NR_TASK_DEBLUR,
  SUPER_RESOLVE = 1 << NR_TASK_SUPER_RESOLVE,
  FILL          = 1 << NR_TASK_FILL,
  EVERY_TASK    = (1 << NR_N_TASKS) - 1,

  NOT_FOR_ENGINE = -1
};

typedef struct
{
  const gchar *name, *nick, *blurb;
  guint        tasks;
  ArgumentType type;
  gdouble      minimum, maximum, value; /* numbers */
  const gchar *word;                    /* default of a word */
  gssize       offset;                  /* in NrArguments, or NOT_FOR_ENGINE */
} Argument;

/* Words are strings that we check ourselves, not GIMP's choices: with a choice GIMP silently runs the default when a
 * script mistypes the word. */
static const Argument arguments[] = {
  { "strength", N_ ("Streng_th"), N_ ("How much of the change is applied: 0 leaves the picture as it is, 1 applies it fully"),
    DENOISE | DEBLUR, ARGUMENT_REAL, 0.0, 1.0, 1.0, NULL, G_STRUCT_OFFSET (NrArguments, strength) },
  { "noise", N_ ("Noise si_gma"), N_ ("Standard deviation of the noise on the scale 0 to 255; 0 measures it"),
    DENOISE, ARGUMENT_REAL, 0.0, 100.0, 0.0, NULL, G_STRUCT_OFFSET (NrArguments, noise) },
  { "detail", N_ ("Keep _detail"), N_ ("How much fine texture of the original comes back"),
    DENOISE, ARGUMENT_REAL, 0.0, 1.0, 0.0, NULL, G_STRUCT_OFFSET (NrArguments, detail) },
  { "blur", N_ ("Blur _width"), N_ ("Standard deviation (of a disc: radius, of a motion: length) of the blur in pixels; 0 measures it"),
    DEBLUR, ARGUMENT_REAL, 0.0, 25.0, 0.0, NULL, G_STRUCT_OFFSET (NrArguments, blur) },
  { "kernel", N_ ("B_lur shape"), N_ ("Shape of the blur, if its width is given: \"gaussian\" (softness), \"disc\" (out of focus) or \"motion\""),
    DEBLUR, ARGUMENT_WORD, 0, 0, 0, "gaussian", G_STRUCT_OFFSET (NrArguments, kernel) },
  { "angle", N_ ("An_gle"), N_ ("Direction of a motion in degrees, counter-clockwise, if the blur's width is given"),
    DEBLUR, ARGUMENT_REAL, 0.0, 180.0, 0.0, NULL, G_STRUCT_OFFSET (NrArguments, angle) },
  { "scale", N_ ("_Enlarge"), N_ ("How many times larger the result becomes: 2, 3 or 4"),
    SUPER_RESOLVE, ARGUMENT_WHOLE, 2, 4, 2, NULL, G_STRUCT_OFFSET (NrArguments, scale) },
  { "variant", N_ ("_Picture"), N_ ("What the picture is: \"photo\" (with traces of compression or noise) or \"clean\""),
    SUPER_RESOLVE, ARGUMENT_WORD, 0, 0, 0, "photo", G_STRUCT_OFFSET (NrArguments, variant) },
  { "output", N_ ("Result _in"), N_ ("Where the result goes: \"new-image\", \"scale-image\" (this image is scaled along) or \"layer\""),
    SUPER_RESOLVE, ARGUMENT_WORD, 0, 0, 0, "new-image", NOT_FOR_ENGINE },
  { "passes", N_ ("Pa_sses"), N_ ("Mean of so many mirrored copies, each of which takes the time of one: better and slower"),
    DENOISE | DEBLUR | SUPER_RESOLVE, ARGUMENT_WHOLE, 1, NR_MAX_PASSES, 1, NULL, G_STRUCT_OFFSET (NrArguments, passes) },
  { "context", N_ ("Conte_xt"), N_ ("How many pixels around the hole are looked at; 0 decides by the hole's size"),
    FILL, ARGUMENT_WHOLE, 0, 10000, 0, NULL, G_STRUCT_OFFSET (NrArguments, context) },
  { "iterations", N_ ("Iter_ations"), N_ ("Steps of a method that goes step by step; 0 stops by itself"),
    EVERY_TASK, ARGUMENT_WHOLE, 0, 100000, 0, NULL, G_STRUCT_OFFSET (NrArguments, iterations) },
  { "seed", N_ ("Random s_eed"), N_ ("Another number gives another result"),
    DENOISE | SUPER_RESOLVE | FILL, ARGUMENT_WHOLE, 0, G_MAXINT32, 0, NULL, G_STRUCT_OFFSET (NrArguments, seed) },
  { "method", N_ ("Met_hod"), N_ ("How the task is done; empty: the task's default"),
    EVERY_TASK, ARGUMENT_WORD, 0, 0, 0, "", G_STRUCT_OFFSET (NrArguments, method) },
  { "model", N_ ("_Model"), N_ ("Model package to use; empty: the task's default"),
    EVERY_TASK, ARGUMENT_WORD, 0, 0, 0, "", G_STRUCT_OFFSET (NrArguments, model) },
  { "threads", N_ ("Wor_ker threads"), N_ ("Processor threads to use; 0: all"),
    EVERY_TASK, ARGUMENT_WHOLE, 0, 1024, 0, NULL, G_STRUCT_OFFSET (NrArguments, threads) },
  { "memory", N_ ("Memor_y limit"), N_ ("MiB the computation may use; 0: a quarter of the memory, at most 2048"),
    EVERY_TASK, ARGUMENT_WHOLE, 0, 1048576, 0, NULL, G_STRUCT_OFFSET (NrArguments, memory) },
};

/* By NrOutput. */
static const gchar *const output_words[] = { "new-image", "scale-image", "layer", NULL };

/* -- Registration ------------------------------------------------------------------------------------------------- */

static void
register_task_choice (GimpProcedure *procedure)
{
  static const gchar *const labels[NR_N_TASKS] = { N_ ("Denoise"), N_ ("Deblur"), N_ ("Super-resolve"), N_ ("Fill") };

  GimpChoice *choice = gimp_choice_new ();

  for (guint task = 0; task < NR_N_TASKS; task++)
    gimp_choice_add (choice, nr_task_name (task), task, _ (labels[task]), NULL);

  gimp_procedure_add_choice_argument (procedure, "task", _ ("Task"), _ ("What to do"), choice,
                                      nr_task_name (NR_TASK_DENOISE), G_PARAM_READWRITE);
}

static void
register_argument (GimpProcedure *procedure, const Argument *argument)
{
  const gchar *nick  = _ (argument->nick);
  const gchar *blurb = _ (argument->blurb);

  switch (argument->type)
    {
    case ARGUMENT_REAL:
      gimp_procedure_add_double_argument (procedure, argument->name, nick, blurb,
                                          argument->minimum, argument->maximum, argument->value, G_PARAM_READWRITE);
      break;
    case ARGUMENT_WHOLE:
      gimp_procedure_add_int_argument (procedure, argument->name, nick, blurb,
                                       argument->minimum, argument->maximum, argument->value, G_PARAM_READWRITE);
      break;
    case ARGUMENT_WORD:
      gimp_procedure_add_string_argument (procedure, argument->name, nick, blurb, argument->word, G_PARAM_READWRITE);
      break;
    }
}

void
nr_settings_register (GimpProcedure *procedure, guint task)
{
  guint tasks = task < NR_N_TASKS ? 1u << task : EVERY_TASK;

  if (task >= NR_N_TASKS)
    register_task_choice (procedure);

  for (guint i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (arguments[i].tasks & tasks)
      register_argument (procedure, &arguments[i]);
}

gboolean
nr_settings_has_argument (NrTask task, const gchar *argument)
{
  for (guint i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (g_str_equal (arguments[i].name, argument))
      return (arguments[i].tasks >> task) & 1;

  return FALSE;
}

/* -- Reading ------------------------------------------------------------------------------------------------------ */

NrTask
nr_settings_get_task (GimpProcedureConfig *config, guint task)
{
  return task < NR_N_TASKS ? (NrTask) task : (NrTask) gimp_procedure_config_get_choice_id (config, "task");
}

static gboolean
read_output (GimpProcedureConfig *config, NrOutput *output, GError **error)
{
  g_autofree gchar *word = NULL;

  g_object_get (config, "output", &word, NULL);

  for (guint i = 0; output_words[i]; i++)
    if (g_strcmp0 (word, output_words[i]) == 0)
      {
        *output = i;
        return TRUE;
      }

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               _ ("There is no output “%s”: use “new-image”, “scale-image” or “layer”."), word ? word : "");
  return FALSE;
}

NrSettings *
nr_settings_new (GimpProcedureConfig *config, guint task, GError **error)
{
  g_autoptr (NrSettings) settings = g_new0 (NrSettings, 1);
  NrArguments           *filled   = &settings->arguments;
  NrTask                 wanted   = nr_settings_get_task (config, task);

  nr_arguments_init (filled, wanted);
  filled->variant = filled->kernel = NULL; /* every word of the settings is its own copy */

  for (guint i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (arguments[i].offset != NOT_FOR_ENGINE && (arguments[i].tasks >> wanted) & 1)
      g_object_get (config, arguments[i].name, G_STRUCT_MEMBER_P (filled, arguments[i].offset), NULL);

  if (! nr_arguments_check (filled, error))
    return NULL;

  settings->output = NR_OUTPUT_LAYER;
  if (wanted == NR_TASK_SUPER_RESOLVE && ! read_output (config, &settings->output, error))
    return NULL;

  return g_steal_pointer (&settings);
}

void
nr_settings_free (NrSettings *settings)
{
  if (settings == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (arguments); i++)
    if (arguments[i].type == ARGUMENT_WORD && arguments[i].offset != NOT_FOR_ENGINE)
      g_free (G_STRUCT_MEMBER (gchar *, &settings->arguments, arguments[i].offset));
  g_free (settings);
}
