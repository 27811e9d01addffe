/* How blurred a picture is, and in what way.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "blur-estimate.h"
#include "clones.h"
#include "window.h"

enum
{
  BLOCK      = 128,           /* side of the blocks whose spectra are averaged */
  HALF       = BLOCK / 2 + 1, /* columns of the spectrum of a real block */
  BATCH      = 16,            /* blocks that are transformed at a time */
  N_DIRECTED = 6,             /* log c, a, and two harmonics of the direction */
  N_FITTED   = N_DIRECTED + 1 /* and log n */
};

static const gint    least_side   = 48;  /* smaller pictures tell nothing */
static const gint    block_step   = 32;  /* at least so many pixels from block to block */
static const gint    max_blocks   = 200;
static const gdouble least_energy = 1e-6; /* a block's weight falls with the root of its variance, above this */

/* Frequencies that count, in cycles a pixel: below there are too few, above only corners. */
static const gdouble least_frequency = 3.5 / BLOCK, most_frequency = 0.5;
/* Up to here every bin is used, above every other one. */
static const gdouble dense_frequency = 0.12;
/* Above here is mostly noise. */
static const gdouble noisy_frequency = 0.42;

static const gint    n_rounds    = 5;            /* of Gauss and Newton */
static const gdouble outlier     = 0.7;          /* errors of log P above this count less (Huber) */
static const gdouble least_slope = 0.4, most_slope = 2.2;
/* What a photograph's a is likely to be, and how much it costs to differ from that: a strong blur leaves few frequencies to
 * tell a from it. Chosen on validation tiles. */
static const gdouble usual_slope = 1.1, slope_cost = 0.015;
static const gdouble least_noise = 0.15;      /* less than rounding to 8 bits leaves */
static const gdouble least_power = 1e-7;      /* of a transfer function */

/* -- The spectrum -------------------------------------------------------------------------------------------------- */

/* A frequency that counts. */
typedef struct
{
  gint     place; /* in a spectrum of BLOCK x HALF */
  gdouble  weight;
  gdouble  basis[N_DIRECTED];
  gdouble  log_power;
  gboolean is_low, is_noisy;
} Bin;

typedef struct
{
  gfloat  window[BLOCK];
  gfloat  cosine[BLOCK][HALF], sine[BLOCK][HALF]; /* of a row */
  gfloat *pixels; /* BATCH blocks of luma */
  gfloat *power;  /* BATCH spectra */
  gdouble weight[BATCH];
} Transform;

/* The Fourier transform of ROW at HALF frequencies: TO_REAL + i TO_IMAGINARY. */
static void
transform_row (const Transform *transform, const gfloat *row, gfloat *restrict to_real, gfloat *restrict to_imaginary)
{
  memset (to_real, 0, HALF * sizeof (gfloat));
  memset (to_imaginary, 0, HALF * sizeof (gfloat));
  for (gint x = 0; x < BLOCK; x++)
    {
      const gfloat *cosine = transform->cosine[x];
      const gfloat *sine   = transform->sine[x];

      for (gint k = 0; k < HALF; k++)
        {
          to_real[k] += row[x] * cosine[k];
          to_imaginary[k] -= row[x] * sine[k];
        }
    }
}

/* Row K of the transform down the columns, from those of the rows; its squares into TO. */
NR_CLONES static void
transform_columns (const Transform *transform, gint k, gfloat (*real)[HALF], gfloat (*imaginary)[HALF], gfloat *restrict to)
{
  gfloat sum_real[HALF]      = { 0 };
  gfloat sum_imaginary[HALF] = { 0 };

  for (gint y = 0; y < BLOCK; y++)
    {
      const gint   turn   = k * y % BLOCK;
      const gint   folded = turn < HALF ? turn : BLOCK - turn;
      const gfloat cosine = transform->cosine[1][folded];
      const gfloat sine   = turn < HALF ? transform->sine[1][folded] : -transform->sine[1][folded];

      for (gint x = 0; x < HALF; x++)
        {
          sum_real[x] += cosine * real[y][x] + sine * imaginary[y][x];
          sum_imaginary[x] += cosine * imaginary[y][x] - sine * real[y][x];
        }
    }
  for (gint x = 0; x < HALF; x++)
    to[x] = (sum_real[x] * sum_real[x] + sum_imaginary[x] * sum_imaginary[x]) / (BLOCK * BLOCK);
}

