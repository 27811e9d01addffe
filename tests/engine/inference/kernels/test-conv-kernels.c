/* Each convolution kernel of each CPU level against its portable twin, at ragged sizes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "kernels/kernels.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#define GUARD (-12345.0f)

enum
{
  ROOM = 1 << 16
};

static _Alignas (64) float in_a[ROOM], in_b[ROOM], residual[ROOM], want[ROOM], got[ROOM];

static void
fill (GRand *rand, float *x, size_t n)
{
  for (size_t i = 0; i < n; i++)
    x[i] = (float) g_rand_double_range (rand, -1.0, 1.0);
}

static void
guard (void)
{
  for (size_t i = 0; i < ROOM; i++)
    want[i] = got[i] = GUARD;
}

/* What neither touched holds its guard in both: a kernel that writes elsewhere shows as a difference too. */
static void
compare (size_t n, double tolerance, const char *what)
{
  for (size_t i = 0; i < n; i++)
    if (! (fabs (got[i] - want[i]) <= tolerance))
      g_error ("%s: element %zu is %.9g, the portable version makes %.9g", what, i, got[i], want[i]);
}

static void
test_product (gconstpointer level)
{
  const NrKernels  *c        = nr_kernels_get (0);
  const NrKernels  *k        = nr_kernels_get (GPOINTER_TO_INT (level));
  const size_t      depths[] = { 0, 1, 7, 64 };
  g_autoptr (GRand) rand     = g_rand_new_with_seed (1);
  ptrdiff_t         offset[64], lines[80];

  fill (rand, in_a, ROOM);
  fill (rand, in_b, ROOM);
  for (size_t i = 0; i < G_N_ELEMENTS (offset); i++)
    offset[i] = g_rand_int_range (rand, 0, ROOM - 256);
  for (size_t i = 0; i < G_N_ELEMENTS (lines); i++)
    lines[i] = g_rand_int_range (rand, 0, ROOM);

  for (size_t d = 0; d < G_N_ELEMENTS (depths); d++)
    for (size_t rows = 1; rows <= NR_ROWS; rows++)
      for (size_t columns = 16; columns <= NR_PANEL; columns += 16)
        {
          for (int accumulate = 0; accumulate < 2; accumulate++)
            {
              guard ();
              c->product (in_a, in_b, columns + 16, depths[d], rows, columns, want, 64, accumulate);
              k->product (in_a, in_b, columns + 16, depths[d], rows, columns, got, 64, accumulate);
              compare (NR_ROWS * 64 + 64, accumulate ? 4e-2 : 1e-5, "product"); /* sums on top of the guard */
            }

          /* More lines than rows of b, and none. */
          for (size_t n_ahead = 0; n_ahead <= 80; n_ahead += 80)
            {
              const NrAhead ahead = { residual, lines, n_ahead };

              guard ();
              c->product (in_a, in_b, columns + 16, depths[d], rows, columns, want, 64, false);
              k->product_ahead (in_a, in_b, columns + 16, depths[d], rows, columns, got, 64, &ahead);
              compare (NR_ROWS * 64 + 64, 1e-5, "product_ahead");
            }

          guard ();
          c->product_at (in_a, in_b, offset, depths[d], rows, columns, want, 64);
          k->product_at (in_a, in_b, offset, depths[d], rows, columns, got, 64);
          compare (NR_ROWS * 64 + 64, 1e-5, "product_at");

          for (size_t gap = 16; gap <= 61; gap += 45)
            for (int in_order = 0; in_order < 2; in_order++)
              {
                const ptrdiff_t *at = in_order ? NULL : offset;

                guard ();
                c->product_stream (in_a, in_b, 128, at, gap, depths[d], rows, columns, want, 64);
                k->product_stream (in_a, in_b, 128, at, gap, depths[d], rows, columns, got, 64);
                compare (NR_ROWS * 64 + 64, 1e-5, "product_stream");
              }

          guard ();
          c->product_outer (in_a + 3, 11, in_b + 5, columns + 17, depths[d], rows, columns, want, 64);
          k->product_outer (in_a + 3, 11, in_b + 5, columns + 17, depths[d], rows, columns, got, 64);
          compare (NR_ROWS * 64 + 64, 4e-2, "product_outer"); /* as above */
        }
}

