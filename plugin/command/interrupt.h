/* Ctrl+C as a GCancellable.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include <gio/gio.h>

/* A cancellable that SIGINT, SIGTERM and SIGHUP cancel from now on, until the program ends; owned by the caller. */
GCancellable *nr_interrupt_cancellable (void);
