/* Operators of two and three inputs: every way of broadcasting against an index computed from the definition.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <math.h>

typedef struct
{
  NrShape a, b, out;
} ShapeCase;

/* Same shape, scalar, channel, row, column, both sides repeating, ranks that differ, single pixels. */
static const ShapeCase shape_cases[] = {
  { { 1, 3, { 2, 3, 5 } }, { 1, 3, { 2, 3, 5 } }, { 1, 3, { 2, 3, 5 } } },
  { { 1, 2, { 7, 9 } }, { 1, 0, { 0 } }, { 1, 2, { 7, 9 } } },
  { { 1, 0, { 0 } }, { 1, 2, { 7, 9 } }, { 1, 2, { 7, 9 } } },
  { { 1, 4, { 2, 5, 3, 7 } }, { 1, 4, { 1, 5, 1, 1 } }, { 1, 4, { 2, 5, 3, 7 } } },
  { { 1, 4, { 2, 5, 3, 7 } }, { 1, 3, { 5, 1, 1 } }, { 1, 4, { 2, 5, 3, 7 } } },
  { { 1, 4, { 2, 5, 3, 7 } }, { 1, 1, { 7 } }, { 1, 4, { 2, 5, 3, 7 } } },
  { { 1, 4, { 2, 5, 3, 7 } }, { 1, 4, { 1, 1, 3, 7 } }, { 1, 4, { 2, 5, 3, 7 } } },
  { { 1, 4, { 2, 1, 3, 1 } }, { 1, 4, { 1, 5, 1, 7 } }, { 1, 4, { 2, 5, 3, 7 } } },
  { { 1, 2, { 1, 1 } }, { 1, 2, { 1, 1 } }, { 1, 2, { 1, 1 } } },
  { { 1, 2, { 3, 0 } }, { 1, 2, { 1, 1 } }, { 1, 2, { 3, 0 } } },
  { { 1, 1, { 40000 } }, { 1, 1, { 1 } }, { 1, 1, { 40000 } } },
};

/* Element of IN that meets element I of OUT. */
static gsize
source_of (const NrShape *out, const NrShape *in, gsize i)
{
  gsize source = 0, stride = 1;

  for (guint k = 1; k <= out->rank; k++)
    {
      gsize index = i % (gsize) out->dims[out->rank - k];

      i /= (gsize) out->dims[out->rank - k];
      if (k > in->rank)
        continue;
      if (in->dims[in->rank - k] > 1)
        source += index * stride;
      stride *= (gsize) in->dims[in->rank - k];
    }

  return source;
}

typedef struct
{
  const gchar *op;
  gdouble (*want) (gdouble a, gdouble b);
  gboolean only_second_repeats;
} Operation;

/* clang-format off */
static gdouble want_add (gdouble a, gdouble b) { return a + b; }
static gdouble want_sub (gdouble a, gdouble b) { return a - b; }
static gdouble want_mul (gdouble a, gdouble b) { return a * b; }
static gdouble want_div (gdouble a, gdouble b) { return a / b; }
static gdouble want_prelu (gdouble a, gdouble b) { return a < 0.0 ? a * b : a; }
/* clang-format on */

static const Operation operations[] = {
  { "Add", want_add },
  { "Sub", want_sub },
  { "Mul", want_mul },
  { "Div", want_div },
  { "Min", fmin },
  { "Max", fmax },
  { "PRelu", want_prelu, TRUE },
  { "Pow", pow },
};

static void
test_operation (gconstpointer data)
{
  const Operation *operation = data;

  for (gsize c = 0; c < G_N_ELEMENTS (shape_cases); c++)
    {
      const ShapeCase      *s    = &shape_cases[c];
      g_autoptr (NrOneNode) one  = NULL;
      g_autofree gdouble   *want = NULL;
      gfloat               *a, *b;
      gsize                 n, n_a;

      nr_shape_n_elements (&s->out, &n);
      nr_shape_n_elements (&s->a, &n_a);
      if (operation->only_second_repeats && n_a != n)
        continue;

      one  = nr_one_node_new (operation->op, 17);
      a    = nr_one_node_random (one, s->a.rank, s->a.dims);
      b    = nr_one_node_random (one, s->b.rank, s->b.dims);
      want = g_new (gdouble, n + 1);
      for (gsize i = 0; i < n_a && g_str_equal (operation->op, "Pow"); i++)
        a[i] = fabsf (a[i]) + 0.1f;
      for (gsize i = 0; i < n; i++)
        want[i] = operation->want (a[source_of (&s->out, &s->a, i)], b[source_of (&s->out, &s->b, i)]);

      nr_one_node_assert_output (one, s->out.rank, s->out.dims, want, 1e-6);
    }
}