/* NrRangeFunc: power spectra of blocks [begin, end), and their weights. */
static void
transform_blocks (gsize begin, gsize end, guint thread, gpointer data)
{
  Transform         *transform = data;
  g_autofree gfloat *memory    = g_new (gfloat, 2 * BLOCK * HALF);
  gfloat (*real)[HALF]         = (gpointer) memory;
  gfloat (*imaginary)[HALF]    = (gpointer) (memory + BLOCK * HALF);

  for (gsize i = begin; i < end; i++)
    {
      gfloat *pixels = transform->pixels + i * BLOCK * BLOCK;
      gdouble mean   = 0;
      gdouble square = 0;

      for (gint j = 0; j < BLOCK * BLOCK; j++)
        mean += pixels[j] / (BLOCK * BLOCK);
      for (gint j = 0; j < BLOCK * BLOCK; j++)
        {
          pixels[j] -= mean;
          square += pixels[j] * pixels[j] / (BLOCK * BLOCK);
          pixels[j] *= transform->window[j / BLOCK] * transform->window[j % BLOCK];
        }
      transform->weight[i] = 1 / sqrt (MAX (square, least_energy));
      for (gint y = 0; y < BLOCK; y++)
        transform_row (transform, pixels + y * BLOCK, real[y], imaginary[y]);
      for (gint k = 0; k < BLOCK; k++)
        transform_columns (transform, k, real, imaginary, transform->power + (i * BLOCK + k) * HALF);
    }
}

static Transform *
transform_new (void)
{
  Transform *transform = g_new0 (Transform, 1);
  gdouble    square    = 0;

  for (gint x = 0; x < BLOCK; x++)
    {
      transform->window[x] = 0.5 - 0.5 * cos (2 * G_PI * x / (BLOCK - 1));
      square += transform->window[x] * transform->window[x] / BLOCK;
      for (gint k = 0; k < HALF; k++)
        {
          transform->cosine[x][k] = cos (2 * G_PI * (x * k % BLOCK) / BLOCK);
          transform->sine[x][k]   = sin (2 * G_PI * (x * k % BLOCK) / BLOCK);
        }
    }
  for (gint x = 0; x < BLOCK; x++)
    transform->window[x] /= sqrt (square);
  transform->pixels = g_new (gfloat, BATCH * BLOCK * BLOCK);
  transform->power  = g_new (gfloat, BATCH * BLOCK * HALF);
  return transform;
}

static void
transform_free (Transform *transform)
{
  g_free (transform->pixels);
  g_free (transform->power);
  g_free (transform);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Transform, transform_free)

/* Blocks along an axis: the first one's place, their distance and number. */
typedef struct
{
  gint start, step, n;
} Grid;

static Grid
grid_along (gint size, gint step)
{
  const gint room = size - BLOCK;

  if (room <= 0)
    return (Grid) { room / 2, step, 1 };
  return (Grid) { room % step / 2, step, room / step + 1 };
}

static gboolean
read_luma (const NrSource *source, gint x, gint y, gfloat *luma, GError **error)
{
  const NrRect          rect   = { x, y, BLOCK, BLOCK };
  const gsize           plane  = BLOCK * BLOCK;
  g_autoptr (NrPicture) pixels = nr_window_read (source, &rect, 0, 1, error);

  if (! pixels)
    return FALSE;
  for (gsize i = 0; i < plane; i++)
    luma[i] = (pixels->color[i] + pixels->color[plane + i] + pixels->color[2 * plane + i]) / 3;
  return TRUE;
}

/* The mean power spectrum of SOURCE's luma, BLOCK x HALF. */
static gdouble *
mean_spectrum (const NrSource *source, NrPool *pool, GCancellable *cancellable, GError **error)
{
  g_autoptr (Transform) transform = transform_new ();
  g_autofree gdouble   *mean      = g_new0 (gdouble, BLOCK * HALF);
  gdouble               total     = 0;
  gint                  step      = block_step;
  Grid                  across, down;

  do
    {
      across = grid_along (source->width, step);
      down   = grid_along (source->height, step);
      step += 8;
    }
  while (across.n * down.n > max_blocks);

  for (gint first = 0; first < across.n * down.n; first += BATCH)
    {
      const gint n = MIN (BATCH, across.n * down.n - first);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      for (gint i = 0; i < n; i++)
        if (! read_luma (source, across.start + (first + i) % across.n * across.step,
                         down.start + (first + i) / across.n * down.step, transform->pixels + i * BLOCK * BLOCK, error))
          return NULL;
      nr_pool_for (pool, n, 1, transform_blocks, transform, NULL, NULL);
      for (gint i = 0; i < n; i++)
        {
          total += transform->weight[i];
          for (gint j = 0; j < BLOCK * HALF; j++)
            mean[j] += transform->weight[i] * transform->power[i * BLOCK * HALF + j];
        }
    }
  for (gint j = 0; j < BLOCK * HALF; j++)
    mean[j] /= total;
  return g_steal_pointer (&mean);
}