static void
test_row_product (gconstpointer level)
{
  const NrKernels  *c        = nr_kernels_get (0);
  const NrKernels  *k        = nr_kernels_get (GPOINTER_TO_INT (level));
  const size_t      depths[] = { 0, 1, 7, 8, 9, 100 };
  g_autoptr (GRand) rand     = g_rand_new_with_seed (10);

  fill (rand, in_a, ROOM);
  fill (rand, in_b, ROOM);
  for (size_t d = 0; d < G_N_ELEMENTS (depths); d++)
    for (size_t n = 1; n < 100; n++)
      for (int accumulate = 0; accumulate < 2; accumulate++)
        {
          /* The last row ends where the array does: reading beyond it shows under the sanitizer. */
          const float *b = in_b + ROOM - (depths[d] > 0 ? (depths[d] - 1) * 117 + n : 0);

          guard ();
          for (size_t i = 0; i < n && accumulate; i++)
            want[i] = got[i] = in_a[i + 200];
          c->row_product (in_a, b, 117, depths[d], n, want, accumulate);
          k->row_product (in_a, b, 117, depths[d], n, got, accumulate);
          compare (n + 40, 1e-5, "row_product");
        }
}

static void
test_windows (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  ptrdiff_t         offset[30];

  fill (rand, in_a, ROOM);
  for (guint i = 0; i < 2000; i++)
    {
      const size_t n_windows = (size_t) g_rand_int_range (rand, 0, 30);
      const size_t width     = (size_t) g_rand_int_range (rand, 1, 40);
      const size_t n_rows    = (size_t) g_rand_int_range (rand, 1, 8);
      const size_t stride    = n_rows * width + (size_t) g_rand_int_range (rand, 0, 17);
      const size_t step      = (size_t) g_rand_int_range (rand, 1, 5);
      const size_t n         = (size_t) g_rand_int_range (rand, 1, 100);
      const size_t split     = (n + step - 1) / step + (size_t) g_rand_int_range (rand, 0, 5);

      for (size_t w = 0; w < G_N_ELEMENTS (offset); w++)
        offset[w] = g_rand_int_range (rand, 0, 1000);

      guard ();
      c->copy_windows (in_a, width + 3, offset, n_windows, n_rows, width, want, stride);
      k->copy_windows (in_a, width + 3, offset, n_windows, n_rows, width, got, stride);
      compare (n_windows * stride + 64, 0.0, "copy_windows");

      guard ();
      c->split_rows (in_a + ROOM - (n_rows * (n + 7) - 7), n + 7, n_rows, n, step, want, step * split + 5, split);
      k->split_rows (in_a + ROOM - (n_rows * (n + 7) - 7), n + 7, n_rows, n, step, got, step * split + 5, split);
      compare (n_rows * (step * split + 5) + 64, 0.0, "split_rows");
    }
}

static void
test_product_store (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  ptrdiff_t         offset[40];

  fill (rand, in_a, ROOM);
  fill (rand, in_b, ROOM);
  fill (rand, residual, ROOM);

  for (guint i = 0; i < 2000; i++)
    {
      const size_t lanes = (size_t) g_rand_int_range (rand, 1, 3);
      const size_t rows  = lanes * (size_t) g_rand_int_range (rand, 1, (gint32) (NR_ROWS / lanes) + 1);
      const size_t depth = (size_t) g_rand_int_range (rand, 0, 40);
      const size_t n     = (size_t) g_rand_int_range (rand, 1, (gint32) (lanes * NR_PANEL) + 1);
      NrRowTarget  targets[2][NR_ROWS];

      for (size_t d = 0; d < G_N_ELEMENTS (offset); d++)
        offset[d] = g_rand_int_range (rand, 0, ROOM - NR_PANEL);
      for (size_t row = 0; row < rows / lanes; row++)
        {
          const NrRowActivation activation = (NrRowActivation) g_rand_int_range (rand, 0, 4);
          const NrRowEpilogue   epilogue   = { activation, 0.1f, activation == NR_ROW_CLIP ? -0.3f : 0.2f, 0.6f, g_rand_boolean (rand) };
          const float          *added      = g_rand_boolean (rand) ? residual + row * 128 : NULL;
          const gboolean        is_left    = g_rand_int_range (rand, 0, 8) == 0;

          targets[0][row] = (NrRowTarget) { is_left ? NULL : want + row * 128, added, epilogue };
          targets[1][row] = (NrRowTarget) { is_left ? NULL : got + row * 128, added, epilogue };
        }

      guard ();
      c->product_store (in_a, in_b, offset, depth, rows, n, lanes, targets[0], 5);
      k->product_store (in_a, in_b, offset, depth, rows, n, lanes, targets[1], 5);
      compare (NR_ROWS * 128, 1e-5, "product_store");
    }
}

