/* Kernels: plain C functions over floats, in a portable version and one a CPU level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every slot has its portable version (kernels/c) first; avx2 and avx512 overwrite what they have (dispatch.c).
 * Kernels know neither GLib nor nodes: pointers, sizes, strides. No kernel allocates.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct NrKernels NrKernels;

/* c = 0, avx2 = 1, avx512 = 2, as NrCpuLevel; never more than the machine has. */
const NrKernels *nr_kernels_get (int level);
/* What this machine has, from CPUID and the operating system's state. */
int nr_kernels_best_level (void);

/* -- Convolution --------------------------------------------------------------------------------------------------- */

/* A convolution is a product of packed weights with a panel: up to NR_PANEL output positions, one column each, of which
 * row k holds the input value that weight k of an output channel meets. Weights are packed in blocks of NR_ROWS output
 * channels, [k][rows], the last block with fewer rows. The layout is the same at all levels. */
enum
{
  NR_ROWS            = 8,
  NR_PANEL           = 48, /* 3 vectors of AVX-512, twice 3 of AVX2: 8 x 3 and 4 x 3 accumulators fill the registers */
  NR_WINOGRAD_TILE   = 6, /* F(6x6,3x3): outputs of a tile along one axis */
  NR_WINOGRAD_PATCH  = 8, /* inputs of a tile along one axis */
  NR_WINOGRAD_POINTS = 64,
  NR_WINOGRAD_TILES  = 16 /* transformed at once */
};

typedef enum
{
  NR_ROW_LINEAR,
  NR_ROW_RELU,
  NR_ROW_SLOPE, /* a: slope below zero */
  NR_ROW_CLIP   /* a, b: bounds */
} NrRowActivation;

/* What becomes of the sums s of one output channel: act (s + bias) + residual, or act (s + bias + residual). */
typedef struct
{
  NrRowActivation activation;
  float           bias, a, b;
  bool            residual_first;
} NrRowEpilogue;

/* Where a row of sums goes: act (s + bias) + residual, as the epilogue says, to y. */
typedef struct
{
  float        *y;        /* NULL: nowhere */
  const float  *residual; /* or NULL */
  NrRowEpilogue epilogue;
} NrRowTarget;

/* A tap of a depthwise convolution: the input's row under it, its column at output 0, its weight. */
typedef struct
{
  const float *row;
  ptrdiff_t    column;
  float        weight;
} NrTap;

/* Input columns of a row, and the outputs [low, high) for which all taps lie within them (none if low >= high). */
typedef struct
{
  ptrdiff_t width, low, high;
} NrTapRange;

/* One axis of a grid of output positions q = 0 ... positions - 1. Tap t reads the input at q * step + offset[t] (zero
 * outside [0, input)); position q is written at q * out_step + out_phase. */
typedef struct
{
  size_t           input, positions, output;
  size_t           step;
  size_t           n_taps;
  const ptrdiff_t *offset;
  size_t           out_step, out_phase;
} NrGridAxis;

/* Depth, height, width (leading axes of 1 where there are fewer). A convolution is one grid; a transposed convolution
 * is one for each phase of its strides. */
typedef struct
{
  NrGridAxis axis[3];
  size_t     n_taps;      /* product of the axes' */
  size_t     n_positions; /* product of the axes' */
  size_t     in_plane;    /* input elements a channel */
  size_t     out_plane;   /* output elements a channel */
} NrGrid;

/* A tile of F(6x6,3x3): where its patch is read and its outputs are written, in elements from the plane's start (the
 * patch's corner may lie outside the plane). Bit i of in_rows, in_cols: row, column i of the patch is inside. Outputs are
 * the columns of the bits of out_cols, always the first ones of 6, in the first out_rows of 6 rows; 0: the tile is only
 * padding of a group. */
typedef struct
{
  ptrdiff_t in, out;
  uint8_t   in_rows, in_cols;
  uint8_t   out_rows, out_cols;
} NrWinogradTile;