/* The frequencies that count, of SPECTRUM. Those along the axes do not: a picture's frame is seen there. */
static GArray *
choose_bins (const gdouble *spectrum)
{
  GArray *bins  = g_array_new (FALSE, FALSE, sizeof (Bin));
  gdouble total = 0;

  for (gint row = 0; row < BLOCK; row++)
    for (gint kx = 2; kx < HALF; kx++)
      {
        const gint     ky        = row < BLOCK / 2 ? row : row - BLOCK;
        const gdouble  frequency = sqrt (kx * kx + ky * ky) / BLOCK;
        const gdouble  direction = atan2 (-ky, kx);
        const gboolean is_low    = frequency < dense_frequency;

        if (ABS (ky) >= 2 && frequency > least_frequency && frequency < most_frequency && (is_low || (kx + ky) % 2 == 0))
          {
            const Bin bin = {
              .place     = row * HALF + kx,
              .weight    = MIN (1 / frequency, 20) * (is_low ? 1 : 2),
              .basis     = { 1, -2 * log (frequency), cos (2 * direction), sin (2 * direction), cos (4 * direction), sin (4 * direction) },
              .log_power = log (MAX (spectrum[row * HALF + kx], 1e-14)),
              .is_low    = is_low,
              .is_noisy  = frequency > noisy_frequency,
            };

            g_array_append_val (bins, bin);
            total += bin.weight;
          }
      }
  for (guint i = 0; i < bins->len; i++)
    g_array_index (bins, Bin, i).weight /= total;
  return bins;
}

/* -- The fit ------------------------------------------------------------------------------------------------------- */

typedef struct
{
  NrBlur  blur;
  gdouble cost;
} Candidate;

/* Solves the symmetric MATRIX x = SIDE (N <= N_FITTED) in place of SIDE, by Cholesky's decomposition. */
static void
solve (gdouble matrix[N_FITTED][N_FITTED], gdouble *side, gint n)
{
  for (gint i = 0; i < n; i++)
    {
      for (gint j = 0; j <= i; j++)
        {
          gdouble sum = matrix[i][j];

          for (gint k = 0; k < j; k++)
            sum -= matrix[i][k] * matrix[j][k];
          matrix[i][j] = i == j ? sqrt (MAX (sum, 1e-12)) : sum / matrix[j][j];
        }
      for (gint k = 0; k < i; k++)
        side[i] -= matrix[i][k] * side[k];
      side[i] /= matrix[i][i];
    }
  for (gint i = n - 1; i >= 0; i--)
    {
      for (gint k = i + 1; k < n; k++)
        side[i] -= matrix[k][i] * side[k];
      side[i] /= matrix[i][i];
    }
}

/* The start: least squares over the low frequencies, where there is no noise; the noise from the high ones. */
static void
start_fit (const GArray *bins, const gfloat *log_response, gdouble noise, gdouble fitted[N_FITTED])
{
  gdouble matrix[N_FITTED][N_FITTED] = { 0 };

  memset (fitted, 0, N_FITTED * sizeof (gdouble));
  for (guint i = 0; i < bins->len; i++)
    {
      const Bin *bin = &g_array_index (bins, Bin, i);

      if (! bin->is_low)
        continue;
      for (gint j = 0; j < N_DIRECTED; j++)
        {
          fitted[j] += bin->weight * bin->basis[j] * (bin->log_power - log_response[i]);
          for (gint k = 0; k <= j; k++)
            matrix[j][k] += bin->weight * bin->basis[j] * bin->basis[k];
        }
    }
  for (gint j = 0; j < N_DIRECTED; j++)
    matrix[j][j] += 1e-6;
  solve (matrix, fitted, N_DIRECTED);
  fitted[1]          = CLAMP (fitted[1], least_slope, most_slope);
  fitted[N_DIRECTED] = noise;
}

