/* The frame around fill: groups of holes, budget, delivery. What is filled in is tested with the method.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "hole-groups.h"

/* A smooth picture with holes of SIZE pixels at the given places, painted black. */
static NrPicture *
picture_with_holes (gint width, gint height, gint size, guint n, const gint places[][2])
{
  NrPicture  *picture = nr_picture_new (width, height, 3, FALSE, TRUE);
  const gsize plane   = (gsize) width * height;

  for (gsize i = 0; i < 3 * plane; i++)
    picture->color[i] = 0.5 + 0.2 * sin ((i % plane) % width * 0.02) + 0.2 * cos ((i % plane) / width * 0.03);
  for (guint h = 0; h < n; h++)
    for (gint y = places[h][1]; y < places[h][1] + size; y++)
      for (gint x = places[h][0]; x < places[h][0] + size; x++)
        {
          picture->weight[(gsize) y * width + x] = 1;
          for (gint c = 0; c < 3; c++)
            picture->color[c * plane + (gsize) y * width + x] = 0;
        }
  return picture;
}

static void
test_groups (void)
{
  static const gint     places[][2] = { { 10, 10 }, { 60, 30 }, { 900, 700 }, { 500, 20 } };
  g_autoptr (NrPicture) picture     = picture_with_holes (1000, 800, 5, 4, places);
  const NrSource        source      = nr_picture_source (picture);
  const NrRect          all         = { 0, 0, 1000, 800 };
  g_autoptr (GArray)    groups      = nr_hole_groups_find (&source, &all, 0, NULL, NULL);

  g_assert_cmpuint (groups->len, ==, 3); /* the first two are close */
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 0).bounds.x, ==, 10);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 0).bounds.width, ==, 55);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 0).bounds.height, ==, 25);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 1).bounds.x, ==, 500);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 2).bounds.y, ==, 700);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 2).area.x, ==, 836);
  g_assert_cmpint (g_array_index (groups, NrHoleGroup, 2).area.width, ==, 133);
}

static NrPicture *
run_fill (NrPicture *picture, guint memory, gfloat strength, gboolean blend, guint *tiles, GError **error)
{
  const NrSource        source = nr_picture_source (picture);
  g_autoptr (NrPicture) result = nr_picture_new (picture->width, picture->height, picture->n_channels,
                                                 picture->alpha != NULL, FALSE);
  const NrSink          sink   = nr_picture_sink (result);
  NrArguments           arguments;
  NrReport              report;

  nr_arguments_init (&arguments, NR_TASK_FILL);
  arguments.memory   = memory;
  arguments.strength = strength;
  arguments.blend    = blend;
  if (! nr_restore_run (&arguments, &source, NULL, &sink, NULL, NULL, NULL, &report, error))
    return NULL;
  *tiles = report.tiles;
  g_assert_cmpstr (report.method, ==, "patch-match");
  g_assert_cmpfloat (report.noise_estimate, ==, -1);
  nr_report_clear (&report);
  return g_steal_pointer (&result);
}

static void
assert_filled (const NrPicture *picture, const NrPicture *result)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gsize i = 0; i < 3 * plane; i++)
    if (picture->weight[i % plane] > 0)
      g_assert_cmpfloat (result->color[i], >, 0.08); /* not black any more */
    else
      g_assert_cmpmem (&picture->color[i], sizeof (gfloat), &result->color[i], sizeof (gfloat));
}

static void
test_holes_far_apart (void)
{
  static const gint     places[][2] = { { 3, 3 }, { 1980, 1480 } };
  g_autoptr (NrPicture) picture     = picture_with_holes (2000, 1500, 12, 2, places);
  g_autoptr (NrPicture) result      = NULL;
  g_autoptr (GError)    error       = NULL;
  guint                 tiles;

  result = run_fill (picture, 16, 1, TRUE, &tiles, &error); /* all of it would take far more than 16 MiB */
  g_assert_no_error (error);
  g_assert_cmpuint (tiles, ==, 2);
  assert_filled (picture, result);
}

static void
test_hole_larger_than_the_budget (void)
{
  static const gint     places[][2] = { { 50, 50 } };
  g_autoptr (NrPicture) picture     = picture_with_holes (700, 600, 400, 1, places);
  g_autoptr (NrPicture) result      = NULL;
  g_autoptr (GError)    error       = NULL;
  guint                 tiles;

  result = run_fill (picture, 24, 1, TRUE, &tiles, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tiles, >, 1);
  assert_filled (picture, result);
}

