/* Fuzz target: any bytes as an ONNX file, loaded, planned and, if it is small, run.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LLVMFuzzerTestOneInput () is what libFuzzer calls (clang -fsanitize=fuzzer,address with this file and the engine);
 * fuzz-driver.c calls it where there is no libFuzzer.
 */

#include "fuzz-onnx.h"

#include "nr-inference.h"

enum
{
  MAX_INPUTS = 16
};

/* A run above this teaches nothing and takes time. */
#define MAX_BYTES ((gsize) 16 << 20)
#define MAX_MACS ((guint64) 2000000)

static gboolean
is_small (const NrShape *shape, gsize *bytes)
{
  gsize n;

  if (! nr_shape_n_elements (shape, &n) || n > MAX_BYTES / 8)
    return FALSE;

  *bytes = n * nr_type_size (shape->type);
  return TRUE;
}

static void
run (NrSession *session, const NrShape *shapes, guint n_inputs, guint n_outputs)
{
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  gsize                 bytes;

  for (guint i = 0; i < n_inputs + n_outputs; i++)
    {
      if (! is_small (i < n_inputs ? &shapes[i] : nr_session_output_shape (session, i - n_inputs), &bytes))
        return;
      g_ptr_array_add (blocks, g_malloc0 (bytes + 1));
    }

  nr_session_run (session, (const void *const *) blocks->pdata, (void *const *) blocks->pdata + n_inputs,
                  NULL, NULL, NULL, NULL);
}

/* OPEN stands for dimensions that the file leaves open. */
static void
plan_and_run (NrModel *model, gint64 open)
{
  const NrSessionOptions options = { .threads = 1, .cpu_level = NR_CPU_AVX512, .memory_limit = MAX_BYTES };
  const guint            n       = nr_model_n_inputs (model);
  NrShape                shapes[MAX_INPUTS];
  gsize                  bytes, memory;
  g_autoptr (GError)     error   = NULL;
  g_autoptr (NrSession)  session = NULL;

  if (n > MAX_INPUTS)
    return;

  for (guint i = 0; i < n; i++)
    {
      shapes[i] = *nr_model_input_shape (model, i);
      for (guint k = 0; k < shapes[i].rank; k++)
        if (shapes[i].dims[k] == -1)
          shapes[i].dims[k] = open;
      if (! is_small (&shapes[i], &bytes))
        return;
    }

  if (! nr_session_estimate_memory (model, shapes, &options, &memory, &error))
    {
      g_assert_nonnull (error);
      return;
    }

  session = nr_session_new (model, shapes, &options, &error);
  g_assert_true ((session == NULL) == (error != NULL));
  if (session == NULL)
    return;

  g_assert_cmpuint (nr_session_memory (session), ==, memory);
  if (nr_session_n_macs (session) <= MAX_MACS)
    run (session, shapes, n, nr_model_n_outputs (model));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes)  bytes = g_bytes_new (data, size);
  g_autoptr (GError)  error = NULL;
  g_autoptr (NrModel) model = nr_model_load_bytes (bytes, "fuzz.onnx", &error);
  NrReach             reach;

  g_assert_true ((model == NULL) == (error != NULL));
  if (model == NULL)
    return 0;

  plan_and_run (model, 1);
  plan_and_run (model, 7);
  nr_model_get_reach (model, &reach, NULL);
  return 0;
}
