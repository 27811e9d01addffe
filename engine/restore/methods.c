/* The table of methods. A task's first row is its default.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "method.h"
#include "deep-image-prior.h"
#include "fill.h"
#include "generative.h"
#include "network.h"
#include "nl-means.h"
#include "richardson-lucy.h"

static const NrMethod methods[] = {
  { NR_TASK_DENOISE, "network", nr_network_run, nr_network_estimate, "noise detail passes model", FALSE },
  { NR_TASK_DENOISE, "nl-means", nr_nl_means_run, nr_nl_means_estimate, "noise detail", FALSE },
  { NR_TASK_DENOISE, "deep-image-prior", nr_prior_run, nr_prior_estimate, "noise iterations seed model", TRUE },
  { NR_TASK_DEBLUR, "network", nr_network_run, nr_network_estimate, "blur kernel angle passes model", FALSE },
  { NR_TASK_DEBLUR, "richardson-lucy", nr_richardson_lucy_run, nr_richardson_lucy_estimate, "blur kernel angle iterations", FALSE },
  { NR_TASK_SUPER_RESOLVE, "network", nr_network_run, nr_network_estimate, "variant passes model", FALSE },
  { NR_TASK_SUPER_RESOLVE, "deep-image-prior", nr_prior_run, nr_prior_estimate, "iterations seed model", TRUE },
  { NR_TASK_FILL, "patch-match", nr_fill_run_patch_match, nr_fill_estimate_patch_match, "context seed", FALSE },
  { NR_TASK_FILL, "deep-image-prior", nr_prior_run_fill, nr_prior_estimate_fill, "context iterations seed model", TRUE },
  { NR_TASK_FILL, "generative", nr_generative_run, nr_generative_estimate, "context iterations seed model", TRUE },
};

const gchar *const *
nr_task_methods (NrTask task)
{
  static const gchar *names[NR_N_TASKS][G_N_ELEMENTS (methods) + 1];
  static gsize        is_ready;

  g_return_val_if_fail ((guint) task < NR_N_TASKS, NULL);

  if (g_once_init_enter (&is_ready))
    {
      guint n_names[NR_N_TASKS] = { 0 };

      for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
        names[methods[i].task][n_names[methods[i].task]++] = methods[i].name;
      g_once_init_leave (&is_ready, 1);
    }
  return names[task];
}

static const NrMethod *
look_up (NrTask task, const gchar *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    if (methods[i].task == task && (! name || ! name[0] || g_str_equal (name, methods[i].name)))
      return &methods[i];
  return NULL;
}

gboolean
nr_task_method_can_stop (NrTask task, const gchar *name)
{
  const NrMethod *method = look_up (task, name);

  return method && method->can_stop;
}

static gboolean
has_word (const gchar *text, const gchar *word)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  return g_strv_contains ((const gchar *const *) words, word);
}

gboolean
nr_task_method_uses (NrTask task, const gchar *name, const gchar *argument)
{
  const NrMethod *method      = look_up (task, name);
  gboolean        is_optional = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (methods) && ! is_optional; i++)
    is_optional = has_word (methods[i].uses, argument);
  return method && (! is_optional || has_word (method->uses, argument));
}

const NrMethod *
nr_method_find (NrTask task, const gchar *name, GError **error)
{
  const NrMethod   *method = look_up (task, name);
  g_autofree gchar *known  = NULL;

  if (method)
    return method;

  known = g_strjoinv (", ", (gchar **) nr_task_methods (task));
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "%s has no method '%s'; it has: %s", nr_task_name (task), name, known);
  return NULL;
}
