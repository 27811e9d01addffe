/* Neural Restore: reverse mode. Make a network in C, run it forward, get gradients, change its parameters.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two parts. An NrGraph builds a network without a file and becomes an NrModel, which sessions and trainers can use
 * like one that was loaded. An NrTrainer is a model planned for concrete input shapes, as an NrSession is, with the way
 * back: forward makes the outputs, backward makes the gradients of a number (the loss) with respect to parameters and
 * inputs out of its gradients with respect to the outputs.
 *
 * Everything is float32. All results are the same bytes for any number of threads. A trainer runs one call at a time;
 * its model may be shared, for a trainer changes a copy of the parameters of its own.
 */

#pragma once

#include "nr-inference.h"

G_BEGIN_DECLS

/* -- Building a network -------------------------------------------------------------------------------------------- */

typedef struct _NrGraph NrGraph;

/* A value of a graph: an input, a parameter, a constant or what an operator makes. NR_VALUE_NONE stands for an optional
 * input that is left out, and is returned where something was wrong. */
typedef gint NrValue;
#define NR_VALUE_NONE (-1)

/* NAME stands in messages. The first mistake is kept and reported by nr_graph_to_model (); what comes after it does
 * nothing, so callers need not check each step. */
NrGraph *nr_graph_new (const gchar *name);
void     nr_graph_free (NrGraph *graph);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrGraph, nr_graph_free)

/* An input of the network; -1 in SHAPE leaves a dimension open. Names must differ. */
NrValue nr_graph_input (NrGraph *graph, const gchar *name, const NrShape *shape);

/* A trainable tensor, float32; DATA (copied): its first value. */
NrValue nr_graph_parameter (NrGraph *graph, const gchar *name, const NrShape *shape, const gfloat *data);

/* A tensor that is not trained, of any type; DATA is copied. */
NrValue nr_graph_constant (NrGraph *graph, const NrShape *shape, gconstpointer data);

/* A node with an ONNX operator of opset 21, by name; returns its first output. ATTRIBUTES in one string,
 * "strides=2,2 mode=linear epsilon=1e-5" (NULL: none): names and types are the operator's own. */
NrValue nr_graph_op (NrGraph *graph, const gchar *type, guint n_inputs, const NrValue *inputs, const gchar *attributes);

/* Makes VALUE the network's next output. */
void nr_graph_output (NrGraph *graph, NrValue value, const gchar *name);

/* The network, or the first mistake made while building it. The graph is empty afterwards; free it. */
NrModel *nr_graph_to_model (NrGraph *graph, GError **error);

/* -- Trainer ------------------------------------------------------------------------------------------------------- */

typedef struct
{
  guint      threads;                  /* 0: as many as there are cores */
  NrCpuLevel cpu_level;                /* at most nr_cpu_level () is used */
  gsize      memory_limit;             /* bytes that nr_trainer_memory () may reach, 0: no limit */
  gboolean   wants_input_gradients;    /* of all float32 inputs */
  gboolean   wants_parameter_gradients; /* FALSE: parameters are constants, the trainer has none (and is faster) */
} NrTrainerOptions;

/* threads 0, the machine's level, no limit, gradients of parameters only. */
#define NR_TRAINER_OPTIONS_INIT { 0, NR_CPU_AVX512, 0, FALSE, TRUE }

typedef struct _NrTrainer NrTrainer;

/* Plans MODEL for concrete input shapes (one for each input, in order). Parameters are copied: they start with the model's
 * values. options may be NULL. Errors (NR_ENGINE_ERROR): shapes, an operator on the way that has no gradient
 * (UNSUPPORTED, names the node), the memory limit. */
NrTrainer *nr_trainer_new (NrModel                *model,
                           const NrShape          *input_shapes,
                           const NrTrainerOptions *options,
                           GError                **error);
void       nr_trainer_free (NrTrainer *trainer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrTrainer, nr_trainer_free)

/* What a trainer of these shapes would hold (see nr_trainer_memory ()), without allocating it. */
gboolean nr_trainer_estimate_memory (NrModel                *model,
                                     const NrShape          *input_shapes,
                                     const NrTrainerOptions *options,
                                     gsize                  *bytes,
                                     GError                **error);

/* Bytes held: activations and gradients, scratch of all threads, parameters, outputs. Not the caller's inputs. */
gsize nr_trainer_memory (const NrTrainer *trainer);
/* Multiply-adds of a forward and a backward (convolutions counted directly, products, nothing else). */
guint64 nr_trainer_n_macs (const NrTrainer *trainer);

/* Parameters. In a model from an NrGraph they are what nr_graph_parameter () made, in that order; in one from a file the
 * float32 initialisers that nodes use as weights: weights and biases of convolutions and products, scales and biases of
 * normalizations, slopes of PRelu, tensors of more than one element that are added, subtracted, multiplied. Running means
 * and variances are none. Pointers stay valid as long as the trainer; values may be changed between calls. */
guint          nr_trainer_n_parameters (const NrTrainer *trainer);
const gchar   *nr_trainer_parameter_name (const NrTrainer *trainer, guint i);
const NrShape *nr_trainer_parameter_shape (const NrTrainer *trainer, guint i);
gfloat        *nr_trainer_parameter (NrTrainer *trainer, guint i, gsize *n_elements); /* n_elements may be NULL */
const gfloat  *nr_trainer_parameter_gradient (const NrTrainer *trainer, guint i);

