/* Fitting a network to one picture: see prior-fit.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "prior-fit.h"

#include <math.h>
#include <string.h>

#include "enlarge.h"
#include "lanczos-graph.h"
#include "nr-gradient.h"
#include "nr-restore.h"
#include "random-plane.h"

/* The paper's: range of the noise, Adam's step, memory of the average. */
static const gfloat        noise_range  = 0.1f;
static const NrAdamOptions adam_options = { 0.01, 0.9, 0.999, 1e-8 };
static const gfloat        forgetting   = 0.01f;

/* Of weights. Adam for all, as in the paper, took four times the iterations to the same picture. */
static const NrMuonOptions muon_options = { 0.02, 0.9 };

/* Rounds after which a picture's reduction is what is known, but for rounding of 8 bits. */
static const guint back_projections = 4;

/* Streams of random numbers. */
enum
{
  STREAM_NOISE        = 1 << 16, /* and the channel */
  STREAM_PERTURBATION = 1 << 20  /* and the iteration */
};

enum
{
  SHOW_INTERVAL = G_USEC_PER_SEC / 2
};

struct _NrPriorFit
{
  NrPriorFitOptions options;
  gint              n_inputs;
  NrTrainer        *trainer;
  NrTrainer        *reducer; /* NULL: what is known is the picture itself */
  guint             n_runs;
  guint64           memory;

  gfloat  *noise, *input;  /* n_inputs planes: fixed, and perturbed */
  gfloat  *average;        /* 3 planes */
  gfloat  *variation;      /* 3 planes: gradient of the total variation; NULL without it */
  gdouble *row_squares;   /* 3 x height: of what the average differs from what is known by */

  /* Of the trainer: matrices first, then what Adam steps. */
  guint           n_parameters, n_matrices;
  const NrShape **shapes;
  gfloat        **values;
  const gfloat  **gradients;
  gsize          *n_elements;
};

static gsize
n_pixels (const NrPriorFitOptions *options)
{
  return (gsize) options->width * options->height;
}

static gsize
n_known (const NrPriorFitOptions *options)
{
  return 3 * n_pixels (options) / options->scale / options->scale;
}

/* -- Planning ------------------------------------------------------------------------------------------------------ */

static NrShape
input_shape (const NrPriorNetwork *network, const NrPriorFitOptions *options)
{
  return (NrShape) { NR_TYPE_FLOAT32, 4, { 1, network->n_inputs, options->height, options->width } };
}

static NrShape
picture_shape (const NrPriorFitOptions *options)
{
  return (NrShape) { NR_TYPE_FLOAT32, 4, { 1, 3, options->height, options->width } };
}

static NrTrainerOptions
network_options (const NrPriorFitOptions *options)
{
  return (NrTrainerOptions) { options->threads, NR_CPU_AVX512, 0, FALSE, TRUE };
}

static NrTrainerOptions
reducer_options (const NrPriorFitOptions *options)
{
  return (NrTrainerOptions) { options->threads, NR_CPU_AVX512, 0, TRUE, FALSE };
}

/* Of three planes: average, gradient of the total variation. */
static guint
n_pictures (const NrPriorFitOptions *options)
{
  return options->total_variation > 0 ? 2 : 1;
}

/* What a fit holds beside its trainers; Muon has the most for a parameter, seven values. */
static guint64
own_memory (const NrPriorNetwork *network, const NrPriorFitOptions *options)
{
  return (guint64) n_pixels (options) * (2 * network->n_inputs + n_pictures (options) * 3) * sizeof (gfloat) +
         7 * nr_model_n_parameters (network->model) * sizeof (gfloat) +
         3 * options->height * sizeof (gdouble);
}

gboolean
nr_prior_fit_estimate_memory (const NrPriorNetwork *network, const NrPriorFitOptions *options, guint64 *bytes, GError **error)
{
  const NrTrainerOptions trainer_options = network_options (options);
  const NrShape          input           = input_shape (network, options);
  gsize                  trainer_bytes   = 0;
  gsize                  reducer_bytes   = 0;

  if (! nr_trainer_estimate_memory (network->model, &input, &trainer_options, &trainer_bytes, error))
    return FALSE;
  if (options->scale > 1)
    {
      const NrTrainerOptions lanczos_options = reducer_options (options);
      const NrShape          picture         = picture_shape (options);
      g_autoptr (NrModel)    lanczos         = nr_lanczos_graph_new (options->scale, error);

      if (! lanczos || ! nr_trainer_estimate_memory (lanczos, &picture, &lanczos_options, &reducer_bytes, error))
        return FALSE;
    }
  *bytes = own_memory (network, options) + trainer_bytes + reducer_bytes;
  return TRUE;
}