/* The model's value at bin I; *SHARE: of the picture in it, the rest is noise. */
static gdouble
model_at (const Bin *bin, gfloat log_response, const gdouble fitted[N_FITTED], gdouble *share)
{
  gdouble log_picture = log_response;
  gdouble picture, noise;

  for (gint j = 0; j < N_DIRECTED; j++)
    log_picture += bin->basis[j] * fitted[j];
  picture = exp (CLAMP (log_picture, -40, 20));
  noise   = exp (fitted[N_DIRECTED]);
  *share  = picture / (picture + noise);
  return log (picture + noise);
}

/* One round of Gauss and Newton, with outliers weighted down. */
static void
improve_fit (const GArray *bins, const gfloat *log_response, gdouble fitted[N_FITTED])
{
  gdouble matrix[N_FITTED][N_FITTED] = { 0 };
  gdouble side[N_FITTED]             = { 0 };

  for (guint i = 0; i < bins->len; i++)
    {
      const Bin    *bin = &g_array_index (bins, Bin, i);
      gdouble       slopes[N_FITTED];
      gdouble       share;
      const gdouble error  = bin->log_power - model_at (bin, log_response[i], fitted, &share);
      const gdouble weight = bin->weight * outlier / MAX (fabs (error), outlier);

      for (gint j = 0; j < N_DIRECTED; j++)
        slopes[j] = share * bin->basis[j];
      slopes[N_DIRECTED] = 1 - share;
      for (gint j = 0; j < N_FITTED; j++)
        {
          const gdouble weighted = weight * slopes[j];

          side[j] += weighted * error;
          for (gint k = 0; k <= j; k++)
            matrix[j][k] += weighted * slopes[k];
        }
    }
  for (gint j = 0; j < N_FITTED; j++)
    matrix[j][j] += 1e-4;
  matrix[1][1] += slope_cost;
  side[1] += slope_cost * (usual_slope - fitted[1]);
  solve (matrix, side, N_FITTED);
  for (gint j = 0; j < N_FITTED; j++)
    fitted[j] += CLAMP (side[j], -1.5, 1.5);
  fitted[1]          = CLAMP (fitted[1], least_slope, most_slope);
  fitted[N_DIRECTED] = MAX (fitted[N_DIRECTED], 2 * log (least_noise / 255));
}

static void
fit (const GArray *bins, const gfloat *log_response, gdouble noise, Candidate *candidate)
{
  gdouble fitted[N_FITTED];

  start_fit (bins, log_response, noise, fitted);
  for (gint round = 0; round < n_rounds; round++)
    improve_fit (bins, log_response, fitted);
  candidate->cost = slope_cost / 2 * pow (fitted[1] - usual_slope, 2);
  for (guint i = 0; i < bins->len; i++)
    {
      const Bin    *bin = &g_array_index (bins, Bin, i);
      gdouble       share;
      const gdouble error = fabs (bin->log_power - model_at (bin, log_response[i], fitted, &share));

      candidate->cost += bin->weight * (error < outlier ? error * error / 2 : outlier * (error - outlier / 2));
    }
  candidate->blur.noise = 255 * exp (fitted[N_DIRECTED] / 2);
}

/* -- Transfer functions -------------------------------------------------------------------------------------------- */

/* cos (2 pi k / BLOCK) */
static void
fill_cosines (gfloat cosines[BLOCK])
{
  for (gint k = 0; k < BLOCK; k++)
    cosines[k] = cos (2 * G_PI * k / BLOCK);
}

static gfloat
transfer_at (const NrKernel *kernel, const gfloat cosines[BLOCK], gint kx, gint ky)
{
  gfloat sum = 0;

  for (guint i = 0; i < kernel->n_taps; i++)
    {
      const NrTap *tap = &kernel->taps[i];

      sum += 2 * tap->weight * cosines[(guint) (kx * tap->dx + ky * tap->dy) % BLOCK];
    }
  return sum;
}

