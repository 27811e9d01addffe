/* Conv and ConvTranspose against the sum in double, at many geometries, all levels and thread counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"

#include <math.h>
#include <string.h>

#include "../positions.h"

#define GUARD (-12345.0f)

typedef struct
{
  gboolean is_transposed;
  guint    n_spatial;
  gint64   batch, groups, in, out; /* channels of all groups */
  gint64   size[3], kernel[3], stride[3], dilation[3], begin[3], end[3], extra[3];
  gboolean is_constant; /* the weights */
} Case;

static gint64
reach (const Case *c, guint a)
{
  return (c->kernel[a] - 1) * c->dilation[a] + 1;
}

static gint64
out_size (const Case *c, guint a)
{
  if (c->is_transposed)
    return (c->size[a] - 1) * c->stride[a] + c->extra[a] + reach (c, a) - c->begin[a] - c->end[a];

  return (c->size[a] + c->begin[a] + c->end[a] - reach (c, a)) / c->stride[a] + 1;
}

/* Each input position, tap and pair of channels adds to its output: the definition, in double. */
static gdouble *
naive (const Case *c, const gfloat *x, const gfloat *w, const gfloat *b)
{
  const guint n = c->n_spatial;
  gint64      size[3];

  for (guint a = 0; a < n; a++)
    size[a] = out_size (c, a);

  const gint64 in_g     = c->in / c->groups;
  const gint64 out_g    = c->out / c->groups;
  const gint64 in_area  = (gint64) product (c->size, n);
  const gint64 out_area = (gint64) product (size, n);
  const gint64 taps     = (gint64) product (c->kernel, n);
  gdouble     *y        = g_new (gdouble, c->batch * c->out * out_area);

  for (gint64 i = 0; i < c->batch * c->out * out_area; i++)
    y[i] = b[i / out_area % c->out];

  /* The convolution's larger side is walked: outputs of a Conv, inputs of a ConvTranspose. */
  const gint64 *walked      = c->is_transposed ? c->size : size;
  const gint64 *other       = c->is_transposed ? size : c->size;
  const gint64  walked_area = c->is_transposed ? in_area : out_area;

  for (gint64 q = 0; q < walked_area; q++)
    for (gint64 t = 0; t < taps; t++)
      {
        gint64 p[3], tap[3];

        unflat (q, walked, n, p);
        unflat (t, c->kernel, n, tap);
        for (guint a = 0; a < n; a++)
          p[a] = p[a] * c->stride[a] + tap[a] * c->dilation[a] - c->begin[a];

        const gint64 r = flat (p, other, n);

        if (r < 0)
          continue;

        const gint64 at_in  = c->is_transposed ? q : r;
        const gint64 at_out = c->is_transposed ? r : q;

        for (gint64 e = 0; e < c->batch; e++)
          for (gint64 g = 0; g < c->groups; g++)
            for (gint64 i = 0; i < in_g; i++)
              for (gint64 o = 0; o < out_g; o++)
                {
                  const gint64 weight = c->is_transposed ? ((g * in_g + i) * out_g + o) * taps + t
                                                         : ((g * out_g + o) * in_g + i) * taps + t;

                  y[(e * c->out + g * out_g + o) * out_area + at_out] +=
                      (gdouble) w[weight] * x[(e * c->in + g * in_g + i) * in_area + at_in];
                }
      }

  return y;
}

static gfloat *
random_floats (GRand *rand, gsize n)
{
  gfloat *x = g_new (gfloat, n + 1);

  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) g_rand_double_range (rand, -1.0, 1.0);
  x[n] = GUARD;
  return x;
}

