/* Running the nodes of a plan, one after the other, each on all threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "graph/plan.h"

typedef struct
{
  const NrPlan  *plan; /* laid out and placed, inputs and outputs bound */
  NrPool        *pool;
  gpointer       scratch;  /* plan->scratch_bytes for each thread of the pool */
  NrProgressFunc progress; /* may be NULL */
  gpointer       progress_data;
  GCancellable  *cancellable; /* may be NULL */
} NrExecution;

/* Runs nodes [first, last) in order; the fractions reported are of these. Allocates nothing. FALSE with
 * G_IO_ERROR_CANCELLED when it was cancelled, some milliseconds after. */
gboolean nr_execute (const NrExecution *execution, guint first, guint last, GError **error);
