/* Cutting into tiles: coverage, identity bit for bit, exactness of local filters, blending.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "tile-run.h"

/* -- Plans --------------------------------------------------------------------------------------------------------- */

static void
assert_inside (const NrRect *inner, const NrRect *outer)
{
  g_assert_cmpint (inner->x, >=, outer->x);
  g_assert_cmpint (inner->y, >=, outer->y);
  g_assert_cmpint (inner->x + inner->width, <=, outer->x + outer->width);
  g_assert_cmpint (inner->y + inner->height, <=, outer->y + outer->height);
}

/* The core's side is HALO away from the window's, unless that is the padded picture's border. */
static void
assert_halo (gint window_begin, gint window_end, gint zone_begin, gint zone_end, gint size, const NrTileRules *rules)
{
  g_assert_true (zone_begin - window_begin >= rules->halo || window_begin == -rules->padding);
  g_assert_true (window_end - zone_end >= rules->halo || window_end >= size + rules->padding);
}

static void
check_plan (const NrTileRules *rules, gint width, gint height, const NrRect *region, gint max)
{
  g_autofree guint8 *count = g_new0 (guint8, (gsize) width * height);
  NrTilePlan         plan;

  g_assert_true (nr_tile_plan_init (&plan, rules, width, height, region, max, max));
  for (guint i = 0; i < plan.n_tiles; i++)
    {
      NrTile tile;

      nr_tile_plan_get (&plan, i, &tile);
      g_assert_cmpint (tile.core.width, >, 0);
      g_assert_cmpint (tile.core.height, >, 0);
      assert_inside (&tile.core, region);
      assert_inside (&tile.core, &tile.zone);
      assert_inside (&tile.zone, &tile.window);
      assert_halo (tile.window.x, tile.window.x + tile.window.width, tile.zone.x, tile.zone.x + tile.zone.width, width, rules);
      assert_halo (tile.window.y, tile.window.y + tile.window.height, tile.zone.y, tile.zone.y + tile.zone.height, height, rules);
      g_assert_cmpint (tile.window.width, <=, max);
      g_assert_cmpint (tile.window.width % rules->multiple, ==, 0);
      g_assert_cmpint ((tile.window.x + rules->padding) % rules->multiple, ==, 0);
      g_assert_cmpint ((tile.window.y + rules->padding) % rules->multiple, ==, 0);
      for (gint y = tile.core.y; y < tile.core.y + tile.core.height; y++)
        for (gint x = tile.core.x; x < tile.core.x + tile.core.width; x++)
          count[(gsize) y * width + x]++;
    }

  for (gint y = 0; y < height; y++)
    for (gint x = 0; x < width; x++)
      g_assert_cmpint (count[(gsize) y * width + x], ==,
                       x >= region->x && y >= region->y && x < region->x + region->width && y < region->y + region->height);
}

