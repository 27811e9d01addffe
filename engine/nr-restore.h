/* Neural Restore: picture level. Tasks on float pictures; what the front ends include.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine never holds a whole photograph: it reads rectangles from an NrSource and writes rectangles to an NrSink,
 * so memory stays within the budget whatever the picture's size.
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define NR_RESTORE_ERROR (nr_restore_error_quark ())
GQuark nr_restore_error_quark (void);

typedef enum
{
  NR_RESTORE_ERROR_ARGUMENT, /* an argument outside its range, an unknown method or model */
  NR_RESTORE_ERROR_PACKAGE,  /* a model package that cannot be used; the message says why */
  NR_RESTORE_ERROR_PICTURE,  /* a picture or selection the task cannot work on */
  NR_RESTORE_ERROR_MEMORY    /* the budget is too small for even the smallest tile */
} NrRestoreError;

/* -- Pictures ----------------------------------------------------------------------------------------------------- */

typedef struct
{
  gint x, y, width, height;
} NrRect;

/* A rectangle of pixels in memory: planar float32 in perceptual encoding, nominal [0, 1] (values outside, NaN and
 * infinity are allowed). Plane c starts at color + c * width * height, rows first, no padding. */
typedef struct
{
  gint    width, height;
  gint    n_channels; /* 1 (grey) or 3 (R, G, B in the picture's own primaries) */
  gfloat *color;      /* n_channels planes */
  gfloat *alpha;      /* one plane, 0 to 1, or NULL: opaque */
  gfloat *weight;     /* selection, one plane, 0 to 1, or NULL: everything selected */
} NrPicture;

/* Zeroed planes; free with nr_picture_free (). NULL when there is not enough memory. */
NrPicture *nr_picture_new (gint width, gint height, gint n_channels, gboolean has_alpha, gboolean has_weight);
void       nr_picture_free (NrPicture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPicture, nr_picture_free)

/* What runs have measured of a source, its noise and its blur: the next run on the same source need not do it again, and takes
 * the same for a part as for the whole. For one run at a time. */
typedef struct _NrMeasured NrMeasured;

NrMeasured *nr_measured_new (void);
void        nr_measured_free (NrMeasured *measured);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrMeasured, nr_measured_free)

/* Where pixels come from. read fills all planes that INTO has with the rectangle at (x, y) of INTO's size, which lies
 * wholly inside the source; it is called from one thread at a time, not the one that made the source. */
typedef struct
{
  gint     width, height, n_channels;
  gboolean has_alpha, has_weight;
  gboolean (*read) (gpointer data, gint x, gint y, NrPicture *into, GError **error);
  gpointer    data;
  NrMeasured *measured; /* the caller's, of this source; or NULL */
} NrSource;

/* Where results go: color (and alpha, if the source has one) of FROM at (x, y) of the result. Every pixel of the
 * result is written once. Same threading as NrSource. Results of super-resolve are scale times larger.
 * show (may be NULL) is called by methods that can stop (nr_task_method_can_stop ()), at most a few times a second, with a
 * part of the result as it looks by then; it is not a result and may come again, before and after other parts. */
typedef struct
{
  gboolean (*write) (gpointer data, gint x, gint y, const NrPicture *from, GError **error);
  gpointer data;
  void (*show) (gpointer data, gint x, gint y, const NrPicture *from);
} NrSink;

/* Pictures in memory as source and sink; the picture must outlive them. */
NrSource nr_picture_source (NrPicture *picture);
NrSink   nr_picture_sink (NrPicture *picture);

/* -- Tasks -------------------------------------------------------------------------------------------------------- */

typedef enum
{
  NR_TASK_DENOISE,
  NR_TASK_DEBLUR,
  NR_TASK_SUPER_RESOLVE,
  NR_TASK_FILL
} NrTask;

#define NR_N_TASKS 4

/* "denoise", "deblur", "super-resolve", "fill": the names used everywhere. */
const gchar *nr_task_name (NrTask task);
gboolean     nr_task_from_name (const gchar *name, NrTask *task);

/* NULL-terminated list of the methods a task has, its default first ("network"; fill: "patch-match"). */
const gchar *const *nr_task_methods (NrTask task);

/* What METHOD of TASK (NULL or "": its default) is like; FALSE for one that is not there.
 *   can_stop   can end early at the caller's wish with the best it has so far (NrArguments.stop)
 *   uses       looks at ARGUMENT, of those that its task has; only some methods use "noise", "detail", "blur", "kernel", "angle", "variant",
 *              "passes", "context", "iterations", "seed" and "model" */
gboolean nr_task_method_can_stop (NrTask task, const gchar *method);
gboolean nr_task_method_uses (NrTask task, const gchar *method, const gchar *argument);

#define NR_MAX_PASSES 4

typedef struct
{
  NrTask        task;
  const gchar  *method;   /* NULL or "": the task's default */
  const gchar  *model;    /* package id; deep-image-prior: path of an ONNX file; NULL or "": the method's default */
  gdouble       strength; /* 0 to 1: source + strength (restored - source) */
  gdouble       noise;    /* denoise: sigma on the 0-255 scale, 0 to 100; 0: estimate */
  gdouble       detail;   /* denoise: 0 to 1, how much fine luminance texture comes back */
  gdouble       blur;     /* deblur: sigma (of a disc: radius, of a motion: length) in pixels, 0 to 25; 0: estimate */
  const gchar  *kernel;   /* deblur: shape of the blur that is told, "gaussian", "disc" or "motion" */
  gdouble       angle;    /* deblur: direction of a motion that is told, degrees counter-clockwise from the right, 0 to 180 */
  gint          scale;    /* super-resolve: 2, 3 or 4 */
  const gchar  *variant;  /* super-resolve: "photo" or "clean" */
  gint          passes;   /* networks: 1 to NR_MAX_PASSES mirrored copies whose mean is the result: better, and so many times slower */
  gint          context;  /* fill: pixels looked at around the hole, 0: automatic */
  gint          iterations; /* methods that go step by step: how many, 0 to 100000; 0: automatic */
  guint         seed;       /* methods that start at random */
  guint         threads;  /* 0: all */
  guint         memory;   /* MiB the engine may use, 0: a quarter of RAM, at most 2048 */
  gboolean      blend;    /* weight the change by the source's selection (TRUE) or deliver it whole where weight > 0 */
  GCancellable *stop;     /* or NULL; triggered, a method that can stop ends within an iteration and delivers its best */
} NrArguments;

