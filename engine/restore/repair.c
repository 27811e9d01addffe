/* Pixels that a network must not see, filled from their surroundings.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <math.h>

#include "repair.h"

static const gfloat fallback = 0.5f;

static gboolean
has_color (const NrPicture *picture, gsize i)
{
  return ! picture->alpha || picture->alpha[i] > 0; /* NaN is not above 0 */
}

static gboolean
is_usable (const NrPicture *picture, gsize i)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gint c = 0; c < picture->n_channels; c++)
    if (! isfinite (picture->color[c * plane + i]))
      return FALSE;
  return has_color (picture, i);
}

gboolean
nr_repair_is_needed (const NrPicture *picture)
{
  const gsize plane = (gsize) picture->width * picture->height;

  for (gsize i = 0; i < plane; i++)
    if (! is_usable (picture, i))
      return TRUE;
  return FALSE;
}

/* Signed distance from each pixel to the nearest usable one of its column, upwards first; NR_REPAIR_RADIUS + 1: none
 * within the radius. */
static gint8 *
column_distances (const NrPicture *picture)
{
  const gint width  = picture->width;
  const gint height = picture->height;
  gint8     *found  = g_new (gint8, (gsize) width * height);

  for (gint x = 0; x < width; x++)
    {
      gint distance = NR_REPAIR_RADIUS + 1;

      for (gint y = 0; y < height; y++)
        {
          const gsize i = (gsize) y * width + x;

          distance = is_usable (picture, i) ? 0 : MIN (distance + 1, NR_REPAIR_RADIUS + 1);
          found[i] = distance <= NR_REPAIR_RADIUS ? -distance : NR_REPAIR_RADIUS + 1;
        }

      distance = NR_REPAIR_RADIUS + 1;
      for (gint y = height - 1; y >= 0; y--)
        {
          const gsize i = (gsize) y * width + x;

          distance = found[i] == 0 ? 0 : MIN (distance + 1, NR_REPAIR_RADIUS + 1);
          if (distance < ABS (found[i]))
            found[i] = distance;
        }
    }
  return found;
}

/* How many columns away from each pixel of a row the nearest column with a usable pixel is; far from any this spares
 * looking at all of them. */
static void
column_steps (const gint8 *row, gint width, gint *steps)
{
  gint distance = NR_REPAIR_RADIUS + 1;

  for (gint x = 0; x < width; x++)
    {
      distance = row[x] <= NR_REPAIR_RADIUS ? 0 : MIN (distance + 1, NR_REPAIR_RADIUS + 1);
      steps[x] = distance;
    }
  distance = NR_REPAIR_RADIUS + 1;
  for (gint x = width - 1; x >= 0; x--)
    {
      distance = row[x] <= NR_REPAIR_RADIUS ? 0 : MIN (distance + 1, NR_REPAIR_RADIUS + 1);
      steps[x] = MIN (steps[x], distance);
    }
}

/* Index of the usable pixel nearest to (x, y), or -1; its column is at least FIRST_STEP away. */
static gssize
nearest_usable (const gint8 *column_distance, gint width, gint x, gint y, gint first_step)
{
  const gsize row    = (gsize) y * width;
  gint        best   = NR_REPAIR_RADIUS * NR_REPAIR_RADIUS + 1;
  gssize      winner = -1;

  for (gint step = first_step; step * step < best; step++)
    for (gint side = -1; side <= (step > 0 ? 1 : -1); side += 2)
      {
        const gint column = x + side * step;
        gint       dy;
        gint       distance;

        if (column < 0 || column >= width)
          continue;
        dy       = column_distance[row + column];
        distance = step * step + dy * dy;
        if (distance < best)
          {
            best   = distance;
            winner = (gssize) (row + column) + (gssize) dy * width;
          }
      }
  return winner;
}

void
nr_repair (NrPicture *picture)
{
  const gsize       plane           = (gsize) picture->width * picture->height;
  g_autofree gint8 *column_distance = column_distances (picture);
  g_autofree gint  *steps           = g_new (gint, picture->width);

  for (gint y = 0; y < picture->height; y++)
    {
      column_steps (column_distance + (gsize) y * picture->width, picture->width, steps);
      for (gint x = 0; x < picture->width; x++)
        {
          const gsize i = (gsize) y * picture->width + x;
          gssize      from;

          if (column_distance[i] == 0) /* usable */
            continue;
          from = nearest_usable (column_distance, picture->width, x, y, steps[x]);
          for (gint c = 0; c < picture->n_channels; c++)
            {
              gfloat *value = picture->color + c * plane;

              if (! has_color (picture, i) || ! isfinite (value[i]))
                value[i] = from >= 0 ? value[from] : fallback;
            }
        }
    }
}
