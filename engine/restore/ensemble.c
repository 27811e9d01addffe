/* The mean of what a network makes of a picture and of its mirrored copies.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <string.h>

#include "ensemble.h"

enum
{
  ACROSS = 1, /* left and right change places */
  DOWN   = 2  /* top and bottom do */
};

/* How each copy is mirrored: two passes already see both directions. */
static const guint mirrors[NR_MAX_PASSES] = { 0, ACROSS | DOWN, ACROSS, DOWN };

static void
swap (gfloat *a, gfloat *b)
{
  const gfloat value = *a;

  *a = *b;
  *b = value;
}

/* Mirrors planes of WIDTH x HEIGHT where they lie. */
static void
mirror_planes (gfloat *planes, gint n_planes, gint width, gint height, guint mirror)
{
  if (mirror & ACROSS)
    for (gsize row = 0; row < (gsize) n_planes * height; row++)
      for (gint x = 0; x < width / 2; x++)
        swap (&planes[row * width + x], &planes[row * width + width - 1 - x]);

  if (mirror & DOWN)
    for (gsize c = 0; c < (gsize) n_planes; c++)
      for (gint y = 0; y < height / 2; y++)
        for (gint x = 0; x < width; x++)
          swap (&planes[(c * height + y) * width + x], &planes[(c * height + height - 1 - y) * width + x]);
}

/* The session's progress as that of pass I of N. */
typedef struct
{
  NrTileProgress progress;
  gpointer       data;
  gint           i, n;
} PassProgress;

static void
pass_progress (gdouble fraction, gpointer data)
{
  const PassProgress *pass = data;

  pass->progress ((pass->i + fraction) / pass->n, pass->data);
}

static gsize
n_input (const NrEnsemble *ensemble)
{
  return (gsize) (3 + ensemble->second_planes) * ensemble->width * ensemble->height;
}

static gsize
n_output (const NrEnsemble *ensemble)
{
  return (gsize) 3 * ensemble->width * ensemble->height * ensemble->scale * ensemble->scale;
}

guint64
nr_ensemble_memory (const NrEnsemble *ensemble)
{
  return ensemble->passes > 1 ? (n_input (ensemble) + n_output (ensemble)) * sizeof (gfloat) : 0;
}

gboolean
nr_ensemble_run (const NrEnsemble *ensemble,
                 const gfloat     *input,
                 const gfloat     *second,
                 gfloat           *output,
                 NrTileProgress    progress,
                 gpointer          progress_data,
                 GCancellable     *cancellable,
                 GError          **error)
{
  const gint         width    = ensemble->width;
  const gint         height   = ensemble->height;
  const gsize        n_second = (gsize) ensemble->second_planes * width * height;
  const gsize        n_first  = n_input (ensemble) - n_second;
  PassProgress       pass     = { progress, progress_data, 0, ensemble->passes };
  g_autofree gfloat *seen     = NULL;
  gfloat            *answer;

  if (ensemble->passes == 1)
    return nr_session_run (ensemble->session, (const void *const[]) { input, second }, (void *const[]) { output },
                           progress, progress_data, cancellable, error);

  seen = g_try_new (gfloat, n_input (ensemble) + n_output (ensemble));
  if (! seen)
    {
      g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_MEMORY,
                   "not enough memory for mirrored copies of %d x %d pixels; set a smaller memory budget", width, height);
      return FALSE;
    }
  answer = seen + n_input (ensemble);
  memset (output, 0, n_output (ensemble) * sizeof (gfloat));
  for (; pass.i < pass.n; pass.i++)
    {
      memcpy (seen, input, n_first * sizeof (gfloat));
      if (n_second > 0)
        memcpy (seen + n_first, second, n_second * sizeof (gfloat));
      mirror_planes (seen, 3 + ensemble->second_planes, width, height, mirrors[pass.i]);
      if (! nr_session_run (ensemble->session, (const void *const[]) { seen, seen + n_first }, (void *const[]) { answer },
                            pass_progress, &pass, cancellable, error))
        return FALSE;
      mirror_planes (answer, 3, width * ensemble->scale, height * ensemble->scale, mirrors[pass.i]);
      for (gsize k = 0; k < n_output (ensemble); k++)
        output[k] += answer[k] / pass.n;
    }
  return TRUE;
}
