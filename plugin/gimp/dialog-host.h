/* What the dialog needs from the program: pixels to show, previews, estimates.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <libgimp/gimp.h>

#include "dialog.h"

G_BEGIN_DECLS

/* The host of a dialog on DRAWABLES (NULL-terminated, checked) of IMAGE; the preview shows the first of them. CONFIG's
 * procedure was registered for TASK, see settings.h. */
NrDialogHost *nr_dialog_host_new (GimpImage           *image,
                                  GimpDrawable       **drawables,
                                  GimpProcedureConfig *config,
                                  guint                task,
                                  GError             **error);
void          nr_dialog_host_free (NrDialogHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrDialogHost, nr_dialog_host_free)

G_END_DECLS
