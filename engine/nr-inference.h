/* Neural Restore: tensor level. Load an ONNX file, plan it for given input shapes, run it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An NrModel is the checked, immutable content of a file; an NrSession is that model planned for concrete input
 * shapes: shapes inferred, constants folded, layers fused, kernels chosen, memory laid out. Sessions of one model
 * share its weights and their packed forms.
 *
 * Errors a file or a caller's shapes can cause are in the NR_ENGINE_ERROR domain and name node and operator.
 * Models may be shared between threads; a session runs one call at a time (it has its own worker threads).
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define NR_ENGINE_ERROR (nr_engine_error_quark ())
GQuark nr_engine_error_quark (void);

typedef enum
{
  NR_ENGINE_ERROR_FILE,        /* not an ONNX file, truncated, sizes that contradict each other */
  NR_ENGINE_ERROR_UNSUPPORTED, /* operator, attribute, type or opset this engine does not have */
  NR_ENGINE_ERROR_SHAPE,       /* shapes that do not fit together, or not the given input */
  NR_ENGINE_ERROR_MEMORY       /* the plan needs more than there is or than was allowed */
} NrEngineError;

#define NR_MAX_RANK 8

typedef enum
{
  NR_TYPE_UNDEFINED,
  NR_TYPE_FLOAT32, /* float16 and bfloat16 initialisers are widened to it at load */
  NR_TYPE_INT32,
  NR_TYPE_INT64,
  NR_TYPE_UINT8,
  NR_TYPE_INT8,
  NR_TYPE_BOOL /* one byte, 0 or 1 */
} NrType;

/* Bytes of one element; 0 for NR_TYPE_UNDEFINED. */
gsize        nr_type_size (NrType type);
const gchar *nr_type_name (NrType type);

/* Element type and dimensions, outermost first (NCHW for pictures). -1 stands for a dimension the file leaves open. */
typedef struct
{
  NrType type;
  guint  rank; /* 0 is a scalar */
  gint64 dims[NR_MAX_RANK];
} NrShape;

/* Number of elements of a shape without open dimensions; FALSE on overflow, open or negative dimensions. */
gboolean nr_shape_n_elements (const NrShape *shape, gsize *n_elements);

/* "float32 [1, 3, 64, 64]"; the caller frees. */
gchar *nr_shape_to_string (const NrShape *shape);

/* -- Model -------------------------------------------------------------------------------------------------------- */

typedef struct _NrModel NrModel;

/* Reads and checks a file: structure, operators, attributes, types, opset (9 to 21), no cycles, every name defined.
 * The file is hostile until proven otherwise. Free with nr_model_unref (). */
NrModel *nr_model_load (const gchar *path, GError **error);
/* The same from memory; NAME stands in messages. */
NrModel *nr_model_load_bytes (GBytes *bytes, const gchar *name, GError **error);
NrModel *nr_model_ref (NrModel *model);
void     nr_model_unref (NrModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrModel, nr_model_unref)

/* Graph inputs that are not initialisers, in the file's order; strings and shapes belong to the model. */
guint          nr_model_n_inputs (const NrModel *model);
const gchar   *nr_model_input_name (const NrModel *model, guint i);
const NrShape *nr_model_input_shape (const NrModel *model, guint i);
guint          nr_model_n_outputs (const NrModel *model);
const gchar   *nr_model_output_name (const NrModel *model, guint i);

/* Parameters (elements of float initialisers). */
gsize nr_model_n_parameters (const NrModel *model);

/* How far the output of a picture network (input 0: [1, C, H, W], output 0: [1, C', H', W']) looks, read off the graph. */
typedef struct
{
  gboolean is_local; /* FALSE: something global (channel attention, global pooling): tiles cannot be exact */
  guint    halo;     /* receptive field's radius in input pixels; 0 when not local */
  guint    multiple; /* H and W must be multiples of this many input pixels */
  guint    scale;    /* output pixels per input pixel */
} NrReach;

/* FALSE with an error when the network is not of that form. */
gboolean nr_model_get_reach (NrModel *model, NrReach *reach, GError **error);

