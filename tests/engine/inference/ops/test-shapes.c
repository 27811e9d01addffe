/* Shape arithmetic: Reshape, Flatten, Squeeze, Unsqueeze, Shape, Size, Cast, ConstantOfShape, Range, Clip, Dropout, and the
 * functions of one variable as operators.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>
#include <string.h>

/* -- Views -------------------------------------------------------------------------------------------------------- */

typedef struct
{
  const gchar *op;
  gint64       opset;
  NrShape      in;
  gsize        n_list; /* input 1: shape or axes; for Flatten the attribute axis */
  gint64       list[4];
  gboolean     allow_zero;
  NrShape      out; /* type NR_TYPE_UNDEFINED: refused, with this message */
  const gchar *message;
} ViewCase;

#define F32(...) { NR_TYPE_FLOAT32, __VA_ARGS__ }

static const ViewCase view_cases[] = {
  { "Reshape", 13, F32 (3, { 2, 3, 4 }), 2, { 4, 6 }, FALSE, F32 (2, { 4, 6 }) },
  { "Reshape", 13, F32 (3, { 2, 3, 4 }), 3, { 0, -1, 2 }, FALSE, F32 (3, { 2, 6, 2 }) },
  { "Reshape", 13, F32 (1, { 1 }), 0, { 0 }, FALSE, F32 (0, { 0 }) },
  { "Reshape", 14, F32 (2, { 0, 3 }), 2, { 3, 0 }, TRUE, F32 (2, { 3, 0 }) },
  { "Reshape", 13, F32 (2, { 2, 3 }), 2, { 4, -1 }, FALSE, { 0 }, "cannot be seen as float32 [4, ?]" },
  { "Reshape", 13, F32 (2, { 2, 3 }), 2, { -1, -1 }, FALSE, { 0 }, "cannot be seen as" },
  { "Reshape", 13, F32 (2, { 2, 3 }), 3, { 2, 3, 0 }, FALSE, { 0 }, "cannot be seen as" },
  { "Reshape", 13, F32 (2, { 2, 3 }), 2, { -3, -2 }, FALSE, { 0 }, "cannot be seen as" },
  { "Reshape", 13, F32 (2, { 2, 3 }), 3, { G_MAXINT64, 4, -1 }, FALSE, { 0 }, "cannot be seen as" },
  { "Flatten", 13, F32 (3, { 2, 3, 4 }), 1, { 0 }, FALSE, F32 (2, { 1, 24 }) },
  { "Flatten", 13, F32 (3, { 2, 3, 4 }), 1, { -1 }, FALSE, F32 (2, { 6, 4 }) },
  { "Flatten", 13, F32 (3, { 2, 3, 4 }), 1, { 3 }, FALSE, F32 (2, { 24, 1 }) },
  { "Flatten", 13, F32 (3, { 2, 3, 4 }), 1, { 4 }, FALSE, { 0 }, "axis 4 does not exist" },
  { "Squeeze", 13, F32 (4, { 1, 3, 1, 5 }), 1, { -2 }, FALSE, F32 (3, { 1, 3, 5 }) },
  { "Squeeze", 13, F32 (4, { 1, 3, 1, 5 }), 0, { 0 }, FALSE, F32 (2, { 3, 5 }) },
  { "Squeeze", 13, F32 (2, { 1, 3 }), 1, { 1 }, FALSE, { 0 }, "axis 1 has 3 elements" },
  { "Unsqueeze", 13, F32 (2, { 3, 4 }), 2, { -1, 0 }, FALSE, F32 (4, { 1, 3, 4, 1 }) },
  { "Unsqueeze", 13, F32 (2, { 3, 4 }), 2, { 1, 1 }, FALSE, { 0 }, "listed twice" },
  { "Unsqueeze", 13, F32 (8, { 1, 1, 1, 1, 1, 1, 1, 3 }), 1, { 0 }, FALSE, { 0 }, "cannot add 1 dimensions" },
};