static NrModel *
load (const Case *c, const gfloat *w, const gfloat *b)
{
  NrOnnx__Model *builder   = nr_builder_new (17);
  GError        *error     = NULL;
  const guint    n         = c->n_spatial;
  gint64         x_dims[5] = { c->batch, c->in }, w_dims[5], pads[6];
  NrOnnx__Node  *node;

  w_dims[0] = c->is_transposed ? c->in : c->out;
  w_dims[1] = (c->is_transposed ? c->out : c->in) / c->groups;
  for (guint a = 0; a < n; a++)
    {
      x_dims[2 + a] = c->size[a];
      w_dims[2 + a] = c->kernel[a];
      pads[a]       = c->begin[a];
      pads[n + a]   = c->end[a];
    }

  nr_builder_input (builder, "x", 1, n + 2, x_dims);
  if (c->is_constant)
    nr_builder_f32 (builder, "w", n + 2, w_dims, w);
  else
    nr_builder_input (builder, "w", 1, n + 2, w_dims);
  nr_builder_f32 (builder, "b", 1, &c->out, b);
  node = nr_builder_node (builder, c->is_transposed ? "ConvTranspose" : "Conv", "x w b", "y");
  nr_builder_output (builder, "y");
  nr_builder_ints (node, "strides", n, c->stride);
  nr_builder_ints (node, "dilations", n, c->dilation);
  nr_builder_ints (node, "pads", 2 * n, pads);
  nr_builder_int (node, "group", c->groups);
  if (c->is_transposed)
    nr_builder_ints (node, "output_padding", n, c->extra);

  NrModel *model = nr_builder_load (builder, &error);

  g_assert_no_error (error);
  return model;
}

static void
check (const Case *c, NrModel *model, const gfloat *x, const gfloat *w, const gdouble *want, gsize n, gdouble tolerance)
{
  g_autofree gfloat *first = NULL;

  for (guint level = 0; level <= nr_cpu_level (); level++)
    {
      for (guint threads = 1; threads <= 3; threads++)
        {
          const NrSessionOptions options = { .threads = threads, .cpu_level = level };
          g_autoptr (NrSession)  session = NULL;
          g_autoptr (GError)     error   = NULL;
          g_autofree gfloat     *y       = g_new (gfloat, n + 1);
          NrShape                shapes[2];

          shapes[0] = *nr_model_input_shape (model, 0);
          if (! c->is_constant)
            shapes[1] = *nr_model_input_shape (model, 1);

          session = nr_session_new (model, shapes, &options, &error);
          g_assert_no_error (error);
          y[n] = GUARD;
          nr_session_run (session, (const void *[]) { x, w }, (void *[]) { y }, NULL, NULL, NULL, &error);
          g_assert_no_error (error);

          g_assert_cmpfloat (y[n], ==, GUARD);
          for (gsize i = 0; i < n; i++)
            if (! (fabs (y[i] - want[i]) <= tolerance))
              g_error ("level %u, element %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT ": %.9g, expected %.9g",
                       level, i, n, y[i], want[i]);

          if (threads == 1)
            {
              g_free (first);
              first = g_steal_pointer (&y);
            }
          else
            {
              g_assert_cmpmem (first, n * sizeof (gfloat), y, n * sizeof (gfloat));
            }
        }
    }
}

static void
run_case (GRand *rand, const Case *c)
{
  const guint        n_x = (guint) (c->batch * c->in * (gint64) product (c->size, c->n_spatial));
  const guint        n_w = (guint) (c->in * c->out / c->groups * (gint64) product (c->kernel, c->n_spatial));
  g_autofree gfloat *x   = random_floats (rand, n_x);
  g_autofree gfloat *w   = random_floats (rand, n_w);
  g_autofree gfloat *b   = random_floats (rand, (gsize) c->out);
  gsize              n_y = (gsize) (c->batch * c->out);
  /* A sum of n products of magnitude 1 is about sqrt (n) large, with rounding errors of some 2^-24 of that; F(6x6,3x3) has
   * up to 50 times the error (10 times F(2x2)), and the largest of many sums is some 5 times the usual one. */
  const gdouble size      = 1.0 + sqrt ((gdouble) c->in / c->groups * product (c->kernel, c->n_spatial));
  const gdouble tolerance = size * (c->n_spatial == 2 && product (c->kernel, 2) == 9 ? 3e-5 : 2e-6);

  g_test_message ("%s %ud: batch %d, %d to %d channels, %d groups, size %d %d %d, kernel %d %d %d, stride %d %d %d, "
                  "dilation %d %d %d, pads %d %d %d, %d %d %d",
                  c->is_transposed ? "transposed" : "plain", c->n_spatial, (gint) c->batch, (gint) c->in, (gint) c->out,
                  (gint) c->groups, (gint) c->size[0], (gint) c->size[1], (gint) c->size[2], (gint) c->kernel[0],
                  (gint) c->kernel[1], (gint) c->kernel[2], (gint) c->stride[0], (gint) c->stride[1], (gint) c->stride[2],
                  (gint) c->dilation[0], (gint) c->dilation[1], (gint) c->dilation[2], (gint) c->begin[0],
                  (gint) c->begin[1], (gint) c->begin[2], (gint) c->end[0], (gint) c->end[1], (gint) c->end[2]);

  for (guint a = 0; a < c->n_spatial; a++)
    n_y *= (gsize) out_size (c, a);

  g_autoptr (NrModel) model = load (c, w, b);
  g_autofree gdouble *want  = naive (c, x, w, b);

  check (c, model, x, w, want, n_y, tolerance);
}

