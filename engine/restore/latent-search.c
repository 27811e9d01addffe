/* Searching a generator's latent space: see latent-search.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "latent-search.h"

#include <math.h>
#include <string.h>

#include "nr-gradient.h"
#include "nr-restore.h"
#include "random-plane.h"

static const gdouble learning_rate = 0.03;
/* Radius of the window in which unknown pixels make a known one important. */
static const gint importance_radius = 3;
/* Probabilities are kept away from 1 by this, where the perceptual loss has no bound. */
static const gfloat certainty = 1e-3f;

enum
{
  SHOW_INTERVAL = G_USEC_PER_SEC / 2
};

struct _NrLatentSearch
{
  NrLatentOptions options;
  NrTrainer      *generator, *discriminator;
  gint            n_numbers, side;
  gfloat         *z;          /* restarts x n_numbers */
  gfloat         *importance; /* one plane; its sum is 1 / 3, or 0 when nothing is known */
  gdouble        *losses;     /* of each restart */
  gfloat         *best;       /* 3 planes */
  gdouble         best_loss;
};

static gsize
n_values (const NrLatentSearch *search)
{
  return 3 * (gsize) search->side * search->side;
}

/* -- Planning ------------------------------------------------------------------------------------------------------ */

static gboolean
refuse (const gchar *reason, GError **error)
{
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
               "the generator and discriminator do not belong together: %s", reason);
  return FALSE;
}

static gboolean
plan_generator (NrLatentSearch *search, NrModel *generator, const NrTrainerOptions *options, GError **error)
{
  NrShape        z = *nr_model_input_shape (generator, 0);
  const NrShape *picture;

  if (nr_model_n_inputs (generator) != 1 || nr_model_n_outputs (generator) != 1 || z.type != NR_TYPE_FLOAT32 || z.rank != 2 ||
      z.dims[1] < 1 || z.dims[1] > 65536)
    return refuse ("generator.onnx must make a picture of one list of numbers [N, numbers]", error);
  z.dims[0]         = search->options.restarts;
  search->n_numbers = z.dims[1];
  search->generator = nr_trainer_new (generator, &z, options, error);
  if (! search->generator)
    return FALSE;

  picture = nr_trainer_output_shape (search->generator, 0);
  if (picture->type != NR_TYPE_FLOAT32 || picture->rank != 4 || picture->dims[0] != z.dims[0] || picture->dims[1] != 3 ||
      picture->dims[2] != picture->dims[3] || picture->dims[2] < 8 || picture->dims[2] > 1024)
    return refuse ("generator.onnx must make square pictures [N, 3, side, side] of 8 to 1024 pixels a side", error);
  search->side = picture->dims[2];
  return TRUE;
}

static gboolean
plan_discriminator (NrLatentSearch *search, NrModel *discriminator, const NrTrainerOptions *options, GError **error)
{
  const NrShape *picture = nr_trainer_output_shape (search->generator, 0);
  const NrShape *probability;
  gsize          n = 0;

  if (nr_model_n_inputs (discriminator) != 1 || nr_model_n_outputs (discriminator) != 1)
    return refuse ("discriminator.onnx must have one input and one output", error);
  search->discriminator = nr_trainer_new (discriminator, picture, options, error);
  if (! search->discriminator)
    return FALSE;
  probability = nr_trainer_output_shape (search->discriminator, 0);
  if (probability->type != NR_TYPE_FLOAT32 || ! nr_shape_n_elements (probability, &n) || n != search->options.restarts)
    return refuse ("discriminator.onnx must give one probability for each picture", error);
  return TRUE;
}

NrLatentSearch *
nr_latent_search_new (NrModel *generator, NrModel *discriminator, const NrLatentOptions *options, GError **error)
{
  const NrTrainerOptions     trainer_options = { options->threads, NR_CPU_AVX512, 0, TRUE, FALSE };
  g_autoptr (NrLatentSearch) search          = g_new0 (NrLatentSearch, 1);

  search->options = *options;
  if (! plan_generator (search, generator, &trainer_options, error) ||
      ! plan_discriminator (search, discriminator, &trainer_options, error))
    return NULL;
  search->z          = g_new (gfloat, (gsize) options->restarts * search->n_numbers);
  search->importance = g_new (gfloat, (gsize) search->side * search->side);
  search->losses     = g_new (gdouble, options->restarts);
  search->best       = g_new (gfloat, n_values (search));
  return g_steal_pointer (&search);
}

void
nr_latent_search_free (NrLatentSearch *search)
{
  if (! search)
    return;
  nr_trainer_free (search->generator);
  nr_trainer_free (search->discriminator);
  g_free (search->z);
  g_free (search->importance);
  g_free (search->losses);
  g_free (search->best);
  g_free (search);
}

gint
nr_latent_search_side (const NrLatentSearch *search)
{
  return search->side;
}

gsize
nr_latent_search_memory (const NrLatentSearch *search)
{
  return nr_trainer_memory (search->generator) + nr_trainer_memory (search->discriminator) +
         (4 * n_values (search) + 4 * (gsize) search->options.restarts * search->n_numbers) * sizeof (gfloat);
}

/* -- Losses -------------------------------------------------------------------------------------------------------- */

/* W_i = share of unknown pixels around the known pixel i, 0 in the hole; then scaled so that the contextual loss is a
 * mean. */
