/* The GIMP plug-in: its procedures and what running one means.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <glib/gi18n.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#include "dialog.h"
#include "dialog-host.h"
#include "layer-job.h"
#include "placement.h"
#include "settings.h"

#define PLUG_IN_BINARY "neural-restore"

typedef struct
{
  const gchar *name;
  guint        task; /* an NrTask, or NR_N_TASKS where an argument chooses */
  const gchar *menu_label, *menu_path;
  const gchar *title; /* of the dialog */
  const gchar *blurb;
} Procedure;

static const Procedure procedures[] = {
  { "plug-in-neural-restore", NR_N_TASKS, N_ ("Neural _Restore…"), "<Image>/Filters/Enhance",
    N_ ("Neural Restore"), N_ ("Denoise, deblur, enlarge or fill with a before/after preview") },
  { "plug-in-neural-restore-denoise", NR_TASK_DENOISE, NULL, NULL,
    N_ ("Denoise"), N_ ("Removes noise with a neural network") },
  { "plug-in-neural-restore-deblur", NR_TASK_DEBLUR, NULL, NULL,
    N_ ("Deblur"), N_ ("Sharpens a blurred picture with a neural network") },
  { "plug-in-neural-restore-super-resolve", NR_TASK_SUPER_RESOLVE, NULL, NULL,
    N_ ("Super-resolve"), N_ ("Enlarges a picture with a neural network") },
  { "plug-in-neural-restore-fill", NR_TASK_FILL, N_ ("Fill Selection from S_urroundings…"), "<Image>/Edit",
    N_ ("Fill Selection from Surroundings"), N_ ("Replaces what is selected by what surrounds it") },
};

/* -- Running ------------------------------------------------------------------------------------------------------ */

static GimpValueArray *
failure (GimpProcedure *procedure, GimpPDBStatusType status, GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_clear_error (&error);
      status = GIMP_PDB_CANCEL;
    }

  return gimp_procedure_new_return_values (procedure, status, error);
}

static GimpValueArray *
success (GimpProcedure *procedure, const NrLayerJob *job, const NrPlacement *placement)
{
  GimpValueArray *values = gimp_procedure_new_return_values (procedure, GIMP_PDB_SUCCESS, NULL);
  GPtrArray      *layers = placement->layers;

  g_ptr_array_add (layers, NULL);
  GIMP_VALUES_SET_LAYER (values, 1, layers->pdata[0]);
  GIMP_VALUES_SET_CORE_OBJECT_ARRAY (values, 2, layers->pdata);
  GIMP_VALUES_SET_IMAGE (values, 3, placement->image);
  GIMP_VALUES_TAKE_STRING (values, 4, nr_layer_job_report (job));

  return values;
}

static void
show_progress_in_gimp (gdouble fraction, gdouble seconds_left, gpointer data)
{
  gimp_progress_update (fraction);
}

/* A new image is for the caller to find among the return values, unless a user is there to see it. */
static void
show_image (GimpImage *image, GimpRunMode run_mode)
{
  if (run_mode == GIMP_RUN_INTERACTIVE || (run_mode == GIMP_RUN_WITH_LAST_VALS && gimp_default_display ()))
    gimp_display_new (image);
}

/* Computes JOB; DIALOG (may be NULL) shows the progress, and the picture as it forms, and can cancel or stop. */
static gboolean
compute (NrLayerJob *job, const NrSettings *settings, NrDialog *dialog, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GCancellable) stop        = g_cancellable_new ();
  NrLayerJobWatch          watch       = { show_progress_in_gimp, NULL, NULL, cancellable, NULL };
  gboolean                 computed;

  if (dialog)
    {
      if (nr_task_method_can_stop (settings->arguments.task, settings->arguments.method))
        watch.stop = stop;
      watch.progress = nr_dialog_show_progress;
      watch.show     = nr_dialog_show_picture;
      watch.data     = dialog;
      nr_dialog_begin (dialog, cancellable, watch.stop);
      return nr_layer_job_compute (job, &watch, error);
    }

  gimp_progress_init (_ ("Restoring the picture"));
  computed = nr_layer_job_compute (job, &watch, error);
  gimp_progress_end ();
  return computed;
}

