/* Resize and Upsample: invariants, and every mode against a sum over the whole picture in double.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>
#include <string.h>

static NrOneNode *
new_resize (const gchar *mode, const gchar *coordinates, gint64 h, gint64 w, gfloat **x)
{
  NrOneNode *one = nr_one_node_new ("Resize", 19);

  nr_builder_string (nr_one_node_message (one), "mode", mode);
  nr_builder_string (nr_one_node_message (one), "coordinate_transformation_mode", coordinates);
  *x = nr_one_node_random (one, 4, (const gint64[]) { 1, 2, h, w });
  return one;
}

static void
use_scales (NrOneNode *one, gfloat scale_h, gfloat scale_w)
{
  nr_one_node_skip (one);
  nr_one_node_f32 (one, 4, (const gfloat[]) { 1.0f, 1.0f, scale_h, scale_w });
}

static void
use_sizes (NrOneNode *one, gint64 h, gint64 w)
{
  nr_one_node_skip (one);
  nr_one_node_skip (one);
  nr_one_node_i64 (one, 4, (const gint64[]) { 1, 2, h, w });
}

/* -- The definition, in one sum over two axes ------------------------------------------------------------------------ */

typedef struct
{
  const gchar *mode, *coordinates, *nearest;
  gdouble      cubic_a;
  gboolean     exclude_outside, antialias;
} Options;

static gdouble
coordinate (const Options *o, gint64 i, gint64 in, gint64 out)
{
  const gdouble scale = (gdouble) out / (gdouble) in;

  if (g_str_equal (o->coordinates, "align_corners"))
    return out == 1 ? 0.0 : (gdouble) i * (gdouble) (in - 1) / (gdouble) (out - 1);
  if (g_str_equal (o->coordinates, "asymmetric"))
    return (gdouble) i / scale;
  if (g_str_equal (o->coordinates, "pytorch_half_pixel") && out == 1)
    return 0.0;
  return ((gdouble) i + 0.5) / scale - 0.5; /* half_pixel, and its symmetric twin where sizes are exact */
}

static gdouble
round_to (const gchar *nearest, gdouble x)
{
  if (g_str_equal (nearest, "floor"))
    return floor (x);
  if (g_str_equal (nearest, "ceil"))
    return ceil (x);
  if (g_str_equal (nearest, "round_prefer_ceil"))
    return floor (x + 0.5);
  return ceil (x - 0.5);
}

static gdouble
kernel (const Options *o, gdouble d)
{
  const gdouble a = o->cubic_a;

  d = fabs (d);
  if (g_str_equal (o->mode, "linear"))
    return fmax (0.0, 1.0 - d);
  if (d < 1.0)
    return (a + 2.0) * d * d * d - (a + 3.0) * d * d + 1.0;
  return d < 2.0 ? a * d * d * d - 5.0 * a * d * d + 8.0 * a * d - 4.0 * a : 0.0;
}

/* Weights of all input elements of one axis, edges repeated. */
static void
axis_weights (const Options *o, gint64 i, gint64 in, gint64 out, gdouble *weights)
{
  const gdouble x       = coordinate (o, i, in, out);
  const gdouble stretch = o->antialias && out < in ? (gdouble) in / (gdouble) out : 1.0;
  gdouble       sum     = 0.0;

  memset (weights, 0, (gsize) in * sizeof *weights);
  if (g_str_equal (o->mode, "nearest"))
    {
      weights[CLAMP ((gint64) round_to (o->nearest, x), 0, in - 1)] = 1.0;
      return;
    }

  for (gint64 k = -4 * in; k < 5 * in; k++)
    {
      gdouble weight = kernel (o, ((gdouble) k - x) / stretch);

      if (o->exclude_outside && (k < 0 || k >= in))
        continue;
      weights[CLAMP (k, 0, in - 1)] += weight;
      sum += weight;
    }

  for (gint64 k = 0; k < in; k++)
    weights[k] /= sum;
}

static gdouble *
resize_naive (const Options *o, const gfloat *x, gint64 h, gint64 w, gint64 out_h, gint64 out_w)
{
  gdouble *y = g_new (gdouble, 2 * out_h * out_w);
  gdouble  weights_h[64], weights_w[64];

  for (gint64 i = 0; i < 2 * out_h * out_w; i++)
    {
      const gfloat *plane = x + i / (out_h * out_w) * h * w;

      axis_weights (o, i / out_w % out_h, h, out_h, weights_h);
      axis_weights (o, i % out_w, w, out_w, weights_w);
      y[i] = 0.0;
      for (gint64 k = 0; k < h * w; k++)
        y[i] += weights_h[k / w] * weights_w[k % w] * plane[k];
    }

  return y;
}

