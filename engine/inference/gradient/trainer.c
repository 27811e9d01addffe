/* NrTrainer: a plan with its way back, its memory, its threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inputs of the plan are those of the model, then the parameters, then the gradients of outputs; its outputs are those of the
 * model, then the gradients of parameters, then those of inputs. All but the model's inputs live in buffers of the trainer;
 * all between them in one arena.
 */

#include "nr-gradient.h"
#include "aligned.h"
#include "gradient/parameters.h"
#include "gradient/tape.h"
#include "graph/execute.h"

#include <string.h>

/* A plan and what its inputs and outputs stand for. */
typedef struct
{
  NrPlan    *plan;
  guint      n_inputs, n_parameters, n_outputs; /* of the model */
  NrTensor **seeds;                             /* for each output: what takes its gradient, or NULL */
  NrTensor **gradients;                         /* for each input, then each parameter; or NULL */
  guint      n_forward;                         /* nodes of the way there */
} Route;

struct _NrTrainer
{
  Route      route;
  NrPool    *pool;
  GPtrArray *buffers;   /* aligned blocks; owned */
  gpointer  *inputs;    /* for each input of the plan: where it lies; the caller's until bound */
  gpointer  *outputs;   /* for each output of the plan */
  gfloat   **gradients; /* of parameters */
  gpointer   arena, scratch;
  gboolean   is_forward; /* a forward was run, no backward since */
};

static const NrTrainerOptions default_options = NR_TRAINER_OPTIONS_INIT;

/* -- Plan ----------------------------------------------------------------------------------------------------------- */

static void
route_clear (Route *route)
{
  nr_plan_free (route->plan);
  g_free (route->seeds);
  g_free (route->gradients);
}

static void
count_forward (Route *route)
{
  route->n_forward = 0;
  while (route->n_forward < route->plan->nodes->len && ! nr_plan_node (route->plan, route->n_forward)->is_backward)
    route->n_forward++;
}

/* Fills a zeroed ROUTE; to be cleared in any case. */
static gboolean
route_make (Route                  *route,
            NrModel                *model,
            const NrShape          *shapes,
            const NrTrainerOptions *options,
            gboolean                is_estimate,
            GError                **error)
{
  g_autoptr (GArray)   parameters = options->wants_parameter_gradients ? nr_parameters_find (model) : NULL;
  g_autofree gboolean *wanted     = NULL;
  NrPlan              *plan;

  route->plan = nr_plan_build (model, shapes, nr_kernels_get (MIN (options->cpu_level, nr_cpu_level ())), parameters, error);
  if (route->plan == NULL)
    return FALSE;

  plan                = route->plan;
  plan->is_estimate   = is_estimate;
  route->n_inputs     = model->inputs->len;
  route->n_parameters = parameters != NULL ? parameters->len : 0;
  route->n_outputs    = model->outputs->len;
  route->seeds        = g_new0 (NrTensor *, route->n_outputs);
  route->gradients    = g_new0 (NrTensor *, plan->n_inputs);
  wanted              = g_new0 (gboolean, plan->n_inputs);
  for (guint i = 0; i < plan->n_inputs; i++)
    wanted[i] = plan->inputs[i]->shape.type == NR_TYPE_FLOAT32 && (i >= route->n_inputs || options->wants_input_gradients);

  if (! nr_tape_differentiate (plan, wanted, route->seeds, route->gradients, error))
    return FALSE;

  for (guint i = 0; i < route->n_parameters; i++)
    if (route->gradients[route->n_inputs + i] != NULL)
      nr_plan_add_output (plan, route->gradients[route->n_inputs + i]);
  for (guint i = 0; i < route->n_inputs; i++)
    if (route->gradients[i] != NULL)
      nr_plan_add_output (plan, route->gradients[i]);

  if (! nr_plan_prepare (plan, error) || ! nr_plan_lay_out (plan, error))
    return FALSE;

  count_forward (route);
  return TRUE;
}