/* The gradient of input i after a backward, NULL if it was not asked for or the input is not float32. */
const gfloat *nr_trainer_input_gradient (const NrTrainer *trainer, guint i);

const NrShape *nr_trainer_output_shape (const NrTrainer *trainer, guint i);

/* Output i after a forward: float32 unless its shape says otherwise. The trainer's memory. */
const gfloat *nr_trainer_output (const NrTrainer *trainer, guint i);

/* Where the caller writes d loss / d output i before a backward: all elements, of each output (zeros where the loss does
 * not look; they are zero before the first time). NULL: the output does not depend on anything that wants a gradient. */
gfloat *nr_trainer_output_gradient (NrTrainer *trainer, guint i);

/* Runs the network. inputs[i]: contiguous elements of input_shapes[i], which must stay there, unchanged, until the
 * backward is done. Cancelled: G_IO_ERROR_CANCELLED, outputs undefined, to be run again. Allocates nothing. */
gboolean nr_trainer_forward (NrTrainer *trainer, const void *const *inputs, GCancellable *cancellable, GError **error);

/* After a forward and once for each: all gradients, which replace those before. Parameters must not have changed since the
 * forward. Cancelled: G_IO_ERROR_CANCELLED, gradients undefined. Allocates nothing. */
gboolean nr_trainer_backward (NrTrainer *trainer, GCancellable *cancellable, GError **error);

/* The trainer's threads, idle between calls: for losses and optimizers. Belongs to the trainer. */
NrPool *nr_trainer_pool (NrTrainer *trainer);

/* -- Losses ------------------------------------------------------------------------------------------------------- */

/* Each returns the mean over n elements and writes the gradient (n elements, not OUTPUT's memory). The same bytes for any
 * number of threads. n >= 1. */

/* Mean of weight (output - target)^2; weight: NULL for 1. */
gdouble nr_loss_mse (NrPool       *pool,
                     const gfloat *output,
                     const gfloat *target,
                     const gfloat *weight,
                     gsize         n,
                     gfloat       *gradient);
/* Mean of weight |output - target|; where they are equal the gradient is 0. */
gdouble nr_loss_l1 (NrPool       *pool,
                    const gfloat *output,
                    const gfloat *target,
                    const gfloat *weight,
                    gsize         n,
                    gfloat       *gradient);
/* Sum of the absolute differences of horizontal and vertical neighbours (Rudin, Osher and Fatemi 1992, its anisotropic form,
 * which has no epsilon), divided by the number of elements. [planes, height, width]. */
gdouble nr_loss_total_variation (NrPool       *pool,
                                 const gfloat *output,
                                 gsize         planes,
                                 gsize         height,
                                 gsize         width,
                                 gfloat       *gradient);
/* Mean of -(y ln p + (1 - y) ln (1 - p)), y from LABELS or, where that is NULL, LABEL for all. Logarithms are bounded at
 * -100, p (1 - p) in the gradient at 1e-12, so that p = 0 and 1 stay finite. */
gdouble nr_loss_binary_cross_entropy (NrPool       *pool,
                                      const gfloat *probability,
                                      const gfloat *labels,
                                      gfloat        label,
                                      gsize         n,
                                      gfloat       *gradient);

/* -- Adam --------------------------------------------------------------------------------------------------------- */

/* Kingma and Ba 2015: usually 1e-3, 0.9, 0.999, 1e-8. */
typedef struct
{
  gdouble learning_rate, beta1, beta2, epsilon;
} NrAdamOptions;

/* The moments of n_tensors tensors. */
typedef struct _NrAdam NrAdam;

NrAdam *nr_adam_new (const NrAdamOptions *options, guint n_tensors, const gsize *n_elements);
void    nr_adam_free (NrAdam *adam);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrAdam, nr_adam_free)

/* One step: values[i] has n_elements[i] elements, as gradients[i] has. The same bytes for any number of threads. */
void nr_adam_step (NrAdam *adam, NrPool *pool, gfloat *const *values, const gfloat *const *gradients);

/* -- Muon --------------------------------------------------------------------------------------------------------- */

/* Jordan and others 2024: usually 0.02, 0.95. Rate: a step's length in each direction that a matrix can move in, times the
 * root of rows / columns where that is more than 1. */
typedef struct
{
  gdouble learning_rate, momentum;
} NrMuonOptions;

/* Momentum and room for n_matrices matrices: tensors of rank 2 or more, their first dimension the rows. At most seven values
 * for each of theirs. */
typedef struct _NrMuon NrMuon;

NrMuon *nr_muon_new (const NrMuonOptions *options, guint n_matrices, const NrShape *const *shapes);
void    nr_muon_free (NrMuon *muon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrMuon, nr_muon_free)

/* One step; a matrix without gradient and momentum stays. The same bytes for any number of threads. */
void nr_muon_step (NrMuon *muon, NrPool *pool, gfloat *const *values, const gfloat *const *gradients);

G_END_DECLS