static void
check_case (const Options *o, gint64 h, gint64 w, gint64 out_h, gint64 out_w)
{
  gfloat               *x;
  g_autoptr (NrOneNode) one  = new_resize (o->mode, o->coordinates, h, w, &x);
  g_autofree gdouble   *want = resize_naive (o, x, h, w, out_h, out_w);
  NrOnnx__Node         *node = nr_one_node_message (one);

  nr_builder_string (node, "nearest_mode", o->nearest);
  nr_builder_float (node, "cubic_coeff_a", (gfloat) o->cubic_a);
  nr_builder_int (node, "exclude_outside", o->exclude_outside);
  nr_builder_int (node, "antialias", o->antialias);
  use_sizes (one, out_h, out_w);
  nr_one_node_assert_output (one, 4, (const gint64[]) { 1, 2, out_h, out_w }, want, 2e-6);
}

static void
test_modes (gconstpointer data)
{
  const gchar *const coordinates[] = { "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric" };
  const gchar *const nearest[]     = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };
  const gint64       sizes[][4]    = { { 1, 1, 3, 2 }, { 5, 7, 1, 1 }, { 4, 5, 8, 15 }, { 6, 10, 3, 5 }, { 7, 4, 5, 9 }, { 3, 3, 3, 3 } };
  Options            o             = { data, NULL, NULL, -0.75, FALSE, FALSE };

  for (gsize c = 0; c < G_N_ELEMENTS (coordinates); c++)
    for (gsize n = 0; n < G_N_ELEMENTS (nearest); n++)
      for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
        {
          const gint64 *z = sizes[s];

          o.coordinates = coordinates[c];
          o.nearest     = nearest[n];
          if (! g_str_equal (data, "nearest"))
            {
              /* The list of roundings stands for other choices here. */
              o.exclude_outside = n & 1;
              o.antialias       = n >> 1 & 1;
              o.cubic_a         = n == 0 ? -0.5 : -0.75;
            }
          check_case (&o, z[0], z[1], z[2], z[3]);
        }
}

/* -- Invariants --------------------------------------------------------------------------------------------------- */

static void
test_constant_stays (gconstpointer data)
{
  const gfloat scales[] = { 0.4f, 1.0f, 1.7f, 2.0f, 3.0f };

  for (gsize i = 0; i < G_N_ELEMENTS (scales); i++)
    {
      gfloat               *x;
      g_autoptr (NrOneNode) one  = new_resize (data, "half_pixel", 10, 10, &x);
      gint64                size = (gint64) floor (10.0 * scales[i] + 1e-5);
      g_autofree gdouble   *want = g_new (gdouble, 2 * size * size);

      for (guint k = 0; k < 200; k++)
        x[k] = 0.3f;
      for (gint64 k = 0; k < 2 * size * size; k++)
        want[k] = 0.3f;
      use_scales (one, scales[i], scales[i]);
      nr_one_node_assert_output (one, 4, (const gint64[]) { 1, 2, size, size }, want, 1e-6);
    }
}

/* A scale of 4/3 rounded to float32 is a little more: floor must not fall one short. */
static void
test_rounded_scale (void)
{
  gfloat               *x;
  g_autoptr (NrOneNode) one    = new_resize ("nearest", "asymmetric", 1, 6, &x);
  const gsize           from[] = { 0, 0, 1, 2, 3, 3, 4, 5 };
  gdouble               want[16];

  for (gsize i = 0; i < 16; i++)
    want[i] = x[i / 8 * 6 + from[i % 8]];
  nr_builder_string (nr_one_node_message (one), "nearest_mode", "floor");
  use_scales (one, 1.0f, 4.0f / 3.0f);
  nr_one_node_assert_output (one, 4, (const gint64[]) { 1, 2, 1, 8 }, want, 0.0);
}

static void
check_bytes (NrOneNode *one, gpointer data)
{
  const guint8 want[] = { 1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4 };

  g_assert_cmpmem (nr_one_node_output (one, 0), sizeof want, want, sizeof want);
}

