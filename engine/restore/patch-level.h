/* One level of the patch pyramid, and the two steps that alternate on it: search and vote.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Target patches are those that touch the hole; source patches those without any unknown pixel. Search finds for each
 * target patch a source patch much like it (PatchMatch: Barnes, Shechtman, Finkelstein, Goldman 2009); vote gives each
 * pixel of the hole the weighted mean of what the patches over it propose (Wexler, Shechtman, Irani 2007).
 */

#pragma once

#include "fill-job.h"

enum
{
  NR_PATCH_RADIUS = 3,
  NR_PATCH_SIZE   = 2 * NR_PATCH_RADIUS + 1
};

/* R, G, B (or grey, 0, 0) and the texture feature: how strong the picture's fine detail is around the pixel. With it,
 * coarse levels tell a smooth area from a textured one of the same color (Newson et al. 2014, section 3.2). */
typedef gfloat NrPatchPixel __attribute__ ((vector_size (16)));

typedef struct
{
  gint          width, height;
  NrPatchPixel *color;      /* rows first */
  guint8       *is_hole;    /* 1: to be synthesised */
  guint8       *is_unclean; /* 1: not to be copied from: the hole, bridged and transparent pixels */
  guint8       *is_source;  /* 1: a source patch is centred here */
  gfloat       *trust;      /* confidence, 1 outside the hole, falls with the distance from its border */

  gint    n_targets;
  gint   *targets;    /* pixel indices of the centres of the target patches, ascending */
  gint   *match;      /* for each pixel: source centre of the target patch here, -1 where there is no target */
  gint   *new_match;  /* the search's second buffer */
  gfloat *cost;       /* for each target (in their order): squared distance to its match */
  gfloat *weight;     /* for each pixel: of the target patch here in the vote, 0 where there is none */
  gfloat  tolerance;  /* of the vote: patches count whose costs are up to about so many times the mean one; the level's maker
                      * sets it */
} NrPatchLevel;

/* Width and height at least NR_PATCH_SIZE; all planes allocated, undefined, as the tolerance is. Takes 43 bytes a pixel. */
NrPatchLevel *nr_patch_level_new (gint width, gint height);
void          nr_patch_level_free (NrPatchLevel *level);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPatchLevel, nr_patch_level_free)

/* The level at half the size: (width + 1) / 2 by (height + 1) / 2. Colors are means of pixels outside the hole where
 * there are any; a pixel is hole when all below it are, unclean when any is. The tolerance is the same. */
NrPatchLevel *nr_patch_level_shrink (const NrPatchLevel *level);

/* Fills is_source, trust and the targets from is_hole and is_unclean; *has_source tells whether there is any source
 * patch. FALSE: cancelled. */
gboolean nr_patch_level_prepare (NrFillJob *job, NrPatchLevel *level, gboolean *has_source);

/* First matches: those of the level at half the size, random ones where it has none for a target or is NULL. Costs are
 * 0 then. FALSE: cancelled. */
gboolean nr_patch_search_init (NrFillJob *job, NrPatchLevel *level, const NrPatchLevel *coarse, guint seed);

/* N_ROUNDS of propagation and random search; ends with cost and match in step. FALSE: cancelled. */
gboolean nr_patch_search (NrFillJob *job, NrPatchLevel *level, gint n_rounds, guint seed);

/* Gives the hole's pixels their colors from matches and costs. FALSE: cancelled. */
gboolean nr_patch_vote (NrFillJob *job, NrPatchLevel *level);

/* What the patches over pixel AT propose, by the weights of the last vote; AT lies in a target patch. */
NrPatchPixel nr_patch_vote_at (const NrPatchLevel *level, gint at);
