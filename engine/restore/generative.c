/* The method "generative" of fill: see generative.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "generative.h"

#include <math.h>
#include <string.h>

#include "fill.h"
#include "hole-filling.h"
#include "latent-search.h"
#include "package-files.h"
#include "package.h"

static const guint   restarts           = 4;
static const guint   default_iterations = 250;
static const gdouble perceptual         = 0.003;
/* Memory for a pixel of a group's area: picture, filling, answer, membrane. */
static const guint64 bytes_per_pixel = (5 + 6 + 3 + 8) * sizeof (gfloat) + 2;

typedef struct
{
  NrJob          *job;
  NrPackage      *package;
  NrLatentSearch *search;

  /* Of the hole under way. */
  const NrFillGroup *group;
  NrPicture         *picture;
  NrHoleFilling      filling;
  NrRect             frame;  /* in the picture: what the generator's square stands for */
  gfloat            *answer; /* three planes of the filling's size */
} Generative;

static void
generative_clear (Generative *generative)
{
  g_clear_pointer (&generative->search, nr_latent_search_free);
  g_clear_pointer (&generative->package, nr_package_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Generative, generative_clear)

/* -- Model --------------------------------------------------------------------------------------------------------- */

static gboolean
is_usable (const NrPackage *package)
{
  return package->task == NR_TASK_FILL && ! package->problem && nr_package_files_has (package->path, "generator.onnx");
}

/* What is wrong with the package that MODEL names. */
static void
fail_named (GPtrArray *packages, const gchar *model, GError **error)
{
  g_autoptr (GString) usable = g_string_new (NULL);

  for (guint i = 0; i < packages->len; i++)
    {
      const NrPackage *package = packages->pdata[i];

      if (g_str_equal (package->id, model) && package->problem)
        {
          g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                       "model package '%s' cannot be used: %s", model, package->problem);
          return;
        }
      if (is_usable (package))
        g_string_append_printf (usable, "%s'%s'", usable->len > 0 ? ", " : "", package->id);
    }
  g_set_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_ARGUMENT,
               "there is no model package '%s' with a generator; there is: %s", model, usable->len > 0 ? usable->str : "none");
}

/* The package named by MODEL, or the first with a generator. The caller frees. */
static NrPackage *
find_package (const gchar *model, GError **error)
{
  g_autoptr (GPtrArray) packages = nr_packages_list ();
  const gboolean        is_named = model && *model;

  for (guint i = 0; i < packages->len; i++)
    {
      NrPackage *package = packages->pdata[i];

      if (is_usable (package) && (! is_named || g_str_equal (model, package->id)))
        return nr_package_read (package->path, package->origin, NULL);
    }

  if (is_named)
    fail_named (packages, model, error);
  else
    g_set_error_literal (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PACKAGE,
                         "no model package with a generator was found; add one with 'neural-restore models add FILE.dtmodel'");
  return NULL;
}

static gboolean
generative_init (Generative *generative, const NrArguments *arguments, GError **error)
{
  const NrLatentOptions options = {
    .restarts   = restarts,
    .iterations = arguments->iterations > 0 ? (guint) arguments->iterations : default_iterations,
    .perceptual = perceptual,
    .seed       = arguments->seed,
    .threads    = arguments->threads,
  };
  g_autoptr (NrModel) generator     = NULL;
  g_autoptr (NrModel) discriminator = NULL;

  generative->package = find_package (arguments->model, error);
  if (! generative->package)
    return FALSE;
  generator     = nr_package_load_file (generative->package, "generator.onnx", error);
  discriminator = generator ? nr_package_load_file (generative->package, "discriminator.onnx", error) : NULL;
  if (discriminator)
    generative->search = nr_latent_search_new (generator, discriminator, &options, error);
  if (generative->search)
    return TRUE;
  g_prefix_error (error, "model package '%s': ", generative->package->id);
  return FALSE;
}

/* -- The frame ----------------------------------------------------------------------------------------------------- */

static gint
clamp_start (gint start, gint size, gint limit)
{
  return CLAMP (start, 0, limit - size);
}

/* The square around the hole: CONTEXT pixels on the longer side, 0: half of it, within the picture. Where the picture is
 * too small for a square, as much of it as there is. */
