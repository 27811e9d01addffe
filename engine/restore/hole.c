/* Shape of holes: distances, local width, where they lie.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "hole.h"

#include <math.h>

/* -- Distance ----------------------------------------------------------------------------------------------------- */

/* Lower envelope of the parabolas (x - i)^2 + cost[i]; squared distances to it come back in squared. */
static void
envelope (const gfloat *cost, gint n, gfloat *squared, gint *vertex, gfloat *border)
{
  gint last = 0;

  vertex[0] = 0;
  border[0] = -INFINITY;
  border[1] = INFINITY;
  for (gint i = 1; i < n; i++)
    {
      gfloat cross;

      for (;;)
        {
          const gint v = vertex[last];

          cross = ((cost[i] + (gfloat) i * i) - (cost[v] + (gfloat) v * v)) / (2 * (i - v));
          if (cross > border[last])
            break;
          last--;
        }
      last++;
      vertex[last]     = i;
      border[last]     = cross;
      border[last + 1] = INFINITY;
    }

  last = 0;
  for (gint i = 0; i < n; i++)
    {
      while (border[last + 1] < i)
        last++;
      squared[i] = (gfloat) (i - vertex[last]) * (i - vertex[last]) + cost[vertex[last]];
    }
}

typedef struct
{
  const guint8 *is_seed;
  gint          width, height;
  gfloat        limit;
  gfloat       *distance;
} Transform;

/* Distance to the nearest seed left and right. */
static void
transform_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Transform *transform = data;
  const gint       width     = transform->width;

  for (gsize y = begin; y < end; y++)
    {
      const guint8 *seed = transform->is_seed + y * width;
      gfloat       *row  = transform->distance + y * width;
      gfloat        run  = transform->limit;

      for (gint x = 0; x < width; x++)
        row[x] = run = seed[x] ? 0.0f : MIN (run + 1.0f, transform->limit);
      run = transform->limit;
      for (gint x = width - 1; x >= 0; x--)
        {
          run    = seed[x] ? 0.0f : MIN (run + 1.0f, transform->limit);
          row[x] = MIN (row[x], run);
        }
    }
}

static void
transform_columns (gsize begin, gsize end, guint thread, gpointer data)
{
  const Transform   *transform = data;
  const gint         width     = transform->width;
  const gint         height    = transform->height;
  g_autofree gfloat *column    = g_new (gfloat, height);
  g_autofree gfloat *squared   = g_new (gfloat, height);
  g_autofree gfloat *border    = g_new (gfloat, height + 1);
  g_autofree gint   *vertex    = g_new (gint, height);

  for (gsize x = begin; x < end; x++)
    {
      gfloat *distance = transform->distance + x;

      for (gint y = 0; y < height; y++)
        column[y] = distance[(gsize) y * width] * distance[(gsize) y * width];
      envelope (column, height, squared, vertex, border);
      for (gint y = 0; y < height; y++)
        distance[(gsize) y * width] = MIN (sqrtf (squared[y]), transform->limit);
    }
}

gboolean
nr_hole_distance (NrFillJob    *job,
                  const guint8 *is_seed,
                  gint          width,
                  gint          height,
                  gfloat        limit,
                  gfloat       *distance)
{
  Transform transform = { is_seed, width, height, limit, distance };

  return nr_fill_job_for (job, 0.0, height, 16 + 65536 / width, transform_rows, &transform) &&
         nr_fill_job_for (job, 0.0, width, 16 + 16384 / height, transform_columns, &transform);
}

/* -- Width -------------------------------------------------------------------------------------------------------- */

gboolean
nr_hole_width (NrFillJob    *job,
               const guint8 *is_hole,
               gint          width,
               gint          height,
               gfloat        low,
               gfloat        high,
               gfloat       *wide)
{
  enum
  {
    N_STEPS = 4
  };
  /* A disc of radius r in a square corner leaves the corner's pixel out, at 1.42 r from the disc's centre. */
  const gfloat       reach    = 1.5f;
  const gsize        n_pixels = (gsize) width * height;
  g_autofree gfloat *depth    = g_new (gfloat, n_pixels);
  g_autofree gfloat *distance = g_new (gfloat, n_pixels);
  g_autofree guint8 *is_seed  = g_new (guint8, n_pixels);

  for (gsize i = 0; i < n_pixels; i++)
    {
      is_seed[i] = ! is_hole[i];
      wide[i]    = 0.0f;
    }
  if (! nr_hole_distance (job, is_seed, width, height, high + 1.0f, depth))
    return FALSE;

  for (gint step = 0; step < N_STEPS; step++)
    {
      const gfloat radius = low + (high - low) * step / (N_STEPS - 1);
      gboolean     any    = FALSE;

      for (gsize i = 0; i < n_pixels; i++)
        {
          is_seed[i] = depth[i] > radius;
          any |= is_seed[i];
        }
      if (! any)
        break;

      if (! nr_hole_distance (job, is_seed, width, height, reach * radius + 2.0f, distance))
        return FALSE;
      for (gsize i = 0; i < n_pixels; i++)
        if (is_hole[i] && distance[i] <= reach * radius + 1.0f)
          wide[i] += 1.0f / N_STEPS;
    }

  return TRUE;
}