/* N cache lines at base + offset[i] (floats) that are wanted soon. */
typedef struct
{
  const float     *base;
  const ptrdiff_t *offset;
  size_t           n;
} NrAhead;

/* Functions of one variable with parameters a and b; not named: not used. */
typedef enum
{
  NR_UNARY_ABS,
  NR_UNARY_NEG,
  NR_UNARY_FLOOR,
  NR_UNARY_CEIL,
  NR_UNARY_ROUND, /* half to even */
  NR_UNARY_SQRT,
  NR_UNARY_RECIPROCAL,
  NR_UNARY_EXP, /* below 2e-38: 0 */
  NR_UNARY_LOG,
  NR_UNARY_ERF,
  NR_UNARY_SIGMOID,
  NR_UNARY_TANH,
  NR_UNARY_LINEAR,       /* a x + b */
  NR_UNARY_CLIP,         /* min (max (x, a), b); NaN stays */
  NR_UNARY_LEAKY_RELU,   /* a: slope below 0 */
  NR_UNARY_HARD_SIGMOID, /* a x + b in [0, 1] */
  NR_UNARY_HARD_SWISH,
  NR_UNARY_ELU, /* a (e^x - 1) below 0, b x above: Elu and Selu */
  NR_UNARY_SOFTPLUS,
  NR_UNARY_GELU,
  NR_UNARY_GELU_TANH,
  NR_UNARY_MISH,
  NR_N_UNARY
} NrUnary;

/* Functions of two variables. */
typedef enum
{
  NR_BINARY_ADD,
  NR_BINARY_SUB,
  NR_BINARY_MUL,
  NR_BINARY_DIV,
  NR_BINARY_MIN, /* NaN wins, as in NumPy */
  NR_BINARY_MAX,
  NR_BINARY_PRELU,      /* a below 0 times b */
  NR_BINARY_ADD_SQUARE, /* a + b b */
  NR_N_BINARY
} NrBinary;

/* The numbers of one step of Adam (Kingma and Ba 2015): rest1 = 1 - beta1, rest2 = 1 - beta2, rate = learning rate /
 * (1 - beta1^t), root = 1 / sqrt (1 - beta2^t). */
typedef struct
{
  float beta1, rest1, beta2, rest2, rate, root, epsilon;
} NrAdamStep;

struct NrKernels
{
  int         level;
  const char *name;

  /* y[i] = max (x[i], 0); x == y allowed. */
  void (*relu) (const float *x, float *y, size_t n);

  /* y = alpha op (a) op (b) + beta y, row-major, op transposes where asked; m x n, row strides in floats; k, n >= 1. On the
   * calling thread. */
  void (*matrix_product) (bool trans_a, bool trans_b, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *y, size_t ldy);

  /* y[j] = sum over k of a[k] b[k * ldb + j], j < n, added to what y holds if ACCUMULATE: one row times a matrix. Rows are read
   * several at a time, which brings a matrix from memory faster than one after another. */
  void (*row_product) (const float *a, const float *b, size_t ldb, size_t depth, size_t n, float *y, bool accumulate);

  /* c[i][j] = sum over k of a[k][i] b[k][j], added to what c holds if ACCUMULATE.
   *   a  depth x rows, contiguous; 1 <= rows <= NR_ROWS
   *   b  depth x columns, row stride ldb; columns 16, 32 or 48; rows of b 64-byte aligned
   *   c  rows x columns, row stride ldc, rows 64-byte aligned
   * The order of the sum over k is fixed within a level. */
  void (*product) (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, bool accumulate);

  /* The same with c replaced, asking for the lines of AHEAD meanwhile, to be in the L2 cache soon: one for each row of b
   * (many at once would keep the rows of b waiting), so that more than DEPTH of them may be left out. */
  void (*product_ahead) (const float *a, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc, const NrAhead *ahead);

