/* Reducing a picture, as a network: so that a loss on the reduced picture has a gradient on the large one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"

enum
{
  NR_LANCZOS_MARGIN = 2 /* reduced pixels at the border that see zeros from beyond it */
};

/* A network [1, 3, H scale, W scale] -> [1, 3, H, W]: the Lanczos filter of two lobes, widened by SCALE (2 to 4), pixel
 * centers as pictures have them, zeros beyond the border. One strided convolution, channels apart. */
NrModel *nr_lanczos_graph_new (gint scale, GError **error);