/* Inputs of the model, which the caller holds, do not count. */
static gsize
route_bytes (const Route *route, guint threads)
{
  const NrPlan *plan  = route->plan;
  gsize         bytes = plan->arena_bytes + plan->scratch_bytes * threads + plan->packed_bytes + plan->folded_bytes;

  for (guint i = route->n_inputs; i < plan->n_inputs; i++)
    bytes += nr_align (nr_tensor_bytes (plan->inputs[i]));
  for (guint i = 0; i < plan->n_outputs; i++)
    bytes += nr_align (nr_tensor_bytes (plan->outputs[i]));
  for (guint i = route->n_inputs; i < route->n_inputs + route->n_parameters; i++)
    if (route->gradients[i] == NULL)
      bytes += nr_align (nr_tensor_bytes (plan->inputs[i]));

  return bytes;
}

static guint
n_threads (const NrTrainerOptions *options)
{
  return options->threads != 0 ? options->threads : g_get_num_processors ();
}

gboolean
nr_trainer_estimate_memory (NrModel                *model,
                            const NrShape          *input_shapes,
                            const NrTrainerOptions *options,
                            gsize                  *bytes,
                            GError                **error)
{
  Route    route = { 0 };
  gboolean success;

  g_return_val_if_fail (model != NULL && bytes != NULL, FALSE);

  options = options != NULL ? options : &default_options;
  success = route_make (&route, model, input_shapes, options, TRUE, error);
  if (success)
    *bytes = route_bytes (&route, n_threads (options));

  route_clear (&route);
  return success;
}

/* -- Memory --------------------------------------------------------------------------------------------------------- */

/* Zeroed: an output's gradient before the caller's first, a parameter's that nothing depends on. */
static gpointer
add_buffer (NrTrainer *trainer, gsize size)
{
  gpointer buffer = nr_aligned_try_alloc0 (size);

  if (buffer != NULL)
    g_ptr_array_add (trainer->buffers, buffer);
  return buffer;
}

/* Points the tensors that lie in outer memory to it: those of inputs (or outputs) FIRST to LAST - 1. */
static void
bind (const GArray *bindings, gpointer const *memory, guint first, guint last)
{
  for (guint i = 0; i < bindings->len; i++)
    {
      const NrBinding *binding = &g_array_index (bindings, NrBinding, i);

      if (binding->index >= first && binding->index < last)
        binding->tensor->data = (guint8 *) memory[binding->index] + binding->offset;
    }
}

/* Where the plan's output TENSOR lies, behind those of the model; NULL if it is none. */
static gpointer
find_output (const NrTrainer *trainer, const NrTensor *tensor)
{
  const NrPlan *plan = trainer->route.plan;

  for (guint i = trainer->route.n_outputs; tensor != NULL && i < plan->n_outputs; i++)
    if (plan->outputs[i] == tensor)
      return trainer->outputs[i];

  return NULL;
}

static gboolean
allocate_buffers (NrTrainer *trainer)
{
  const Route *route = &trainer->route;
  NrPlan      *plan  = route->plan;

  trainer->inputs    = g_new0 (gpointer, plan->n_inputs);
  trainer->outputs   = g_new0 (gpointer, plan->n_outputs);
  trainer->gradients = g_new0 (gfloat *, route->n_parameters);

  for (guint i = route->n_inputs; i < plan->n_inputs; i++)
    if ((trainer->inputs[i] = add_buffer (trainer, nr_tensor_bytes (plan->inputs[i]))) == NULL)
      return FALSE;
  for (guint i = 0; i < plan->n_outputs; i++)
    if ((trainer->outputs[i] = add_buffer (trainer, nr_tensor_bytes (plan->outputs[i]))) == NULL)
      return FALSE;

  for (guint i = 0; i < route->n_parameters; i++)
    {
      const guint input = route->n_inputs + i;

      trainer->gradients[i] = route->gradients[input] != NULL ? find_output (trainer, route->gradients[input])
                                                              : add_buffer (trainer, nr_tensor_bytes (plan->inputs[input]));
      if (trainer->gradients[i] == NULL)
        return FALSE;
    }

  trainer->arena   = add_buffer (trainer, plan->arena_bytes);
  trainer->scratch = add_buffer (trainer, plan->scratch_bytes * nr_pool_n_threads (trainer->pool));
  return trainer->arena != NULL && trainer->scratch != NULL;
}

