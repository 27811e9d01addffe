/* The mean of what a network makes of a picture and of its mirrored copies: networks are trained on all of them alike, and
 * their errors differ. Source: Timofte, Rothe, Van Gool, Seven ways to improve example-based single image super resolution,
 * 2016 (there with four turned ones beside).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"
#include "tile-run.h"

/* A network and the pictures it takes. */
typedef struct
{
  NrSession *session;
  gint       passes; /* copies: the picture itself, then turned by half, left and right changed, top and bottom changed */
  gint       width, height;
  gint       scale;         /* result pixels per pixel */
  gint       second_planes; /* of the second input, 0: none */
} NrEnsemble;

/* Writes the mean to OUTPUT (3 planes, scale times as large) for INPUT (3 planes) and SECOND (second_planes, may be NULL if 0).
 * FALSE with the session's error, G_IO_ERROR_CANCELLED or a lack of memory. */
gboolean nr_ensemble_run (const NrEnsemble *ensemble,
                          const gfloat     *input,
                          const gfloat     *second,
                          gfloat           *output,
                          NrTileProgress    progress,
                          gpointer          progress_data,
                          GCancellable     *cancellable,
                          GError          **error);

/* Bytes that nr_ensemble_run () holds beside its arguments. */
guint64 nr_ensemble_memory (const NrEnsemble *ensemble);