#undef F32

static void
test_views (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (view_cases); i++)
    {
      const ViewCase       *c   = &view_cases[i];
      g_autoptr (NrOneNode) one = nr_one_node_new (c->op, c->opset);
      gfloat               *x   = nr_one_node_random (one, c->in.rank, c->in.dims);
      gdouble               want[24];
      gsize                 n;

      if (g_str_equal (c->op, "Flatten"))
        nr_builder_int (nr_one_node_message (one), "axis", c->list[0]);
      else if (c->n_list > 0 || g_str_equal (c->op, "Reshape"))
        nr_one_node_i64 (one, c->n_list, c->list);
      if (c->allow_zero)
        nr_builder_int (nr_one_node_message (one), "allowzero", 1);

      nr_shape_n_elements (&c->in, &n);
      for (gsize k = 0; k < n; k++)
        want[k] = x[k];

      if (c->message == NULL)
        nr_one_node_assert_output (one, c->out.rank, c->out.dims, want, 0.0);
      else
        nr_one_node_assert_error (one, strstr (c->message, "twice") != NULL ? NR_ENGINE_ERROR_FILE : NR_ENGINE_ERROR_SHAPE,
                                  c->message);
    }
}

/* -- Integers out ------------------------------------------------------------------------------------------------- */

typedef struct
{
  gsize         n;
  const gint64 *values;
} Integers;

static void
check_integers (NrOneNode *one, gpointer data)
{
  const Integers *want = data;
  gsize           n;

  g_assert_cmpint (nr_one_node_shape (one, 0)->type, ==, NR_TYPE_INT64);
  nr_shape_n_elements (nr_one_node_shape (one, 0), &n);
  g_assert_cmpmem (nr_one_node_output (one, 0), n * 8, want->values, want->n * 8);
}

static void
test_shape_and_size (void)
{
  const gint64          dims[] = { 2, 3, 5, 7 }, thirty[] = { 210 };
  g_autoptr (NrOneNode) whole = nr_one_node_new ("Shape", 13);
  g_autoptr (NrOneNode) part  = nr_one_node_new ("Shape", 15);
  g_autoptr (NrOneNode) empty = nr_one_node_new ("Shape", 15);
  g_autoptr (NrOneNode) size  = nr_one_node_new ("Size", 13);

  nr_one_node_random (whole, 4, dims);
  nr_one_node_run (whole, 1, check_integers, &(Integers) { 4, dims });

  nr_builder_int (nr_one_node_message (part), "start", -3);
  nr_builder_int (nr_one_node_message (part), "end", -1);
  nr_one_node_random (part, 4, dims);
  nr_one_node_run (part, 1, check_integers, &(Integers) { 2, dims + 1 });

  nr_builder_int (nr_one_node_message (empty), "start", 3);
  nr_builder_int (nr_one_node_message (empty), "end", 1);
  nr_one_node_random (empty, 4, dims);
  nr_one_node_run (empty, 1, check_integers, &(Integers) { 0, dims });

  nr_one_node_random (size, 4, dims);
  nr_one_node_run (size, 1, check_integers, &(Integers) { 1, thirty });
}

static void
test_range (void)
{
  const gint64          want[] = { 5, 3, 1, -1 };
  g_autoptr (NrOneNode) one    = nr_one_node_new ("Range", 13);
  g_autoptr (NrOneNode) none   = nr_one_node_new ("Range", 13);

  /* Scalars and lists of one are the same to it. */
  nr_one_node_i64 (one, 1, (const gint64[]) { 5 });
  nr_one_node_i64 (one, 1, (const gint64[]) { -3 });
  nr_one_node_i64 (one, 1, (const gint64[]) { -2 });
  nr_one_node_run (one, 1, check_integers, &(Integers) { 4, want });

  nr_one_node_i64 (none, 1, (const gint64[]) { 5 });
  nr_one_node_i64 (none, 1, (const gint64[]) { 9 });
  nr_one_node_i64 (none, 1, (const gint64[]) { 0 });
  nr_one_node_assert_error (none, NR_ENGINE_ERROR_SHAPE, "is no range");
}