/* A geometry whose output is not empty. */
static Case
random_case (GRand *rand, gboolean is_transposed)
{
  for (;;)
    {
      Case     c    = { .is_transposed = is_transposed, .n_spatial = (guint) g_rand_int_range (rand, 1, 4) };
      gboolean fits = TRUE;

      c.batch       = g_rand_int_range (rand, 1, 3);
      c.groups      = g_rand_boolean (rand) ? 1 : g_rand_int_range (rand, 1, 5);
      c.in          = c.groups * g_rand_int_range (rand, 1, 12);
      c.out         = c.groups * g_rand_int_range (rand, 1, 20);
      c.is_constant = g_rand_int_range (rand, 0, 4) > 0;
      for (guint a = 0; a < c.n_spatial; a++)
        {
          c.size[a]     = g_rand_int_range (rand, 1, c.n_spatial == 1 ? 150 : c.n_spatial == 2 ? 30
                                                                                               : 9);
          c.kernel[a]   = g_rand_int_range (rand, 1, c.n_spatial == 3 ? 4 : 6);
          c.stride[a]   = g_rand_boolean (rand) ? 1 : g_rand_int_range (rand, 1, 4);
          c.dilation[a] = g_rand_boolean (rand) ? 1 : g_rand_int_range (rand, 1, 4);
          c.begin[a]    = g_rand_int_range (rand, 0, 4);
          c.end[a]      = g_rand_int_range (rand, 0, 4);
          c.extra[a]    = is_transposed ? g_rand_int_range (rand, 0, (gint32) c.stride[a]) : 0;
          fits          = fits && (is_transposed ? out_size (&c, a) > 0
                                                 : c.size[a] + c.begin[a] + c.end[a] >= reach (&c, a));
        }

      if (fits)
        return c;
    }
}

static void
test_random (gconstpointer is_transposed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1234);

  for (guint i = 0; i < 150; i++)
    {
      const Case c = random_case (rand, GPOINTER_TO_INT (is_transposed));

      run_case (rand, &c);
    }
}

/* Channels and sizes around what a block of the Winograd path holds: 6 x 6 tiles, 16 a vector, 48 a block. */
static void
test_winograd (void)
{
  static const gint64 sizes[][2]    = { { 1, 1 }, { 5, 7 }, { 6, 6 }, { 13, 31 }, { 48, 97 }, { 100, 3 }, { 7, 300 } };
  static const gint64 channels[][2] = { { 16, 16 }, { 17, 33 }, { 64, 12 }, { 40, 65 }, { 100, 70 } };
  static const gint64 pads[][2]     = { { 1, 1 }, { 0, 0 }, { 2, 0 }, { 0, 4 } };
  g_autoptr (GRand)   rand          = g_rand_new_with_seed (99);

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint k = 0; k < G_N_ELEMENTS (channels); k++)
      for (guint p = 0; p < G_N_ELEMENTS (pads); p++)
        {
          const Case c = {
            .n_spatial   = 2,
            .batch       = 1 + (s + k) % 2,
            .groups      = k <= 1 ? 2 : 1,
            .in          = channels[k][0] * (k <= 1 ? 2 : 1),
            .out         = channels[k][1] * (k <= 1 ? 2 : 1),
            .size        = { sizes[s][0], sizes[s][1] },
            .kernel      = { 3, 3 },
            .stride      = { 1, 1 },
            .dilation    = { 1, 1 },
            .begin       = { pads[p][0], pads[(p + 1) % 4][0] },
            .end         = { pads[p][1], pads[(p + 1) % 4][1] },
            .is_constant = TRUE,
          };

          if (out_size (&c, 0) > 0 && out_size (&c, 1) > 0)
            run_case (rand, &c);
        }
}