static void
test_cores_make_up_the_region (void)
{
  const NrTileRules rules[] = {
    { .halo = 0, .multiple = 1 },
    { .halo = 5, .multiple = 1, .padding = 5 },
    { .halo = 7, .multiple = 8, .padding = 16 },
    { .halo = 20, .multiple = 4, .padding = 3 },
    { .halo = 9, .multiple = 2, .padding = 9, .overlap = 4 },
  };
  const gint sizes[] = { 1, 2, 7, 8, 63, 64, 65, 200 };

  for (guint r = 0; r < G_N_ELEMENTS (rules); r++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
        for (gint max = 56; max <= 96; max += 13)
          {
            const gint   width  = sizes[i];
            const gint   height = sizes[j];
            const NrRect all    = { 0, 0, width, height };
            const NrRect part   = { width / 3, height / 2, width - width / 3, (height + 3) / 4 };

            check_plan (&rules[r], width, height, &all, max);
            check_plan (&rules[r], width, height, &part, max);
          }
}

static void
test_fixed_windows_keep_their_size (void)
{
  const NrTileRules rules   = { .halo = 6, .multiple = 4, .padding = 8, .is_fixed = TRUE };
  const gint        sizes[] = { 1, 5, 40, 64, 150 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const NrRect region = { sizes[i] / 2, 0, sizes[i] - sizes[i] / 2, sizes[i] };
      NrTilePlan   plan;

      g_assert_true (nr_tile_plan_init (&plan, &rules, sizes[i], sizes[i], &region, 48, 48));
      g_assert_cmpint (plan.x.window, ==, 48);
      g_assert_cmpint (plan.y.window, ==, 48);
      check_plan (&rules, sizes[i], sizes[i], &region, 48);
    }
}

static void
test_windows_without_a_middle_are_refused (void)
{
  const NrTileRules rules  = { .halo = 30, .multiple = 4 };
  const NrRect      region = { 0, 0, 500, 500 };
  NrTilePlan        plan;

  g_assert_false (nr_tile_plan_init (&plan, &rules, 500, 500, &region, 60, 60));
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

static gboolean
copy_tile (gpointer data, const NrPicture *input, const NrRect *known, NrPicture *output, NrTileProgress progress, gpointer progress_data, GCancellable *cancellable, GError **error)
{
  const gint scale = GPOINTER_TO_INT (data);

  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < output->height; y++)
      for (gint x = 0; x < output->width; x++)
        output->color[((gsize) c * output->height + y) * output->width + x] =
            input->color[((gsize) c * input->height + y / scale) * input->width + x / scale];
  progress (1, progress_data);
  return TRUE;
}

/* Box of radius 3 and the position's phase on a grid of 4: shows a wrong halo and a wrong alignment. Beyond the window
 * there are zeros, as convolutions have them. */
static gboolean
box_tile (gpointer data, const NrPicture *input, const NrRect *known, NrPicture *output, NrTileProgress progress, gpointer progress_data, GCancellable *cancellable, GError **error)
{
  for (gint c = 0; c < 3; c++)
    for (gint y = 0; y < input->height; y++)
      for (gint x = 0; x < input->width; x++)
        {
          gfloat sum = 0;

          for (gint dy = -3; dy <= 3; dy++)
            for (gint dx = -3; dx <= 3; dx++)
              if (x + dx >= 0 && y + dy >= 0 && x + dx < input->width && y + dy < input->height)
                sum += input->color[((gsize) c * input->height + y + dy) * input->width + x + dx];
          output->color[((gsize) c * input->height + y) * input->width + x] = sum / 49 * (x % 4 == 0 ? 1 : 0.5) * (y % 4 == 1 ? 1 : 0.75);
        }
  return TRUE;
}

/* Adds the window's mean: a global operation. */
static gboolean
mean_tile (gpointer data, const NrPicture *input, const NrRect *known, NrPicture *output, NrTileProgress progress, gpointer progress_data, GCancellable *cancellable, GError **error)
{
  const gsize n   = (gsize) input->width * input->height * 3;
  gdouble     sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += input->color[i];
  for (gsize i = 0; i < n; i++)
    output->color[i] = 0.5 * input->color[i] + 0.5 * sum / n;
  return TRUE;
}

static NrPicture *
run_tiles (NrPicture *picture, const NrRect *region, const NrTileRules *rules, gint max, NrTileFunc func, gint scale)
{
  NrArguments    arguments;
  NrReport       report = { 0 };
  const NrSource source = nr_picture_source (picture);
  NrPicture     *result = nr_picture_new (region->width * scale, region->height * scale, picture->n_channels,
                                          picture->alpha != NULL, FALSE);
  const NrSink   sink   = nr_picture_sink (result);
  NrTileRun      run    = { .scale = scale, .low = 0, .high = 1, .func = func, .data = GINT_TO_POINTER (scale) };
  NrJob          job    = { .arguments = &arguments, .source = &source, .region = *region, .sink = &sink, .report = &report, .seconds_left = -1 };

  nr_arguments_init (&arguments, scale > 1 ? NR_TASK_SUPER_RESOLVE : NR_TASK_DENOISE);
  arguments.scale = scale;
  g_assert_true (nr_tile_plan_init (&run.plan, rules, picture->width, picture->height, region, max, max));
  g_assert_true (nr_tile_run (&run, &job, 0, NULL));
  return result;
}

static void
test_identity_returns_the_input_exactly (void)
{
  const NrTileRules rules[] = { { .multiple = 1 }, { .halo = 11, .multiple = 8, .padding = 11 } };
  const gint        sizes[] = { 1, 3, 31, 64, 97, 140 };

  for (guint r = 0; r < G_N_ELEMENTS (rules); r++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
        {
          g_autoptr (NrPicture) picture = fixture_picture (sizes[i], sizes[j], 3, FALSE, FALSE, i * 10 + j);
          const NrRect          all     = { 0, 0, sizes[i], sizes[j] };
          g_autoptr (NrPicture) result  = run_tiles (picture, &all, &rules[r], 48, copy_tile, 1);

          fixture_assert_same (picture, result);
        }
}

static void
test_tiles_do_not_show (void)
{
  const NrTileRules rules   = { .halo = 3, .multiple = 4, .padding = 3 };
  const gint        sizes[] = { 5, 61, 130 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
      {
        g_autoptr (NrPicture) picture = fixture_picture (sizes[i], sizes[j], 3, FALSE, FALSE, i * 10 + j);
        const NrRect          all     = { 0, 0, sizes[i], sizes[j] };
        g_autoptr (NrPicture) whole   = run_tiles (picture, &all, &rules, 1000, box_tile, 1);

        for (gint max = 24; max < 80; max += 20)
          {
            g_autoptr (NrPicture) tiled = run_tiles (picture, &all, &rules, max, box_tile, 1);

            fixture_assert_same (whole, tiled);
          }
      }
}

static void
test_a_region_is_a_part_of_the_whole (void)
{
  const NrTileRules     rules   = { .halo = 3, .multiple = 4, .padding = 3 };
  g_autoptr (NrPicture) picture = fixture_picture (90, 70, 3, FALSE, FALSE, 1);
  const NrRect          all     = { 0, 0, 90, 70 };
  const NrRect          part    = { 37, 21, 30, 49 };
  g_autoptr (NrPicture) whole   = run_tiles (picture, &all, &rules, 1000, box_tile, 1);
  g_autoptr (NrPicture) cut     = nr_picture_new (part.width, part.height, 3, FALSE, FALSE);
  g_autoptr (NrPicture) result  = run_tiles (picture, &part, &rules, 28, box_tile, 1);
  const NrSource        source  = nr_picture_source (whole);

  g_assert_true (source.read (source.data, part.x, part.y, cut, NULL));
  fixture_assert_same (cut, result);
}

static void
test_enlarging_tiles_do_not_show (void)
{
  const NrTileRules rules = { .halo = 2, .multiple = 1, .padding = 2 };

  for (gint scale = 2; scale <= 4; scale++)
    {
      g_autoptr (NrPicture) picture = fixture_picture (53, 40, 3, TRUE, FALSE, scale);
      const NrRect          all     = { 0, 0, 53, 40 };
      g_autoptr (NrPicture) whole   = run_tiles (picture, &all, &rules, 1000, copy_tile, scale);
      g_autoptr (NrPicture) tiled   = run_tiles (picture, &all, &rules, 17, copy_tile, scale);

      fixture_assert_same (whole, tiled);
      g_assert_cmpint (whole->width, ==, 53 * scale);
    }
}

static gboolean
never_run (gpointer data, const NrPicture *input, const NrRect *known, NrPicture *output, NrTileProgress progress, gpointer progress_data, GCancellable *cancellable, GError **error)
{
  g_assert_not_reached ();
}

static void
note_fraction (gdouble fraction, gdouble seconds_left, gpointer data)
{
  gdouble *last = data;

  *last = fraction;
}

static void
test_unselected_tiles_are_not_computed (void)
{
  const NrTileRules     rules   = { .multiple = 1 };
  g_autoptr (NrPicture) picture = fixture_picture (90, 90, 3, TRUE, TRUE, 3);
  g_autoptr (NrPicture) result  = nr_picture_new (90, 90, 3, TRUE, FALSE);
  const NrSource        source  = nr_picture_source (picture);
  const NrSink          sink    = nr_picture_sink (result);
  NrReport              report  = { 0 };
  NrArguments           arguments;
  gdouble               fraction = 0;
  NrTileRun             run      = { .scale = 1, .low = 0, .high = 1, .func = never_run };
  NrJob                 job      = { .arguments = &arguments, .source = &source, .region = { 0, 0, 90, 90 }, .sink = &sink, .report = &report, .progress = note_fraction, .progress_data = &fraction, .seconds_left = -1 };

  for (gint i = 0; i < 90 * 90; i++)
    if (i % 2)
      picture->weight[i] = 0;
    else
      picture->alpha[i] = 0;
  nr_arguments_init (&arguments, NR_TASK_DENOISE);
  g_assert_true (nr_tile_plan_init (&run.plan, &rules, 90, 90, &job.region, 40, 40));
  g_assert_true (nr_tile_run (&run, &job, 0, NULL));
  fixture_assert_same (picture, result);
  g_assert_cmpfloat_with_epsilon (fraction, 1, 1e-9);
}

static void
test_blended_tiles_have_no_seam (void)
{
  const NrTileRules     rules   = { .halo = 6, .multiple = 2, .padding = 6, .overlap = 8 };
  g_autoptr (NrPicture) picture = nr_picture_new (150, 120, 3, FALSE, FALSE);
  const NrRect          all     = { 0, 0, 150, 120 };
  g_autoptr (NrPicture) blended = NULL;
  g_autoptr (NrPicture) copied  = NULL;
  gdouble               step    = 0;

  for (gsize i = 0; i < 3 * 150 * 120; i++)
    picture->color[i] = (i % 150) / 149.0;
  copied = run_tiles (picture, &all, &rules, 48, copy_tile, 1);
  g_assert_cmpfloat (fixture_difference (picture, copied), <, 1e-6); /* weights add up to 1 */

  blended = run_tiles (picture, &all, &rules, 48, mean_tile, 1);
  for (gsize i = 0; i + 1 < 3 * 150 * 120; i++)
    if ((i + 1) % 150 != 0)
      step = MAX (step, fabs ((gdouble) blended->color[i + 1] - blended->color[i]));
  /* The windows' means differ by up to 0.3, half of which shows; over 16 pixels a step is at most 1.5 / 16 of it. */
  g_assert_cmpfloat (step, <, 0.5 / 149 + 0.15 * 1.5 / 16);
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/tiles/cores-make-up-the-region-and-keep-their-halo", test_cores_make_up_the_region);
  g_test_add_func ("/restore/tiles/fixed-windows-keep-their-size", test_fixed_windows_keep_their_size);
  g_test_add_func ("/restore/tiles/windows-without-a-middle-are-refused", test_windows_without_a_middle_are_refused);
  g_test_add_func ("/restore/tiles/identity-network-returns-the-input-exactly", test_identity_returns_the_input_exactly);
  g_test_add_func ("/restore/tiles/a-local-filter-gives-the-same-bytes-tiled-and-whole", test_tiles_do_not_show);
  g_test_add_func ("/restore/tiles/a-region-is-a-part-of-the-whole", test_a_region_is_a_part_of_the_whole);
  g_test_add_func ("/restore/tiles/enlarging-tiles-do-not-show", test_enlarging_tiles_do_not_show);
  g_test_add_func ("/restore/tiles/unselected-tiles-are-not-computed", test_unselected_tiles_are_not_computed);
  g_test_add_func ("/restore/tiles/blended-tiles-have-no-seam", test_blended_tiles_have_no_seam);
  return g_test_run ();
}