static void
test_upsample_of_bytes (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("Upsample", 9);

  memcpy (nr_one_node_input (one, NR_TYPE_UINT8, 2, (const gint64[]) { 2, 2 }), ((const guint8[]) { 1, 2, 3, 4 }), 4);
  nr_one_node_f32 (one, 2, (const gfloat[]) { 2.0f, 2.0f });
  nr_one_node_run (one, 1, check_bytes, NULL);
}

static void
test_crop (void)
{
  gfloat               *x;
  g_autoptr (NrOneNode) one = new_resize ("linear", "tf_crop_and_resize", 4, 4, &x);
  gdouble               want[18];

  /* Rows 0 to 1.5 of 3, columns from -1.5 on: those before 0 are the value. */
  for (gsize i = 0; i < 18; i++)
    {
      const gdouble row = 0.75 * (gdouble) (i / 3 % 3), column = -1.5 + 2.25 * (gdouble) (i % 3);
      const gsize   r = (gsize) row, c = (gsize) MAX (column, 0.0);
      const gdouble fr = row - (gdouble) r, fc = column - (gdouble) c;
      const gfloat *p = x + i / 9 * 16 + r * 4 + c;

      want[i] = column < 0.0 ? 9.0 : (1.0 - fr) * ((1.0 - fc) * p[0] + fc * p[1]) + fr * ((1.0 - fc) * p[4] + fc * p[5]);
    }

  nr_builder_float (nr_one_node_message (one), "extrapolation_value", 9.0f);
  nr_one_node_f32 (one, 8, (const gfloat[]) { 0.0f, 0.0f, 0.0f, -0.5f, 1.0f, 1.0f, 0.5f, 1.0f });
  nr_one_node_skip (one);
  nr_one_node_i64 (one, 4, (const gint64[]) { 1, 2, 3, 3 });
  nr_one_node_assert_output (one, 4, (const gint64[]) { 1, 2, 3, 3 }, want, 1e-6);
}

/* -- Errors ------------------------------------------------------------------------------------------------------- */

static void
test_errors (void)
{
  const gfloat bad[] = { 0.0f, -1.0f, 1e30f };
  gfloat      *x;

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (NrOneNode) one = new_resize ("linear", "half_pixel", 4, 4, &x);

      use_scales (one, bad[i], 1.0f);
      nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "is out of range");
    }

  {
    g_autoptr (NrOneNode) nan  = new_resize ("linear", "half_pixel", 4, 4, &x);
    g_autoptr (NrOneNode) none = new_resize ("linear", "half_pixel", 4, 4, &x);
    g_autoptr (NrOneNode) mode = new_resize ("lanczos", "half_pixel", 4, 4, &x);
    g_autoptr (NrOneNode) few  = new_resize ("linear", "half_pixel", 4, 4, &x);

    use_scales (nan, NAN, 1.0f);
    nr_one_node_assert_error (nan, NR_ENGINE_ERROR_FILE, "not finite");

    nr_one_node_assert_error (none, NR_ENGINE_ERROR_FILE, "neither scales nor sizes");

    use_scales (mode, 2.0f, 2.0f);
    nr_one_node_assert_error (mode, NR_ENGINE_ERROR_UNSUPPORTED, "mode is 'lanczos'");

    nr_one_node_skip (few);
    nr_one_node_f32 (few, 2, (const gfloat[]) { 2.0f, 2.0f });
    nr_one_node_assert_error (few, NR_ENGINE_ERROR_SHAPE, "has 2 values, expected 4");
  }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/ops/resize/nearest-takes-the-element-the-rounding-names", "nearest", test_modes);
  g_test_add_data_func ("/ops/resize/linear-matches-the-sum-over-the-picture", "linear", test_modes);
  g_test_add_data_func ("/ops/resize/cubic-matches-the-sum-over-the-picture", "cubic", test_modes);
  g_test_add_data_func ("/ops/resize/nearest-keeps-a-constant-picture", "nearest", test_constant_stays);
  g_test_add_data_func ("/ops/resize/linear-keeps-a-constant-picture", "linear", test_constant_stays);
  g_test_add_data_func ("/ops/resize/cubic-keeps-a-constant-picture", "cubic", test_constant_stays);
  g_test_add_func ("/ops/resize/a-scale-rounded-to-float32-loses-no-element", test_rounded_scale);
  g_test_add_func ("/ops/resize/a-region-outside-of-the-picture-gets-the-value", test_crop);
  g_test_add_func ("/ops/resize/upsample-repeats-bytes", test_upsample_of_bytes);
  g_test_add_func ("/ops/resize/impossible-scales-and-modes-are-refused", test_errors);
  return g_test_run ();
}
