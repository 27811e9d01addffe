/* The frame around fill methods: finds the holes, hands each with its surroundings to a method, delivers.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#pragma once

#include "job.h"

/* A hole, or several close to each other, with what surrounds it: one call of a method. */
typedef struct
{
  NrJob *job;
  NrRect area;   /* what the method sees, in source coordinates */
  NrRect bounds; /* of the hole in it */

  gdouble first, share; /* of the job's progress */
} NrFillGroup;

/* FRACTION of the group's work is done. */
void nr_fill_group_progress (const NrFillGroup *group, gdouble fraction);

/* Shows PICTURE, the group's area, as it is filled by now. */
void nr_fill_group_show (const NrFillGroup *group, const NrPicture *picture);

/* Fills the pixels of PICTURE (GROUP's area) whose weight and alpha are above 0, and changes nothing else. Nothing is
 * weighted by the selection's feather or the strength: that is the frame's. */
typedef gboolean (*NrFillFunc) (gpointer data, const NrFillGroup *group, NrPicture *picture, GError **error);

typedef struct
{
  NrFillFunc func;
  gpointer   data;
  guint64    bytes_per_pixel; /* of an area, all that func takes */
  guint64    max_pixels;      /* of an area, however large the budget */
  gint       context;         /* where the arguments leave it to us; 0: by the hole's size */
} NrFillMethod;

/* Fills the job's region hole by hole and delivers it. */
gboolean nr_fill_run (NrJob *job, const NrFillMethod *method, GError **error);

/* The area of a hole of WIDTH x HEIGHT far from the picture's border, for estimates. */
guint64 nr_fill_area_pixels (const NrArguments *arguments, gint width, gint height);

/* As NrMethod (method.h) says. */
gboolean nr_fill_run_patch_match (NrJob *job, GError **error);
gboolean nr_fill_estimate_patch_match (const NrArguments *arguments,
                                       gint               width,
                                       gint               height,
                                       gdouble           *seconds,
                                       gdouble           *memory_mib,
                                       GError           **error);