static void
test_depthwise (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);

  fill (rand, in_a, ROOM);
  fill (rand, residual, ROOM);
  for (guint i = 0; i < 3000; i++)
    {
      const NrRowEpilogue epilogue = { (NrRowActivation) (i % 4), 0.1f, i % 4 == NR_ROW_CLIP ? -0.3f : 0.2f, 0.6f, i % 5 == 0 };
      const size_t        n_taps   = (size_t) g_rand_int_range (rand, 0, 10);
      const size_t        n        = (size_t) g_rand_int_range (rand, 1, 200);
      const ptrdiff_t     width    = g_rand_int_range (rand, 1, 200);
      NrTapRange          range    = { width, 0, width };
      NrTap               taps[10];

      for (size_t t = 0; t < n_taps; t++)
        {
          /* Rows end where the array does: reading beyond them shows under the sanitizer. */
          taps[t]    = (NrTap) { in_a + ROOM - width, g_rand_int_range (rand, -6, 7), (float) g_rand_double_range (rand, -1.0, 1.0) };
          range.low  = MAX (range.low, -taps[t].column);
          range.high = MIN (range.high, width - taps[t].column);
        }

      guard ();
      c->depthwise_row (taps, n_taps, &range, n, &epilogue, i % 3 == 0 ? residual : NULL, want);
      k->depthwise_row (taps, n_taps, &range, n, &epilogue, i % 3 == 0 ? residual : NULL, got);
      compare (300, 1e-5, "depthwise_row");
    }
}

static void
test_normalize (gconstpointer level)
{
  const NrKernels  *c         = nr_kernels_get (0);
  const NrKernels  *k         = nr_kernels_get (GPOINTER_TO_INT (level));
  const size_t      n_rows[]  = { 1, 2, 3, 32, 61 };
  const size_t      columns[] = { 1, 15, 16, 17, 48, 64, 100, 128, 250 };
  g_autoptr (GRand) rand      = g_rand_new_with_seed (9);

  fill (rand, in_a, ROOM);
  fill (rand, in_b, ROOM);
  for (size_t r = 0; r < G_N_ELEMENTS (n_rows); r++)
    for (size_t n = 0; n < G_N_ELEMENTS (columns); n++)
      for (int with = 0; with < 4; with++)
        {
          const float *scale = with & 1 ? in_b : NULL, *bias = with & 2 ? in_b + 100 : NULL;

          guard ();
          for (size_t i = 0; i < n_rows[r]; i++)
            for (size_t j = 0; j < 256; j++)
              want[i * 256 + j] = got[i * 256 + j] = 3.0f + in_a[i * 256 + j];
          c->normalize_columns (want, 256, n_rows[r], columns[n], 1e-3f, scale, bias);
          k->normalize_columns (got, 256, n_rows[r], columns[n], 1e-3f, scale, bias);

          /* What lies between the columns wanted and the next multiple of 16 is open. */
          for (size_t i = 0; i < n_rows[r]; i++)
            for (size_t j = columns[n]; j < (columns[n] + 15) / 16 * 16; j++)
              want[i * 256 + j] = got[i * 256 + j] = 0.0f;
          compare (n_rows[r] * 256 + 256, 2e-4, "normalize_columns"); /* 3 of 1/30 standard deviations: the mean's last bits count */
        }
}

static void
test_copy (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);

  fill (rand, in_a, ROOM);
  for (guint i = 0; i < 3000; i++)
    {
      const ptrdiff_t width = g_rand_int_range (rand, 0, 120);
      const ptrdiff_t first = g_rand_int_range (rand, -40, 130);
      const ptrdiff_t step  = g_rand_int_range (rand, 1, 5);
      const ptrdiff_t n     = g_rand_int_range (rand, 0, 100);
      /* The row ends where the array does: reading beyond it shows under the sanitizer. */
      const float *row = in_a + ROOM - width;

      guard ();
      c->copy_row (row, first, step, width, n, 0, want);
      k->copy_row (row, first, step, width, n, 0, got);
      compare (200, 0.0, "copy_row");
    }

  for (size_t n_rows = 1; n_rows <= 4; n_rows++)
    for (size_t n = 0; n < 70; n++)
      {
        guard ();
        c->interleave (in_a, 80, n_rows, n, want);
        k->interleave (in_a, 80, n_rows, n, got);
        compare (n * n_rows + 80, 0.0, "interleave");
      }

  for (size_t n = 0; n < 40; n++)
    {
      guard ();
      c->transpose_rows (in_a, 45, n, want, 19);
      k->transpose_rows (in_a, 45, n, got, 19);
      compare (n * 19 + 80, 0.0, "transpose_rows");
      for (size_t j = 0; j < n * 16; j++)
        g_assert_cmpfloat (want[j / 16 * 19 + j % 16], ==, in_a[j % 16 * 45 + j / 16]);
    }
}

