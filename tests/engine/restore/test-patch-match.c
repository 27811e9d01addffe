/* Content-aware fill by bridging and patches.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "patch-match.h"

/* -- Pictures to fill --------------------------------------------------------------------------------------------- */

typedef gfloat (*Scene) (gint x, gint y, gint channel);

static gfloat
constant_scene (gint x, gint y, gint channel)
{
  return 0.2f + 0.25f * channel;
}

static gfloat
ramp_scene (gint x, gint y, gint channel)
{
  return 0.1f + 0.004f * x + 0.003f * y + 0.05f * channel;
}

static gfloat
stripes_scene (gint x, gint y, gint channel)
{
  return (x % 8 < 4 ? 0.2f : 0.8f) - 0.05f * channel;
}

static gfloat
chessboard_scene (gint x, gint y, gint channel)
{
  return ((x / 5 + y / 5) % 2 ? 0.3f : 0.7f) + 0.1f * channel;
}

/* Grass-like: no two places are the same. */
static gfloat
noisy_scene (gint x, gint y, gint channel)
{
  guint32 bits = (guint32) x * 0x9e3779b9u ^ (guint32) y * 0x85ebca6bu ^ (guint32) channel * 0xc2b2ae35u;

  bits ^= bits >> 15;
  bits *= 0x2c1b3c6du;
  bits ^= bits >> 12;

  return 0.3f + 0.1f * sinf (0.2f * x) + 0.2f * (bits >> 8) / 16777216.0f;
}

static NrPicture *
scene_picture (Scene scene, gint width, gint height, gint n_channels, gboolean has_alpha)
{
  NrPicture *picture = nr_picture_new (width, height, n_channels, has_alpha, TRUE);

  for (gint c = 0; c < n_channels; c++)
    for (gint y = 0; y < height; y++)
      for (gint x = 0; x < width; x++)
        picture->color[((gsize) c * height + y) * width + x] = scene (x, y, c);
  if (has_alpha)
    for (gsize i = 0; i < (gsize) width * height; i++)
      picture->alpha[i] = 1.0f;

  return picture;
}

static NrPicture *
picture_copy (const NrPicture *picture)
{
  const gsize n_pixels = (gsize) picture->width * picture->height;
  NrPicture  *copy     = nr_picture_new (picture->width, picture->height, picture->n_channels, picture->alpha != NULL,
                                         picture->weight != NULL);

  memcpy (copy->color, picture->color, picture->n_channels * n_pixels * sizeof (gfloat));
  if (picture->alpha)
    memcpy (copy->alpha, picture->alpha, n_pixels * sizeof (gfloat));
  if (picture->weight)
    memcpy (copy->weight, picture->weight, n_pixels * sizeof (gfloat));

  return copy;
}

/* Makes the rectangle a hole: weight 1, colors that nothing should be taken from. */
static void
punch (NrPicture *picture, gint left, gint top, gint width, gint height)
{
  for (gint y = top; y < top + height; y++)
    for (gint x = left; x < left + width; x++)
      {
        const gsize at = (gsize) y * picture->width + x;

        picture->weight[at] = 1.0f;
        for (gint c = 0; c < picture->n_channels; c++)
          picture->color[(gsize) c * picture->width * picture->height + at] = -40.0f;
      }
}

/* A scratch of WIDTH pixels that falls by one pixel every third. */
static void
scratch (NrPicture *picture, gint width)
{
  for (gint x = 0; x < picture->width; x++)
    punch (picture, x, MIN (picture->height / 3 + x / 3, picture->height - width), 1, width);
}

