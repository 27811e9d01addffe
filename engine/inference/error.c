/* The engine's error domain.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-inference.h"

G_DEFINE_QUARK (nr-engine-error-quark, nr_engine_error)
