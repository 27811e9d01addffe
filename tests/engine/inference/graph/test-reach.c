/* What nr_model_get_reach () reads off a graph: radius, multiple and scale of known networks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"

static NrOnnx__Model *
picture_model (void)
{
  NrOnnx__Model *model = nr_builder_new (17);

  nr_builder_input (model, "x", 1, 4, (gint64[]) { 1, 1, -1, -1 });
  return model;
}

/* A convolution from IN to OUT channels; its padding keeps the size (stride 1) or divides it (stride = size of kernel). */
static NrOnnx__Node *
add_conv (NrOnnx__Model *model, const gchar *x, const gchar *y, gint64 in, gint64 out, gint64 kernel, gint64 stride, gint64 dilation)
{
  static guint       serial  = 0;
  g_autofree gchar  *weights = g_strdup_printf ("w%u", serial++);
  g_autofree gchar  *inputs  = g_strdup_printf ("%s %s", x, weights);
  g_autofree gfloat *zeros   = g_new0 (gfloat, in * out * kernel * kernel);
  const gint64       pad     = stride == 1 ? (kernel - 1) * dilation / 2 : (kernel - stride + 1) / 2;
  NrOnnx__Node      *node    = nr_builder_node (model, "Conv", inputs, y);

  nr_builder_f32 (model, weights, 4, (gint64[]) { out, in, kernel, kernel }, zeros);
  nr_builder_ints (node, "pads", 4, (gint64[]) { pad, pad, pad, pad });
  nr_builder_ints (node, "strides", 2, (gint64[]) { stride, stride });
  nr_builder_ints (node, "dilations", 2, (gint64[]) { dilation, dilation });
  return node;
}

static void
add_transposed (NrOnnx__Model *model, const gchar *x, const gchar *y, gint64 kernel, gint64 stride)
{
  static guint       serial  = 0;
  g_autofree gchar  *weights = g_strdup_printf ("t%u", serial++);
  g_autofree gchar  *inputs  = g_strdup_printf ("%s %s", x, weights);
  g_autofree gfloat *zeros   = g_new0 (gfloat, kernel * kernel);
  const gint64       pad     = (kernel - stride) / 2;
  NrOnnx__Node      *node    = nr_builder_node (model, "ConvTranspose", inputs, y);

  nr_builder_f32 (model, weights, 4, (gint64[]) { 1, 1, kernel, kernel }, zeros);
  nr_builder_ints (node, "pads", 4, (gint64[]) { pad, pad, pad, pad });
  nr_builder_ints (node, "strides", 2, (gint64[]) { stride, stride });
}

static void
add_shape (NrOnnx__Model *model, const gchar *name, guint n, const gint64 *values)
{
  nr_builder_i64 (model, name, 1, (gint64[]) { n }, values);
}

/* Takes the message; its output is y. */
static NrReach
reach_of (NrOnnx__Model *message)
{
  g_autoptr (NrModel) model = NULL;
  g_autoptr (GError)  error = NULL;
  NrReach             reach;

  nr_builder_output (message, "y");
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  g_assert_true (nr_model_get_reach (model, &reach, &error));
  g_assert_no_error (error);
  return reach;
}

static void
assert_local (NrReach reach, guint halo, guint multiple, guint scale)
{
  g_assert_true (reach.is_local);
  g_assert_cmpuint (reach.halo, ==, halo);
  g_assert_cmpuint (reach.multiple, ==, multiple);
  g_assert_cmpuint (reach.scale, ==, scale);
}

static void
test_chain (void)
{
  NrOnnx__Model *model = picture_model ();

  add_conv (model, "x", "a", 1, 1, 3, 1, 1);
  nr_builder_node (model, "Relu", "a", "b");
  add_conv (model, "b", "c", 1, 1, 5, 1, 1);
  add_conv (model, "c", "d", 1, 1, 3, 1, 4);
  nr_builder_node (model, "Add", "d x", "y");
  assert_local (reach_of (model), 1 + 2 + 4, 1, 1);
}

static void
test_long_chain (void)
{
  NrOnnx__Model *model = picture_model ();

  for (guint i = 0; i < 100; i++)
    {
      g_autofree gchar *in  = i == 0 ? g_strdup ("x") : g_strdup_printf ("a%u", i);
      g_autofree gchar *out = i == 99 ? g_strdup ("y") : g_strdup_printf ("a%u", i + 1);

      add_conv (model, in, out, 1, 1, 3, 1, 1);
    }
  assert_local (reach_of (model), 100, 1, 1);
}

