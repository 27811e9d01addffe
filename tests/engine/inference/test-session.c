/* Sessions: load, plan, run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "model-builder.h"

#include <stdatomic.h>
#include <string.h>

#define GUARD (-12345.0f)

/* -- Counting allocations ----------------------------------------------------------------------------------------- */

#if defined(__GLIBC__) && ! defined(__SANITIZE_ADDRESS__)
#define CAN_COUNT 1

void *__libc_malloc (size_t size);
void *malloc (size_t size);

static atomic_uint n_mallocs;

void *
malloc (size_t size)
{
  n_mallocs++;
  return __libc_malloc (size);
}
#endif

/* -- Models ------------------------------------------------------------------------------------------------------- */

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
  g_autoptr (NrModel)   model   = load_relu_chain (3);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError)    error   = NULL;
  NrShape               shape   = { NR_TYPE_FLOAT32, 2, { 2, 3 } };
  gfloat                x[6]    = { -1, 2, -3, 4, -5, 6 };
  gfloat                y[7]    = { 0 };

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
  g_autoptr (NrModel)   model   = load_relu_chain (5);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError)    error   = NULL;
  NrShape               shape   = { NR_TYPE_FLOAT32, 2, { 100, 100 } };

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (nr_session_memory (session), ==, 0);
}

static void
test_wrong_shape_is_refused (void)
{
  g_autoptr (NrModel)   model   = load_relu_chain (1);
  g_autoptr (NrSession) session = NULL;
  g_autoptr (GError)    error   = NULL;
  NrShape               shape   = { NR_TYPE_FLOAT32, 3, { 1, 2, 3 } };

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_null (session);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_SHAPE);
  g_assert_cmpstr (error->message, ==, "input 'x0' is float32 [1, 2, 3], the network takes float32 [?, ?]");
}

/* Three convolutions 3 x 3 with 16 channels between them: long enough to be watched and cancelled. */
static NrModel *
load_convolutions (void)
{
  static const gint64 channels[] = { 1, 16, 16, 1 };
  NrOnnx__Model      *builder    = nr_builder_new (17);
  g_autoptr (GError)  error      = NULL;
  NrModel            *model;

  nr_builder_input (builder, "x0", 1, 4, (gint64[]) { 1, 1, -1, -1 });
  for (guint i = 0; i < 3; i++)
    {
      g_autofree gchar  *inputs  = g_strdup_printf ("x%u w%u", i, i);
      g_autofree gchar  *output  = g_strdup_printf ("x%u", i + 1);
      g_autofree gchar  *name    = g_strdup_printf ("w%u", i);
      const gsize        n       = channels[i] * channels[i + 1] * 9;
      g_autofree gfloat *weights = g_new (gfloat, n);

      for (gsize k = 0; k < n; k++)
        weights[k] = (gfloat) (k % 7) / 7 - 0.4f;
      nr_builder_f32 (builder, name, 4, (gint64[]) { channels[i + 1], channels[i], 3, 3 }, weights);
      nr_builder_ints (nr_builder_node (builder, "Conv", inputs, output), "pads", 4, (gint64[]) { 1, 1, 1, 1 });
    }
  nr_builder_output (builder, "x3");

  model = nr_builder_load (builder, &error);
  g_assert_no_error (error);
  return model;
}

static NrSession *
make_session (NrModel *model, gint64 size, guint threads)
{
  const NrShape          shape   = { NR_TYPE_FLOAT32, 4, { 1, 1, size, size } };
  const NrSessionOptions options = { .threads = threads, .cpu_level = NR_CPU_AVX512 };
  g_autoptr (GError)     error   = NULL;
  NrSession             *session = nr_session_new (model, &shape, &options, &error);

  g_assert_no_error (error);
  return session;
}

static gfloat *
make_picture (gsize n)
{
  gfloat *x = g_new (gfloat, n);

  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) (i * 2654435761u % 1000) / 1000;
  return x;
}

/* -- Threads, progress, cancelling -------------------------------------------------------------------------------- */

static void
test_threads_give_the_same_bytes (void)
{
  enum
  {
    SIZE = 67
  };
  g_autoptr (NrModel) model = load_convolutions ();
  g_autofree gfloat  *x     = make_picture (SIZE * SIZE);
  g_autofree gfloat  *first = g_new (gfloat, SIZE * SIZE);
  g_autofree gfloat  *other = g_new (gfloat, SIZE * SIZE);

  for (guint threads = 1; threads <= 5; threads++)
    {
      g_autoptr (NrSession) session = make_session (model, SIZE, threads);

      g_assert_cmpuint (nr_session_n_threads (session), ==, threads);
      g_assert_true (nr_session_run (session, (const void *[]) { x }, (void *[]) { threads == 1 ? first : other },
                                     NULL, NULL, NULL, NULL));
      if (threads > 1)
        g_assert_cmpmem (first, SIZE * SIZE * sizeof *first, other, SIZE * SIZE * sizeof *other);
    }
}

