/* A network of three dense layers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <string.h>

#include "small-network.h"

static void
layer (const NrSmallNetwork *network, guint number, const gfloat *from, gfloat *to)
{
  const guint n_from = network->n[number];

  for (guint i = 0; i < network->n[number + 1]; i++)
    {
      to[i] = network->bias[number][i];
      for (guint j = 0; j < n_from; j++)
        to[i] += network->weights[number][i * n_from + j] * from[j];
    }
}

void
nr_small_network_run (const NrSmallNetwork *network, const gfloat *input, gfloat *output)
{
  gfloat values[4][NR_SMALL_NETWORK_MAX_WIDTH];

  for (guint i = 0; i < network->n[0]; i++)
    values[0][i] = (input[i] - network->mean[i]) * network->scale[i];
  for (guint number = 0; number < 3; number++)
    {
      layer (network, number, values[number], values[number + 1]);
      for (guint i = 0; number < 2 && i < network->n[number + 1]; i++)
        values[number + 1][i] = MAX (values[number + 1][i], 0);
    }
  memcpy (output, values[3], network->n[3] * sizeof (gfloat));
}