/* |H|^2 of KERNEL into POWER (BLOCK x HALF). */
static void
transfer_power (const NrKernel *kernel, gfloat *power)
{
  gfloat cosines[BLOCK];
  gfloat along[BLOCK];

  fill_cosines (cosines);
  for (gint k = 0; k < BLOCK; k++)
    along[k] = transfer_at (kernel, cosines, k, 0);
  for (gint ky = 0; ky < BLOCK; ky++)
    for (gint kx = 0; kx < HALF; kx++)
      {
        const gfloat transfer = kernel->is_separable ? along[kx] * along[ky] : transfer_at (kernel, cosines, kx, ky);

        power[ky * HALF + kx] = transfer * transfer;
      }
}

/* What the window of the blocks makes of a spectrum: every bin gets a sixth of its neighbours'. */
static void
smear (const gfloat *power, gfloat *to)
{
  gfloat down[HALF];

  for (gint ky = 0; ky < BLOCK; ky++)
    {
      const gfloat *here  = power + ky * HALF;
      const gfloat *above = power + (ky + BLOCK - 1) % BLOCK * HALF;
      const gfloat *below = power + (ky + 1) % BLOCK * HALF;

      for (gint kx = 0; kx < HALF; kx++)
        down[kx] = here[kx] * (2 / 3.0f) + (above[kx] + below[kx]) / 6;
      for (gint kx = 0; kx < HALF; kx++)
        to[ky * HALF + kx] = down[kx] * (2 / 3.0f) + (down[ABS (kx - 1)] + down[kx + 1 < HALF ? kx + 1 : kx - 1]) / 6;
    }
}

/* -- The search ---------------------------------------------------------------------------------------------------- */

typedef struct
{
  const GArray *bins;
  gdouble       noise; /* log n to start with */
  GCancellable *cancellable;
} Search;

typedef struct
{
  const Search *search;
  Candidate    *candidates;
} Trial;

static void
try_candidates (gsize begin, gsize end, guint thread, gpointer data)
{
  const Trial       *trial        = data;
  const GArray      *bins         = trial->search->bins;
  g_autofree gfloat *power        = g_new (gfloat, BLOCK * HALF);
  g_autofree gfloat *smeared      = g_new (gfloat, BLOCK * HALF);
  g_autofree gfloat *log_response = g_new0 (gfloat, bins->len);

  for (gsize i = begin; i < end; i++)
    {
      Candidate *candidate = &trial->candidates[i];

      if (candidate->blur.shape == NR_BLUR_NONE)
        {
          memset (log_response, 0, bins->len * sizeof (gfloat));
        }
      else
        {
          g_auto (NrKernel) kernel = nr_blur_kernel (&candidate->blur);

          transfer_power (&kernel, power);
          smear (power, smeared);
          for (guint j = 0; j < bins->len; j++)
            log_response[j] = log (MAX (smeared[g_array_index (bins, Bin, j).place], least_power));
        }
      fit (bins, log_response, trial->search->noise, candidate);
    }
}

static gboolean
is_going_on (gsize n_done, gpointer data)
{
  return ! g_cancellable_is_cancelled (((const Search *) data)->cancellable);
}

/* Costs of all of LIST; FALSE if cancelled. */
static gboolean
try_all (Search *search, GArray *list, NrPool *pool, GError **error)
{
  Trial trial = { search, (Candidate *) list->data };

  nr_pool_for (pool, list->len, 1, try_candidates, &trial, is_going_on, search);
  return ! g_cancellable_set_error_if_cancelled (search->cancellable, error);
}

static void
add (GArray *list, NrBlurShape shape, gdouble size, gdouble angle)
{
  const Candidate candidate = { { shape, size, angle } };

  g_array_append_val (list, candidate);
}

/* The blurs to begin with, so close that a better one is found from the best of them step by step. */
static GArray *
coarse_list (void)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (Candidate));

  add (list, NR_BLUR_NONE, 0, 0);
  for (gdouble sigma = 0.4; sigma < 4.3; sigma *= 1.2)
    add (list, NR_BLUR_GAUSSIAN, sigma, 0);
  for (gdouble radius = 1; radius < 6.6; radius *= 1.15)
    add (list, NR_BLUR_DISC, radius, 0);
  for (gdouble length = 3; length < 26; length = MAX (length * 1.1, length + 0.8))
    {
      const gint n = CLAMP (rint (G_PI * length / 3), 6, 24);

      for (gint i = 0; i < n; i++)
        add (list, NR_BLUR_MOTION, length, G_PI * i / n);
    }
  return list;
}