typedef struct
{
  gdouble       last;
  guint         n_calls;
  GThread      *thread;
  GCancellable *cancellable;
} Watch;

static void
watch_progress (gdouble fraction, gpointer data)
{
  Watch *watch = data;

  g_assert_true (g_thread_self () == watch->thread);
  g_assert_cmpfloat (fraction, >=, watch->last);
  g_assert_cmpfloat (fraction, <=, 1.0);
  watch->last = fraction;
  watch->n_calls++;
  g_cancellable_cancel (watch->cancellable);
}

static void
test_progress_rises_to_one (void)
{
  enum
  {
    SIZE = 1500
  };
  g_autoptr (NrModel)   model   = load_convolutions ();
  g_autoptr (NrSession) session = make_session (model, SIZE, 2);
  g_autofree gfloat    *x       = make_picture (SIZE * SIZE);
  g_autofree gfloat    *y       = g_new (gfloat, SIZE * SIZE);
  Watch                 watch   = { .thread = g_thread_self () };

  g_assert_true (nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, watch_progress, &watch, NULL, NULL));
  g_assert_cmpfloat (watch.last, ==, 1.0);
  g_assert_cmpuint (watch.n_calls, >, 1);
}

static void
test_cancelled_in_the_middle (void)
{
  enum
  {
    SIZE = 1500
  };
  g_autoptr (NrModel)      model       = load_convolutions ();
  g_autoptr (NrSession)    session     = make_session (model, SIZE, 2);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error       = NULL;
  g_autofree gfloat       *x           = make_picture (SIZE * SIZE);
  g_autofree gfloat       *y           = g_new (gfloat, SIZE * SIZE);
  Watch                    watch       = { .thread = g_thread_self (), .cancellable = cancellable };

  g_assert_false (nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, watch_progress, &watch,
                                  cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (watch.n_calls, ==, 1);
  g_assert_cmpfloat (watch.last, <, 1.0);

  /* The session is none the worse for it. */
  watch = (Watch) { .thread = g_thread_self () };
  g_assert_true (nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, watch_progress, &watch, NULL, NULL));
  g_assert_cmpfloat (watch.last, ==, 1.0);
}

static void
test_runs_allocate_nothing (void)
{
#if defined(CAN_COUNT)
  enum
  {
    SIZE = 64
  };
  g_autoptr (NrModel)   model   = load_convolutions ();
  g_autoptr (NrSession) session = make_session (model, SIZE, 2);
  g_autofree gfloat    *x       = make_picture (SIZE * SIZE);
  g_autofree gfloat    *y       = g_new (gfloat, SIZE * SIZE);
  guint                 before;

  nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, NULL, NULL, NULL, NULL);
  before = n_mallocs;
  for (guint i = 0; i < 10; i++)
    nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, NULL, NULL, NULL, NULL);
  g_assert_cmpuint (n_mallocs, ==, before);
#else
  g_test_skip ("allocations cannot be counted here");
#endif
}

/* -- Memory ------------------------------------------------------------------------------------------------------- */

static void
test_memory_is_estimated_and_limited (void)
{
  const NrShape       shape   = { NR_TYPE_FLOAT32, 4, { 1, 1, 200, 300 } };
  NrSessionOptions    options = NR_SESSION_OPTIONS_INIT;
  g_autoptr (NrModel) model   = load_convolutions ();
  g_autoptr (GError)  error   = NULL;
  NrSession          *session;
  gsize               bytes;

  g_assert_true (nr_session_estimate_memory (model, &shape, &options, &bytes, &error));

  /* Two planes of 16 channels are alive at once. */
  g_assert_cmpuint (bytes, >=, 2 * 16 * 200 * 300 * 4);

  options.memory_limit = bytes;
  session              = nr_session_new (model, &shape, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (nr_session_memory (session), ==, bytes);
  nr_session_free (session);

  options.memory_limit = bytes - 1;
  session              = nr_session_new (model, &shape, &options, &error);
  g_assert_null (session);
  g_assert_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY);
}

/* -- Outputs ------------------------------------------------------------------------------------------------------ */

