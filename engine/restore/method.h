/* The table of methods: which code runs a task.
 *
 * A method is one file and one row in methods.c. The network method has a row for each task it can do.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

typedef struct
{
  NrTask       task;
  const gchar *name;

  /* Restores JOB's region into JOB's sink and fills the method's part of JOB's report (model, tiles, threads,
   * peak_memory_mib, noise_estimate). Called with checked arguments, a region of at least one pixel inside the source
   * and a strength above 0. */
  gboolean (*run) (NrJob *job, GError **error);

  /* What run would take for a picture of WIDTH x HEIGHT; both results are set. */
  gboolean (*estimate) (const NrArguments *arguments,
                        gint               width,
                        gint               height,
                        gdouble           *seconds,
                        gdouble           *memory_mib,
                        GError           **error);

  const gchar *uses;     /* those arguments that not every method uses, a blank between them */
  gboolean     can_stop; /* looks at the arguments' stop and shows the result as it forms (the sink's show) */
} NrMethod;

/* The method NAME of TASK, its default for NULL or ""; NULL with an error that names what there is. */
const NrMethod *nr_method_find (NrTask task, const gchar *name, GError **error);
