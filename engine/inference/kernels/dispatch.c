/* The kernels of each CPU level: one table, filled here only.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "kernels.h"
#include "kernels-c.h"
#include "kernels-avx2.h"
#include "kernels-avx512.h"

#include <pthread.h>

enum
{
  LEVEL_C,
  LEVEL_AVX2,
  LEVEL_AVX512,
  N_LEVELS
};

static NrKernels      tables[N_LEVELS];
static int            best_level;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* CPUID and the operating system's state (XGETBV): the compiler's run-time support checks both. */
static int
probe (void)
{
#if defined(NR_HAVE_AVX512)
  if (__builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512dq") &&
      __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512vl") &&
      __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return LEVEL_AVX512;
#endif
#if defined(NR_HAVE_AVX2)
  if (__builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma"))
    return LEVEL_AVX2;
#endif
  return LEVEL_C;
}

static void
fill (NrKernels *k, int level)
{
  k->level = level;

  /* Every slot has its portable version first. */
  k->name              = "c";
  k->relu              = nr_relu_c;
  k->matrix_product    = nr_matrix_product_c;
  k->pack_panel        = nr_pack_panel_c;
  k->product           = nr_product_c;
  k->product_ahead     = nr_product_ahead_c;
  k->product_at        = nr_product_at_c;
  k->product_store     = nr_product_store_c;
  k->product_outer     = nr_product_outer_c;
  k->row_product       = nr_row_product_c;
  k->product_stream    = nr_product_stream_c;
  k->transpose_rows    = nr_transpose_rows_c;
  k->copy_row          = nr_copy_row_c;
  k->copy_windows      = nr_copy_windows_c;
  k->split_rows        = nr_split_rows_c;
  k->depthwise_row     = nr_depthwise_row_c;
  k->normalize_columns = nr_normalize_columns_c;
  k->interleave        = nr_interleave_c;
  k->store_row         = nr_store_row_c;
  k->winograd_input    = nr_winograd_input_c;
  k->winograd_weights  = nr_winograd_weights_c;
  k->winograd_gradient = nr_winograd_gradient_c;
  k->winograd_output   = nr_winograd_output_c;
  nr_fill_elementwise_c (k);

#if defined(NR_HAVE_AVX2)
  if (level >= LEVEL_AVX2)
    {
      k->name              = "avx2";
      k->relu              = nr_relu_avx2;
      k->pack_panel        = nr_pack_panel_avx2;
      k->product           = nr_product_avx2;
      k->product_ahead     = nr_product_ahead_avx2;
      k->product_at        = nr_product_at_avx2;
      k->product_store     = nr_product_store_avx2;
      k->product_outer     = nr_product_outer_avx2;
      k->row_product       = nr_row_product_avx2;
      k->product_stream    = nr_product_stream_avx2;
      k->transpose_rows    = nr_transpose_rows_avx2;
      k->copy_row          = nr_copy_row_avx2;
      k->copy_windows      = nr_copy_windows_avx2;
      k->split_rows        = nr_split_rows_avx2;
      k->depthwise_row     = nr_depthwise_row_avx2;
      k->normalize_columns = nr_normalize_columns_avx2;
      k->interleave        = nr_interleave_avx2;
      k->store_row         = nr_store_row_avx2;
      k->winograd_input    = nr_winograd_input_avx2;
      k->winograd_weights  = nr_winograd_weights_avx2;
      k->winograd_gradient = nr_winograd_gradient_avx2;
      k->winograd_output   = nr_winograd_output_avx2;
      nr_fill_elementwise_avx2 (k);
    }
#endif

#if defined(NR_HAVE_AVX512)
  if (level >= LEVEL_AVX512)
    {
      k->name              = "avx512";
      k->relu              = nr_relu_avx512;
      k->pack_panel        = nr_pack_panel_avx512;
      k->product           = nr_product_avx512;
      k->product_ahead     = nr_product_ahead_avx512;
      k->product_at        = nr_product_at_avx512;
      k->product_store     = nr_product_store_avx512;
      k->product_outer     = nr_product_outer_avx512;
      k->row_product       = nr_row_product_avx512;
      k->product_stream    = nr_product_stream_avx512;
      k->transpose_rows    = nr_transpose_rows_avx512;
      k->copy_row          = nr_copy_row_avx512;
      k->copy_windows      = nr_copy_windows_avx512;
      k->split_rows        = nr_split_rows_avx512;
      k->depthwise_row     = nr_depthwise_row_avx512;
      k->normalize_columns = nr_normalize_columns_avx512;
      k->interleave        = nr_interleave_avx512;
      k->store_row         = nr_store_row_avx512;
      k->winograd_input    = nr_winograd_input_avx512;
      k->winograd_weights  = nr_winograd_weights_avx512;
      k->winograd_gradient = nr_winograd_gradient_avx512;
      k->winograd_output   = nr_winograd_output_avx512;
      nr_fill_elementwise_avx512 (k);
    }
#endif
}

static void
initialize (void)
{
  best_level = probe ();
  for (int level = 0; level <= best_level; level++)
    fill (&tables[level], level);
}

const NrKernels *
nr_kernels_get (int level)
{
  pthread_once (&once, initialize);
  if (level > best_level)
    level = best_level;
  return &tables[level < 0 ? 0 : level];
}

int
nr_kernels_best_level (void)
{
  pthread_once (&once, initialize);
  return best_level;
}