  /* The same as product with row k of b at b + offset[k], c replaced; b needs no alignment, columns beyond those wanted are read too. */
  void (*product_at) (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);

  /* The same for weights that come from memory and are read once: those further on are asked for meanwhile. Columns 16 j to
   * 16 j + 15 of row k are 16 floats from b + offset[k] + j gap on, or where offset is NULL from b + k ldb + j gap on. */
  void (*product_stream) (const float *a, const float *b, size_t ldb, const ptrdiff_t *offset, size_t gap, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);

  /* The sums of product_at, stored at once: row i to targets[i].y + at, n elements, n <= NR_PANEL. With 2 lanes, rows 2 i and
   * 2 i + 1 alternate in targets[i].y + at, n <= 2 NR_PANEL elements of both together. Columns beyond those wanted are read
   * up to a multiple of 16. */
  void (*product_store) (const float *a, const float *b, const ptrdiff_t *offset, size_t depth, size_t rows, size_t n, size_t lanes, const NrRowTarget *targets, size_t at);

  /* c[i][j] += sum over k of a[k][i] b[k][j], rows of a lda floats apart; else as product, without its alignment for a and b. */
  void (*product_outer) (const float *a, size_t lda, const float *b, size_t ldb, size_t depth, size_t rows, size_t columns, float *c, size_t ldc);

  /* to[j * ld + i] = rows[i * stride + j], i < 16, j < n. */
  void (*transpose_rows) (const float *rows, size_t stride, size_t n, float *to, size_t ld);

  /* A row of a depthwise convolution: y[j] = epilogue of the sum over t of taps[t].weight row[j + taps[t].column], where
   * that column lies within the range's [0, width); j < n. */
  void (*depthwise_row) (const NrTap *taps, size_t n_taps, const NrTapRange *range, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y);

  /* Each column of n_rows >= 1 rows gets mean 0 and variance 1, then the row's scale and bias (NULL: 1 and 0), in place:
   * (x - mean) / sqrt (variance + epsilon) scale[i] + bias[i]. Rows are STRIDE floats apart and have room for n rounded up
   * to 16, which changes too. */
  void (*normalize_columns) (float *x, size_t stride, size_t n_rows, size_t n, float epsilon, const float *scale, const float *bias);

  /* to[j] = row[first + j * step], 0 outside [0, width), j < n; first may be negative, step >= 1. What lies AHEAD floats
   * further is asked for, to be in the cache soon (0: nothing). */
  void (*copy_row) (const float *row, ptrdiff_t first, ptrdiff_t step, ptrdiff_t width, ptrdiff_t n, size_t ahead, float *to);

  /* Rows split by remainder: to[r * ld + i % step * split + i / step] = rows[r * stride + i], r < n_rows, i < n. */
  void (*split_rows) (const float *rows, size_t stride, size_t n_rows, size_t n, size_t step, float *to, size_t ld, size_t split);

  /* Windows of a plane, each row behind the one before: to[i * stride + r * width + j] = plane[offset[i] + r * row + j], i <
   * n_windows, r < n_rows, j < width; width >= 1, n_rows * width <= stride. */
  void (*copy_windows) (const float *plane, size_t row, const ptrdiff_t *offset, size_t n_windows, size_t n_rows, size_t width, float *to, size_t stride);

  /* to[j * n_rows + i] = rows[i * stride + j], j < n. */
  void (*interleave) (const float *rows, size_t stride, size_t n_rows, size_t n, float *to);

  /* Fills rows [k0, k1) of the panel of positions [position, position + n): b[k - k0][j], row stride COLUMNS (16, 32 or
   * 48, n <= columns; columns from n on become 0). k = channel * n_taps + tap. x: the input's first channel. b is 64-byte
   * aligned. */
  void (*pack_panel) (const NrGrid *grid, const float *x, size_t k0, size_t k1, size_t position, size_t n, size_t columns, float *b);

