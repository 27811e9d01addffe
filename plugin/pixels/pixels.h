/* GEGL buffers as the restoration engine's pictures.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Used by the GIMP plug-in and by the command line. A buffer handed in here must be a plain GEGL buffer (not a
 * drawable's): the engine reads and writes it from a worker thread.
 *
 * Colors travel as `R~G~B~ float` or `Y~ float` in the buffer's own babl space: perceptual encoding whatever the
 * profile, no conversion of primaries.
 */

#pragma once

#include <gegl.h>

#include "nr-restore.h"

G_BEGIN_DECLS

/* Whether buffers of FORMAT can be restored: RGB or grey models, with or without (unassociated) alpha. */
gboolean nr_pixels_can_restore (const Babl *format);

/* -- Source ------------------------------------------------------------------------------------------------------- */

typedef struct _NrPixels NrPixels;

/* BUFFER: the picture; its extent's corner becomes (0, 0) of the source. Holds a reference.
 * SELECTION (may be NULL: everything): a buffer whose first component, read as SELECTION_FORMAT ("Y float" for GIMP's
 * linear selections, "Y~ float" for mask files), is the weight; its pixel (x - SELECTION_X, y - SELECTION_Y) belongs to
 * the source's pixel (x, y). Pixels it does not cover have weight 0.
 * The format of BUFFER must satisfy nr_pixels_can_restore (). */
NrPixels *nr_pixels_new (GeglBuffer *buffer,
                         GeglBuffer *selection,
                         const Babl *selection_format,
                         gint        selection_x,
                         gint        selection_y);
void      nr_pixels_free (NrPixels *pixels);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPixels, nr_pixels_free)

/* Reads from PIXELS, which must outlive the source. */
NrSource nr_pixels_source (NrPixels *pixels);

/* The smallest rectangle of the source that holds every pixel of weight above 0; FALSE when there is none. */
gboolean nr_pixels_selected_bounds (NrPixels *pixels, NrRect *bounds);

/* -- Result ------------------------------------------------------------------------------------------------------- */

typedef struct _NrPixelsResult NrPixelsResult;

/* A result for REGION of PIXELS enlarged SCALE times, in the same format. At scale 1 the region is copied first, and
 * only what a task changed is written over it: unchanged pixels and every alpha keep their exact bytes, in any
 * precision. PIXELS must outlive the result. */
NrPixelsResult *nr_pixels_result_new (NrPixels *pixels, const NrRect *region, gint scale);
void            nr_pixels_result_free (NrPixelsResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPixelsResult, nr_pixels_result_free)

NrSink nr_pixels_result_sink (NrPixelsResult *result);

/* The finished buffer, its extent at (0, 0); belongs to the result. */
GeglBuffer *nr_pixels_result_buffer (NrPixelsResult *result);

G_END_DECLS