/* An output that is an input, one that is a constant, one that is asked for twice, and one that nobody wants. */
static void
test_outputs_of_all_kinds (void)
{
  NrOnnx__Model        *builder = nr_builder_new (17);
  const NrShape         shape   = { NR_TYPE_FLOAT32, 1, { 3 } };
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrModel)   model   = NULL;
  g_autoptr (NrSession) session = NULL;
  const gfloat          x[3]    = { -1, 2, 3 };
  gfloat                input[3], constant[3], first[3], second[3];

  nr_builder_input (builder, "x", 1, 1, (gint64[]) { 3 });
  nr_builder_f32 (builder, "c", 1, (gint64[]) { 3 }, (gfloat[]) { 7, 8, 9 });
  nr_builder_node (builder, "Relu", "x", "y");
  nr_builder_node (builder, "Relu", "c", "unwanted");
  nr_builder_node (builder, "Neg", "y", "also_unwanted");
  nr_builder_output (builder, "x");
  nr_builder_output (builder, "c");
  nr_builder_output (builder, "y");
  nr_builder_output (builder, "y");
  nr_builder_output (builder, "unwanted");
  nr_builder_output (builder, "also_unwanted");
  model = nr_builder_load (builder, &error);
  g_assert_no_error (error);

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (nr_session_run (session, (const void *[]) { x },
                                 (void *[]) { input, constant, first, second, NULL, NULL }, NULL, NULL, NULL, &error));

  g_assert_cmpmem (input, sizeof input, x, sizeof x);
  g_assert_cmpfloat (constant[2], ==, 9);
  g_assert_cmpfloat (first[0], ==, 0);
  g_assert_cmpfloat (first[2], ==, 3);
  g_assert_cmpmem (first, sizeof first, second, sizeof second);
}

/* What is still to be read must not be overwritten, whatever shares its place. */
static void
test_values_live_as_long_as_they_are_read (void)
{
  NrOnnx__Model        *builder = nr_builder_new (17);
  const NrShape         shape   = { NR_TYPE_FLOAT32, 2, { 4, 50 } };
  g_autoptr (GError)    error   = NULL;
  g_autoptr (NrModel)   model   = NULL;
  g_autoptr (NrSession) session = NULL;
  gfloat                x[200], y[200];

  for (guint i = 0; i < 200; i++)
    x[i] = (gfloat) i - 100;

  nr_builder_input (builder, "x", 1, 2, (gint64[]) { 4, 50 });
  nr_builder_i64 (builder, "flat", 1, (gint64[]) { 1 }, (gint64[]) { -1 });
  nr_builder_i64 (builder, "back", 1, (gint64[]) { 2 }, (gint64[]) { 4, 50 });
  nr_builder_node (builder, "Relu", "x", "a");          /* max (x, 0) */
  nr_builder_node (builder, "Reshape", "a flat", "b");  /* a view of a */
  nr_builder_node (builder, "Neg", "a", "c");           /* a lives on in b */
  nr_builder_node (builder, "Add", "b b", "d");         /* 2 max (x, 0) */
  nr_builder_node (builder, "Reshape", "d back", "e");
  nr_builder_node (builder, "Abs", "c", "f");           /* max (x, 0) */
  nr_builder_node (builder, "Mul", "e f", "g");         /* 2 max (x, 0)^2 */
  nr_builder_node (builder, "Add", "g x", "y");
  nr_builder_output (builder, "y");
  model = nr_builder_load (builder, &error);
  g_assert_no_error (error);

  session = nr_session_new (model, &shape, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (nr_session_run (session, (const void *[]) { x }, (void *[]) { y }, NULL, NULL, NULL, &error));
  for (guint i = 0; i < 200; i++)
    g_assert_cmpfloat (y[i], ==, 2 * MAX (x[i], 0) * MAX (x[i], 0) + x[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/session/run-writes-the-output-only", test_run_writes_the_output_only);
  g_test_add_func ("/session/chain-of-element-wise-nodes-needs-no-memory", test_chain_needs_no_memory);
  g_test_add_func ("/session/wrong-shape-is-refused-with-both-shapes", test_wrong_shape_is_refused);
  g_test_add_func ("/session/threads-give-the-same-bytes", test_threads_give_the_same_bytes);
  g_test_add_func ("/session/progress-rises-to-one-on-the-calling-thread", test_progress_rises_to_one);
  g_test_add_func ("/session/cancelled-in-the-middle", test_cancelled_in_the_middle);
  g_test_add_func ("/session/runs-allocate-nothing", test_runs_allocate_nothing);
  g_test_add_func ("/session/memory-is-estimated-and-limited", test_memory_is_estimated_and_limited);
  g_test_add_func ("/session/outputs-of-all-kinds", test_outputs_of_all_kinds);
  g_test_add_func ("/session/values-live-as-long-as-they-are-read", test_values_live_as_long_as_they_are_read);

  return g_test_run ();
}
