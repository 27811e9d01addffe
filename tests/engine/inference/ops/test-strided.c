/* Operators that only move elements: Transpose, Slice, Expand, Tile, DepthToSpace, SpaceToDepth, Concat, Split, Gather, Pad,
 * against an index computed from the definition.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "one-node.h"

#include <string.h>

static gsize
product (guint n, const gint64 *dims)
{
  gsize result = 1;

  for (guint i = 0; i < n; i++)
    result *= (gsize) dims[i];
  return result;
}

static void
unflatten (gsize i, guint rank, const gint64 *dims, gint64 *index)
{
  for (guint k = rank; k-- > 0; i /= (gsize) dims[k])
    index[k] = (gint64) (i % (gsize) dims[k]);
}

static gsize
flatten (guint rank, const gint64 *dims, const gint64 *index)
{
  gsize i = 0;

  for (guint k = 0; k < rank; k++)
    i = i * (gsize) dims[k] + (gsize) index[k];
  return i;
}

/* Asserts that output element at index o is input element source (o), with SOURCE filling the input's index. */
typedef void (*SourceFunc) (const gint64 *o, gint64 *index, gconstpointer data);

static void
assert_moved (NrOneNode    *one,
              const gfloat *x,
              guint         in_rank,
              const gint64 *in_dims,
              guint         out_rank,
              const gint64 *out_dims,
              SourceFunc    source,
              gconstpointer data)
{
  gsize               n    = product (out_rank, out_dims);
  g_autofree gdouble *want = g_new (gdouble, n + 1);

  for (gsize i = 0; i < n; i++)
    {
      gint64 o[NR_MAX_RANK], index[NR_MAX_RANK];

      unflatten (i, out_rank, out_dims, o);
      source (o, index, data);
      want[i] = x[flatten (in_rank, in_dims, index)];
    }
  nr_one_node_assert_output (one, out_rank, out_dims, want, 0.0);
}

/* -- Transpose ---------------------------------------------------------------------------------------------------- */

static void
transpose_source (const gint64 *o, gint64 *index, gconstpointer data)
{
  const gint64 *perm = data;

  for (guint i = 0; i < 4; i++)
    index[perm[i]] = o[i];
}

static void
test_transpose (void)
{
  const gint64 shapes[][4] = { { 2, 3, 5, 7 }, { 1, 17, 1, 33 }, { 1, 1, 1, 1 }, { 3, 40, 2, 37 } };

  for (gsize s = 0; s < G_N_ELEMENTS (shapes); s++)
    for (gint64 code = 0; code < 256; code++)
      {
        const gint64          perm[4] = { code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 };
        g_autoptr (NrOneNode) one     = NULL;
        gint64                out[4];
        guint                 seen = 0;

        for (guint i = 0; i < 4; i++)
          {
            seen |= 1u << perm[i];
            out[i] = shapes[s][perm[i]];
          }
        if (seen != 15)
          continue;

        one = nr_one_node_new ("Transpose", 17);
        nr_builder_ints (nr_one_node_message (one), "perm", 4, perm);
        assert_moved (one, nr_one_node_random (one, 4, shapes[s]), 4, shapes[s], 4, out, transpose_source, perm);
      }
}

