/* Sessions: load, plan, run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"

#define GUARD (-12345.0f)

static NrModel *
load_relu_chain (guint length)
{
  NrOnnx__Model *builder = nr_builder_new (17);
  GError        *error   = NULL;
  NrModel       *model;

  nr_builder_input (builder, "x0", 1, 2, (gint64[]) { -1, -1 });
  for (guint i = 0; i < length; i++)
    {
      g_autofree gchar *in  = g_strdup_printf ("x%u", i);
      g_autofree gchar *out = g_strdup_printf ("x%u", i + 1);

      nr_builder_node (builder, "Relu", in, out);
      if (i + 1 == length)
        nr_builder_output (builder, out);
    }

  model = nr_builder_load (builder, &error);
  g_assert_no_error (error);
  return model;
}

static void
test_run_writes_the_output_only (void)
{
  g_autoptr (NrModel) model     = load_relu_chain (3);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError) error      = NULL;
  NrShape shape                 = { NR_TYPE_FLOAT32, 2, { 2, 3 } };
  gfloat  x[6]                  = { -1, 2, -3, 4, -5, 6 };
  gfloat  y[7]                  = { 0 };

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_no_error (error);

  y[6] = GUARD;
  nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, NULL, NULL, NULL, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (y[i], ==, MAX (x[i], 0));
  g_assert_cmpfloat (y[6], ==, GUARD);
  g_assert_cmpfloat (x[0], ==, -1);
}

static void
test_chain_needs_no_memory (void)
{
  g_autoptr (NrModel) model     = load_relu_chain (5);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError) error      = NULL;
  NrShape shape                 = { NR_TYPE_FLOAT32, 2, { 100, 100 } };

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (nr_session_memory (session), ==, 0);
}

static void
test_wrong_shape_is_refused (void)
{
  g_autoptr (NrModel) model     = load_relu_chain (1);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError) error      = NULL;
  NrShape shape                 = { NR_TYPE_FLOAT32, 3, { 1, 2, 3 } };

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_null (session);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "input 'x0' is float32 [1, 2, 3], the network takes float32 [?, ?]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/session/run-writes-the-output-only", test_run_writes_the_output_only);
  g_test_add_func ("/session/chain-of-element-wise-nodes-needs-no-memory", test_chain_needs_no_memory);
  g_test_add_func ("/session/wrong-shape-is-refused-with-both-shapes", test_wrong_shape_is_refused);

  return g_test_run ();
}
