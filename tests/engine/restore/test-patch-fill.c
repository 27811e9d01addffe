/* Patches that follow a sketch, and fillings at a part of their size.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "fixture.h"
#include "hole-filling.h"
#include "patch-fill.h"

enum
{
  SIDE  = 128,
  FIRST = 40, /* row and column of the hole */
  HOLE  = 48
};

static gboolean
is_in_hole (gint x, gint y)
{
  return x >= FIRST && x < FIRST + HOLE && y >= FIRST && y < FIRST + HOLE;
}

/* Grain around 0.25 on the left and 0.75 on the right; in the hole those two colors without the grain. */
static void
make_scene (gfloat *plane, guint8 *is_hole)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (gint i = 0; i < SIDE * SIDE; i++)
    {
      const gint    x     = i % SIDE;
      const gdouble color = x < SIDE / 2 ? 0.25 : 0.75;
      const gdouble grain = g_rand_double_range (rand, -0.2, 0.2);

      is_hole[i] = is_in_hole (x, i / SIDE);
      plane[i]   = is_hole[i] ? color : color + grain;
    }
}

/* Of the hole's columns from X on, HOLE / 2 of them. */
static void
measure (const gfloat *plane, gint x, gdouble *mean, gdouble *deviation)
{
  gdouble    sum = 0, squares = 0;
  const gint n = HOLE / 2 * HOLE;

  for (gint v = FIRST; v < FIRST + HOLE; v++)
    for (gint u = x; u < x + HOLE / 2; u++)
      {
        sum += plane[v * SIDE + u];
        squares += (gdouble) plane[v * SIDE + u] * plane[v * SIDE + u];
      }
  *mean      = sum / n;
  *deviation = sqrt (squares / n - *mean * *mean);
}

/* Colors stay where the sketch has them, and the grain (uniform, deviation 0.4 / sqrt (12)) comes back; as any guess it
 * would lose a tenth. */
static void
test_sketch_gets_detail (void)
{
  g_autofree gfloat *plane   = g_new (gfloat, SIDE * SIDE);
  g_autofree guint8 *is_hole = g_new (guint8, SIDE * SIDE);
  g_autoptr (NrPool) pool    = nr_pool_new (2);
  NrFillJob          job     = { .pool = pool };
  const gdouble      grain   = 0.4 / sqrt (12);

  make_scene (plane, is_hole);
  g_assert_true (nr_patch_fill (&job, plane, 1, SIDE, SIDE, is_hole, is_hole, NR_PATCH_SKETCH, 1));
  for (gint side = 0; side < 2; side++)
    {
      gdouble mean, deviation;

      measure (plane, FIRST + side * HOLE / 2, &mean, &deviation);
      g_test_message ("%d: %.3f, %.3f of the grain", side, mean, deviation / grain);
      g_assert_cmpfloat_with_epsilon (mean, side ? 0.75 : 0.25, 0.05);
      g_assert_cmpfloat (deviation, >, 0.93 * grain);
    }
}

static void
test_reduces (void)
{
  enum
  {
    WIDTH  = 15,
    HEIGHT = 9,
    SCALE  = 3
  };
  gfloat                 known[3 * WIDTH * HEIGHT], weight[3 * WIDTH * HEIGHT];
  const NrHoleFilling    filling = { WIDTH, HEIGHT, known, weight };
  g_auto (NrHoleFilling) reduced = { 0 };
  g_autoptr (GRand)      rand    = g_rand_new_with_seed (11);
  const gint             plane   = WIDTH * HEIGHT;

  for (gint i = 0; i < plane; i++)
    {
      const gboolean is_known = i % WIDTH >= SCALE && g_rand_double (rand) < 0.1;

      for (gint c = 0; c < 3; c++)
        {
          known[c * plane + i]  = is_known ? g_rand_double (rand) : 0.5;
          weight[c * plane + i] = is_known;
        }
    }
  nr_hole_filling_reduce (&filling, SCALE, &reduced);
  g_assert_cmpint (reduced.width, ==, WIDTH / SCALE);
  g_assert_cmpint (reduced.height, ==, HEIGHT / SCALE);

  for (gint i = 0; i < 3 * reduced.width * reduced.height; i++)
    {
      const gint x   = i % reduced.width;
      const gint y   = i / reduced.width % reduced.height;
      const gint c   = i / (reduced.width * reduced.height);
      gdouble    sum = 0;
      gint       n   = 0;

      for (gint j = 0; j < plane; j++)
        if (j % WIDTH / SCALE == x && j / WIDTH / SCALE == y && weight[j] > 0)
          {
            sum += known[c * plane + j];
            n++;
          }
      g_assert_cmpfloat_with_epsilon (reduced.known[i], n > 0 ? sum / n : 0.5, 1e-6);
      g_assert_cmpfloat (reduced.weight[i], ==, n > 0 ? 1 : 0);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/restore/patch-fill/a-sketch-gets-detail", test_sketch_gets_detail);
  g_test_add_func ("/restore/patch-fill/a-filling-is-reduced-to-means-of-what-is-known", test_reduces);
  return g_test_run ();
}
