/* Membrane: the smoothest continuation of known pixels into a hole.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "membrane.h"

#include <string.h>

/* Sweeps a level. The start from the level above has only errors of short waves left, which go in a few sweeps. */
static const gint n_sweeps = 6;

typedef struct
{
  gfloat       *plane;
  gint          width, height;
  const guint8 *is_unknown;
  gint          parity;
} Sweep;

void
nr_membrane_shrink (const gfloat *planes,
                    gint          n_planes,
                    gint          width,
                    gint          height,
                    const guint8 *is_unknown,
                    gfloat       *coarse,
                    guint8       *coarse_is_unknown)
{
  const gint  coarse_width    = (width + 1) / 2;
  const gint  coarse_height   = (height + 1) / 2;
  const gsize n_pixels        = (gsize) width * height;
  const gsize n_coarse_pixels = (gsize) coarse_width * coarse_height;

  for (gint y = 0; y < coarse_height; y++)
    for (gint x = 0; x < coarse_width; x++)
      {
        const gsize to = (gsize) y * coarse_width + x;
        gsize       from[4];
        gint        n_known = 0;

        for (gint v = 2 * y; v < MIN (2 * y + 2, height); v++)
          for (gint u = 2 * x; u < MIN (2 * x + 2, width); u++)
            if (! is_unknown[(gsize) v * width + u])
              from[n_known++] = (gsize) v * width + u;

        coarse_is_unknown[to] = n_known == 0;
        for (gint p = 0; p < n_planes; p++)
          {
            gfloat sum = 0.0f;

            for (gint i = 0; i < n_known; i++)
              sum += planes[p * n_pixels + from[i]];
            coarse[p * n_coarse_pixels + to] = n_known > 0 ? sum / n_known : 0.0f;
          }
      }
}

void
nr_membrane_enlarge (const gfloat *coarse,
                     gint          n_planes,
                     gint          width,
                     gint          height,
                     const guint8 *is_unknown,
                     gfloat       *planes)
{
  const gint  coarse_width    = (width + 1) / 2;
  const gint  coarse_height   = (height + 1) / 2;
  const gsize n_pixels        = (gsize) width * height;
  const gsize n_coarse_pixels = (gsize) coarse_width * coarse_height;

  for (gint y = 0; y < height; y++)
    {
      /* Fine pixel y lies a quarter of a coarse pixel off the centre of coarse pixel y / 2. */
      const gint  near_y = y / 2;
      const gint  far_y  = CLAMP (near_y + (y % 2 ? 1 : -1), 0, coarse_height - 1);
      const gsize row[2] = { (gsize) near_y * coarse_width, (gsize) far_y * coarse_width };

      for (gint x = 0; x < width; x++)
        {
          const gint near_x = x / 2;
          const gint far_x  = CLAMP (near_x + (x % 2 ? 1 : -1), 0, coarse_width - 1);

          if (! is_unknown[(gsize) y * width + x])
            continue;
          for (gint p = 0; p < n_planes; p++)
            {
              const gfloat *from = coarse + p * n_coarse_pixels;

              planes[p * n_pixels + (gsize) y * width + x] =
                  0.5625f * from[row[0] + near_x] + 0.1875f * from[row[0] + far_x] +
                  0.1875f * from[row[1] + near_x] + 0.0625f * from[row[1] + far_x];
            }
        }
    }
}

/* Rows that one thread takes at once. */
static gsize
sweep_grain (gint width)
{
  return 16 + 65536 / width;
}

/* Every second pixel of rows [begin, end) becomes the mean of its neighbours; the other colour of the chessboard is
 * only read, so rows may run in any order. */
static void
sweep_rows (gsize begin, gsize end, guint thread, gpointer data)
{
  const Sweep *sweep = data;
  const gint   width = sweep->width;

  for (gsize y = begin; y < end; y++)
    for (gint x = (y + sweep->parity) % 2; x < width; x += 2)
      {
        const gsize   at    = y * width + x;
        const gfloat *value = sweep->plane + at;
        gfloat        sum   = 0.0f;
        gint          n     = 0;

        if (! sweep->is_unknown[at])
          continue;
        if (x > 0)
          sum += value[-1], n++;
        if (x < width - 1)
          sum += value[1], n++;
        if (y > 0)
          sum += value[-width], n++;
        if (y < (gsize) sweep->height - 1)
          sum += value[width], n++;
        if (n > 0)
          sweep->plane[at] = sum / n;
      }
}

gboolean
nr_membrane_fill (NrFillJob    *job,
                  gfloat       *planes,
                  gint          n_planes,
                  gint          width,
                  gint          height,
                  const guint8 *is_unknown)
{
  const gint  coarse_width    = (width + 1) / 2;
  const gint  coarse_height   = (height + 1) / 2;
  const gsize n_pixels        = (gsize) width * height;
  const gsize n_coarse_pixels = (gsize) coarse_width * coarse_height;
  gboolean    done            = TRUE;

  if (memchr (is_unknown, 1, n_pixels) == NULL)
    return ! nr_fill_job_is_cancelled (job);

  if (n_pixels == 1)
    {
      for (gint p = 0; p < n_planes; p++)
        planes[p] = 0.0f;
      return TRUE;
    }

  {
    g_autofree gfloat *coarse            = g_new (gfloat, n_planes * n_coarse_pixels);
    g_autofree guint8 *coarse_is_unknown = g_new (guint8, n_coarse_pixels);

    nr_membrane_shrink (planes, n_planes, width, height, is_unknown, coarse, coarse_is_unknown);
    if (! nr_membrane_fill (job, coarse, n_planes, coarse_width, coarse_height, coarse_is_unknown))
      return FALSE;
    nr_membrane_enlarge (coarse, n_planes, width, height, is_unknown, planes);
  }

  for (gint p = 0; p < n_planes && done; p++)
    {
      Sweep sweep = { planes + p * n_pixels, width, height, is_unknown, 0 };

      for (gint i = 0; i < 2 * n_sweeps && done; i++)
        {
          sweep.parity = i % 2;
          done         = nr_fill_job_for (job, 0.0, height, sweep_grain (width), sweep_rows, &sweep);
        }
    }

  return done;
}