/* BLUR's neighbours at the FINENESS-th part of the coarse list's distance, about. */
static GArray *
fine_list (const NrBlur *blur, gdouble fineness)
{
  GArray       *list = g_array_new (FALSE, FALSE, sizeof (Candidate));
  const gdouble turn = 0.4 * fineness / MAX (1, blur->size / 4);
  const gdouble grow = 1 + 0.06 * fineness;

  if (blur->shape != NR_BLUR_MOTION)
    {
      add (list, blur->shape, blur->size * (1 + 0.1 * fineness), 0);
      add (list, blur->shape, blur->size / (1 + 0.1 * fineness), 0);
      return list;
    }
  for (gint i = -1; i <= 1; i++)
    for (gint j = -1; j <= 1; j++)
      if (i != 0 || j != 0)
        add (list, blur->shape, CLAMP (blur->size * pow (grow, i), 1.5, 26), fmod (blur->angle + j * turn + G_PI, G_PI));
  return list;
}

static const Candidate *
best_of (const GArray *list, NrBlurShape shape)
{
  const Candidate *best = NULL;

  for (guint i = 0; i < list->len; i++)
    {
      const Candidate *candidate = &g_array_index (list, Candidate, i);

      if (candidate->blur.shape == shape && (! best || candidate->cost < best->cost))
        best = candidate;
    }
  return best;
}

/* Walks from *BEST to better neighbours, in smaller and smaller steps. */
static gboolean
refine (Search *search, Candidate *best, NrPool *pool, GError **error)
{
  for (gdouble fineness = 1; fineness >= 0.25; fineness /= 2)
    {
      g_autoptr (GArray) list = fine_list (&best->blur, fineness);
      const Candidate   *next;

      if (! try_all (search, list, pool, error))
        return FALSE;
      next = best_of (list, best->blur.shape);
      if (next->cost < best->cost)
        *best = *next;
    }
  return TRUE;
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  const gdouble first  = *(const gdouble *) a;
  const gdouble second = *(const gdouble *) b;

  return (first > second) - (first < second);
}

/* log n to start with: somewhat less than what the highest frequencies have. */
static gdouble
first_noise (const GArray *bins)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (gdouble));

  for (guint i = 0; i < bins->len; i++)
    if (g_array_index (bins, Bin, i).is_noisy)
      g_array_append_val (values, g_array_index (bins, Bin, i).log_power);
  g_array_sort (values, compare_doubles);
  return g_array_index (values, gdouble, values->len / 2) - 0.7;
}

static gboolean
search_blur (Search *search, NrPool *pool, NrBlur *blur, GError **error)
{
  g_autoptr (GArray) list  = coarse_list ();
  Candidate          found = { .cost = G_MAXDOUBLE };
  gdouble            least = G_MAXDOUBLE;

  if (! try_all (search, list, pool, error))
    return FALSE;
  for (guint i = 0; i < list->len; i++)
    least = MIN (least, g_array_index (list, Candidate, i).cost);
  for (NrBlurShape shape = NR_BLUR_NONE; shape <= NR_BLUR_MOTION; shape++)
    {
      Candidate best = *best_of (list, shape);

      /* A shape that fits much worse will not win. */
      if (shape != NR_BLUR_NONE && best.cost <= 2 * least && ! refine (search, &best, pool, error))
        return FALSE;
      if (best.cost < found.cost)
        found = best;
    }
  *blur = found.blur;
  return TRUE;
}

gboolean
nr_blur_estimate (const NrSource *source, guint threads, GCancellable *cancellable, NrBlur *blur, GError **error)
{
  g_autoptr (NrPool)  pool     = nr_pool_new (threads);
  g_autofree gdouble *spectrum = NULL;
  g_autoptr (GArray)  bins     = NULL;
  Search              search   = { .cancellable = cancellable };

  *blur = (NrBlur) { .shape = NR_BLUR_NONE, .noise = least_noise };
  if (MIN (source->width, source->height) < least_side)
    return TRUE;
  spectrum = mean_spectrum (source, pool, cancellable, error);
  if (! spectrum)
    return FALSE;
  bins         = choose_bins (spectrum);
  search.bins  = bins;
  search.noise = first_noise (bins);
  return search_blur (&search, pool, blur, error);
}