static gboolean
make_trainer (NrPriorFit *fit, const NrPriorNetwork *network, GError **error)
{
  const NrTrainerOptions options = network_options (&fit->options);
  const NrShape          input   = input_shape (network, &fit->options);
  const NrShape          picture = picture_shape (&fit->options);
  const NrShape         *output;

  fit->trainer = nr_trainer_new (network->model, &input, &options, error);
  if (! fit->trainer)
    return FALSE;
  output = nr_trainer_output_shape (fit->trainer, 0);
  if (output->type == NR_TYPE_FLOAT32 && output->rank == 4 && memcmp (output->dims, picture.dims, 4 * sizeof (gint64)) == 0 &&
      nr_trainer_n_parameters (fit->trainer) > 0)
    return TRUE;
  else
    {
      g_autofree gchar *text = nr_shape_to_string (output);

      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network makes %s of noise of %d x %d pixels with %u parameters to fit; "
                   "a deep image prior must make a picture [1, 3, %d, %d]",
                   text, fit->options.width, fit->options.height, nr_trainer_n_parameters (fit->trainer),
                   fit->options.height, fit->options.width);
      return FALSE;
    }
}

static gboolean
make_reducer (NrPriorFit *fit, GError **error)
{
  const NrTrainerOptions options = reducer_options (&fit->options);
  const NrShape          picture = picture_shape (&fit->options);
  g_autoptr (NrModel)    lanczos = nr_lanczos_graph_new (fit->options.scale, error);

  if (lanczos)
    fit->reducer = nr_trainer_new (lanczos, &picture, &options, error);
  return fit->reducer != NULL;
}

static gboolean
allocate (NrPriorFit *fit, GError **error)
{
  const gsize n = n_pixels (&fit->options);

  fit->noise       = g_try_new (gfloat, n * fit->n_inputs);
  fit->input       = g_try_new (gfloat, n * fit->n_inputs);
  fit->average     = g_try_new (gfloat, n * 3);
  fit->row_squares = g_try_new (gdouble, 3 * fit->options.height);
  if (fit->options.total_variation > 0)
    fit->variation = g_try_new (gfloat, n * 3);
  if (fit->noise && fit->input && fit->average && fit->row_squares && (fit->variation || ! (fit->options.total_variation > 0)))
    return TRUE;

  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
               "not enough memory to fit a network to %d x %d pixels; set a smaller memory budget",
               fit->options.width, fit->options.height);
  return FALSE;
}

/* Weights of convolutions and products, but for those that make the picture. */
static gboolean
is_matrix (const NrShape *shape)
{
  return shape->rank >= 2 && shape->dims[0] > 3;
}

/* Matrices or all else. */
static void
add_parameters (NrPriorFit *fit, gboolean matrices)
{
  for (guint i = 0; i < nr_trainer_n_parameters (fit->trainer); i++)
    {
      const NrShape *shape = nr_trainer_parameter_shape (fit->trainer, i);
      const guint    n     = fit->n_parameters;

      if (is_matrix (shape) != matrices)
        continue;
      fit->shapes[n]    = shape;
      fit->values[n]    = nr_trainer_parameter (fit->trainer, i, &fit->n_elements[n]);
      fit->gradients[n] = nr_trainer_parameter_gradient (fit->trainer, i);
      fit->n_parameters++;
    }
}

static void
list_parameters (NrPriorFit *fit)
{
  const guint n = nr_trainer_n_parameters (fit->trainer);

  fit->shapes     = g_new (const NrShape *, n);
  fit->values     = g_new (gfloat *, n);
  fit->gradients  = g_new (const gfloat *, n);
  fit->n_elements = g_new (gsize, n);
  add_parameters (fit, TRUE);
  fit->n_matrices = fit->n_parameters;
  add_parameters (fit, FALSE);
}