static void
test_constant_of_shape (void)
{
  const gdouble         zeros[6] = { 0.0 };
  g_autoptr (NrOneNode) one      = nr_one_node_new ("ConstantOfShape", 13);
  g_autoptr (NrOneNode) negative = nr_one_node_new ("ConstantOfShape", 13);
  g_autoptr (NrOneNode) huge     = nr_one_node_new ("ConstantOfShape", 13);

  nr_one_node_i64 (one, 2, (const gint64[]) { 2, 3 });
  nr_one_node_assert_output (one, 2, (const gint64[]) { 2, 3 }, zeros, 0.0);

  nr_one_node_i64 (negative, 1, (const gint64[]) { -2 });
  nr_one_node_assert_error (negative, NR_ENGINE_ERROR_SHAPE, "not a possible size");

  nr_one_node_i64 (huge, 3, (const gint64[]) { G_MAXINT32, G_MAXINT32, G_MAXINT32 });
  nr_one_node_assert_error (huge, NR_ENGINE_ERROR_SHAPE, "not a possible size");
}

/* -- Cast --------------------------------------------------------------------------------------------------------- */

static void
test_cast_of_floats (void)
{
  const gfloat          x[]    = { -1.9f, 0.4f, 2.9f, 1e30f, -1e30f, NAN };
  const gint64          want[] = { -1, 0, 2, G_MAXINT64, G_MININT64, 0 };
  g_autoptr (NrOneNode) one    = nr_one_node_new ("Cast", 19);

  memcpy (nr_one_node_input (one, NR_TYPE_FLOAT32, 1, (const gint64[]) { 6 }), x, sizeof x);
  nr_builder_int (nr_one_node_message (one), "to", 7);
  nr_one_node_run (one, 1, check_integers, &(Integers) { 6, want });
}

static void
check_bools (NrOneNode *one, gpointer data)
{
  g_assert_cmpmem (nr_one_node_output (one, 0), 3, ((const guint8[]) { 0, 1, 1 }), 3);
}

static void
test_cast_to_bool (void)
{
  g_autoptr (NrOneNode) one     = nr_one_node_new ("Cast", 13);
  g_autoptr (NrOneNode) unknown = nr_one_node_new ("Cast", 13);

  memcpy (nr_one_node_input (one, NR_TYPE_FLOAT32, 1, (const gint64[]) { 3 }), ((const gfloat[]) { 0.0f, 0.5f, -3.0f }), 12);
  nr_builder_int (nr_one_node_message (one), "to", 9);
  nr_one_node_run (one, 1, check_bools, NULL);

  nr_one_node_random (unknown, 1, (const gint64[]) { 3 });
  nr_builder_int (nr_one_node_message (unknown), "to", 8);
  nr_one_node_assert_error (unknown, NR_ENGINE_ERROR_UNSUPPORTED, "element type 8 is not supported");
}

/* -- Clip, Dropout, functions ----------------------------------------------------------------------------------------- */

static void
test_clip (void)
{
  g_autoptr (NrOneNode) old  = nr_one_node_new ("Clip", 9);
  g_autoptr (NrOneNode) open = nr_one_node_new ("Clip", 13);
  gfloat               *x    = nr_one_node_random (old, 1, (const gint64[]) { 50 });
  gfloat               *z    = nr_one_node_random (open, 1, (const gint64[]) { 50 });
  gdouble               want[50];

  for (gsize i = 0; i < 50; i++)
    want[i] = fmin (fmax (x[i], -0.5), 0.75);
  nr_builder_float (nr_one_node_message (old), "min", -0.5f);
  nr_builder_float (nr_one_node_message (old), "max", 0.75f);
  nr_one_node_assert_output (old, 1, (const gint64[]) { 50 }, want, 0.0);

  for (gsize i = 0; i < 50; i++)
    want[i] = fmin (z[i], 0.75);
  nr_one_node_skip (open);
  nr_one_node_f32 (open, 1, (const gfloat[]) { 0.75f });
  nr_one_node_assert_output (open, 1, (const gint64[]) { 50 }, want, 0.0);
}

