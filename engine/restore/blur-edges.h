/* How wide the edges of a picture are: what the strength of their gradients becomes from scale to scale.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <glib.h>

enum
{
  NR_BLUR_N_RATIOS    = 4,
  NR_BLUR_N_QUANTILES = 4,
  NR_BLUR_N_EDGES     = NR_BLUR_N_RATIOS * NR_BLUR_N_QUANTILES,
  NR_BLUR_EDGE_STEPS  = 72
};

/* Histograms of ln (gradient at one scale / gradient at the next). */
typedef struct
{
  gdouble count[NR_BLUR_N_RATIOS][NR_BLUR_EDGE_STEPS];
} NrEdgeWidths;

/* Adds the edges of LUMA, SIDE x SIDE, 0 to 1, to WIDTHS; those within 22 pixels of its border do not count.
 *
 * A step that is blurred by a Gaussian of variance s^2 has the gradient A / sqrt (2 pi (s^2 + t^2)) where the picture is
 * smoothed by one of variance t^2 (central differences add 1/3 to that), so that the ratio of two scales tells s. Source: Zhuo
 * and Sim, Defocus map estimation from a single image,
 * 2011. Scales: t = 1/2, 1, 2, 4. Looked at are the places where the gradient is largest across the edge, at t = 1 (ratios
 * of 1/2 to 1 and of 1 to 2) and at t = 2 (1 to 2 and 2 to 4), each with the square of its gradient for a weight. */
void nr_edge_widths_add (NrEdgeWidths *widths, const gfloat *luma, gint side);

/* The quantiles 10, 50, 80 and 95 % of the four ratios; 0 where there is no edge. */
void nr_edge_widths_quantiles (const NrEdgeWidths *widths, gfloat edges[NR_BLUR_N_EDGES]);