/* What networks have beside 3x3: phases of transposed convolutions as rows of one product or each by itself, few output
 * channels, rows longer than an item; even and odd sizes. */
static void
test_bands (void)
{
  static const struct
  {
    gboolean is_transposed;
    gint64   in, out, height, width, kernel, stride, pad, extra;
  } shapes[] = {
    { TRUE, 24, 13, 7, 53, 2, 2, 0, 0 },
    { TRUE, 9, 32, 5, 49, 2, 2, 0, 1 },
    { TRUE, 7, 1, 19, 60, 9, 2, 4, 1 },
    { TRUE, 7, 2, 19, 60, 9, 2, 4, 0 },
    { TRUE, 5, 20, 6, 21, 4, 2, 1, 0 },
    { TRUE, 3, 4, 6, 21, 6, 3, 2, 1 },
    { TRUE, 6, 9, 8, 17, 3, 2, 1, 1 },
    { FALSE, 3, 1, 37, 61, 5, 1, 2, 0 },
    { FALSE, 4, 2, 21, 50, 9, 1, 4, 0 },
    { FALSE, 8, 3, 18, 47, 3, 1, 1, 0 },
    { FALSE, 6, 1, 9, 997, 3, 1, 1, 0 },
    { FALSE, 3, 27, 11, 16, 5, 1, 2, 0 },
    { FALSE, 10, 17, 22, 98, 2, 2, 0, 0 },
    { FALSE, 33, 40, 23, 31, 1, 1, 0, 0 },
    { FALSE, 5, 9, 13, 700, 3, 2, 1, 0 },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (77);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      const Case c = {
        .is_transposed = shapes[i].is_transposed,
        .n_spatial     = 2,
        .batch         = 1,
        .groups        = 1,
        .in            = shapes[i].in,
        .out           = shapes[i].out,
        .size          = { shapes[i].height, shapes[i].width },
        .kernel        = { shapes[i].kernel, shapes[i].kernel },
        .stride        = { shapes[i].stride, shapes[i].stride },
        .dilation      = { 1, 1 },
        .begin         = { shapes[i].pad, shapes[i].pad },
        .end           = { shapes[i].pad, shapes[i].pad },
        .extra         = { shapes[i].extra, shapes[i].extra },
        .is_constant   = i % 4 > 0,
      };

      run_case (rand, &c);
    }
}

/* Rows of 2 to 24 positions, by blocks and by channels, in place and side by side; more batch entries and groups than one,
 * planes whose last block is shorter, phases without the last row and column. */