static gboolean
allocate (NrTrainer *trainer, GError **error)
{
  const Route *route = &trainer->route;
  NrPlan      *plan  = route->plan;

  if (! allocate_buffers (trainer))
    {
      g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY, "no memory to train %s: it needs %.1f MiB for this size",
                   plan->model->name, nr_trainer_memory (trainer) / 1048576.0);
      return FALSE;
    }

  nr_plan_place (plan, trainer->arena);
  bind (plan->input_bindings, trainer->inputs, route->n_inputs, plan->n_inputs);
  bind (plan->output_bindings, trainer->outputs, 0, plan->n_outputs);
  return TRUE;
}

static void
copy_parameters (NrTrainer *trainer)
{
  const Route       *route      = &trainer->route;
  NrModel           *model      = route->plan->model;
  g_autoptr (GArray) parameters = nr_parameters_find (model);

  for (guint i = 0; i < route->n_parameters; i++)
    {
      const NrTensor *initial = nr_model_value (model, g_array_index (parameters, guint, i));

      if (initial->n > 0)
        memcpy (trainer->inputs[route->n_inputs + i], initial->data, nr_tensor_bytes (initial));
    }
}

static gboolean
check_limit (NrModel *model, const NrShape *shapes, const NrTrainerOptions *options, GError **error)
{
  gsize bytes;

  if (options->memory_limit == 0)
    return TRUE;

  if (! nr_trainer_estimate_memory (model, shapes, options, &bytes, error))
    return FALSE;

  if (bytes <= options->memory_limit)
    return TRUE;

  g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY, "training %s needs %.1f MiB for this size, allowed are %.1f MiB",
               model->name, bytes / 1048576.0, options->memory_limit / 1048576.0);
  return FALSE;
}

NrTrainer *
nr_trainer_new (NrModel *model, const NrShape *input_shapes, const NrTrainerOptions *options, GError **error)
{
  g_autoptr (NrTrainer) trainer = NULL;

  g_return_val_if_fail (model != NULL, NULL);

  options = options != NULL ? options : &default_options;
  if (! check_limit (model, input_shapes, options, error))
    return NULL;

  trainer          = g_new0 (NrTrainer, 1);
  trainer->buffers = g_ptr_array_new_with_free_func (nr_aligned_free);
  trainer->pool    = nr_pool_new (n_threads (options));
  if (! route_make (&trainer->route, model, input_shapes, options, FALSE, error) || ! allocate (trainer, error))
    return NULL;

  copy_parameters (trainer);
  g_debug ("%s: training, %u + %u nodes, %.1f MiB, %u threads", model->name, trainer->route.n_forward,
           trainer->route.plan->nodes->len - trainer->route.n_forward, nr_trainer_memory (trainer) / 1048576.0,
           nr_pool_n_threads (trainer->pool));
  return g_steal_pointer (&trainer);
}

void
nr_trainer_free (NrTrainer *trainer)
{
  if (trainer == NULL)
    return;

  nr_pool_free (trainer->pool);
  route_clear (&trainer->route);
  g_ptr_array_unref (trainer->buffers);
  g_free (trainer->inputs);
  g_free (trainer->outputs);
  g_free (trainer->gradients);
  g_free (trainer);
}

/* -- Describe ------------------------------------------------------------------------------------------------------- */

gsize
nr_trainer_memory (const NrTrainer *trainer)
{
  return route_bytes (&trainer->route, nr_pool_n_threads (trainer->pool));
}

guint64
nr_trainer_n_macs (const NrTrainer *trainer)
{
  return trainer->route.plan->n_macs;
}

