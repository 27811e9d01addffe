/* One model package: its config.json, and its networks.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "nr-inference.h"
#include "nr-restore.h"

/* What config.json says about running the network, beside NrPackage, under attributes.neural_restore. darktable's
 * input_sizes are not needed: halo and multiple are read off the graph. */
typedef struct
{
  gint   halo;      /* -1: read off the graph */
  gint   multiple;  /* 1: read off the graph */
  gfloat low, high; /* range of values the network was made for */
} NrPackageHints;

/* Reads and checks the config.json of the folder or archive at PATH and looks which model files are there; the networks
 * are not opened. Never NULL: what is wrong stands in the package's problem, with its id made from the path.
 * HINTS may be NULL. */
NrPackage *nr_package_read (const gchar *path, const gchar *origin, NrPackageHints *hints);

/* TRUE when the package's problem is only that we do not have its task; darktable has more than we do. */
gboolean nr_package_is_foreign (const NrPackage *package);

/* Loads the network for SCALE (1 unless super-resolve) and checks that it is a picture network as the package says:
 * inputs [1, 3, H, W] and, with two, [1, 1, H, W] (denoise) or [1, 2, H, W] (deblur); one output of the right scale. REACH and HINTS are filled.
 * NULL with NR_RESTORE_ERROR_PACKAGE, or the engine's error behind the package's name. */
NrModel *nr_package_load_model (const NrPackage *package,
                                gint             scale,
                                NrPackageHints  *hints,
                                NrReach         *reach,
                                GError         **error);

/* Planes of its networks' second input: 0 without one, 1 for a noise map (denoise), NR_SHARPEN_PLANES for what deconvolution
 * makes (deblur). */
gint nr_package_second_planes (const NrPackage *package);

/* Loads FILE of the package, whatever kind of network it holds: "generator.onnx" (z [N, L] -> image [N, 3, S, S] in -1..1)
 * or "discriminator.onnx" (such an image -> probability [N, 1] that it is a photograph) of a fill package for completion
 * by a generative network. NULL with an error that names package and file. */
NrModel *nr_package_load_file (const NrPackage *package, const gchar *file, GError **error);

/* Loads every network of the package once; FALSE with the first problem. */
gboolean nr_package_check_models (const NrPackage *package, GError **error);