static void
test_planes (void)
{
  static const struct
  {
    gboolean is_transposed;
    gint64   batch, groups, in, out, height, width, kernel, stride, dilation, pad, extra;
  } shapes[] = {
    { TRUE, 1, 1, 40, 24, 4, 4, 4, 2, 1, 1, 0 },
    { TRUE, 1, 1, 20, 33, 8, 8, 4, 2, 1, 1, 0 },
    { TRUE, 1, 1, 9, 32, 16, 16, 4, 2, 1, 1, 0 },
    { TRUE, 2, 1, 12, 17, 5, 7, 5, 2, 1, 2, 1 },
    { TRUE, 1, 2, 6, 48, 6, 5, 5, 3, 1, 2, 0 },
    { TRUE, 1, 1, 10, 20, 6, 15, 3, 2, 2, 1, 1 },
    { TRUE, 1, 1, 4, 40, 9, 3, 2, 4, 1, 0, 2 },
    { FALSE, 1, 1, 33, 65, 8, 8, 5, 2, 1, 2, 0 },
    { FALSE, 1, 1, 21, 70, 16, 16, 5, 2, 1, 2, 0 },
    { FALSE, 1, 1, 10, 64, 32, 32, 5, 2, 1, 2, 0 },
    { FALSE, 3, 1, 10, 40, 31, 29, 5, 2, 1, 2, 0 },
    { FALSE, 1, 3, 12, 96, 13, 11, 3, 3, 1, 1, 0 },
    { FALSE, 2, 2, 10, 64, 23, 23, 5, 1, 1, 2, 0 },
    { FALSE, 1, 1, 5, 40, 12, 10, 5, 1, 2, 4, 0 },
    { FALSE, 9, 1, 6, 20, 9, 13, 4, 2, 1, 0, 0 },
    { FALSE, 1, 1, 7, 40, 40, 24, 7, 1, 1, 3, 0 },
    { FALSE, 1, 1, 30, 40, 7, 5, 3, 2, 1, 5, 0 },
    { FALSE, 1, 1, 70, 50, 3, 3, 3, 1, 1, 1, 0 },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (99);

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      const Case c = {
        .is_transposed = shapes[i].is_transposed,
        .n_spatial     = 2,
        .batch         = shapes[i].batch,
        .groups        = shapes[i].groups,
        .in            = shapes[i].in,
        .out           = shapes[i].out,
        .size          = { shapes[i].height, shapes[i].width },
        .kernel        = { shapes[i].kernel, shapes[i].kernel },
        .stride        = { shapes[i].stride, shapes[i].stride },
        .dilation      = { shapes[i].dilation, shapes[i].dilation },
        .begin         = { shapes[i].pad, shapes[i].pad },
        .end           = { shapes[i].pad, shapes[i].pad },
        .extra         = { shapes[i].extra, shapes[i].extra },
        .is_constant   = i % 4 > 0,
      };

      run_case (rand, &c);
    }
}

/* Each channel by itself, at widths around the vectors' and heights around the kernel's. */
static void
test_depthwise (void)
{
  static const gint64 sizes[][2] = { { 1, 1 }, { 2, 15 }, { 3, 16 }, { 5, 17 }, { 40, 33 }, { 7, 64 }, { 9, 65 }, { 4, 131 }, { 3, 1000 } };
  g_autoptr (GRand)   rand       = g_rand_new_with_seed (55);

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (gint64 kernel = 1; kernel <= 7; kernel += 2)
      {
        const gint64 dilation = 1 + (s + kernel) % 2;
        const Case   c        = {
                   .n_spatial   = 2,
                   .batch       = 1 + s % 2,
                   .groups      = 6,
                   .in          = 6,
                   .out         = 6,
                   .size        = { sizes[s][0], sizes[s][1] },
                   .kernel      = { kernel, kernel },
                   .stride      = { 1, 1 },
                   .dilation    = { dilation, dilation },
                   .begin       = { kernel / 2 * dilation, kernel * dilation },
                   .end         = { kernel / 2 * dilation, kernel / 2 * dilation },
                   .is_constant = s % 3 > 0,
        };

        run_case (rand, &c);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/conv/random-geometries-match-the-sum-in-double", GINT_TO_POINTER (FALSE), test_random);
  g_test_add_data_func ("/conv-transpose/random-geometries-match-the-sum-in-double", GINT_TO_POINTER (TRUE), test_random);
  g_test_add_func ("/conv/3x3-matches-the-sum-in-double-around-the-tile-sizes", test_winograd);
  g_test_add_func ("/conv/strided-transposed-large-and-narrow-kernels-match-the-sum-in-double", test_bands);
  g_test_add_func ("/conv/small-planes-match-the-sum-in-double", test_planes);
  g_test_add_func ("/conv/depthwise-matches-the-sum-in-double", test_depthwise);

  return g_test_run ();
}
