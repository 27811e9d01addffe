/* The table of methods. A task's first row is its default.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "method.h"
#include "fill.h"
#include "network.h"

static const NrMethod methods[] = {
  { NR_TASK_DENOISE, "network", nr_network_run, nr_network_estimate },
  { NR_TASK_DEBLUR, "network", nr_network_run, nr_network_estimate },
  { NR_TASK_SUPER_RESOLVE, "network", nr_network_run, nr_network_estimate },
  { NR_TASK_FILL, "patch-match", nr_fill_run_patch_match, nr_fill_estimate_patch_match },
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

const NrMethod *
nr_method_find (NrTask task, const gchar *name, GError **error)
{
  g_autofree gchar *known = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    if (methods[i].task == task && (! name || ! name[0] || g_str_equal (name, methods[i].name)))
      return &methods[i];

  known = g_strjoinv (", ", (gchar **) nr_task_methods (task));
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "%s has no method '%s'; it has: %s", nr_task_name (task), name, known);
  return NULL;
}