static void
test_transpose_errors (void)
{
  const gint64          twice[] = { 0, 0 };
  g_autoptr (NrOneNode) one     = nr_one_node_new ("Transpose", 17);

  nr_builder_ints (nr_one_node_message (one), "perm", 2, twice);
  nr_one_node_random (one, 2, (const gint64[]) { 2, 3 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_FILE, "not a permutation");
}

/* -- Slice -------------------------------------------------------------------------------------------------------- */

typedef struct
{
  gint64 start, end, step;
  gint64 first, n; /* of a dimension of 9 */
} SliceCase;

static const SliceCase slice_cases[] = {
  { 0, 9, 1, 0, 9 },
  { 2, 7, 2, 2, 3 },
  { -3, G_MAXINT64, 1, 6, 3 },
  { G_MININT64, G_MAXINT64, 4, 0, 3 },
  { -1, G_MININT64, -1, 8, 9 },
  { 20, -20, -3, 8, 3 },
  { 5, 5, 1, 5, 0 },
  { 7, 2, 1, 7, 0 },
  { 3, 4, G_MAXINT64, 3, 1 },
  { 3, G_MININT64, G_MININT64, 3, 1 },
};

static void
slice_source (const gint64 *o, gint64 *index, gconstpointer data)
{
  const SliceCase *c = data;

  index[0] = o[0];
  index[1] = c->n > 1 ? c->first + o[1] * c->step : c->first;
  index[2] = o[2];
}

static void
test_slice (void)
{
  const gint64 dims[] = { 2, 9, 3 };

  for (gsize c = 0; c < G_N_ELEMENTS (slice_cases); c++)
    {
      g_autoptr (NrOneNode) one = nr_one_node_new ("Slice", 13);
      gfloat               *x   = nr_one_node_random (one, 3, dims);

      nr_one_node_i64 (one, 1, &slice_cases[c].start);
      nr_one_node_i64 (one, 1, &slice_cases[c].end);
      nr_one_node_i64 (one, 1, (const gint64[]) { -2 });
      nr_one_node_i64 (one, 1, &slice_cases[c].step);
      assert_moved (one, x, 3, dims, 3, (const gint64[]) { 2, slice_cases[c].n, 3 }, slice_source, &slice_cases[c]);
    }
}

static void
test_slice_errors (void)
{
  g_autoptr (NrOneNode) zero = nr_one_node_new ("Slice", 13);
  g_autoptr (NrOneNode) axis = nr_one_node_new ("Slice", 9);

  nr_one_node_random (zero, 1, (const gint64[]) { 4 });
  for (guint i = 0; i < 4; i++)
    nr_one_node_i64 (zero, 1, (const gint64[]) { 0 });
  nr_one_node_assert_error (zero, NR_ENGINE_ERROR_FILE, "step of axis 0 is 0");

  nr_builder_ints (nr_one_node_message (axis), "starts", 1, (const gint64[]) { 0 });
  nr_builder_ints (nr_one_node_message (axis), "ends", 1, (const gint64[]) { 1 });
  nr_builder_ints (nr_one_node_message (axis), "axes", 1, (const gint64[]) { 1 });
  nr_one_node_random (axis, 1, (const gint64[]) { 4 });
  nr_one_node_assert_error (axis, NR_ENGINE_ERROR_SHAPE, "axis 1 does not exist in 1 dimensions");
}

/* -- Expand and Tile ---------------------------------------------------------------------------------------------- */

static void
modulo_source (const gint64 *o, gint64 *index, gconstpointer data)
{
  const gint64 *dims = data;

  for (guint i = 0; i < 3; i++)
    index[i] = o[i] % dims[i];
}

static void
test_expand (void)
{
  const gint64          dims[] = { 3, 1, 5 }, out[] = { 3, 4, 5 };
  g_autoptr (NrOneNode) one = nr_one_node_new ("Expand", 13);
  gfloat               *x   = nr_one_node_random (one, 3, dims);

  nr_one_node_i64 (one, 2, (const gint64[]) { 4, 1 });
  assert_moved (one, x, 3, dims, 3, out, modulo_source, dims);
}

static void
test_tile (void)
{
  const gint64          dims[] = { 3, 2, 5 }, repeats[] = { 2, 1, 3 }, out[] = { 6, 2, 15 };
  g_autoptr (NrOneNode) one  = nr_one_node_new ("Tile", 13);
  g_autoptr (NrOneNode) huge = nr_one_node_new ("Tile", 13);
  gfloat               *x    = nr_one_node_random (one, 3, dims);

  nr_one_node_i64 (one, 3, repeats);
  assert_moved (one, x, 3, dims, 3, out, modulo_source, dims);

  nr_one_node_random (huge, 1, (const gint64[]) { 4 });
  nr_one_node_i64 (huge, 1, (const gint64[]) { G_MAXINT64 / 2 });
  nr_one_node_assert_error (huge, NR_ENGINE_ERROR_SHAPE, "cannot be repeated");
}

/* -- Blocks ------------------------------------------------------------------------------------------------------- */

typedef struct
{
  gint64   b, c, h, w; /* of the deep side: c channels after the blocks are taken apart */
  gboolean is_crd;
} BlockCase;

static void
depth_source (const gint64 *o, gint64 *index, gconstpointer data)
{
  const BlockCase *k = data;
  gint64           i = o[2] % k->b, j = o[3] % k->b;

  index[0] = o[0];
  index[1] = k->is_crd ? (o[1] * k->b + i) * k->b + j : (i * k->b + j) * k->c + o[1];
  index[2] = o[2] / k->b;
  index[3] = o[3] / k->b;
}

static void
space_source (const gint64 *o, gint64 *index, gconstpointer data)
{
  const BlockCase *k     = data;
  gint64           block = o[1] / k->c;

  index[0] = o[0];
  index[1] = o[1] % k->c;
  index[2] = o[2] * k->b + block / k->b;
  index[3] = o[3] * k->b + block % k->b;
}

static void
test_blocks (void)
{
  const BlockCase cases[] = {
    { 1, 3, 4, 5, FALSE },
    { 2, 3, 1, 1, FALSE },
    { 2, 3, 5, 33, TRUE },
    { 3, 2, 7, 19, TRUE },
    { 3, 1, 2, 2, FALSE },
    { 4, 2, 3, 17, TRUE },
    { 5, 1, 2, 3, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const BlockCase      *k        = &cases[i];
      const gint64          deep[]   = { 2, k->c * k->b * k->b, k->h, k->w };
      const gint64          large[]  = { 2, k->c, k->h * k->b, k->w * k->b };
      g_autoptr (NrOneNode) to_space = nr_one_node_new ("DepthToSpace", 13);
      g_autoptr (NrOneNode) to_depth = nr_one_node_new ("SpaceToDepth", 13);

      nr_builder_int (nr_one_node_message (to_space), "blocksize", k->b);
      nr_builder_string (nr_one_node_message (to_space), "mode", k->is_crd ? "CRD" : "DCR");
      assert_moved (to_space, nr_one_node_random (to_space, 4, deep), 4, deep, 4, large, depth_source, k);

      nr_builder_int (nr_one_node_message (to_depth), "blocksize", k->b);
      assert_moved (to_depth, nr_one_node_random (to_depth, 4, large), 4, large, 4, deep, space_source, k);
    }
}

static void
test_block_errors (void)
{
  g_autoptr (NrOneNode) channels = nr_one_node_new ("DepthToSpace", 13);
  g_autoptr (NrOneNode) block    = nr_one_node_new ("SpaceToDepth", 13);

  nr_builder_int (nr_one_node_message (channels), "blocksize", 2);
  nr_one_node_random (channels, 4, (const gint64[]) { 1, 6, 2, 2 });
  nr_one_node_assert_error (channels, NR_ENGINE_ERROR_SHAPE, "6 channels");

  nr_builder_int (nr_one_node_message (block), "blocksize", 0);
  nr_one_node_random (block, 4, (const gint64[]) { 1, 6, 2, 2 });
  nr_one_node_assert_error (block, NR_ENGINE_ERROR_FILE, "blocksize 0");
}

/* -- Concat and Split ----------------------------------------------------------------------------------------------- */

static void
test_concat (void)
{
  for (gint64 axis = 0; axis < 3; axis++)
    {
      gint64                out[3]     = { 3, 4, 5 };
      const gint64          lengths[3] = { 2, 1, 7 };
      g_autoptr (NrOneNode) one        = nr_one_node_new ("Concat", 13);
      gfloat               *x[3];
      g_autofree gdouble   *want = NULL;

      nr_builder_int (nr_one_node_message (one), "axis", axis - 3);
      for (guint k = 0; k < 3; k++)
        {
          out[axis] = lengths[k];
          x[k]      = nr_one_node_random (one, 3, out);
        }

      out[axis] = 10;
      want      = g_new (gdouble, product (3, out));
      for (gsize i = 0; i < product (3, out); i++)
        {
          gint64 index[3], dims[3] = { out[0], out[1], out[2] };
          guint  k = 0;

          unflatten (i, 3, out, index);
          for (; index[axis] >= lengths[k]; k++)
            index[axis] -= lengths[k];
          dims[axis] = lengths[k];
          want[i]    = x[k][flatten (3, dims, index)];
        }
      nr_one_node_assert_output (one, 3, out, want, 0.0);
    }
}

static void
test_concat_errors (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("Concat", 13);

  nr_builder_int (nr_one_node_message (one), "axis", 1);
  nr_one_node_random (one, 2, (const gint64[]) { 2, 3 });
  nr_one_node_random (one, 2, (const gint64[]) { 3, 3 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "do not join along axis 1");
}

typedef struct
{
  const gfloat *x;
  gint64        lengths[3];
} SplitCase;

/* Of [2, 7, 3] along axis 1. */
static void
check_split (NrOneNode *one, gpointer data)
{
  const SplitCase *c     = data;
  gint64           start = 0;

  for (guint k = 0; k < 3; k++)
    {
      const gfloat *y = nr_one_node_output (one, k);

      g_assert_cmpint (nr_one_node_shape (one, k)->dims[1], ==, c->lengths[k]);
      for (gint64 i = 0; i < 2 * c->lengths[k] * 3; i++)
        {
          gint64 index[3];

          unflatten ((gsize) i, 3, (const gint64[]) { 2, c->lengths[k], 3 }, index);
          g_assert_cmpfloat (y[i], ==, c->x[(index[0] * 7 + start + index[1]) * 3 + index[2]]);
        }
      start += c->lengths[k];
    }
}

static void
test_split (void)
{
  const gint64 dims[] = { 2, 7, 3 };

  for (guint is_given = 0; is_given < 2; is_given++)
    {
      g_autoptr (NrOneNode) one = nr_one_node_new ("Split", 18);
      SplitCase             c   = { nr_one_node_random (one, 3, dims), { 3, 3, 1 } };

      nr_builder_int (nr_one_node_message (one), "axis", 1);
      if (is_given)
        {
          memcpy (c.lengths, ((const gint64[]) { 5, 0, 2 }), sizeof c.lengths);
          nr_one_node_i64 (one, 3, c.lengths);
        }
      else
        {
          nr_builder_int (nr_one_node_message (one), "num_outputs", 3);
        }
      nr_one_node_run (one, 3, check_split, &c);
    }
}

static void
test_split_errors (void)
{
  g_autoptr (NrOneNode) one = nr_one_node_new ("Split", 13);

  nr_one_node_random (one, 1, (const gint64[]) { 7 });
  nr_one_node_i64 (one, 1, (const gint64[]) { 8 });
  nr_one_node_assert_error (one, NR_ENGINE_ERROR_SHAPE, "do not add up to 7");
}

/* -- Gather ------------------------------------------------------------------------------------------------------- */

static void
test_gather (void)
{
  const gint64          dims[] = { 2, 5, 3 }, indices[] = { -1, 0, 4, 4 };
  g_autoptr (NrOneNode) one = nr_one_node_new ("Gather", 13);
  gfloat               *x   = nr_one_node_random (one, 3, dims);
  gdouble               want[24];

  nr_builder_int (nr_one_node_message (one), "axis", 1);
  nr_one_node_i64 (one, 4, indices);
  for (gsize i = 0; i < 24; i++)
    want[i] = x[(i / 12 * 5 + (gsize) ((indices[i / 3 % 4] + 5) % 5)) * 3 + i % 3];
  nr_one_node_assert_output (one, 3, (const gint64[]) { 2, 4, 3 }, want, 0.0);
}

static void
test_gather_out_of_range (void)
{
  g_autoptr (NrOneNode) known = nr_one_node_new ("Gather", 13);
  g_autoptr (NrOneNode) late  = nr_one_node_new ("Gather", 13);
  const gfloat         *x;
  gint64               *indices;

  nr_one_node_random (known, 1, (const gint64[]) { 5 });
  nr_one_node_i64 (known, 1, (const gint64[]) { 5 });
  nr_one_node_assert_error (known, NR_ENGINE_ERROR_SHAPE, "index 5 is outside the axis of 5");

  x          = nr_one_node_random (late, 1, (const gint64[]) { 5 });
  indices    = nr_one_node_input (late, NR_TYPE_INT64, 1, (const gint64[]) { 2 });
  indices[0] = G_MAXINT64;
  indices[1] = G_MININT64;
  nr_one_node_assert_output (late, 1, (const gint64[]) { 2 }, (const gdouble[]) { x[4], x[0] }, 0.0);
}

/* -- Pad ---------------------------------------------------------------------------------------------------------- */

/* Index of a dimension of N as the mode continues it, -1: the constant. One step at a time. */
static gint64
walk_border (const gchar *mode, gint64 i, gint64 n)
{
  while (i < 0 || i >= n)
    if (g_str_equal (mode, "constant"))
      return -1;
    else if (g_str_equal (mode, "edge"))
      i = i < 0 ? 0 : n - 1;
    else if (g_str_equal (mode, "wrap"))
      i += i < 0 ? n : -n;
    else
      i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

static void
test_pad (gconstpointer data)
{
  const gchar *mode      = data;
  const gint64 dims[]    = { 2, 5, 7 };
  const gint64 pads[][6] = { { 0, 0, 0, 0, 0, 0 }, { 0, 1, 2, 0, 3, 4 }, { 1, 4, 6, 1, 4, 6 }, { 0, -1, 3, 0, 2, -4 } };

  for (gsize c = 0; c < G_N_ELEMENTS (pads); c++)
    {
      const gint64         *p     = pads[c];
      g_autoptr (NrOneNode) one   = nr_one_node_new ("Pad", 19);
      gfloat               *x     = nr_one_node_random (one, 3, dims);
      const gfloat          value = 0.75f;
      gint64                out[3], left[3];
      g_autofree gdouble   *want = NULL;

      nr_builder_string (nr_one_node_message (one), "mode", mode);
      nr_one_node_i64 (one, 6, p);
      nr_one_node_f32 (one, 1, &value);
      for (guint i = 0; i < 3; i++)
        {
          out[i]  = dims[i] + p[i] + p[i + 3];
          left[i] = dims[i] + MIN (p[i], 0) + MIN (p[i + 3], 0);
        }

      want = g_new (gdouble, product (3, out));
      for (gsize i = 0; i < product (3, out); i++)
        {
          gint64   index[3];
          gboolean is_inside = TRUE;

          unflatten (i, 3, out, index);
          for (guint k = 0; k < 3; k++)
            {
              index[k]  = walk_border (mode, index[k] - MAX (p[k], 0), left[k]);
              is_inside = is_inside && index[k] >= 0;
              index[k] += MAX (-p[k], 0);
            }
          want[i] = is_inside ? x[flatten (3, dims, index)] : value;
        }
      nr_one_node_assert_output (one, 3, out, want, 0.0);
    }
}

static void
test_pad_errors (void)
{
  g_autoptr (NrOneNode) crop = nr_one_node_new ("Pad", 13);
  g_autoptr (NrOneNode) wrap = nr_one_node_new ("Pad", 13);
  g_autoptr (NrOneNode) huge = nr_one_node_new ("Pad", 13);

  nr_one_node_random (crop, 1, (const gint64[]) { 4 });
  nr_one_node_i64 (crop, 2, (const gint64[]) { -3, -3 });
  nr_one_node_assert_error (crop, NR_ENGINE_ERROR_SHAPE, "dimension 0 of 4 cannot be padded by -3 and -3");

  nr_builder_string (nr_one_node_message (wrap), "mode", "wrap");
  nr_one_node_random (wrap, 1, (const gint64[]) { 4 });
  nr_one_node_i64 (wrap, 2, (const gint64[]) { 1, 1 });
  nr_one_node_assert_error (wrap, NR_ENGINE_ERROR_UNSUPPORTED, "mode 'wrap' does not exist in opset 13");

  nr_one_node_random (huge, 1, (const gint64[]) { 4 });
  nr_one_node_i64 (huge, 2, (const gint64[]) { G_MAXINT64, 1 });
  nr_one_node_assert_error (huge, NR_ENGINE_ERROR_SHAPE, "out of range");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ops/transpose/all-permutations-of-four-dimensions", test_transpose);
  g_test_add_func ("/ops/transpose/a-dimension-listed-twice-is-refused", test_transpose_errors);
  g_test_add_func ("/ops/slice/starts-ends-and-steps-are-clamped-as-specified", test_slice);
  g_test_add_func ("/ops/slice/zero-steps-and-unknown-axes-are-refused", test_slice_errors);
  g_test_add_func ("/ops/expand/dimensions-of-one-repeat", test_expand);
  g_test_add_func ("/ops/tile/repeats-and-refuses-sizes-that-overflow", test_tile);
  g_test_add_func ("/ops/depth-to-space/blocks-of-all-sizes-both-ways", test_blocks);
  g_test_add_func ("/ops/depth-to-space/channels-and-blocks-that-do-not-fit-are-refused", test_block_errors);
  g_test_add_func ("/ops/concat/along-each-axis", test_concat);
  g_test_add_func ("/ops/concat/shapes-that-do-not-join-are-named", test_concat_errors);
  g_test_add_func ("/ops/split/equal-and-given-lengths", test_split);
  g_test_add_func ("/ops/split/lengths-that-do-not-add-up-are-refused", test_split_errors);
  g_test_add_func ("/ops/gather/negative-indices-count-from-behind", test_gather);
  g_test_add_func ("/ops/gather/indices-out-of-range-never-read-outside", test_gather_out_of_range);
  g_test_add_data_func ("/ops/pad/constant-borders-and-crops", "constant", test_pad);
  g_test_add_data_func ("/ops/pad/reflected-borders-and-crops", "reflect", test_pad);
  g_test_add_data_func ("/ops/pad/edge-borders-and-crops", "edge", test_pad);
  g_test_add_data_func ("/ops/pad/wrapped-borders-and-crops", "wrap", test_pad);
  g_test_add_func ("/ops/pad/impossible-pads-and-modes-are-refused", test_pad_errors);
  return g_test_run ();
}