/* -- Session ------------------------------------------------------------------------------------------------------ */

typedef enum
{
  NR_CPU_C,
  NR_CPU_AVX2, /* with FMA */
  NR_CPU_AVX512
} NrCpuLevel;

/* The best level of this machine, lowered by the environment's NR_CPU_LEVEL = c, avx2 or avx512. */
NrCpuLevel   nr_cpu_level (void);
const gchar *nr_cpu_level_name (NrCpuLevel level);

typedef struct
{
  guint      threads;      /* 0: as many as there are cores */
  NrCpuLevel cpu_level;    /* at most nr_cpu_level () is used */
  gsize      memory_limit; /* bytes that nr_session_memory () may reach, 0: no limit */
} NrSessionOptions;

/* threads 0, the machine's level, no memory limit. */
#define NR_SESSION_OPTIONS_INIT { 0, NR_CPU_AVX512, 0 }

typedef struct _NrSession NrSession;

/* Plans MODEL for concrete input shapes (one for each input, in order). Holds a reference to MODEL.
 * options may be NULL. Allocates no activations before the memory limit was checked. */
NrSession *nr_session_new (NrModel                *model,
                           const NrShape          *input_shapes,
                           const NrSessionOptions *options,
                           GError                **error);
void       nr_session_free (NrSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrSession, nr_session_free)

/* Peak bytes the session holds while running: arena, scratch of all threads, packed weights. Not the caller's tensors. */
gsize nr_session_memory (const NrSession *session);

/* The memory that a session of these shapes would need, without allocating it. */
gboolean nr_session_estimate_memory (NrModel                *model,
                                     const NrShape          *input_shapes,
                                     const NrSessionOptions *options,
                                     gsize                  *bytes,
                                     GError                **error);

const NrShape *nr_session_output_shape (const NrSession *session, guint i);
/* Multiply-adds of one run (convolutions counted directly, products, nothing else). */
guint64 nr_session_n_macs (const NrSession *session);
guint   nr_session_n_threads (const NrSession *session);

/* fraction: 0 to 1 of this run, never falling; called on the calling thread, at least every 50 ms or so. */
typedef void (*NrProgressFunc) (gdouble fraction, gpointer data);

/* Runs the network. inputs[i]: contiguous elements of input_shapes[i]; outputs[i]: room for nr_session_output_shape (i)
 * (NULL: not wanted). Inputs and outputs must not overlap and need no alignment but their element's. Cancelled:
 * G_IO_ERROR_CANCELLED, outputs undefined. The result is the same bytes for any number of threads. */
gboolean nr_session_run (NrSession         *session,
                         const void *const *inputs,
                         void *const       *outputs,
                         NrProgressFunc     progress,
                         gpointer           progress_data,
                         GCancellable      *cancellable,
                         GError           **error);

/* -- Threads ------------------------------------------------------------------------------------------------------ */

/* Worker threads for whoever computes on pictures outside a session; sessions have their own. */
typedef struct _NrPool NrPool;

/* threads 0: as many as the process may use. The calling thread is one of them. */
NrPool *nr_pool_new (guint threads);
void    nr_pool_free (NrPool *pool);
guint   nr_pool_n_threads (const NrPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPool, nr_pool_free)

/* Work on items [begin, end); thread is 0 ... nr_pool_n_threads () - 1, for scratch memory of its own. */
typedef void (*NrRangeFunc) (gsize begin, gsize end, guint thread, gpointer data);

/* Splits [0, n_items) into pieces of GRAIN items, which all threads take in turn (dynamic). Returns when all is done. What
 * FUNC writes must not depend on how the range is cut. Between pieces the calling thread calls TICK (may be NULL) with the
 * items done; if it returns FALSE, no new piece is started and the function returns FALSE. */
typedef gboolean (*NrTickFunc) (gsize n_done, gpointer data);

gboolean nr_pool_for (NrPool     *pool,
                      gsize       n_items,
                      gsize       grain,
                      NrRangeFunc func,
                      gpointer    data,
                      NrTickFunc  tick,
                      gpointer    tick_data);

G_END_DECLS