static void
weigh (NrLatentSearch *search, const guint8 *is_known)
{
  const gint side = search->side;
  gdouble    sum  = 0;

  for (gint y = 0; y < side; y++)
    for (gint x = 0; x < side; x++)
      {
        guint n = 0, n_unknown = 0;

        for (gint v = MAX (y - importance_radius, 0); v <= MIN (y + importance_radius, side - 1); v++)
          for (gint u = MAX (x - importance_radius, 0); u <= MIN (x + importance_radius, side - 1); u++)
            {
              n++;
              n_unknown += ! is_known[v * side + u];
            }
        search->importance[y * side + x] = is_known[y * side + x] ? n_unknown / (gfloat) n : 0;
        sum += search->importance[y * side + x];
      }
  for (gint i = 0; i < side * side && sum > 0; i++)
    search->importance[i] /= 3 * sum;
}

/* |W (G (z) - known)| of each restart, and its gradient ADDED. */
static void
add_contextual (NrLatentSearch *search, const gfloat *known)
{
  const gsize   n        = n_values (search);
  const gsize   plane    = n / 3;
  const gfloat *pictures = nr_trainer_output (search->generator, 0);
  gfloat       *gradient = nr_trainer_output_gradient (search->generator, 0);

  for (guint r = 0; r < search->options.restarts; r++)
    for (gsize i = 0; i < n; i++)
      {
        const gfloat difference = pictures[r * n + i] - known[i];
        const gfloat weight     = search->importance[i % plane];

        search->losses[r] += weight * ABS (difference);
        gradient[r * n + i] += difference > 0 ? weight : -weight;
      }
}

/* lambda log (1 - D (G (z))) of each restart, and its gradient WRITTEN: that of the generator's pictures through the
 * discriminator. */
static gboolean
set_perceptual (NrLatentSearch *search, GCancellable *cancellable, GError **error)
{
  const gfloat  lambda   = search->options.perceptual;
  const gfloat *pictures = nr_trainer_output (search->generator, 0);
  const gfloat *probability;
  gfloat       *gradient;

  if (! nr_trainer_forward (search->discriminator, (const void *const[]) { pictures }, cancellable, error))
    return FALSE;
  probability = nr_trainer_output (search->discriminator, 0);
  gradient    = nr_trainer_output_gradient (search->discriminator, 0);
  for (guint r = 0; r < search->options.restarts; r++)
    {
      const gfloat doubt = MAX (1 - probability[r], certainty);

      search->losses[r] = lambda * logf (doubt);
      gradient[r]       = -lambda / doubt;
    }
  if (! nr_trainer_backward (search->discriminator, cancellable, error))
    return FALSE;
  memcpy (nr_trainer_output_gradient (search->generator, 0), nr_trainer_input_gradient (search->discriminator, 0),
          search->options.restarts * n_values (search) * sizeof (gfloat));
  return TRUE;
}

/* -- Search -------------------------------------------------------------------------------------------------------- */

static void
keep_best (NrLatentSearch *search)
{
  const gsize n = n_values (search);

  for (guint r = 0; r < search->options.restarts; r++)
    if (search->losses[r] < search->best_loss)
      {
        search->best_loss = search->losses[r];
        memcpy (search->best, nr_trainer_output (search->generator, 0) + r * n, n * sizeof (gfloat));
      }
}

static void
start (NrLatentSearch *search)
{
  const guint64 key = nr_random_key (search->options.seed, 0);

  for (gsize i = 0; i < (gsize) search->options.restarts * search->n_numbers; i++)
    search->z[i] = 2 * nr_random_uniform (key + i) - 1;
  search->best_loss = G_MAXDOUBLE;
}

static gboolean
iterate (NrLatentSearch *search, NrAdam *adam, const gfloat *known, GCancellable *cancellable, GError **error)
{
  const gfloat *gradient = nr_trainer_input_gradient (search->generator, 0);
  gfloat       *z        = search->z;

  if (! nr_trainer_forward (search->generator, (const void *const[]) { z }, cancellable, error) ||
      ! set_perceptual (search, cancellable, error))
    return FALSE;
  add_contextual (search, known);
  keep_best (search);
  if (! nr_trainer_backward (search->generator, cancellable, error))
    return FALSE;

  nr_adam_step (adam, nr_trainer_pool (search->generator), &z, &gradient);
  for (gsize i = 0; i < (gsize) search->options.restarts * search->n_numbers; i++)
    z[i] = CLAMP (z[i], -1, 1);
  return TRUE;
}

gboolean
nr_latent_search_run (NrLatentSearch      *search,
                      const gfloat        *known,
                      const guint8        *is_known,
                      const NrLatentWatch *watch,
                      gfloat              *picture,
                      GError             **error)
{
  const NrAdamOptions options = { learning_rate, 0.9, 0.999, 1e-8 };
  const gsize         n       = (gsize) search->options.restarts * search->n_numbers;
  g_autoptr (NrAdam)  adam    = nr_adam_new (&options, 1, &n);
  gint64              shown   = 0;

  weigh (search, is_known);
  start (search);
  for (guint i = 0; i < search->options.iterations; i++)
    {
      const gint64 now = g_get_monotonic_time ();

      if (i > 0 && watch->stop && g_cancellable_is_cancelled (watch->stop))
        break;
      if (! iterate (search, adam, known, watch->cancellable, error))
        return FALSE;
      if (watch->progress)
        watch->progress ((i + 1) / (gdouble) search->options.iterations, watch->data);
      if (watch->show && now - shown >= SHOW_INTERVAL)
        {
          watch->show (search->best, watch->data);
          shown = now;
        }
    }
  if (search->best_loss == G_MAXDOUBLE)
    {
      g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                           "the generator makes values that are not numbers; choose another model");
      return FALSE;
    }
  memcpy (picture, search->best, n_values (search) * sizeof (gfloat));
  return TRUE;
}