static void
choose_frame (const NrFillGroup *group, gint context, NrRect *frame)
{
  const NrRect *area   = &group->area;
  const NrRect *hole   = &group->bounds;
  const gint    longer = MAX (hole->width, hole->height);
  const gint    side   = longer + 2 * (context > 0 ? context : (longer + 1) / 2);

  frame->width  = MIN (side, area->width);
  frame->height = MIN (side, area->height);
  frame->x      = clamp_start (hole->x - area->x + (hole->width - frame->width) / 2, frame->width, area->width);
  frame->y      = clamp_start (hole->y - area->y + (hole->height - frame->height) / 2, frame->height, area->height);
}

/* The source pixels [begin, end) of SIZE that cell I of N stands for; at least one. */
static void
cell (gint i, gint n, gint size, gint *begin, gint *end)
{
  *begin = (gint) ((gint64) i * size / n);
  *end   = MAX ((gint) ((gint64) (i + 1) * size / n), *begin + 1);
}

/* The frame reduced to the generator's square: means of what is known, in [-1, 1]; a cell counts as known when half of it
 * is. */
static void
reduce_frame (const Generative *generative, gfloat *known, guint8 *is_known)
{
  const NrHoleFilling *filling = &generative->filling;
  const NrRect        *frame   = &generative->frame;
  const gsize          plane   = (gsize) filling->width * filling->height;
  const gint           side    = nr_latent_search_side (generative->search);

  for (gint i = 0; i < side * side; i++)
    {
      gdouble sums[3]  = { 0, 0, 0 };
      gint    n_pixels = 0;
      gint    n_known  = 0;
      gint    x0, x1, y0, y1;

      cell (i % side, side, frame->width, &x0, &x1);
      cell (i / side, side, frame->height, &y0, &y1);
      for (gint y = frame->y + y0; y < frame->y + y1; y++)
        for (gint x = frame->x + x0; x < frame->x + x1; x++)
          {
            const gsize at = (gsize) y * filling->width + x;

            n_pixels++;
            n_known += filling->weight[at] > 0;
            for (gint c = 0; c < 3 && filling->weight[at] > 0; c++)
              sums[c] += filling->known[c * plane + at];
          }
      is_known[i] = 2 * n_known > n_pixels;
      for (gint c = 0; c < 3; c++)
        known[c * side * side + i] = is_known[i] ? 2 * sums[c] / n_known - 1 : 0;
    }
}

/* PLANE of SIDE x SIDE values at (x, y), whose centers lie at whole numbers; linear, its border goes on. */
static gfloat
sample (const gfloat *plane, gint side, gdouble x, gdouble y)
{
  const gdouble cx = CLAMP (x, 0, side - 1);
  const gdouble cy = CLAMP (y, 0, side - 1);
  const gint    x0 = MIN ((gint) cx, side - 1), x1 = MIN (x0 + 1, side - 1);
  const gint    y0 = MIN ((gint) cy, side - 1), y1 = MIN (y0 + 1, side - 1);
  const gdouble u = cx - x0, v = cy - y0;

  return (1 - v) * ((1 - u) * plane[y0 * side + x0] + u * plane[y0 * side + x1]) +
         v * ((1 - u) * plane[y1 * side + x0] + u * plane[y1 * side + x1]);
}

/* The generator's MADE, enlarged, as the answer in the frame; elsewhere the answer is what is known. */
static void
enlarge_answer (Generative *generative, const gfloat *made)
{
  const NrHoleFilling *filling = &generative->filling;
  const NrRect        *frame   = &generative->frame;
  const gsize          plane   = (gsize) filling->width * filling->height;
  const gint           side    = nr_latent_search_side (generative->search);

  memcpy (generative->answer, filling->known, 3 * plane * sizeof (gfloat));
  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < frame->height; y++)
      for (gint x = 0; x < frame->width; x++)
        generative->answer[c * plane + (gsize) (frame->y + y) * filling->width + frame->x + x] =
            (1 + sample (made + c * side * side, side, (x + 0.5) * side / frame->width - 0.5, (y + 0.5) * side / frame->height - 0.5)) / 2;
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

