/* A layer's pixels and selection, copied so that a worker thread can read them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Everything here talks to GIMP: main thread only, but for the pixels of a finished snapshot.
 */

#pragma once

#include <libgimp/gimp.h>

#include "pixels.h"

G_BEGIN_DECLS

typedef struct
{
  GimpDrawable *source;
  GeglBuffer   *buffer;      /* plain copy, the source's non-destructive filters merged */
  GeglBuffer   *selection;   /* plain copy, its pixels on the canvas; NULL: nothing is selected */
  NrPixels     *pixels;      /* both, as the engine reads them */
  gint          x, y;        /* of the buffer's corner on the canvas */
  NrRect        region;      /* in the buffer: what is to be restored */
  gboolean      is_stackable; /* a restored copy right above the source changes nothing but the restoration */
} NrSnapshot;

/* Whether TASK can work on DRAWABLES (NULL-terminated) of IMAGE at all: one sentence that says what to do when not. */
gboolean nr_snapshot_check (GimpImage *image, GimpDrawable **drawables, NrTask task, GError **error);

/* Copies SOURCE, a layer that nr_snapshot_check () let pass. Leaves the image as it is, not even marked as changed.
 * NULL when the selection misses the layer. */
NrSnapshot *nr_snapshot_new (GimpDrawable *source, GError **error);
void        nr_snapshot_free (NrSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrSnapshot, nr_snapshot_free)

/* Forgets the selection: the whole layer becomes the region. */
void nr_snapshot_select_all (NrSnapshot *snapshot);

G_END_DECLS
