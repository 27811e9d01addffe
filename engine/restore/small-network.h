/* A network of three dense layers, as the estimates of noise and blur have them in C.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

enum
{
  NR_SMALL_NETWORK_MAX_WIDTH = 160
};

/* x = (input - mean) * scale; two layers with ReLU, one without. Written by weights/train/table.py. */
typedef struct
{
  guint         n[4]; /* inputs, two hidden layers, outputs: at most NR_SMALL_NETWORK_MAX_WIDTH each */
  const gfloat *mean, *scale;
  const gfloat *weights[3]; /* [outputs][inputs] */
  const gfloat *bias[3];
} NrSmallNetwork;

/* Sums in the order of the inputs: the same bytes on every machine. */
void nr_small_network_run (const NrSmallNetwork *network, const gfloat *input, gfloat *output);