static gboolean
put (Generative *generative, const gfloat *made, GCancellable *cancellable, GError **error)
{
  enlarge_answer (generative, made);
  if (! nr_hole_filling_match (&generative->filling, generative->answer, generative->job->arguments->threads, cancellable, error))
    return FALSE;
  nr_hole_filling_put (&generative->filling, generative->answer, generative->picture);
  return TRUE;
}

static void
search_progress (gdouble fraction, gpointer data)
{
  const Generative *generative = data;

  nr_fill_group_progress (generative->group, fraction);
}

static void
search_show (const gfloat *made, gpointer data)
{
  Generative *generative = data;

  if (generative->job->sink->show && put (generative, made, NULL, NULL))
    nr_fill_group_show (generative->group, generative->picture);
}

/* NrFillFunc */
static gboolean
fill_group (gpointer data, const NrFillGroup *group, NrPicture *picture, GError **error)
{
  Generative         *generative = data;
  const NrArguments  *arguments  = generative->job->arguments;
  const NrLatentWatch watch      = { search_progress, search_show, generative, generative->job->cancellable, arguments->stop };
  const gsize         n          = (gsize) nr_latent_search_side (generative->search) * nr_latent_search_side (generative->search);
  g_autofree gfloat  *known      = g_new (gfloat, 3 * n);
  g_autofree gfloat  *made       = g_new (gfloat, 3 * n);
  g_autofree guint8  *is_known   = g_new (guint8, n);
  gboolean            is_done;

  if (nr_job_is_stopped (generative->job))
    return TRUE;
  if (! nr_hole_filling_init (&generative->filling, picture, picture->width, picture->height, error))
    return FALSE;
  generative->group   = group;
  generative->picture = picture;
  generative->answer  = g_new (gfloat, 3 * (gsize) picture->width * picture->height);
  choose_frame (group, arguments->context, &generative->frame);
  reduce_frame (generative, known, is_known);

  is_done = nr_latent_search_run (generative->search, known, is_known, &watch, made, error) &&
            put (generative, made, generative->job->cancellable, error);
  g_clear_pointer (&generative->answer, g_free);
  nr_hole_filling_clear (&generative->filling);
  return is_done;
}

gboolean
nr_generative_run (NrJob *job, GError **error)
{
  g_auto (Generative) generative = { .job = job };
  const NrFillMethod  method     = { fill_group, &generative, bytes_per_pixel, G_MAXUINT64, 0 };

  if (! generative_init (&generative, job->arguments, error))
    return FALSE;
  g_free (job->report->model);
  job->report->model = g_strdup (generative.package->id);
  if (! nr_fill_run (job, &method, error))
    return FALSE;
  job->report->peak_memory_mib += nr_latent_search_memory (generative.search) / 1048576.0;
  return TRUE;
}

/* Seconds for an iteration, measured anew: it is short, and models differ. */
static gboolean
measure (Generative *generative, gdouble *seconds, GError **error)
{
  const gsize         n        = (gsize) nr_latent_search_side (generative->search) * nr_latent_search_side (generative->search);
  g_autofree gfloat  *known    = g_new0 (gfloat, 3 * n);
  g_autofree gfloat  *made     = g_new (gfloat, 3 * n);
  g_autofree guint8  *is_known = g_new0 (guint8, n);
  const NrLatentWatch watch    = { 0 };
  const gint64        start    = g_get_monotonic_time ();

  if (! nr_latent_search_run (generative->search, known, is_known, &watch, made, error))
    return FALSE;
  *seconds = (g_get_monotonic_time () - start) / (gdouble) G_USEC_PER_SEC;
  return TRUE;
}

gboolean
nr_generative_estimate (const NrArguments *arguments, gint width, gint height, gdouble *seconds, gdouble *memory_mib, GError **error)
{
  g_auto (Generative) generative = { 0 };
  NrArguments         once       = *arguments;
  gdouble             per_iteration;

  once.iterations = 1;
  if (! generative_init (&generative, &once, error) || ! measure (&generative, &per_iteration, error))
    return FALSE;
  *seconds    = per_iteration * (arguments->iterations > 0 ? (guint) arguments->iterations : default_iterations);
  *memory_mib = (nr_fill_area_pixels (arguments, width, height) * bytes_per_pixel + nr_latent_search_memory (generative.search)) / 1048576.0;
  return TRUE;
}