  /* y[i * step] = epilogue of sum[i], i < n; residual[i * step] belongs to y[i * step], or is NULL.
   * What is to be written AHEAD floats further is asked for (0: nothing). */
  void (*store_row) (const float *sum, size_t n, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t step, size_t ahead);

  /* V = B^T d B of 16 tiles: v[p * stride + t], p = 8 * row + column < 64. x: the channel's plane with rows of ld floats;
   * the same patches AHEAD floats further are asked for (0: nothing). v and stride are multiples of 64 bytes. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks,
   * 2015; interpolation points 0, +-1, +-2, +-1/2 and infinity. */
  void (*winograd_input) (const NrWinogradTile *tiles, const float *x, size_t ld, size_t ahead, float *v, size_t stride);

  /* U = G g G^T of 16 kernels, g[t * 16 + i], t = 3 * row + column, to u[p * 16 + i]; in double, for the weights' rounding is
   * the only error that no later step averages out. */
  void (*winograd_weights) (const float *g, float *u);

  /* W = A Y A^T of 16 tiles' outputs, zero where a tile has none: w[p * stride + t]. The transpose of winograd_output, for the
   * gradient of the weights; y is a plane with rows of ld floats, w and stride are multiples of 64 bytes. */
  void (*winograd_gradient) (const NrWinogradTile *tiles, const float *y, size_t ld, float *w, size_t stride);

  /* Y = A^T M A of 16 tiles, m[p * stride + t], then the epilogue; y (and residual, or NULL) is a plane with rows of ld
   * floats. m and stride are multiples of 64 bytes. */
  void (*winograd_output) (const NrWinogradTile *tiles, const float *m, size_t stride, const NrRowEpilogue *epilogue, const float *residual, float *y, size_t ld);

  /* y[i] = f (x[i], a, b); x == y allowed, no other overlap. */
  void (*unary[NR_N_UNARY]) (const float *x, float *y, size_t n, float a, float b);

  /* y[i] = f (a[i * step_a], b[i * step_b]), steps 0 or 1; y may be an input of step 1, no other overlap. */
  void (*binary[NR_N_BINARY]) (const float *a, const float *b, float *y, size_t n, int step_a, int step_b);

  /* Over one row of n >= 0 elements. Sums run in 16 lanes: the same bytes at every level. */
  double (*row_sum) (const float *x, size_t n);
  /* Sum of (x[i] - mean)^2. */
  double (*row_sum_squares) (const float *x, size_t n, float mean);
  /* -infinity for n = 0, NaN if one is among them. */
  float (*row_max) (const float *x, size_t n);
  /* y[i] = e^(x[i] - shift), returns their sum; x == y allowed. */
  double (*row_exp_sum) (const float *x, float *y, size_t n, float shift);
  /* y[i] = (x[i] - mean) inverse scale[i] + bias[i]; x == y allowed. */
  void (*row_normalize) (const float *x,
                         const float *scale,
                         const float *bias,
                         float       *y,
                         size_t       n,
                         float        mean,
                         float        inverse);

  /* -- Training -- */

  /* gx[i] = gy[i] f'(x[i]) with y[i] = f (x[i], a, b). v is y for Exp, Reciprocal, Sigmoid, Sqrt and Tanh, any of the two
   * for LeakyRelu with a slope of 0 or more, x for all others. At a kink: one of its slopes. gx == gy allowed. */
  void (*chain[NR_N_UNARY]) (const float *v, const float *gy, float *gx, size_t n, float a, float b);
  /* Sum of (x[i] - shift) y[i], in lanes as row_sum. */
  double (*row_dot) (const float *x, const float *y, size_t n, float shift);
  /* z[i] = a x[i] + b (y[i] - shift) + c; z may be x or y. */
  void (*row_combine) (const float *x, const float *y, float *z, size_t n, float a, float b, float shift, float c);
  /* value, mean and square (the moments) after one more gradient; no overlap. */
  void (*adam_step) (float *value, float *mean, float *square, const float *gradient, size_t n, const NrAdamStep *step);
};
