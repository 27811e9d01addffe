/* The packages that are there.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "package.h"

/* The package that ARGUMENTS ask for: the one named, else the task's default that has the scale and variant.
 * NULL with a sentence that names what there is. */
NrPackage *nr_packages_find (const NrArguments *arguments, GError **error);