guint
nr_trainer_n_parameters (const NrTrainer *trainer)
{
  return trainer->route.n_parameters;
}

static const NrTensor *
parameter (const NrTrainer *trainer, guint i)
{
  return trainer->route.plan->inputs[trainer->route.n_inputs + i];
}

const gchar *
nr_trainer_parameter_name (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_parameters, NULL);

  return parameter (trainer, i)->name;
}

const NrShape *
nr_trainer_parameter_shape (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_parameters, NULL);

  return &parameter (trainer, i)->shape;
}

gfloat *
nr_trainer_parameter (NrTrainer *trainer, guint i, gsize *n_elements)
{
  g_return_val_if_fail (i < trainer->route.n_parameters, NULL);

  if (n_elements != NULL)
    *n_elements = parameter (trainer, i)->n;
  return trainer->inputs[trainer->route.n_inputs + i];
}

const gfloat *
nr_trainer_parameter_gradient (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_parameters, NULL);

  return trainer->gradients[i];
}

const gfloat *
nr_trainer_input_gradient (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_inputs, NULL);

  return find_output (trainer, trainer->route.gradients[i]);
}

const NrShape *
nr_trainer_output_shape (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_outputs, NULL);

  return &trainer->route.plan->outputs[i]->shape;
}

const gfloat *
nr_trainer_output (const NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_outputs, NULL);

  return trainer->outputs[i];
}

gfloat *
nr_trainer_output_gradient (NrTrainer *trainer, guint i)
{
  g_return_val_if_fail (i < trainer->route.n_outputs, NULL);

  /* Nothing ever overwrites an input of the plan. */
  return trainer->route.seeds[i] != NULL ? trainer->route.seeds[i]->data : NULL;
}

NrPool *
nr_trainer_pool (NrTrainer *trainer)
{
  return trainer->pool;
}

/* -- Run ------------------------------------------------------------------------------------------------------------ */

static gboolean
run (NrTrainer *trainer, guint first, guint last, GCancellable *cancellable, GError **error)
{
  const NrExecution execution = { .plan        = trainer->route.plan,
                                  .pool        = trainer->pool,
                                  .scratch     = trainer->scratch,
                                  .cancellable = cancellable };

  return ! g_cancellable_set_error_if_cancelled (cancellable, error) && nr_execute (&execution, first, last, error);
}

/* Outputs [first, last) of the plan whose values lie elsewhere. */
static void
copy_outputs (NrTrainer *trainer, guint first, guint last)
{
  const GArray *copies = trainer->route.plan->copies;

  for (guint i = 0; i < copies->len; i++)
    {
      const NrBinding *copy = &g_array_index (copies, NrBinding, i);

      if (copy->index >= first && copy->index < last && copy->tensor->n > 0)
        memcpy (trainer->outputs[copy->index], copy->tensor->data, nr_tensor_bytes (copy->tensor));
    }
}

gboolean
nr_trainer_forward (NrTrainer *trainer, const void *const *inputs, GCancellable *cancellable, GError **error)
{
  const Route *route;

  g_return_val_if_fail (trainer != NULL && inputs != NULL, FALSE);

  route               = &trainer->route;
  trainer->is_forward = FALSE;
  memcpy (trainer->inputs, inputs, route->n_inputs * sizeof *inputs);
  bind (route->plan->input_bindings, trainer->inputs, 0, route->n_inputs);
  if (! run (trainer, 0, route->n_forward, cancellable, error))
    return FALSE;

  copy_outputs (trainer, 0, route->n_outputs);
  trainer->is_forward = TRUE;
  return TRUE;
}

gboolean
nr_trainer_backward (NrTrainer *trainer, GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (trainer != NULL && trainer->is_forward, FALSE);

  trainer->is_forward = FALSE;
  if (! run (trainer, trainer->route.n_forward, trainer->route.plan->nodes->len, cancellable, error))
    return FALSE;

  copy_outputs (trainer, trainer->route.n_outputs, trainer->route.plan->n_outputs);
  return TRUE;
}
