/* When to stop fitting a network to a damaged picture: before it fits the damage, without knowing the truth.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * While a deep image prior learns the picture, its outputs settle and their variance over a window of iterations falls;
 * once it begins to learn the noise, they move again and it rises. The best picture is near the valley's far end.
 * Source: Wang, Li, Zhuang, Chen, Liang, Sun, Early stopping for deep image prior, 2021 (ES-WMV). The variance is taken
 * over a fixed random choice of values, which estimates the same mean from less memory.
 */

#pragma once

#include <glib.h>

typedef struct _NrEarlyStop NrEarlyStop;

typedef enum
{
  NR_EARLY_STOP_GO_ON,
  NR_EARLY_STOP_BEST, /* at most 12% above the smallest variance so far: worth keeping */
  NR_EARLY_STOP_NOW   /* none such for PATIENCE iterations */
} NrEarlyStopAdvice;

/* For outputs of N_VALUES floats. What happens in the first BURN_IN iterations does not count: at the very beginning, when a
 * network has only learned the mean color, its outputs hardly move either. */
NrEarlyStop *nr_early_stop_new (gsize n_values, guint window, guint burn_in, guint patience);
void         nr_early_stop_free (NrEarlyStop *stop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrEarlyStop, nr_early_stop_free)

/* Takes the output of the next iteration. There is no best one before BURN_IN and WINDOW have passed. */
NrEarlyStopAdvice nr_early_stop_add (NrEarlyStop *stop, const gfloat *values);

/* Mean variance over the last window; -1 before there is one. */
gdouble nr_early_stop_variance (const NrEarlyStop *stop);

/* Bytes that one of this size holds. */
gsize nr_early_stop_memory (gsize n_values, guint window);