/* The defaults of design for TASK: strength 1, scale 2, variant photo, kernel gaussian, passes 1, blend TRUE, the rest 0. */
void nr_arguments_init (NrArguments *arguments, NrTask task);

/* Range checks with one clear sentence. */
gboolean nr_arguments_check (const NrArguments *arguments, GError **error);

/* What a run tells: the fields of --json. Free strings with nr_report_clear (). */
typedef struct
{
  NrTask       task;
  gchar       *method;
  gchar       *model;          /* "" for methods without one */
  gint         width, height, n_channels; /* of the result */
  guint        tiles;
  guint        threads;
  gdouble      milliseconds;
  gdouble      peak_memory_mib; /* the engine's own planned peak */
  gdouble      noise_estimate;  /* sigma on the 0-255 scale used, told or estimated; -1: no noise was looked at */
  const gchar *blur_shape; /* blur undone, told or estimated: "none", "gaussian", "disc", "motion"; "" if none was looked at */
  gdouble      blur_size;       /* its sigma, radius or length in pixels */
  gdouble      blur_angle;      /* of a motion: degrees counter-clockwise from the right */
} NrReport;

void   nr_report_clear (NrReport *report);
gchar *nr_report_to_json (const NrReport *report);

/* fraction 0 to 1, never falling; seconds_left below 0: not known yet. Called on the thread of nr_restore_run (). */
typedef void (*NrRestoreProgress) (gdouble fraction, gdouble seconds_left, gpointer data);

/* Runs a task over REGION of the source (NULL: all of it) and writes the result to SINK, whose (0, 0) is REGION's
 * corner. Context outside REGION is read, never written. Blocks; call it from a worker thread where there is a main loop.
 * The picture contracts:
 *   - pixels of weight 0 get exactly their source values, strength 0 returns the source exactly;
 *   - alpha comes back exactly; colors under alpha 0 neither change nor influence their neighbours;
 *   - values outside the network's range ([0, 1] unless its package says otherwise): the network sees the clipped value,
 *     its change is added to the original;
 *   - NaN and infinity: the network sees the nearest finite neighbour, the result keeps them;
 *   - grey stays grey; a color network sees three equal planes and its luma comes back;
 *   - same bytes for any number of threads; up to 1e-6 for any tile size.
 * Cancelled: G_IO_ERROR_CANCELLED within 100 ms. On any error the sink's content is to be thrown away.
 * REPORT may be NULL. */
gboolean nr_restore_run (const NrArguments *arguments,
                         const NrSource    *source,
                         const NrRect      *region,
                         const NrSink      *sink,
                         NrRestoreProgress  progress,
                         gpointer           progress_data,
                         GCancellable      *cancellable,
                         NrReport          *report,
                         GError           **error);

/* Size of the result for a region of width x height (super-resolve enlarges, the others do not). */
void nr_restore_result_size (const NrArguments *arguments, gint width, gint height, gint *result_width, gint *result_height);

/* What a run would take, from the plan and a short calibration kept for the process: memory in MiB, seconds. */
gboolean nr_restore_estimate (const NrArguments *arguments,
                              gint               width,
                              gint               height,
                              gdouble           *seconds,
                              gdouble           *memory_mib,
                              GError           **error);

/* -- Model packages ----------------------------------------------------------------------------------------------- */

/* A folder (or .dtmodel archive of one) with config.json and model files, in the format of darktable's AI models. */
typedef struct
{
  gchar   *id, *name, *description, *version;
  gchar   *card;     /* one line for the dialog: what it is, license */
  gchar   *path;     /* the package's folder or archive */
  gchar   *origin;   /* "user", "darktable" or "installed" */
  NrTask   task;
  gint     n_inputs; /* 1, or 2: with a noise map (denoise), with what deconvolution makes (deblur) */
  guint    scales;   /* super-resolve: bit s set for scale s */
  gchar   *variant;  /* super-resolve: "photo", "clean" or "" */
  gboolean is_default;
  gchar   *problem;  /* NULL when usable, else why not */
} NrPackage;

void nr_package_free (NrPackage *package);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NrPackage, nr_package_free)

/* Folder of the packages that come with the program; NULL brings back the built-in one. The environment's
 * NEURAL_RESTORE_WEIGHTS wins over both. Call before the first use, not from several threads. */
void nr_packages_set_installed_dir (const gchar *path);

/* Every package found, broken ones with their problem: user folder, darktable's, installed; the first of an id wins.
 * The array owns its NrPackage elements. Never fails. */
GPtrArray *nr_packages_list (void);

/* Checks FILE (.dtmodel or a folder) and copies it into the user's folder; the new package, or NULL with an error and
 * nothing left behind. An id already there is refused unless REPLACE. */
NrPackage *nr_packages_add (const gchar *file, gboolean replace, GError **error);

/* Removes a package of the user's folder; others are refused with a sentence. */
gboolean nr_packages_remove (const gchar *id, GError **error);

G_END_DECLS