/* From the settings to the layers; DIALOG may be NULL. */
static GimpValueArray *
restore (GimpProcedure    *procedure,
         GimpRunMode       run_mode,
         GimpImage        *image,
         GimpDrawable    **drawables,
         const NrSettings *settings,
         NrDialog         *dialog)
{
  g_autoptr (NrPlacement) placement = NULL;
  g_autoptr (NrLayerJob)  job       = NULL;
  GError                 *error     = NULL;

  job = nr_layer_job_new (image, drawables, settings, &error);
  if (job == NULL)
    return failure (procedure, GIMP_PDB_CALLING_ERROR, error);

  if (compute (job, settings, dialog, &error))
    placement = nr_placement_new (job, &error);
  if (placement == NULL)
    return failure (procedure, GIMP_PDB_EXECUTION_ERROR, error);

  if (placement->image != image)
    show_image (placement->image, run_mode);
  gimp_displays_flush ();

  return success (procedure, job, placement);
}

static GimpValueArray *
restore_directly (GimpProcedure       *procedure,
                  GimpRunMode          run_mode,
                  GimpImage           *image,
                  GimpDrawable       **drawables,
                  GimpProcedureConfig *config,
                  guint                task)
{
  GError                *error    = NULL;
  g_autoptr (NrSettings) settings = nr_settings_new (config, task, &error);

  if (settings == NULL)
    return failure (procedure, GIMP_PDB_CALLING_ERROR, error);

  return restore (procedure, run_mode, image, drawables, settings, NULL);
}

static const gchar *
get_title (GimpProcedure *procedure)
{
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    if (g_str_equal (procedures[i].name, gimp_procedure_get_name (procedure)))
      return _ (procedures[i].title);

  return NULL;
}

/* gimp_ui_init () ends the process where there is no display, so GTK is asked first. */
static gboolean
init_display (GError **error)
{
  if (! gtk_init_check (NULL, NULL))
    {
      g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                           _ ("There is no display for the dialog: use the run mode RUN-NONINTERACTIVE."));
      return FALSE;
    }

  gimp_ui_init (PLUG_IN_BINARY);
  return TRUE;
}

static GimpValueArray *
restore_with_dialog (GimpProcedure       *procedure,
                     GimpImage           *image,
                     GimpDrawable       **drawables,
                     GimpProcedureConfig *config,
                     guint                task)
{
  GError                  *error    = NULL;
  g_autoptr (NrDialogHost) host     = NULL;
  g_autoptr (NrSettings)   settings = NULL;
  g_autoptr (NrDialog)     dialog   = NULL;

  /* The dialog itself tells what the chosen task lacks; here only what no task can work on. */
  if (! nr_snapshot_check (image, drawables, task < NR_N_TASKS ? task : NR_TASK_DENOISE, &error))
    return failure (procedure, GIMP_PDB_CALLING_ERROR, error);
  if (! init_display (&error))
    return failure (procedure, GIMP_PDB_EXECUTION_ERROR, error);

  host = nr_dialog_host_new (image, drawables, config, task, &error);
  if (host == NULL)
    return failure (procedure, GIMP_PDB_CALLING_ERROR, error);

  dialog = nr_dialog_new (procedure, config, get_title (procedure), task, host);
  if (! nr_dialog_run (dialog))
    return gimp_procedure_new_return_values (procedure, GIMP_PDB_CANCEL, NULL);

  g_clear_pointer (&host, nr_dialog_host_free); /* its copy of the pixels */

  settings = nr_settings_new (config, task, &error);
  if (settings == NULL)
    return failure (procedure, GIMP_PDB_CALLING_ERROR, error);

  return restore (procedure, GIMP_RUN_INTERACTIVE, image, drawables, settings, dialog);
}

/* The packages that come with the plug-in lie beside its binary. */
static void
find_weights (void)
{
  g_autofree gchar *folder  = g_path_get_dirname (gimp_get_progname ());
  g_autofree gchar *weights = g_build_filename (folder, "weights", NULL);

  if (g_file_test (weights, G_FILE_TEST_IS_DIR))
    nr_packages_set_installed_dir (weights);
}

