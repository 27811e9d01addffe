/* The multiply-add rate of one core: as many independent accumulators as hide the latency.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Speaks the protocol of run-network: a first line, then for each line on standard input the GFLOP/s of 20 ms.
 */

#include <immintrin.h>
#include <stdio.h>
#include <time.h>

enum
{
  LOOPS = 1000000
};

static double
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static float sink;

__attribute__ ((target ("avx512f"))) static double
rate_avx512 (void)
{
  __m512       sum[12], x = _mm512_set1_ps (0.999f), y = _mm512_set1_ps (1e-3f);
  const double start = now ();

  for (int i = 0; i < 12; i++)
    sum[i] = _mm512_set1_ps ((float) i);
  for (int n = 0; n < LOOPS; n++)
    {
#pragma GCC unroll 12
      for (int i = 0; i < 12; i++)
        sum[i] = _mm512_fmadd_ps (sum[i], x, y);
    }

  const double seconds = now () - start;

  for (int i = 0; i < 12; i++)
    sink += _mm512_reduce_add_ps (sum[i]);
  return 12.0 * 32.0 * LOOPS / seconds * 1e-9;
}

__attribute__ ((target ("avx2,fma"))) static double
rate_avx2 (void)
{
  __m256       sum[12], x = _mm256_set1_ps (0.999f), y = _mm256_set1_ps (1e-3f);
  const double start = now ();

  for (int i = 0; i < 12; i++)
    sum[i] = _mm256_set1_ps ((float) i);
  for (int n = 0; n < LOOPS; n++)
    {
#pragma GCC unroll 12
      for (int i = 0; i < 12; i++)
        sum[i] = _mm256_fmadd_ps (sum[i], x, y);
    }

  const double seconds = now () - start;

  for (int i = 0; i < 12; i++)
    sink += _mm256_cvtss_f32 (sum[i]);
  return 12.0 * 16.0 * LOOPS / seconds * 1e-9;
}

int
main (void)
{
  char line[64];

  printf ("{}\n");
  fflush (stdout);
  while (fgets (line, sizeof line, stdin) != NULL)
    {
      double best = 0.0;

      if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
        best = rate_avx2 ();
      if (__builtin_cpu_supports ("avx512f"))
        {
          const double rate = rate_avx512 ();

          best = rate > best ? rate : best;
        }
      printf ("%.2f\n", best);
      fflush (stdout);
    }

  return sink == 1.0f;
}