static void
test_strength_and_feather (void)
{
  static const gint     places[][2] = { { 40, 40 } };
  g_autoptr (NrPicture) picture     = picture_with_holes (100, 100, 10, 1, places);
  g_autoptr (NrPicture) full        = NULL;
  g_autoptr (NrPicture) half        = NULL;
  g_autoptr (NrPicture) feathered   = NULL;
  g_autoptr (NrPicture) whole       = NULL;
  guint                 tiles;

  full = run_fill (picture, 0, 1, TRUE, &tiles, NULL);
  half = run_fill (picture, 0, 0.5, TRUE, &tiles, NULL);
  for (gsize i = 0; i < 3 * 100 * 100; i++)
    g_assert_cmpfloat_with_epsilon (half->color[i], (full->color[i] + picture->color[i]) / 2, 1e-6);

  for (gsize i = 0; i < 100 * 100; i++)
    picture->weight[i] *= 0.25f;
  feathered = run_fill (picture, 0, 1, TRUE, &tiles, NULL);
  whole     = run_fill (picture, 0, 1, FALSE, &tiles, NULL);
  for (gsize i = 0; i < 3 * 100 * 100; i++)
    {
      g_assert_cmpfloat_with_epsilon (feathered->color[i], picture->color[i] + 0.25f * (full->color[i] - picture->color[i]), 1e-6);
      g_assert_cmpfloat (whole->color[i], ==, full->color[i]);
    }
}

static void
test_broken_values_are_filled (void)
{
  static const gint     places[][2] = { { 40, 40 } };
  g_autoptr (NrPicture) picture     = picture_with_holes (100, 100, 10, 1, places);
  g_autoptr (NrPicture) result      = NULL;
  guint                 tiles;

  picture->color[45 * 100 + 45] = NAN;
  picture->color[5]             = NAN; /* outside the hole: stays */
  result                        = run_fill (picture, 0, 1, TRUE, &tiles, NULL);
  g_assert_true (isfinite (result->color[45 * 100 + 45]));
  g_assert_true (isnan (result->color[5]));
}

static void
test_nothing_selected (void)
{
  g_autoptr (NrPicture) picture = picture_with_holes (30, 30, 0, 0, NULL);
  g_autoptr (NrPicture) plain   = fixture_picture (30, 30, 3, FALSE, FALSE, 1);
  g_autoptr (NrPicture) result  = NULL;
  g_autoptr (GError)    error   = NULL;
  guint                 tiles;

  result = run_fill (picture, 0, 1, TRUE, &tiles, NULL);
  g_assert_cmpmem (result->color, 3 * 30 * 30 * sizeof (gfloat), picture->color, 3 * 30 * 30 * sizeof (gfloat));
  g_assert_null (run_fill (plain, 0, 1, TRUE, &tiles, &error));
  g_assert_error (error, NR_RESTORE_ERROR, NR_RESTORE_ERROR_PICTURE);
}

static void
test_estimate (void)
{
  NrArguments arguments;
  gdouble     small, large, memory;

  nr_arguments_init (&arguments, NR_TASK_FILL);
  g_assert_true (nr_restore_estimate (&arguments, 20, 20, &small, &memory, NULL));
  g_assert_true (nr_restore_estimate (&arguments, 200, 200, &large, &memory, NULL));
  g_assert_cmpfloat (small, >, 0);
  g_assert_cmpfloat (large, >, small);
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/fill-frame/close-holes-are-one-group", test_groups);
  g_test_add_func ("/restore/fill-frame/holes-far-apart-fit-into-a-small-budget", test_holes_far_apart);
  g_test_add_func ("/restore/fill-frame/a-hole-larger-than-the-budget-is-filled-in-blocks", test_hole_larger_than_the_budget);
  g_test_add_func ("/restore/fill-frame/strength-and-feather-weight-what-was-filled", test_strength_and_feather);
  g_test_add_func ("/restore/fill-frame/broken-values-in-the-hole-are-replaced", test_broken_values_are_filled);
  g_test_add_func ("/restore/fill-frame/nothing-selected-changes-nothing", test_nothing_selected);
  g_test_add_func ("/restore/fill-frame/estimate", test_estimate);
  return g_test_run ();
}
