/* Filling pixels that a network must not see, against a slow search; enlarging planes.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "enlarge.h"
#include "fixture.h"
#include "repair.h"

static gboolean
is_usable (const NrPicture *picture, gint i)
{
  const gint plane = picture->width * picture->height;

  for (gint c = 0; c < picture->n_channels; c++)
    if (! isfinite (picture->color[c * plane + i]))
      return FALSE;
  return ! picture->alpha || picture->alpha[i] > 0;
}

/* Nearest usable pixel by trying all; nearer column first, then left, then up. */
static gint
search (const NrPicture *picture, gint x, gint y)
{
  gint best   = NR_REPAIR_RADIUS * NR_REPAIR_RADIUS + 1;
  gint winner = -1;

  for (gint step = 0; step <= NR_REPAIR_RADIUS; step++)
    for (gint side = -1; side <= 1; side += 2)
      for (gint dy = 0; dy <= NR_REPAIR_RADIUS; dy++)
        for (gint down = -1; down <= 1; down += 2)
          {
            const gint column = x + side * step;
            const gint row    = y + down * dy;

            if (column < 0 || row < 0 || column >= picture->width || row >= picture->height ||
                ! is_usable (picture, row * picture->width + column) || step * step + dy * dy >= best)
              continue;
            best   = step * step + dy * dy;
            winner = row * picture->width + column;
          }
  return winner;
}

static void
test_nearest (void)
{
  static const gdouble shares[] = { 0.02, 0.5, 0.98, 0.9995, 1 };

  for (guint s = 0; s < G_N_ELEMENTS (shares); s++)
    {
      g_autoptr (NrPicture) picture  = fixture_picture (150, 90, 3, TRUE, FALSE, s);
      g_autoptr (NrPicture) repaired = NULL;
      const gint            plane    = 150 * 90;
      g_autoptr (GRand)     rand     = g_rand_new_with_seed (s);

      for (gint i = 0; i < plane; i++)
        if (g_rand_double (rand) < shares[s])
          {
            if (i % 3 == 0)
              picture->color[i % 2 * plane + i] = i % 5 ? NAN : -INFINITY;
            else
              picture->alpha[i] = 0;
          }
      g_assert_true (nr_repair_is_needed (picture));
      repaired = fixture_picture_copy (picture);
      nr_repair (repaired);

      for (gint i = 0; i < plane; i += 7)
        {
          const gint from = is_usable (picture, i) ? i : search (picture, i % 150, i / 150);

          for (gint c = 0; c < 3; c++)
            {
              const gfloat own   = picture->color[c * plane + i];
              const gfloat found = from >= 0 ? picture->color[c * plane + from] : 0.5f;

              g_assert_cmpfloat (repaired->color[c * plane + i], ==,
                                 isfinite (own) && picture->alpha[i] > 0 ? own : found);
            }
        }
    }
}

static void
test_whole_pictures_need_none (void)
{
  g_autoptr (NrPicture) picture = fixture_picture (20, 20, 1, TRUE, FALSE, 1);

  g_assert_false (nr_repair_is_needed (picture));
  picture->alpha[7] = 1e-6f;
  g_assert_false (nr_repair_is_needed (picture));
}

static void
test_uniform_planes_stay (void)
{
  gfloat plane[6 * 5];

  for (guint i = 0; i < G_N_ELEMENTS (plane); i++)
    plane[i] = 0.1f;
  for (gint scale = 2; scale <= 4; scale++)
    for (gint filter = NR_FILTER_LINEAR; filter <= NR_FILTER_CUBIC; filter++)
      {
        g_autofree gfloat *large = nr_enlarge_plane (plane, 6, 5, 0, 0, 6, 5, scale, filter);

        for (gint i = 0; i < 6 * 5 * scale * scale; i++)
          g_assert_cmpfloat (large[i], ==, 0.1f);
      }
}

/* Both filters reproduce a plane inside, and a part equals the part of the whole. */
static void
test_slopes_are_kept (void)
{
  gfloat plane[20 * 12];

  for (gint i = 0; i < 20 * 12; i++)
    plane[i] = 3 * (i % 20) + 0.5 * (i / 20);
  for (gint scale = 2; scale <= 4; scale++)
    for (gint filter = NR_FILTER_LINEAR; filter <= NR_FILTER_CUBIC; filter++)
      {
        g_autofree gfloat *whole = nr_enlarge_plane (plane, 20, 12, 0, 0, 20, 12, scale, filter);
        g_autofree gfloat *part  = nr_enlarge_plane (plane, 20, 12, 4, 3, 9, 6, scale, filter);

        for (gint y = 0; y < 6 * scale; y++)
          for (gint x = 0; x < 9 * scale; x++)
            {
              const gdouble at_x = 4 + (x + 0.5) / scale - 0.5;
              const gdouble at_y = 3 + (y + 0.5) / scale - 0.5;

              g_assert_cmpfloat_with_epsilon (part[y * 9 * scale + x], 3 * at_x + 0.5 * at_y, 1e-4);
              g_assert_cmpfloat (part[y * 9 * scale + x], ==, whole[(3 * scale + y) * 20 * scale + 4 * scale + x]);
            }
      }
}

gint
main (gint argc, gchar *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/repair/the-nearest-usable-pixel-is-taken", test_nearest);
  g_test_add_func ("/restore/repair/whole-pictures-need-none", test_whole_pictures_need_none);
  g_test_add_func ("/restore/enlarge/uniform-planes-stay-exactly", test_uniform_planes_stay);
  g_test_add_func ("/restore/enlarge/slopes-are-kept-and-parts-fit", test_slopes_are_kept);
  return g_test_run ();
}
