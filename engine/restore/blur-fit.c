/* How well a blur explains a picture's spectrum.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "blur-blocks.h"
#include "blur-fit.h"

enum
{
  BLOCK      = NR_BLUR_BLOCK,
  HALF       = NR_BLUR_HALF,
  N_DIRECTED = 6,             /* log c, a, and two harmonics of the direction */
  N_FITTED   = N_DIRECTED + 1 /* and log n */
};

const gdouble nr_blur_least_noise = 0.15;

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
static const gdouble least_power = 1e-7; /* of a transfer function */

/* A frequency that counts. */
typedef struct
{
  gint     place; /* in a spectrum of BLOCK x HALF */
  gdouble  frequency, weight;
  gdouble  basis[N_DIRECTED];
  gdouble  log_power;
  gboolean is_low, is_noisy;
} Bin;

struct _NrBlurFit
{
  GArray *bins;
  gdouble noise; /* log n to start with */
};

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
              .frequency = frequency,
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

/* -- The fit ------------------------------------------------------------------------------------------------------- */

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
  fitted[N_DIRECTED] = MAX (fitted[N_DIRECTED], 2 * log (nr_blur_least_noise / 255));
}

NrBlurFit *
nr_blur_fit_new (const gdouble *power)
{
  NrBlurFit *fit = g_new (NrBlurFit, 1);

  fit->bins  = choose_bins (power);
  fit->noise = first_noise (fit->bins);
  return fit;
}

void
nr_blur_fit_free (NrBlurFit *fit)
{
  g_array_free (fit->bins, TRUE);
  g_free (fit);
}

/* log |H|^2 of BLUR at the bins of FIT. */
static void
log_responses (const NrBlurFit *fit, const NrBlur *blur, gfloat *to)
{
  g_autofree gfloat *power   = g_new (gfloat, BLOCK * HALF);
  g_autofree gfloat *smeared = g_new (gfloat, BLOCK * HALF);
  g_auto (NrKernel)  kernel  = nr_blur_kernel (blur);

  transfer_power (&kernel, power);
  smear (power, smeared);
  for (guint i = 0; i < fit->bins->len; i++)
    to[i] = log (MAX (smeared[g_array_index (fit->bins, Bin, i).place], least_power));
}

void
nr_blur_fit_run (const NrBlurFit *fit, NrBlurCandidate *candidate)
{
  const GArray      *bins         = fit->bins;
  g_autofree gfloat *log_response = g_new0 (gfloat, bins->len);
  gdouble            fitted[N_FITTED];

  if (candidate->blur.shape != NR_BLUR_NONE)
    log_responses (fit, &candidate->blur, log_response);
  start_fit (bins, log_response, fit->noise, fitted);
  for (gint round = 0; round < n_rounds; round++)
    improve_fit (bins, log_response, fitted);
  candidate->slope = fitted[1];
  candidate->cost  = slope_cost / 2 * pow (fitted[1] - usual_slope, 2);
  for (guint i = 0; i < bins->len; i++)
    {
      const Bin    *bin = &g_array_index (bins, Bin, i);
      gdouble       share;
      const gdouble error = fabs (bin->log_power - model_at (bin, log_response[i], fitted, &share));

      candidate->cost += bin->weight * (error < outlier ? error * error / 2 : outlier * (error - outlier / 2));
    }
  candidate->blur.noise = 255 * exp (fitted[N_DIRECTED] / 2);
}

void
nr_blur_fit_bands (const NrBlurFit *fit, gfloat bands[NR_BLUR_N_BANDS])
{
  gdouble sum[NR_BLUR_N_BANDS]   = { 0 };
  guint   count[NR_BLUR_N_BANDS] = { 0 };

  for (guint i = 0; i < fit->bins->len; i++)
    {
      const Bin    *bin   = &g_array_index (fit->bins, Bin, i);
      const gdouble place = (bin->frequency - least_frequency) / (most_frequency - least_frequency);
      const gint    band  = CLAMP (place * NR_BLUR_N_BANDS, 0, NR_BLUR_N_BANDS - 1);

      sum[band] += bin->log_power;
      count[band]++;
    }
  for (gint band = 0; band < NR_BLUR_N_BANDS; band++)
    bands[band] = sum[band] / MAX (count[band], 1);
}