NrPriorFit *
nr_prior_fit_new (const NrPriorNetwork *network, const NrPriorFitOptions *options, GError **error)
{
  g_autoptr (NrPriorFit) fit = g_new0 (NrPriorFit, 1);

  fit->options  = *options;
  fit->n_inputs = network->n_inputs;
  if (! make_trainer (fit, network, error) || (options->scale > 1 && ! make_reducer (fit, error)) || ! allocate (fit, error))
    return NULL;
  list_parameters (fit);
  fit->memory = own_memory (network, options) + nr_trainer_memory (fit->trainer) +
                (fit->reducer ? nr_trainer_memory (fit->reducer) : 0);
  return g_steal_pointer (&fit);
}

void
nr_prior_fit_free (NrPriorFit *fit)
{
  if (! fit)
    return;
  nr_trainer_free (fit->trainer);
  nr_trainer_free (fit->reducer);
  g_free (fit->noise);
  g_free (fit->input);
  g_free (fit->average);
  g_free (fit->variation);
  g_free (fit->row_squares);
  g_free (fit->shapes);
  g_free (fit->values);
  g_free (fit->gradients);
  g_free (fit->n_elements);
  g_free (fit);
}

void
nr_prior_fit_continue (NrPriorFit *fit, const NrPriorFit *before)
{
  g_return_if_fail (fit->n_parameters == before->n_parameters);

  for (guint i = 0; i < fit->n_parameters; i++)
    memcpy (fit->values[i], before->values[i], MIN (fit->n_elements[i], before->n_elements[i]) * sizeof (gfloat));
  fit->n_runs = before->n_runs;
}

guint64
nr_prior_fit_memory (const NrPriorFit *fit)
{
  return fit->memory;
}

guint
nr_prior_fit_n_threads (const NrPriorFit *fit)
{
  return nr_pool_n_threads (nr_trainer_pool (fit->trainer));
}

/* -- Noise --------------------------------------------------------------------------------------------------------- */

/* One run under way. */
typedef struct
{
  NrPriorFit          *fit;
  const NrPriorTarget *target;
  NrMuon              *muon;
  NrAdam              *adam;
  gint                 x, y;
  guint                iteration;
  gdouble              fraction; /* told */
  gint64               shown;    /* when, in microseconds */
} Run;

/* Rows of all channels. */
static void
make_noise (gsize begin, gsize end, guint thread, gpointer data)
{
  const Run        *run   = data;
  const NrPriorFit *fit   = run->fit;
  const gint        width = fit->options.width;

  for (gsize row = begin; row < end; row++)
    {
      const guint   channel = row / fit->options.height;
      const guint32 y       = run->y + (gint) (row % fit->options.height);
      const guint64 key     = nr_random_key (fit->options.seed, STREAM_NOISE + channel) + ((guint64) y << 32);

      for (gint x = 0; x < width; x++)
        fit->noise[row * width + x] = noise_range * nr_random_uniform (key + (guint32) (run->x + x));
    }
}

static void
perturb_noise (gsize begin, gsize end, guint thread, gpointer data)
{
  const Run        *run   = data;
  const NrPriorFit *fit   = run->fit;
  const gsize       width = fit->options.width;
  const gfloat      sigma = fit->options.perturbation;
  const guint64     key   = nr_random_key (fit->options.seed + fit->n_runs, STREAM_PERTURBATION + run->iteration);

  for (gsize i = begin * width; i < end * width; i++)
    fit->input[i] = fit->noise[i] + sigma * nr_random_normal (key + i);
}

static void
for_noise_rows (Run *run, NrRangeFunc func)
{
  nr_pool_for (nr_trainer_pool (run->fit->trainer), (gsize) run->fit->n_inputs * run->fit->options.height, 64, func, run,
               NULL, NULL);
}

/* -- Fitting ------------------------------------------------------------------------------------------------------- */