static void
fill_with (NrPicture *picture, guint threads, guint seed)
{
  g_autoptr (GError) error     = NULL;
  NrArguments        arguments = { .task = NR_TASK_FILL, .seed = seed, .threads = threads };

  g_assert_true (nr_patch_match_fill (picture, &arguments, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
fill (NrPicture *picture)
{
  fill_with (picture, 2, 0);
}

/* Root of the mean square of picture - scene over the hole, and the largest difference. */
static void
measure (const NrPicture *picture, Scene scene, gdouble *rms, gdouble *largest)
{
  gdouble sum = 0.0;
  gint    n   = 0;

  *largest = 0.0;
  for (gint c = 0; c < picture->n_channels; c++)
    for (gint y = 0; y < picture->height; y++)
      for (gint x = 0; x < picture->width; x++)
        if (picture->weight[(gsize) y * picture->width + x] > 0.0f)
          {
            const gfloat  value = picture->color[((gsize) c * picture->height + y) * picture->width + x];
            const gdouble off   = fabs ((gdouble) value - scene (x, y, c));

            g_assert_true (isfinite (value));
            sum += off * off;
            n++;
            *largest = MAX (*largest, off);
          }
  g_assert_cmpint (n, >, 0);
  *rms = sqrt (sum / n);
}

static void
assert_known_untouched (const NrPicture *picture, const NrPicture *before)
{
  const gsize n_pixels = (gsize) picture->width * picture->height;

  for (gint c = 0; c < picture->n_channels; c++)
    for (gsize i = 0; i < n_pixels; i++)
      if (! (before->weight[i] > 0.0f))
        g_assert_cmpmem (picture->color + c * n_pixels + i, sizeof (gfloat),
                         before->color + c * n_pixels + i, sizeof (gfloat));
}

/* -- What comes back ---------------------------------------------------------------------------------------------- */

static void
test_known_pixels (void)
{
  g_autoptr (NrPicture) picture = scene_picture (noisy_scene, 120, 90, 3, FALSE);
  g_autoptr (NrPicture) before  = NULL;

  punch (picture, 40, 30, 37, 33);
  scratch (picture, 3);
  picture->color[5]    = NAN;
  picture->color[2000] = INFINITY;
  before               = picture_copy (picture);
  fill (picture);

  assert_known_untouched (picture, before);
  g_assert_cmpmem (picture->weight, 120 * 90 * sizeof (gfloat), before->weight, 120 * 90 * sizeof (gfloat));
}

static void
test_constant (void)
{
  static const gint sizes[][2] = { { 100, 80 }, { 81, 97 }, { 33, 34 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (gint n_channels = 1; n_channels <= 3; n_channels += 2)
      {
        g_autoptr (NrPicture) picture = scene_picture (constant_scene, sizes[i][0], sizes[i][1], n_channels, FALSE);
        gdouble               rms, largest;

        punch (picture, 3, 4, sizes[i][0] - 9, sizes[i][1] - 12);
        fill (picture);
        measure (picture, constant_scene, &rms, &largest);
        g_assert_cmpfloat (largest, <, 1e-5); /* rounding of sums of some hundred terms */
      }
}

static void
test_thin_scratch_in_ramp (void)
{
  g_autoptr (NrPicture) picture = scene_picture (ramp_scene, 96, 96, 3, FALSE);
  gdouble               rms, largest;

  scratch (picture, 3);
  fill (picture);
  measure (picture, ramp_scene, &rms, &largest);
  g_assert_cmpfloat (rms, <, 1e-3); /* a quarter of a step of 8 bits */
  g_assert_cmpfloat (largest, <, 4e-3);
}

static void
test_scratch_across_stripes (void)
{
  g_autoptr (NrPicture) picture = scene_picture (stripes_scene, 96, 96, 3, FALSE);
  gdouble               rms, largest;

  scratch (picture, 5);
  fill (picture);
  measure (picture, stripes_scene, &rms, &largest);
  g_assert_cmpfloat (rms, <, 0.03); /* the stripes' own is 0.3 */
}

static void
test_lost_pixels (void)
{
  g_autoptr (NrPicture) picture = scene_picture (stripes_scene, 96, 64, 3, FALSE);
  guint32               bits    = 1;
  gdouble               rms, largest;

  for (gint y = 0; y < 64; y++)
    for (gint x = 0; x < 96; x++)
      {
        bits = bits * 1664525u + 1013904223u;
        if (bits >> 31)
          punch (picture, x, y, 1, 1);
      }
  fill (picture);
  measure (picture, stripes_scene, &rms, &largest);
  g_assert_cmpfloat (rms, <, 0.03);
}

static void
test_wide_hole (gconstpointer data)
{
  Scene                 scene   = (Scene) data;
  g_autoptr (NrPicture) picture = scene_picture (scene, 160, 150, 3, FALSE);
  gdouble               rms, largest;

  punch (picture, 55, 50, 48, 48);
  fill (picture);
  measure (picture, scene, &rms, &largest);
  g_assert_cmpfloat (rms, <, 0.02); /* a smear has 0.2 to 0.3 */
}

static void
test_hole_at_the_border (void)
{
  g_autoptr (NrPicture) picture = scene_picture (stripes_scene, 128, 128, 1, FALSE);
  gdouble               rms, largest;

  punch (picture, 0, 0, 40, 40);
  punch (picture, 88, 100, 40, 28);
  fill (picture);
  measure (picture, stripes_scene, &rms, &largest);
  g_assert_cmpfloat (rms, <, 0.05);
}

static void
test_bright_surroundings (void)
{
  g_autoptr (NrPicture) picture = scene_picture (constant_scene, 80, 80, 3, FALSE);
  const gsize           n       = 3 * 80 * 80;

  for (gsize i = 0; i < n; i++)
    picture->color[i] = 7.5f;
  punch (picture, 20, 20, 40, 40);
  punch (picture, 5, 5, 3, 70);
  fill (picture);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (picture->color[i], 7.5f, 1e-4f);
}

static void
test_tiny_pictures (void)
{
  for (gint height = 1; height <= 9; height++)
    for (gint width = 1; width <= 9; width++)
      if (width * height > 1)
        {
          g_autoptr (NrPicture) picture = scene_picture (constant_scene, width, height, 3, FALSE);
          gdouble               rms, largest;

          punch (picture, 0, 0, (width + 1) / 2, height > 1 ? height - 1 : height);
          fill (picture);
          measure (picture, constant_scene, &rms, &largest);
          g_assert_cmpfloat (largest, <, 1e-5);
        }
}

static void
test_soft_selection (void)
{
  g_autoptr (NrPicture) hard = scene_picture (noisy_scene, 90, 90, 3, FALSE);
  g_autoptr (NrPicture) soft = NULL;

  punch (hard, 30, 30, 30, 30);
  soft = picture_copy (hard);
  for (gsize i = 0; i < 90 * 90; i++)
    soft->weight[i] *= 0.01f;
  fill (hard);
  fill (soft);
  g_assert_cmpmem (hard->color, 3 * 90 * 90 * sizeof (gfloat), soft->color, 3 * 90 * 90 * sizeof (gfloat));
}

/* -- What does not count ------------------------------------------------------------------------------------------ */

static void
test_transparent (void)
{
  g_autoptr (NrPicture) picture = scene_picture (constant_scene, 100, 100, 3, TRUE);
  g_autoptr (NrPicture) before  = NULL;

  punch (picture, 30, 30, 40, 40);
  for (gint y = 0; y < 100; y++)
    for (gint x = 0; x < 45; x++)
      {
        const gsize at = (gsize) y * 100 + x;

        picture->alpha[at] = 0.0f;
        for (gint c = 0; c < 3; c++)
          picture->color[c * 10000 + at] = 9.0f;
      }
  before = picture_copy (picture);
  fill (picture);

  for (gint c = 0; c < 3; c++)
    for (gsize i = 0; i < 10000; i++)
      if (picture->alpha[i] > 0.0f)
        g_assert_cmpfloat_with_epsilon (picture->color[c * 10000 + i], constant_scene (0, 0, c), 1e-5f);
      else
        g_assert_cmpfloat (picture->color[c * 10000 + i], ==, before->color[c * 10000 + i]);
  g_assert_cmpmem (picture->alpha, 10000 * sizeof (gfloat), before->alpha, 10000 * sizeof (gfloat));
}

static void
test_not_finite (void)
{
  g_autoptr (NrPicture) picture = scene_picture (constant_scene, 100, 100, 1, FALSE);

  punch (picture, 30, 30, 40, 40);
  picture->color[29 * 100 + 45] = NAN;
  picture->color[45 * 100 + 71] = -INFINITY;
  picture->color[50 * 100 + 50] = NAN; /* in the hole */
  fill (picture);

  g_assert_true (isnan (picture->color[29 * 100 + 45]));
  g_assert_true (isinf (picture->color[45 * 100 + 71]));
  for (gint y = 30; y < 70; y++)
    for (gint x = 30; x < 70; x++)
      g_assert_cmpfloat_with_epsilon (picture->color[y * 100 + x], constant_scene (x, y, 0), 1e-5f);
}

/* -- Running ------------------------------------------------------------------------------------------------------ */

static void
test_threads_and_seed (void)
{
  g_autoptr (NrPicture) one     = scene_picture (noisy_scene, 150, 130, 3, FALSE);
  g_autoptr (NrPicture) three   = NULL;
  g_autoptr (NrPicture) other   = NULL;
  const gsize           n_bytes = 3 * 150 * 130 * sizeof (gfloat);

  punch (one, 50, 40, 50, 50);
  scratch (one, 4);
  three = picture_copy (one);
  other = picture_copy (one);
  fill_with (one, 1, 7);
  fill_with (three, 3, 7);
  fill_with (other, 1, 8);

  g_assert_cmpmem (one->color, n_bytes, three->color, n_bytes);
  g_assert_cmpint (memcmp (one->color, other->color, n_bytes), !=, 0);
}

typedef struct
{
  gdouble       last;
  gint          n;
  GCancellable *cancel; /* after CANCEL_AFTER calls */
} Watch;

enum
{
  CANCEL_AFTER = 5
};

static void
watch_progress (gdouble fraction, gdouble seconds_left, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpfloat (fraction, >=, watch->last);
  g_assert_cmpfloat (fraction, <=, 1.0);
  watch->last = fraction;
  if (++watch->n == CANCEL_AFTER && watch->cancel)
    g_cancellable_cancel (watch->cancel);
}

static void
test_progress (void)
{
  g_autoptr (NrPicture) picture   = scene_picture (noisy_scene, 200, 160, 3, FALSE);
  g_autoptr (GError)    error     = NULL;
  NrArguments           arguments = { .task = NR_TASK_FILL };
  Watch                 watch     = { 0 };

  punch (picture, 60, 50, 60, 60);
  scratch (picture, 4);
  g_assert_true (nr_patch_match_fill (picture, &arguments, watch_progress, &watch, NULL, &error));
  g_assert_cmpint (watch.n, >, 10);
  g_assert_cmpfloat (watch.last, ==, 1.0);
}

static void
test_cancel (void)
{
  g_autoptr (NrPicture)    picture   = scene_picture (noisy_scene, 400, 400, 3, FALSE);
  g_autoptr (GCancellable) cancel    = g_cancellable_new ();
  g_autoptr (GError)       error     = NULL;
  NrArguments              arguments = { .task = NR_TASK_FILL };
  Watch                    watch     = { .cancel = cancel };
  gint                     n_before;

  punch (picture, 60, 50, 280, 280);
  g_assert_false (nr_patch_match_fill (picture, &arguments, watch_progress, &watch, cancel, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (watch.n, ==, CANCEL_AFTER);

  g_clear_error (&error);
  n_before = watch.n;
  g_assert_false (nr_patch_match_fill (picture, &arguments, watch_progress, &watch, cancel, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (watch.n, ==, n_before);
}

static void
test_nothing_to_fill_from (void)
{
  NrArguments arguments = { .task = NR_TASK_FILL };

  for (gint size = 1; size <= 65; size += 32)
    {
      g_autoptr (NrPicture) picture = scene_picture (constant_scene, size, size, 3, TRUE);
      g_autoptr (GError)    error   = NULL;

      punch (picture, 0, 0, size, size);
      if (size > 1)
        picture->alpha[5] = 0.0f; /* what is transparent is no help */
      g_assert_false (nr_patch_match_fill (picture, &arguments, NULL, NULL, NULL, &error));
      g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE);
      g_assert_nonnull (strstr (error->message, "smaller area"));
    }
}

static void
test_nothing_to_fill (void)
{
  g_autoptr (NrPicture) picture = scene_picture (noisy_scene, 20, 20, 3, FALSE);
  g_autoptr (NrPicture) before  = picture_copy (picture);

  fill (picture);
  assert_known_untouched (picture, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/restore/patch-match/known-pixels-stay-bit-for-bit", test_known_pixels);
  g_test_add_func ("/restore/patch-match/constant-stays-constant", test_constant);
  g_test_add_func ("/restore/patch-match/thin-scratch-in-a-ramp-vanishes", test_thin_scratch_in_ramp);
  g_test_add_func ("/restore/patch-match/scratch-across-stripes-vanishes", test_scratch_across_stripes);
  g_test_add_func ("/restore/patch-match/lost-pixels-of-stripes-come-back", test_lost_pixels);
  g_test_add_data_func ("/restore/patch-match/stripes-go-on-through-a-wide-hole", stripes_scene, test_wide_hole);
  g_test_add_data_func ("/restore/patch-match/chessboard-goes-on-through-a-wide-hole", chessboard_scene, test_wide_hole);
  g_test_add_func ("/restore/patch-match/stripes-go-on-to-the-border", test_hole_at_the_border);
  g_test_add_func ("/restore/patch-match/values-above-1-survive", test_bright_surroundings);
  g_test_add_func ("/restore/patch-match/tiny-pictures", test_tiny_pictures);
  g_test_add_func ("/restore/patch-match/soft-selection-fills-like-a-hard-one", test_soft_selection);
  g_test_add_func ("/restore/patch-match/transparent-pixels-neither-change-nor-count", test_transparent);
  g_test_add_func ("/restore/patch-match/not-finite-pixels-neither-change-nor-count", test_not_finite);
  g_test_add_func ("/restore/patch-match/same-bytes-for-any-threads-not-for-any-seed", test_threads_and_seed);
  g_test_add_func ("/restore/patch-match/progress-never-falls-and-ends-at-1", test_progress);
  g_test_add_func ("/restore/patch-match/cancel-stops-at-once", test_cancel);
  g_test_add_func ("/restore/patch-match/all-hole-is-refused-with-a-sentence", test_nothing_to_fill_from);
  g_test_add_func ("/restore/patch-match/no-hole-changes-nothing", test_nothing_to_fill);

  return g_test_run ();
}
