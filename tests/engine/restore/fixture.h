/* Pictures, jobs and model packages for the tests of the picture level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "blur.h"
#include "job.h"
#include "model-builder.h"

/* Smoothly varying random colors in [0, 1]; alpha and weight, if wanted, are 1. */
NrPicture *fixture_picture (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight, guint32 seed);
/* Dead leaves: discs over discs, SIZE x SIZE, with radii between 2 and 120 that are distributed as their power -3. Their
 * spectrum is a photograph's. */
NrPicture *fixture_leaves (gint size, guint32 seed);
/* PICTURE of three channels blurred as BLUR says, with its noise, rounded to 8 bits. */
NrPicture *fixture_blurred (const NrPicture *picture, const NrBlur *blur);
NrPicture *fixture_picture_copy (const NrPicture *picture);

/* Fails the test unless all planes of both are the same bytes. */
void fixture_assert_same (const NrPicture *a, const NrPicture *b);
/* The largest difference of colors. */
gdouble fixture_difference (const NrPicture *a, const NrPicture *b);

/* Runs ARGUMENTS over REGION (NULL: all) of PICTURE; the result, or NULL with the error. */
NrPicture *fixture_run (const NrArguments *arguments, NrPicture *picture, const NrRect *region, GError **error);
/* The same, where no error may be. */
NrPicture *fixture_run_or_fail (const NrArguments *arguments, NrPicture *picture, const NrRect *region);

/* A fresh folder of packages that nr_packages_list () takes for the installed one, an empty user data folder beside it.
 * Call once, first thing in main (). fixture_clear () deletes it. */
void         fixture_init (void);
void         fixture_clear (void);
const gchar *fixture_installed_folder (void);
const gchar *fixture_user_folder (void);      /* .../neural-restore/models, made */
const gchar *fixture_darktable_folder (void); /* .../darktable/models, made */

/* What the networks of the tests do. */
typedef enum
{
  FIXTURE_COPY,     /* output = input */
  FIXTURE_LATENT, /* the same, but of [N, 8] numbers, not of a picture */
  FIXTURE_INVERT,   /* output = 1 - input */
  FIXTURE_BLUR,     /* three 3x3 convolutions, zero padding, radius 3 */
  FIXTURE_FIXED,    /* the same, for pictures of 64 x 48 only */
  FIXTURE_STRIDED,  /* down by 2, convolution, up by 2, plus the input: multiple 2 */
  FIXTURE_SIGMA,    /* two inputs; output = sigma everywhere */
  FIXTURE_SHARPENED, /* two inputs; output = the first, second, first plane of the second one */
  FIXTURE_GLOBAL,   /* output = input * (1 + mean of each channel over the whole window) / 2 */
  FIXTURE_FIXED_GLOBAL, /* the same, for pictures of 64 x 48 only */
  FIXTURE_ENLARGE2, /* nearest, 2 times */
  FIXTURE_ENLARGE3,
  FIXTURE_SLOW      /* many wide convolutions */
} FixtureNetwork;

GBytes *fixture_network (FixtureNetwork network);

/* Writes FOLDER/ID with config.json and FILE (model.onnx ...); ATTRIBUTES is JSON text or NULL. */
void fixture_write_package (const gchar *folder, const gchar *id, const gchar *task, gint n_inputs, const gchar *attributes, const gchar *file, FixtureNetwork network);