static void
check_dropout (NrOneNode *one, gpointer data)
{
  const guint8 *mask = nr_one_node_output (one, 1);

  g_assert_cmpmem (nr_one_node_output (one, 0), 20, data, 20);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpuint (mask[i], ==, 1);
}

static void
test_dropout (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("Dropout", 13);
  gfloat               *x   = nr_one_node_random (one, 1, (const gint64[]) { 5 });

  nr_one_node_f32 (one, 1, (const gfloat[]) { 0.5f });
  nr_one_node_run (one, 2, check_dropout, x);
}

/* The kernels have their own test: here only that parameters arrive. */
static void
test_parameters (void)
{
  static const struct
  {
    const gchar *op, *name;
    gfloat       value;
    gdouble      want; /* at -1 */
  } cases[] = {
    { "LeakyRelu", NULL, 0.0f, -0.01 },
    { "LeakyRelu", "alpha", 0.3f, -0.3 },
    { "Elu", "alpha", 2.0f, -1.2642411176571153 },
    { "Selu", NULL, 0.0f, -1.1113307378125625 },
    { "HardSigmoid", NULL, 0.0f, 0.3 },
    { "HardSigmoid", "beta", 0.7f, 0.5 },
    { "Gelu", NULL, 0.0f, -0.15865525393145707 },
    { "Abs", NULL, 0.0f, 1.0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (NrOneNode) one = nr_one_node_new (cases[i].op, 20);

      *nr_one_node_random (one, 0, NULL) = -1.0f;
      if (cases[i].name != NULL)
        nr_builder_float (nr_one_node_message (one), cases[i].name, cases[i].value);
      nr_one_node_assert_output (one, 0, NULL, &cases[i].want, 1e-6);
    }
}

static void
test_gelu_approximation (void)
{
  const gdouble         want    = -0.15880800939172324; /* of the tanh form, at -1 */
  g_autoptr (NrOneNode) one     = nr_one_node_new ("Gelu", 20);
  g_autoptr (NrOneNode) unknown = nr_one_node_new ("Gelu", 20);

  *nr_one_node_random (one, 0, NULL) = -1.0f;
  nr_builder_string (nr_one_node_message (one), "approximate", "tanh");
  nr_one_node_assert_output (one, 0, NULL, &want, 1e-6);

  nr_one_node_random (unknown, 0, NULL);
  nr_builder_string (nr_one_node_message (unknown), "approximate", "sigmoid");
  nr_one_node_assert_error (unknown, NR_ENGINE_ERROR_UNSUPPORTED, "approximate is 'sigmoid'");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ops/reshape/views-keep-their-elements-and-refuse-what-does-not-fit", test_views);
  g_test_add_func ("/ops/shape/whole-part-and-count", test_shape_and_size);
  g_test_add_func ("/ops/range/downwards-and-no-step", test_range);
  g_test_add_func ("/ops/constant-of-shape/zeros-and-impossible-sizes", test_constant_of_shape);
  g_test_add_func ("/ops/cast/floats-go-towards-zero-and-stay-in-range", test_cast_of_floats);
  g_test_add_func ("/ops/cast/bools-and-unknown-types", test_cast_to_bool);
  g_test_add_func ("/ops/clip/bounds-as-attributes-and-inputs", test_clip);
  g_test_add_func ("/ops/dropout/passes-its-input-and-a-mask-of-ones", test_dropout);
  g_test_add_func ("/ops/unary/parameters-and-their-defaults", test_parameters);
  g_test_add_func ("/ops/unary/gelu-knows-its-approximation", test_gelu_approximation);
  return g_test_run ();
}