static void
test_store (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  fill (rand, in_a, ROOM);
  fill (rand, residual, ROOM);
  in_a[5] = NAN;

  for (NrRowActivation activation = NR_ROW_LINEAR; activation <= NR_ROW_CLIP; activation++)
    for (guint variant = 0; variant < 3; variant++)
      for (size_t step = 1; step <= 2; step++)
        for (size_t n = 0; n < 70; n++)
          {
            const NrRowEpilogue epilogue = { activation, 0.1f, activation == NR_ROW_CLIP ? -0.3f : 0.2f, 0.6f, variant == 1 };
            const float        *added    = variant > 0 ? residual : NULL;

            guard ();
            c->store_row (in_a, n, &epilogue, added, want, step, 0);
            k->store_row (in_a, n, &epilogue, added, got, step, 0);
            if (n > 5)
              {
                g_assert_true (isnan (want[5 * step]) && isnan (got[5 * step]));
                want[5 * step] = got[5 * step] = 0.0f;
              }
            compare (200, 1e-6, "store_row");
          }
}

static void
test_panel (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);

  fill (rand, in_a, ROOM);
  for (guint i = 0; i < 500; i++)
    {
      const ptrdiff_t offset[] = { -2, -1, 0, 1, 2 };
      NrGrid          grid     = { .n_taps = 1, .n_positions = 1, .in_plane = 1 };

      for (guint a = 0; a < 3; a++)
        {
          NrGridAxis *axis = &grid.axis[a];

          axis->input     = (size_t) g_rand_int_range (rand, 1, a == 0 ? 3 : 30);
          axis->positions = (size_t) g_rand_int_range (rand, 1, a == 0 ? 3 : 30);
          axis->step      = (size_t) g_rand_int_range (rand, 1, 4);
          axis->n_taps    = (size_t) g_rand_int_range (rand, 1, 4);
          axis->offset    = offset + g_rand_int_range (rand, 0, 3);
          grid.n_taps *= axis->n_taps;
          grid.n_positions *= axis->positions;
          grid.in_plane *= axis->input;
        }

      const size_t depth    = 3 * grid.n_taps;
      const size_t k0       = (size_t) g_rand_int_range (rand, 0, (gint32) depth);
      const size_t position = (size_t) g_rand_int_range (rand, 0, (gint32) grid.n_positions);
      const size_t n        = MIN (grid.n_positions - position, NR_PANEL);
      const size_t columns  = (n + 15) / 16 * 16;

      guard ();
      c->pack_panel (&grid, in_a, k0, depth, position, n, columns, want);
      k->pack_panel (&grid, in_a, k0, depth, position, n, columns, got);
      compare ((depth - k0) * columns + 64, 0.0, "pack_panel");
    }
}

/* Tiles of a plane of 50 x 70 with borders on all sides, in an order with a step down in the middle. KIND 1: no patch leaves
 * it above or below, and all have 6 rows; 2: none leaves it at all: what most groups of a picture are. */
static void
describe (GRand *rand, guint kind, NrWinogradTile *tiles)
{
  for (int t = 0; t < NR_WINOGRAD_TILES; t++)
    {
      const int y = kind == 0 && g_rand_boolean (rand) ? g_rand_int_range (rand, -3, 48) : 7;
      const int x = kind < 2 && g_rand_boolean (rand) ? g_rand_int_range (rand, -3, 68) : 9;

      tiles[t] = (NrWinogradTile) {
        .in       = y * 70 + x,
        .out      = t / 8 * 6 * 70 + t % 8 * 6,
        .out_rows = (uint8_t) (kind == 0 ? g_rand_int_range (rand, 0, 7) : 6),
        .out_cols = (uint8_t) ((1 << (kind < 2 ? g_rand_int_range (rand, 1, 7) : 6)) - 1),
      };
      for (int i = 0; i < NR_WINOGRAD_PATCH; i++)
        {
          tiles[t].in_rows |= (uint8_t) ((y + i >= 0 && y + i < 50) << i);
          tiles[t].in_cols |= (uint8_t) ((x + i >= 0 && x + i < 70) << i);
        }
    }
}

