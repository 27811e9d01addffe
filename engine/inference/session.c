/* Sessions: a plan, its memory, its threads; run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "graph/execute.h"
#include "aligned.h"
#include "parallel.h"

#include <string.h>

struct _NrSession
{
  NrPlan   *plan;
  NrPool   *pool;
  gpointer  arena;
  gpointer  scratch;     /* scratch_bytes for each thread */
  gpointer *spare;      /* one for each output: memory for those the caller does not want, made when needed */
};

/* -- Make --------------------------------------------------------------------------------------------------------- */

static const NrSessionOptions default_options = NR_SESSION_OPTIONS_INIT;

static guint
n_threads (const NrSessionOptions *options)
{
  return options->threads != 0 ? options->threads : g_get_num_processors ();
}

static const NrKernels *
choose_kernels (const NrSessionOptions *options)
{
  return nr_kernels_get (MIN (options->cpu_level, nr_cpu_level ()));
}

static gsize
plan_bytes (const NrPlan *plan, guint threads)
{
  return plan->arena_bytes + plan->scratch_bytes * threads + plan->packed_bytes + plan->folded_bytes;
}

static gboolean
check_limit (const NrModel *model, gsize bytes, gsize limit, GError **error)
{
  if (limit == 0 || bytes <= limit)
    return TRUE;

  g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY,
               "%s needs %.1f MiB for this size, allowed are %.1f MiB",
               model->name, bytes / 1048576.0, limit / 1048576.0);
  return FALSE;
}

gboolean
nr_session_estimate_memory (NrModel                *model,
                            const NrShape          *input_shapes,
                            const NrSessionOptions *options,
                            gsize                  *bytes,
                            GError                **error)
{
  g_autoptr (NrPlan) plan = NULL;

  g_return_val_if_fail (model != NULL && bytes != NULL, FALSE);

  options = options != NULL ? options : &default_options;
  plan    = nr_plan_new (model, input_shapes, choose_kernels (options), TRUE, error);
  if (plan == NULL)
    return FALSE;

  *bytes = plan_bytes (plan, n_threads (options));
  return TRUE;
}

static gboolean
allocate (NrSession *session, GError **error)
{
  NrPlan     *plan    = session->plan;
  const guint threads = nr_pool_n_threads (session->pool);

  session->arena   = nr_aligned_try_alloc (plan->arena_bytes);
  session->scratch = nr_aligned_try_alloc (plan->scratch_bytes * threads);
  if (session->arena == NULL || session->scratch == NULL)
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY, "no memory for %s: it needs %.1f MiB for this size",
                   plan->model->name, plan_bytes (plan, threads) / 1048576.0);
      return FALSE;
    }

  nr_plan_place (plan, session->arena);
  return TRUE;
}

NrSession *
nr_session_new (NrModel *model, const NrShape *input_shapes, const NrSessionOptions *options, GError **error)
{
  g_autoptr (NrSession) session = g_new0 (NrSession, 1);
  gsize                 bytes;

  g_return_val_if_fail (model != NULL, NULL);

  options = options != NULL ? options : &default_options;

  /* Packing allocates: with a limit, what it will take is found out first. */
  if (options->memory_limit != 0 &&
      (! nr_session_estimate_memory (model, input_shapes, options, &bytes, error) ||
       ! check_limit (model, bytes, options->memory_limit, error)))
    return NULL;

  session->plan = nr_plan_new (model, input_shapes, choose_kernels (options), FALSE, error);
  if (session->plan == NULL)
    return NULL;

  session->spare = g_new0 (gpointer, model->outputs->len);
  session->pool  = nr_pool_new (n_threads (options));
  if (! allocate (session, error))
    return NULL;

  g_debug ("%s: %u nodes, %.1f MiB, %.2f GMAC, %s, %u threads", model->name, session->plan->nodes->len,
           nr_session_memory (session) / 1048576.0, nr_session_n_macs (session) * 1e-9, session->plan->kernels->name,
           nr_session_n_threads (session));
  return g_steal_pointer (&session);
}

void
nr_session_free (NrSession *session)
{
  if (session == NULL)
    return;

  nr_pool_free (session->pool);
  for (guint i = 0; session->spare != NULL && i < session->plan->model->outputs->len; i++)
    nr_aligned_free (session->spare[i]);
  g_free (session->spare);
  nr_aligned_free (session->arena);
  nr_aligned_free (session->scratch);
  nr_plan_free (session->plan);
  g_free (session);
}

/* -- Describe ----------------------------------------------------------------------------------------------------- */

gsize
nr_session_memory (const NrSession *session)
{
  return plan_bytes (session->plan, nr_pool_n_threads (session->pool));
}

const NrShape *
nr_session_output_shape (const NrSession *session, guint i)
{
  g_return_val_if_fail (i < session->plan->model->outputs->len, NULL);

  return &session->plan->outputs[i]->shape;
}

guint64
nr_session_n_macs (const NrSession *session)
{
  return session->plan->n_macs;
}

guint
nr_session_n_threads (const NrSession *session)
{
  return nr_pool_n_threads (session->pool);
}

/* -- Run ---------------------------------------------------------------------------------------------------------- */

/* Memory for an output that the caller does not want. */
static gpointer
spare_output (NrSession *session, guint i, GError **error)
{
  const NrTensor *tensor = session->plan->outputs[i];

  if (session->spare[i] == NULL)
    session->spare[i] = nr_aligned_try_alloc (nr_tensor_bytes (tensor));
  if (session->spare[i] == NULL)
    g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY, "no memory for output '%s'", tensor->name);

  return session->spare[i];
}

/* Points the tensors that lie in the caller's memory to it. */
static gboolean
bind (NrSession *session, const void *const *inputs, void *const *outputs, GError **error)
{
  NrPlan *plan = session->plan;

  for (guint i = 0; i < plan->input_bindings->len; i++)
    {
      NrBinding *binding = &g_array_index (plan->input_bindings, NrBinding, i);

      binding->tensor->data = (guint8 *) inputs[binding->index] + binding->offset;
    }

  for (guint i = 0; i < plan->output_bindings->len; i++)
    {
      NrBinding *binding = &g_array_index (plan->output_bindings, NrBinding, i);
      guint8    *output  = outputs[binding->index];

      if (output == NULL)
        output = spare_output (session, binding->index, error);
      if (output == NULL)
        return FALSE;

      binding->tensor->data = output + binding->offset;
    }

  return TRUE;
}

static void
copy_outputs (const NrPlan *plan, void *const *outputs)
{
  for (guint i = 0; i < plan->copies->len; i++)
    {
      const NrBinding *copy = &g_array_index (plan->copies, NrBinding, i);

      if (outputs[copy->index] != NULL && copy->tensor->n > 0)
        memcpy (outputs[copy->index], copy->tensor->data, nr_tensor_bytes (copy->tensor));
    }
}

gboolean
nr_session_run (NrSession         *session,
                const void *const *inputs,
                void *const       *outputs,
                NrProgressFunc     progress,
                gpointer           progress_data,
                GCancellable      *cancellable,
                GError           **error)
{
  const NrExecution execution = {
    .plan          = session->plan,
    .pool          = session->pool,
    .scratch       = session->scratch,
    .progress      = progress,
    .progress_data = progress_data,
    .cancellable   = cancellable,
  };

  g_return_val_if_fail (session != NULL && outputs != NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error) || ! bind (session, inputs, outputs, error) ||
      ! nr_execute (&execution, 0, session->plan->nodes->len, error))
    return FALSE;

  copy_outputs (session->plan, outputs);
  if (progress != NULL)
    progress (1.0, progress_data);
  return TRUE;
}
