/* The one place that starts threads.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The interface is public, as restore computes on pictures too: see the end of nr-inference.h.
 */

#pragma once

#include "nr-inference.h"