/* G g G^T by its matrix; all levels make the same bytes. */
static void
test_winograd_weights (gconstpointer level)
{
  // clang-format off
  static const double matrix[8][3] = {
    {  1.0,         0.0,         0.0        },
    { -2.0 /  9.0, -2.0 /  9.0, -2.0 /  9.0 },
    { -2.0 /  9.0,  2.0 /  9.0, -2.0 /  9.0 },
    {  1.0 / 90.0,  1.0 / 45.0,  2.0 / 45.0 },
    {  1.0 / 90.0, -1.0 / 45.0,  2.0 / 45.0 },
    { 32.0 / 45.0, 16.0 / 45.0,  8.0 / 45.0 },
    { 32.0 / 45.0, -16.0 / 45.0, 8.0 / 45.0 },
    {  0.0,         0.0,         1.0        },
  };
  // clang-format on
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);

  fill (rand, in_a, 9 * NR_WINOGRAD_TILES);
  guard ();
  nr_kernels_get (0)->winograd_weights (in_a, want);
  nr_kernels_get (GPOINTER_TO_INT (level))->winograd_weights (in_a, got);
  compare (ROOM, 0.0, "winograd_weights");

  for (size_t i = 0; i < NR_WINOGRAD_POINTS * NR_WINOGRAD_TILES; i++)
    {
      const size_t p = i / NR_WINOGRAD_TILES, lane = i % NR_WINOGRAD_TILES;
      double       sum = 0.0;

      for (size_t t = 0; t < 9; t++)
        sum += matrix[p / 8][t / 3] * matrix[p % 8][t % 3] * in_a[t * NR_WINOGRAD_TILES + lane];
      g_assert_cmpfloat_with_epsilon (got[i], sum, 1e-7); /* one rounding of values up to 3 */
    }
}

static void
test_winograd (gconstpointer level)
{
  const NrKernels  *c    = nr_kernels_get (0);
  const NrKernels  *k    = nr_kernels_get (GPOINTER_TO_INT (level));
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  NrWinogradTile    tiles[NR_WINOGRAD_TILES];

  fill (rand, in_a, ROOM);
  fill (rand, residual, ROOM);
  for (guint i = 0; i < 300; i++)
    {
      const NrRowEpilogue epilogue = { (NrRowActivation) (i % 4), 0.1f, -0.2f, 0.6f, i % 2 == 0 };
      const size_t        ahead    = (size_t) (i % 2) * 70; /* only a wish */

      describe (rand, i % 3, tiles);

      guard ();
      c->winograd_input (tiles, in_a, 70, ahead, want, 48);
      k->winograd_input (tiles, in_a, 70, ahead, got, 48);
      compare (64 * 48, 2e-4, "winograd_input"); /* values reach 100: sums of 64 with factors up to 27 */

      guard ();
      c->winograd_output (tiles, in_a, 48, &epilogue, i % 5 == 0 ? NULL : residual, want, 70);
      k->winograd_output (tiles, in_a, 48, &epilogue, i % 5 == 0 ? NULL : residual, got, 70);
      compare (50 * 70, 2e-2, "winograd_output"); /* factors reach 1024 */

      guard ();
      c->winograd_gradient (tiles, in_a, 70, want, 48);
      k->winograd_gradient (tiles, in_a, 70, got, 48);
      compare (64 * 48, 2e-3, "winograd_gradient"); /* values reach 3000 */
    }
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char   *name;
    GTestDataFunc func;
  } tests[] = {
    { "product", test_product },
    { "product-of-one-row", test_row_product },
    { "stored-product", test_product_store },
    { "depthwise-rows", test_depthwise },
    { "normalized-columns", test_normalize },
    { "copied-and-interleaved-rows", test_copy },
    { "windows-and-split-rows", test_windows },
    { "stored-rows", test_store },
    { "panel", test_panel },
    { "winograd-transforms", test_winograd },
    { "winograd-weights", test_winograd_weights },
  };

  g_test_init (&argc, &argv, NULL);

  for (int level = 1; level <= 2; level++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        const char       *name = level == 1 ? "avx2" : "avx512";
        g_autofree gchar *path = g_strdup_printf ("/kernels/conv/%s-%s-matches-the-portable-version", name, tests[i].name);

        if (level > nr_kernels_best_level ())
          g_test_message ("%s: this machine has no %s", tests[i].name, name);
        else
          g_test_add_data_func (path, GINT_TO_POINTER (level), tests[i].func);
      }

  return g_test_run ();
}