static GimpValueArray *
run (GimpProcedure       *procedure,
     GimpRunMode          run_mode,
     GimpImage           *image,
     GimpDrawable       **drawables,
     GimpProcedureConfig *config,
     gpointer             data)
{
  guint task = GPOINTER_TO_UINT (data);

  gegl_init (NULL, NULL);
  find_weights ();

  if (run_mode == GIMP_RUN_INTERACTIVE)
    return restore_with_dialog (procedure, image, drawables, config, task);

  return restore_directly (procedure, run_mode, image, drawables, config, task);
}

/* -- Registration ------------------------------------------------------------------------------------------------- */

static void
add_return_values (GimpProcedure *procedure)
{
  gimp_procedure_add_layer_return_value (procedure, "layer", _ ("Layer"), _ ("The (first) restored layer"),
                                         FALSE, G_PARAM_READWRITE);
  gimp_procedure_add_core_object_array_return_value (procedure, "layers", _ ("Layers"), _ ("All restored layers"),
                                                     GIMP_TYPE_LAYER, G_PARAM_READWRITE);
  gimp_procedure_add_image_return_value (procedure, "image", _ ("Image"), _ ("The image that holds them"),
                                         FALSE, G_PARAM_READWRITE);
  gimp_procedure_add_string_return_value (procedure, "report", _ ("Report"), _ ("What was done, as JSON: one line a layer"),
                                          NULL, G_PARAM_READWRITE);
}

static GimpProcedure *
procedure_new (GimpPlugIn *plug_in, const Procedure *described)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, described->name, GIMP_PDB_PROC_TYPE_PLUGIN, run,
                                                       GUINT_TO_POINTER (described->task), NULL);

  gimp_procedure_set_image_types (procedure, "RGB*, GRAY*");
  gimp_procedure_set_sensitivity_mask (procedure, GIMP_PROCEDURE_SENSITIVE_DRAWABLE |
                                                      GIMP_PROCEDURE_SENSITIVE_DRAWABLES);
  gimp_procedure_set_documentation (procedure, _ (described->blurb),
                                    _ ("The result is a new layer above its source, with the selection as its mask."),
                                    described->name);
  gimp_procedure_set_attribution (procedure, "The Neural Restore authors", "The Neural Restore authors", "2026");
  gimp_procedure_set_menu_label (procedure, _ (described->menu_label ? described->menu_label : described->title));
  if (described->menu_path)
    gimp_procedure_add_menu_path (procedure, described->menu_path);

  nr_settings_register (procedure, described->task);
  add_return_values (procedure);
  return procedure;
}

/* -- Plug-in ------------------------------------------------------------------------------------------------------ */

#define NR_TYPE_PLUG_IN (nr_plug_in_get_type ())
G_DECLARE_FINAL_TYPE (NrPlugIn, nr_plug_in, NR, PLUG_IN, GimpPlugIn)

struct _NrPlugIn
{
  GimpPlugIn parent_instance;
};

G_DEFINE_FINAL_TYPE (NrPlugIn, nr_plug_in, GIMP_TYPE_PLUG_IN)

static GList *
nr_plug_in_query_procedures (GimpPlugIn *plug_in)
{
  GList *names = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    names = g_list_append (names, g_strdup (procedures[i].name));

  return names;
}

static GimpProcedure *
nr_plug_in_create_procedure (GimpPlugIn *plug_in, const gchar *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    if (g_str_equal (procedures[i].name, name))
      return procedure_new (plug_in, &procedures[i]);

  return NULL;
}

static void
nr_plug_in_class_init (NrPlugInClass *klass)
{
  GimpPlugInClass *plug_in_class = GIMP_PLUG_IN_CLASS (klass);

  plug_in_class->query_procedures = nr_plug_in_query_procedures;
  plug_in_class->create_procedure = nr_plug_in_create_procedure;
}

static void
nr_plug_in_init (NrPlugIn *plug_in)
{
}

GIMP_MAIN (NR_TYPE_PLUG_IN)