/* The loss of the picture, whose gradient goes where the trainer looks for it. */
static gboolean
compare (NrPriorFit *fit, const NrPriorTarget *target, GCancellable *cancellable, gdouble *loss, GError **error)
{
  NrPool       *pool     = nr_trainer_pool (fit->trainer);
  const gfloat *picture  = nr_trainer_output (fit->trainer, 0);
  gfloat       *gradient = nr_trainer_output_gradient (fit->trainer, 0);

  if (! fit->reducer)
    {
      *loss = nr_loss_mse (pool, picture, target->known, target->weight, n_known (&fit->options), gradient);
      return TRUE;
    }
  if (! nr_trainer_forward (fit->reducer, (const void *const[]) { picture }, cancellable, error))
    return FALSE;
  *loss = nr_loss_mse (pool, nr_trainer_output (fit->reducer, 0), target->known, target->weight, n_known (&fit->options),
                       nr_trainer_output_gradient (fit->reducer, 0));
  if (! nr_trainer_backward (fit->reducer, cancellable, error))
    return FALSE;
  memcpy (gradient, nr_trainer_input_gradient (fit->reducer, 0), 3 * n_pixels (&fit->options) * sizeof (gfloat));
  return TRUE;
}

static void
add_variation_range (gsize begin, gsize end, guint thread, gpointer data)
{
  const NrPriorFit *fit      = ((const Run *) data)->fit;
  gfloat           *gradient = nr_trainer_output_gradient (fit->trainer, 0);

  for (gsize i = begin; i < end; i++)
    gradient[i] += fit->options.total_variation * fit->variation[i];
}

/* Adds the total variation of the picture to the loss: its gradient to that of the loss. */
static void
add_variation (Run *run)
{
  NrPriorFit              *fit     = run->fit;
  const NrPriorFitOptions *options = &fit->options;

  nr_loss_total_variation (nr_trainer_pool (fit->trainer), nr_trainer_output (fit->trainer, 0), 3, options->height, options->width,
                           fit->variation);
  nr_pool_for (nr_trainer_pool (fit->trainer), 3 * n_pixels (options), 65536, add_variation_range, run, NULL, NULL);
}

static gboolean
iterate (Run *run, GCancellable *cancellable, GError **error)
{
  NrPriorFit *fit  = run->fit;
  NrPool     *pool = nr_trainer_pool (fit->trainer);
  gdouble     loss = 0;

  for_noise_rows (run, perturb_noise);
  if (! nr_trainer_forward (fit->trainer, (const void *const[]) { fit->input }, cancellable, error) ||
      ! compare (fit, run->target, cancellable, &loss, error))
    return FALSE;
  if (! isfinite (loss))
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                   "the network's values ran away in iteration %u of fitting it; choose another model or fewer iterations",
                   run->iteration);
      return FALSE;
    }
  if (fit->variation)
    add_variation (run);
  if (! nr_trainer_backward (fit->trainer, cancellable, error))
    return FALSE;
  nr_muon_step (run->muon, pool, fit->values, fit->gradients);
  nr_adam_step (run->adam, pool, fit->values + fit->n_matrices, fit->gradients + fit->n_matrices);
  return TRUE;
}

/* Rows of all planes. Early outputs are forgotten sooner, so that a short run is not an average with its own beginning. */
static void
add_rows_to_average (gsize begin, gsize end, guint thread, gpointer data)
{
  const Run        *run     = data;
  const NrPriorFit *fit     = run->fit;
  const gfloat     *picture = nr_trainer_output (fit->trainer, 0);
  const gfloat     *known   = run->target->noise > 0 ? run->target->known : NULL;
  const gfloat      share   = MAX (forgetting, 10 / (10.0f + run->iteration));
  const gint        width   = fit->options.width;

  for (gsize row = begin; row < end; row++)
    {
      gdouble squares = 0;

      for (gsize i = row * width; i < (row + 1) * width; i++)
        {
          fit->average[i] += share * (picture[i] - fit->average[i]);
          if (known)
            squares += (fit->average[i] - known[i]) * (fit->average[i] - known[i]);
        }
      fit->row_squares[row] = squares;
    }
}

static void
add_to_average (Run *run)
{
  nr_pool_for (nr_trainer_pool (run->fit->trainer), 3 * run->fit->options.height, 128, add_rows_to_average, run, NULL, NULL);
}