/* Down by 2 (4 taps, from 1 before to 2 behind), 3x3 there, up by 2 (4 taps). */
static void
test_strides (void)
{
  NrOnnx__Model *model = picture_model ();

  add_conv (model, "x", "a", 1, 1, 4, 2, 1);
  add_conv (model, "a", "b", 1, 1, 3, 1, 1);
  add_transposed (model, "b", "y", 4, 2);

  /* Pixel 2i comes from b[i - 1] and b[i], so from a[i - 2] to a[i + 1], so from pixel 2(i - 2) - 1 to 2(i + 1) + 2;
   * pixel 2i + 1 from 2(i - 1) - 1 to 2(i + 2) + 2 = 2i + 6: 5 before and 5 behind. */
  assert_local (reach_of (model), 5, 2, 1);
}

static void
test_two_levels (void)
{
  NrOnnx__Model *model = picture_model ();

  add_conv (model, "x", "a", 1, 1, 2, 2, 1);
  add_conv (model, "a", "b", 1, 1, 2, 2, 1);
  add_transposed (model, "b", "c", 2, 2);
  nr_builder_node (model, "Add", "a c", "d");
  add_transposed (model, "d", "y", 2, 2);
  assert_local (reach_of (model), 3, 4, 1);
}

static void
test_depth_to_space (void)
{
  NrOnnx__Model *model = picture_model ();

  add_conv (model, "x", "a", 1, 9, 3, 1, 1);
  nr_builder_int (nr_builder_node (model, "DepthToSpace", "a", "y"), "blocksize", 3);
  assert_local (reach_of (model), 1, 1, 3);
}

/* Pixel shuffle and unshuffle as exporters write them: six dimensions, transposed, four again. */
static void
test_shuffle_by_reshape (void)
{
  NrOnnx__Model *model = picture_model ();

  add_conv (model, "x", "a", 1, 4, 3, 1, 1);
  add_shape (model, "s6", 6, (gint64[]) { 1, 1, 2, 2, -1, 64 });
  add_shape (model, "s4", 4, (gint64[]) { 1, 1, -1, 128 });
  model->graph->input[0]->type->tensor_type->shape->dim[3]->value_case = NR_ONNX__DIMENSION__VALUE_DIM_VALUE;
  model->graph->input[0]->type->tensor_type->shape->dim[3]->dim_value  = 64;
  nr_builder_node (model, "Reshape", "a s6", "b");
  nr_builder_ints (nr_builder_node (model, "Transpose", "b", "c"), "perm", 6, (gint64[]) { 0, 1, 4, 2, 5, 3 });
  nr_builder_node (model, "Reshape", "c s4", "y");
  assert_local (reach_of (model), 1, 1, 2);
}

/* Shapes read from the picture: Shape, Slice, Concat and arithmetic as exporters write them. */
static void
add_window_shapes (NrOnnx__Model *model)
{
  add_shape (model, "0", 1, (gint64[]) { 0 });
  add_shape (model, "1", 1, (gint64[]) { 1 });
  add_shape (model, "2", 1, (gint64[]) { 2 });
  add_shape (model, "3", 1, (gint64[]) { 3 });
  add_shape (model, "4", 1, (gint64[]) { 4 });
  add_shape (model, "16", 1, (gint64[]) { 16 });
  add_shape (model, "-1", 1, (gint64[]) { -1 });
  nr_builder_node (model, "Shape", "x", "shape");
  nr_builder_node (model, "Slice", "shape 2 3 0", "h");
  nr_builder_node (model, "Slice", "shape 3 4 0", "w");
  nr_builder_node (model, "Div", "h 4", "h4");
  nr_builder_node (model, "Div", "w 4", "w4");
  nr_builder_int (nr_builder_node (model, "Concat", "h4 4 w4 4", "cut"), "axis", 0);
  nr_builder_int (nr_builder_node (model, "Concat", "-1 16 1", "windows"), "axis", 0);
  nr_builder_int (nr_builder_node (model, "Concat", "h4 w4 4 4", "uncut"), "axis", 0);
  nr_builder_int (nr_builder_node (model, "Concat", "1 1 h w", "whole"), "axis", 0);
}