gboolean
nr_hole_has_square (const guint8 *is_hole, gint width, gint height, gint side)
{
  /* Of each column: the largest square inside the hole whose lower right corner is the last pixel seen. */
  g_autofree gint *square = g_new0 (gint, width);

  for (gint y = 0; y < height; y++)
    {
      gint above_left = 0;

      for (gint x = 0; x < width; x++)
        {
          const gint above = square[x];
          const gint left  = x > 0 ? square[x - 1] : 0;

          square[x]  = is_hole[(gsize) y * width + x] ? 1 + MIN (MIN (above, left), above_left) : 0;
          above_left = above;
          if (square[x] >= side)
            return TRUE;
        }
    }

  return FALSE;
}

/* -- Boxes -------------------------------------------------------------------------------------------------------- */

/* Rectangle around the part of the hole that contains pixel START, found by flooding; its pixels get is_seen 1. */
static NrRect
part_bounds (const guint8 *is_hole, gint width, gint height, gsize start, guint8 *is_seen, GArray *stack)
{
  gint left = width, right = 0, top = height, bottom = 0;

  g_array_set_size (stack, 0);
  g_array_append_val (stack, start);
  is_seen[start] = 1;
  while (stack->len > 0)
    {
      const gsize at = g_array_index (stack, gsize, stack->len - 1);
      const gint  x  = at % width;
      const gint  y  = at / width;

      g_array_set_size (stack, stack->len - 1);
      left   = MIN (left, x);
      right  = MAX (right, x + 1);
      top    = MIN (top, y);
      bottom = MAX (bottom, y + 1);
      for (gint v = MAX (y - 1, 0); v <= MIN (y + 1, height - 1); v++)
        for (gint u = MAX (x - 1, 0); u <= MIN (x + 1, width - 1); u++)
          {
            const gsize next = (gsize) v * width + u;

            if (is_hole[next] && ! is_seen[next])
              {
                is_seen[next] = 1;
                g_array_append_val (stack, next);
              }
          }
    }

  return (NrRect) { left, top, right - left, bottom - top };
}

static gboolean
boxes_overlap (const NrRect *a, const NrRect *b)
{
  return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

/* Joins boxes until no two overlap. */
static void
join_boxes (GArray *boxes)
{
  for (guint i = 0; i < boxes->len; i++)
    for (guint j = i + 1; j < boxes->len; j++)
      {
        NrRect *a = &g_array_index (boxes, NrRect, i);
        NrRect *b = &g_array_index (boxes, NrRect, j);

        if (boxes_overlap (a, b))
          {
            const gint right  = MAX (a->x + a->width, b->x + b->width);
            const gint bottom = MAX (a->y + a->height, b->y + b->height);

            a->x      = MIN (a->x, b->x);
            a->y      = MIN (a->y, b->y);
            a->width  = right - a->x;
            a->height = bottom - a->y;
            g_array_remove_index (boxes, j);
            j = i; /* the larger box may meet those already passed */
          }
      }
}

void
nr_hole_grow_box (NrRect *box, gint context, gint width, gint height)
{
  /* Nearby patches fit best: on the training photographs twice this much cost 0.6 dB in the hole. */
  const gint size   = 0.5 * sqrt ((gdouble) box->width * box->height);
  const gint margin = context > 0 ? context : MAX (size, 32);
  const gint right  = MIN ((gint64) box->x + box->width + margin, width);
  const gint bottom = MIN ((gint64) box->y + box->height + margin, height);

  box->x      = MAX (box->x - margin, 0);
  box->y      = MAX (box->y - margin, 0);
  box->width  = right - box->x;
  box->height = bottom - box->y;
}

GArray *
nr_hole_boxes (const guint8 *is_hole, gint width, gint height, gint context)
{
  GArray            *boxes   = g_array_new (FALSE, FALSE, sizeof (NrRect));
  g_autoptr (GArray) stack   = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autofree guint8 *is_seen = g_new0 (guint8, (gsize) width * height);

  for (gsize i = 0; i < (gsize) width * height; i++)
    if (is_hole[i] && ! is_seen[i])
      {
        NrRect box = part_bounds (is_hole, width, height, i, is_seen, stack);

        nr_hole_grow_box (&box, context, width, height);
        g_array_append_val (boxes, box);
      }
  join_boxes (boxes);

  return boxes;
}
