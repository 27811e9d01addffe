/* Names, defaults and range checks of the arguments.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "nr-restore.h"
#include "method.h"

G_DEFINE_QUARK (nr-restore-error-quark, nr_restore_error)

static const gchar *const task_names[NR_N_TASKS] = { "denoise", "deblur", "super-resolve", "fill" };

const gchar *
nr_task_name (NrTask task)
{
  g_return_val_if_fail ((guint) task < NR_N_TASKS, NULL);
  return task_names[task];
}

gboolean
nr_task_from_name (const gchar *name, NrTask *task)
{
  for (guint i = 0; name && i < NR_N_TASKS; i++)
    if (g_str_equal (name, task_names[i]))
      {
        *task = i;
        return TRUE;
      }
  return FALSE;
}

void
nr_arguments_init (NrArguments *arguments, NrTask task)
{
  *arguments = (NrArguments) {
    .task     = task,
    .strength = 1,
    .scale    = 2,
    .passes   = 1,
    .variant  = "photo",
    .kernel   = "gaussian",
    .blend    = TRUE,
  };
}

static gboolean
check_range (const gchar *name, gdouble value, gdouble low, gdouble high, GError **error)
{
  if (value >= low && value <= high) /* also refuses NaN */
    return TRUE;
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "%s is %g but must lie between %g and %g", name, value, low, high);
  return FALSE;
}

static gboolean
check_super_resolve (const NrArguments *arguments, GError **error)
{
  if (arguments->scale < 2 || arguments->scale > 4)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                   "scale is %d but must be 2, 3 or 4", arguments->scale);
      return FALSE;
    }
  if (arguments->variant && arguments->variant[0] && ! g_str_equal (arguments->variant, "photo") &&
      ! g_str_equal (arguments->variant, "clean"))
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                   "variant is '%s' but must be 'photo' or 'clean'", arguments->variant);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_deblur (const NrArguments *arguments, GError **error)
{
  if (! arguments->kernel || ! arguments->kernel[0] || g_str_equal (arguments->kernel, "gaussian") ||
      g_str_equal (arguments->kernel, "disc") || g_str_equal (arguments->kernel, "motion"))
    return TRUE;
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "kernel is '%s' but must be 'gaussian', 'disc' or 'motion'", arguments->kernel);
  return FALSE;
}

gboolean
nr_arguments_check (const NrArguments *arguments, GError **error)
{
  if ((guint) arguments->task >= NR_N_TASKS)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
                   "there is no task number %d; use denoise, deblur, super-resolve or fill", arguments->task);
      return FALSE;
    }
  if (! nr_method_find (arguments->task, arguments->method, error))
    return FALSE;
  if (arguments->task == NR_TASK_DEBLUR && ! check_deblur (arguments, error))
    return FALSE;
  if (arguments->task == NR_TASK_SUPER_RESOLVE && ! check_super_resolve (arguments, error))
    return FALSE;

  return check_range ("strength", arguments->strength, 0, 1, error) &&
         check_range ("noise", arguments->noise, 0, 100, error) &&
         check_range ("detail", arguments->detail, 0, 1, error) &&
         check_range ("blur", arguments->blur, 0, 25, error) &&
         check_range ("angle", arguments->angle, 0, 180, error) &&
         check_range ("passes", arguments->passes, 1, NR_MAX_PASSES, error) &&
         check_range ("context", arguments->context, 0, 10000, error) &&
         check_range ("iterations", arguments->iterations, 0, 100000, error) &&
         check_range ("threads", arguments->threads, 0, 1024, error) &&
         check_range ("memory", arguments->memory, 0, 1 << 20, error);
}

void
nr_restore_result_size (const NrArguments *arguments, gint width, gint height, gint *result_width, gint *result_height)
{
  const gint scale = arguments->task == NR_TASK_SUPER_RESOLVE ? arguments->scale : 1;

  *result_width  = width * scale;
  *result_height = height * scale;
}