/* Attention within windows of 4 x 4: each pixel looks at its window, at most 3 pixels away. */
static void
test_window_attention (void)
{
  NrOnnx__Model *model = picture_model ();

  add_window_shapes (model);
  nr_builder_node (model, "Reshape", "x cut", "a");
  nr_builder_ints (nr_builder_node (model, "Transpose", "a", "b"), "perm", 4, (gint64[]) { 0, 2, 1, 3 });
  nr_builder_node (model, "Reshape", "b windows", "tokens");
  nr_builder_ints (nr_builder_node (model, "Transpose", "tokens", "keys"), "perm", 3, (gint64[]) { 0, 2, 1 });
  nr_builder_node (model, "MatMul", "tokens keys", "scores");
  nr_builder_node (model, "MatMul", "scores tokens", "mixed");
  nr_builder_node (model, "Reshape", "mixed uncut", "c");
  nr_builder_ints (nr_builder_node (model, "Transpose", "c", "d"), "perm", 4, (gint64[]) { 0, 2, 1, 3 });
  nr_builder_node (model, "Reshape", "d whole", "y");
  assert_local (reach_of (model), 3, 4, 1);
}

/* Attention of each pixel to all others. */
static void
test_global_attention (void)
{
  NrOnnx__Model *model = picture_model ();

  add_shape (model, "flat", 3, (gint64[]) { 1, -1, 1 });
  nr_builder_node (model, "Shape", "x", "shape");
  nr_builder_node (model, "Reshape", "x flat", "tokens");
  nr_builder_ints (nr_builder_node (model, "Transpose", "tokens", "keys"), "perm", 3, (gint64[]) { 0, 2, 1 });
  nr_builder_node (model, "MatMul", "tokens keys", "scores");
  nr_builder_node (model, "MatMul", "scores tokens", "mixed");
  nr_builder_node (model, "Reshape", "mixed shape", "y");
  g_assert_false (reach_of (model).is_local);
}

static void
test_flip_is_global (void)
{
  NrOnnx__Model *model = picture_model ();

  add_shape (model, "start", 1, (gint64[]) { -1 });
  add_shape (model, "end", 1, (gint64[]) { G_MININT64 });
  add_shape (model, "axis", 1, (gint64[]) { 3 });
  add_shape (model, "step", 1, (gint64[]) { -1 });
  nr_builder_node (model, "Slice", "x start end axis step", "y");
  g_assert_false (reach_of (model).is_local);
}

/* Known statistics belong to the network, those of the batch to the picture. */
static void
test_batch_normalization (void)
{
  for (gint64 training = 0; training < 2; training++)
    {
      const gint64   channels = 1;
      const gfloat   one      = 1.0f;
      NrOnnx__Model *model    = picture_model ();

      nr_builder_f32 (model, "ones", 1, &channels, &one);
      nr_builder_int (nr_builder_node (model, "BatchNormalization", "x ones ones ones ones", "y"), "training_mode", training);
      g_assert_cmpint (reach_of (model).is_local, ==, training == 0);
    }
}

static void
test_not_a_picture (void)
{
  NrOnnx__Model      *message = nr_builder_new (17);
  g_autoptr (NrModel) model   = NULL;
  g_autoptr (GError)  error   = NULL;
  NrReach             reach;

  nr_builder_input (message, "x", 1, 2, (gint64[]) { 3, 4 });
  nr_builder_node (message, "Relu", "x", "y");
  nr_builder_output (message, "y");
  model = nr_builder_load (message, &error);
  g_assert_no_error (error);
  g_assert_false (nr_model_get_reach (model, &reach, &error));
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "test.onnx: its first input is not a picture [1, C, H, W]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/reach/chain-adds-up-kernels-and-dilations", test_chain);
  g_test_add_func ("/reach/follows-a-hundred-layers", test_long_chain);
  g_test_add_func ("/reach/strides-give-multiple-and-phases", test_strides);
  g_test_add_func ("/reach/two-levels-give-multiple-4", test_two_levels);
  g_test_add_func ("/reach/depth-to-space-gives-scale", test_depth_to_space);
  g_test_add_func ("/reach/shuffle-written-as-reshape-is-followed", test_shuffle_by_reshape);
  g_test_add_func ("/reach/attention-in-windows-is-local", test_window_attention);
  g_test_add_func ("/reach/attention-to-all-is-global", test_global_attention);
  g_test_add_func ("/reach/flip-is-global", test_flip_is_global);
  g_test_add_func ("/reach/statistics-of-the-batch-are-global", test_batch_normalization);
  g_test_add_func ("/reach/not-a-picture-is-an-error", test_not_a_picture);

  return g_test_run ();
}