static void
test_shapes_that_do_not_fit (void)
{
  g_autoptr (NrOneNode) one   = nr_one_node_new ("Add", 17);
  g_autoptr (NrOneNode) prelu = nr_one_node_new ("PRelu", 17);

  nr_one_node_random (one, 2, (const gint64[]) { 2, 3 });
  nr_one_node_random (one, 2, (const gint64[]) { 2, 4 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "float32 [2, 3] and float32 [2, 4] do not broadcast");

  nr_one_node_random (prelu, 1, (const gint64[]) { 3 });
  nr_one_node_random (prelu, 2, (const gint64[]) { 2, 3 });
  nr_one_node_assert_error (prelu, NR_ENGINE_ERROR_SHAPE, "slope float32 [2, 3] does not broadcast");
}

static void
test_types_that_do_not_fit (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("Mul", 17);

  nr_one_node_random (one, 1, (const gint64[]) { 3 });
  nr_one_node_input (one, NR_TYPE_INT64, 1, (const gint64[]) { 3 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_UNSUPPORTED, "is int64, only float32");
}

/* -- Integers ----------------------------------------------------------------------------------------------------- */

typedef struct
{
  const gchar *op;
  gint64       a, b, want;
  gint         fmod; /* -1: no such attribute */
} IntegerCase;

static const IntegerCase integer_cases[] = {
  { "Add", G_MAXINT64, 1, G_MININT64, -1 },
  { "Sub", 3, 5, -2, -1 },
  { "Mul", -3, 5, -15, -1 },
  { "Div", -7, 2, -3, -1 },
  { "Div", 7, 0, 0, -1 }, /* no crash */
  { "Div", G_MININT64, -1, G_MININT64, -1 },
  { "Min", -7, 2, -7, -1 },
  { "Max", -7, 2, 2, -1 },
  { "Pow", 3, 4, 81, -1 },
  { "Mod", -7, 3, 2, 0 },
  { "Mod", 7, -3, -2, 0 },
  { "Mod", -7, 3, -1, 1 },
  { "Mod", 7, 0, 0, 0 },
  { "Mod", G_MININT64, -1, 0, 0 },
};

static void
check_int64 (NrOneNode *one, gpointer data)
{
  g_assert_cmpint (*(const gint64 *) nr_one_node_output (one, 0), ==, *(const gint64 *) data);
}

static void
test_integers (void)
{
  for (gsize c = 0; c < G_N_ELEMENTS (integer_cases); c++)
    {
      g_autoptr (NrOneNode) one  = nr_one_node_new (integer_cases[c].op, 17);
      gint64                want = integer_cases[c].want;

      if (integer_cases[c].fmod >= 0)
        nr_builder_int (nr_one_node_message (one), "fmod", integer_cases[c].fmod);
      *(gint64 *) nr_one_node_input (one, NR_TYPE_INT64, 0, NULL) = integer_cases[c].a;
      *(gint64 *) nr_one_node_input (one, NR_TYPE_INT64, 0, NULL) = integer_cases[c].b;
      nr_one_node_run (one, 1, check_int64, &want);
    }
}

static void
test_variadic (void)
{
  g_autoptr (NrOneNode) one    = nr_one_node_new ("Max", 17);
  const gint64          dims[] = { 2, 3 };
  gfloat               *a      = nr_one_node_random (one, 1, dims + 1);
  gfloat               *b      = nr_one_node_random (one, 2, (const gint64[]) { 2, 1 });
  gfloat               *c      = nr_one_node_random (one, 0, NULL);
  gdouble               want[6];

  for (guint i = 0; i < 6; i++)
    want[i] = fmax (fmax (a[i % 3], b[i / 3]), c[0]);
  nr_one_node_assert_output (one, 2, dims, want, 0.0);
}

/* -- Comparisons, logic, Where -------------------------------------------------------------------------------------- */

typedef struct
{
  const gchar *op;
  guint8       less, equal, greater, nan; /* of a against b */
} RelationCase;

static const RelationCase relation_cases[] = {
  { "Equal", 0, 1, 0, 0 },
  { "Less", 1, 0, 0, 0 },
  { "LessOrEqual", 1, 1, 0, 0 },
  { "Greater", 0, 0, 1, 0 },
  { "GreaterOrEqual", 0, 1, 1, 0 },
};

static void
check_relation (NrOneNode *one, gpointer data)
{
  const RelationCase *c   = data;
  const guint8       *got = nr_one_node_output (one, 0);

  g_assert_cmpint (nr_one_node_shape (one, 0)->type, ==, NR_TYPE_BOOL);
  g_assert_cmpmem (got, 4, ((const guint8[]) { c->less, c->equal, c->greater, c->nan }), 4);
}

static void
test_relations (void)
{
  for (gsize c = 0; c < G_N_ELEMENTS (relation_cases); c++)
    {
      g_autoptr (NrOneNode) one      = nr_one_node_new (relation_cases[c].op, 17);
      gfloat               *a        = nr_one_node_random (one, 1, (const gint64[]) { 4 });
      gfloat               *b        = nr_one_node_random (one, 0, NULL);
      const gfloat          values[] = { 1.0f, 2.0f, 3.0f, NAN };

      memcpy (a, values, sizeof values);
      *b = 2.0f;
      nr_one_node_run (one, 1, check_relation, (gpointer) &relation_cases[c]);
    }
}

static void
check_bools (NrOneNode *one, gpointer data)
{
  g_assert_cmpmem (nr_one_node_output (one, 0), 4, data, 4);
}

static void
test_logic (void)
{
  static const struct
  {
    const gchar *op;
    guint8       want[4];
  } cases[] = { { "And", { 0, 0, 0, 1 } }, { "Or", { 0, 1, 1, 1 } }, { "Xor", { 0, 1, 1, 0 } } };

  for (gsize c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (NrOneNode) one = nr_one_node_new (cases[c].op, 17);

      memcpy (nr_one_node_input (one, NR_TYPE_BOOL, 1, (const gint64[]) { 4 }), ((const guint8[]) { 0, 0, 1, 1 }), 4);
      memcpy (nr_one_node_input (one, NR_TYPE_BOOL, 1, (const gint64[]) { 4 }), ((const guint8[]) { 0, 1, 0, 1 }), 4);
      nr_one_node_run (one, 1, check_bools, (gpointer) cases[c].want);
    }
}

static void
test_where (void)
{
  for (gsize c = 0; c < G_N_ELEMENTS (shape_cases); c++)
    {
      const ShapeCase      *s         = &shape_cases[c];
      g_autoptr (NrOneNode) one       = nr_one_node_new ("Where", 17);
      guint8               *condition = nr_one_node_input (one, NR_TYPE_BOOL, s->out.rank, s->out.dims);
      gfloat               *a         = nr_one_node_random (one, s->a.rank, s->a.dims);
      gfloat               *b         = nr_one_node_random (one, s->b.rank, s->b.dims);
      g_autofree gdouble   *want      = NULL;
      gsize                 n;

      nr_shape_n_elements (&s->out, &n);
      want = g_new (gdouble, n + 1);
      for (gsize i = 0; i < n; i++)
        {
          condition[i] = i % 3 == 0;
          want[i]      = condition[i] ? a[source_of (&s->out, &s->a, i)] : b[source_of (&s->out, &s->b, i)];
        }
      nr_one_node_assert_output (one, s->out.rank, s->out.dims, want, 0.0);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree gchar *path = g_strdup_printf ("/ops/%s/matches-the-definition-at-all-ways-of-broadcasting", operations[i].op);

      g_test_add_data_func (path, &operations[i], test_operation);
    }

  g_test_add_func ("/ops/arithmetic/shapes-that-do-not-broadcast-are-named", test_shapes_that_do_not_fit);
  g_test_add_func ("/ops/arithmetic/mixed-types-are-refused", test_types_that_do_not_fit);
  g_test_add_func ("/ops/arithmetic/integers-wrap-round-and-survive-division-by-zero", test_integers);
  g_test_add_func ("/ops/arithmetic/three-inputs-of-different-shapes-make-one-maximum", test_variadic);
  g_test_add_func ("/ops/compare/relations-hold-and-nan-is-in-none", test_relations);
  g_test_add_func ("/ops/compare/logic-follows-its-truth-tables", test_logic);
  g_test_add_func ("/ops/where/each-element-comes-from-the-side-the-condition-names", test_where);
  return g_test_run ();
}