/* What the average differs from what is known by, as multiple of the noise, less 1: 0 or below is the end. Infinite where no
 * noise is told. */
static gdouble
measure_excess (const Run *run)
{
  const NrPriorFit *fit     = run->fit;
  gdouble           squares = 0;

  if (! (run->target->noise > 0))
    return INFINITY;
  for (gint row = 0; row < 3 * fit->options.height; row++)
    squares += fit->row_squares[row];
  return squares / (run->target->noise * 3 * n_pixels (&fit->options)) - 1;
}

/* How much of the run is done, 0 to 1: of the iterations, or by how close it is to the noise. On validation pictures with
 * noise of sigma 10 to 50 an excess of 1 was reached after about a sixth of the run, 0.2 after a half. */
static gdouble
run_fraction (const Run *run, gdouble excess)
{
  return MAX ((run->iteration + 1.0) / run->fit->options.iterations, 1 / (1 + 5 * excess));
}

static void
tell (Run *run, gdouble excess, const NrPriorWatch *watch)
{
  const gint64 now = g_get_monotonic_time ();

  run->fraction = MAX (run->fraction, run_fraction (run, excess));
  if (watch->progress)
    watch->progress (run->fraction, watch->data);
  if (watch->show && now - run->shown >= SHOW_INTERVAL)
    {
      watch->show (run->fit->average, watch->data);
      run->shown = now;
    }
}

/* Adds to PICTURE, enlarged, what its reduction differs from what is known by. */
static gboolean
back_project (NrPriorFit *fit, const NrPriorTarget *target, GCancellable *cancellable, gfloat *picture, GError **error)
{
  const NrPriorFitOptions *options = &fit->options;
  const gint               width   = options->width / options->scale;
  const gint               height  = options->height / options->scale;
  const gsize              plane   = (gsize) width * height;
  g_autofree gfloat       *lacking = g_new (gfloat, plane);

  for (guint i = 0; i < back_projections; i++)
    {
      if (! nr_trainer_forward (fit->reducer, (const void *const[]) { picture }, cancellable, error))
        return FALSE;
      for (gint c = 0; c < 3; c++)
        {
          const gfloat      *reduced = nr_trainer_output (fit->reducer, 0) + c * plane;
          g_autofree gfloat *added   = NULL;

          for (gsize j = 0; j < plane; j++)
            lacking[j] = target->weight && ! (target->weight[c * plane + j] > 0) ? 0 : target->known[c * plane + j] - reduced[j];
          added = nr_enlarge_plane (lacking, width, height, 0, 0, width, height, options->scale, NR_FILTER_CUBIC);
          for (gsize j = 0; j < n_pixels (options); j++)
            picture[c * n_pixels (options) + j] += added[j];
        }
    }
  return TRUE;
}

gboolean
nr_prior_fit_run (NrPriorFit          *fit,
                  gint                 x,
                  gint                 y,
                  const NrPriorTarget *target,
                  const NrPriorWatch  *watch,
                  gfloat              *picture,
                  GError             **error)
{
  const gsize        n    = 3 * n_pixels (&fit->options);
  g_autoptr (NrMuon) muon = nr_muon_new (&muon_options, fit->n_matrices, fit->shapes);
  g_autoptr (NrAdam) adam = nr_adam_new (&adam_options, fit->n_parameters - fit->n_matrices, fit->n_elements + fit->n_matrices);
  Run                run  = { fit, target, muon, adam, x, y };

  fit->n_runs++;
  for_noise_rows (&run, make_noise);
  memset (fit->average, 0, n * sizeof (gfloat));
  for (; run.iteration < fit->options.iterations && ! (watch->stop && g_cancellable_is_cancelled (watch->stop)); run.iteration++)
    {
      gdouble excess;

      if (! iterate (&run, watch->cancellable, error))
        return FALSE;
      add_to_average (&run);
      excess = measure_excess (&run);
      if (excess <= 0)
        break;
      tell (&run, excess, watch);
    }
  g_debug ("deep image prior: %u iterations of %u", run.iteration, fit->options.iterations);

  memcpy (picture, fit->average, n * sizeof (gfloat));
  return ! fit->reducer || back_project (fit, target, watch->cancellable, picture, error);
}
