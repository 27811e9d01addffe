/* Gradients of Conv and ConvTranspose against their definition in double, at many geometries, all levels and thread counts.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-gradient.h"

#include <math.h>
#include <string.h>

#include "../positions.h"

typedef struct
{
  const gchar *name;
  gboolean     is_transposed;
  guint        n_spatial;
  gint64       batch, groups, in, out; /* channels of all groups */
  gint64       size[3], kernel[3], stride[3], dilation[3], begin[3], end[3];
} Case;

/* Odd sizes throughout; the names say what is meant. */
static const Case cases[] = {
  { "3x3", FALSE, 2, 1, 1, 5, 7, { 9, 11 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "winograd", FALSE, 2, 1, 1, 33, 25, { 19, 23 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "winograd-without-pads", FALSE, 2, 2, 1, 20, 35, { 21, 15 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "winograd-many-channels", FALSE, 2, 1, 1, 132, 128, { 14, 13 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "winograd-in-groups", FALSE, 2, 1, 2, 36, 40, { 13, 17 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 0, 1 } },
  { "winograd-weights", FALSE, 2, 2, 1, 50, 34, { 61, 67 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 1, 2 } },
  { "winograd-weights-in-groups", FALSE, 2, 1, 2, 96, 80, { 59, 61 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "winograd-weights-of-many-outputs", FALSE, 2, 1, 1, 45, 161, { 45, 47 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "winograd-weights-transposed", TRUE, 2, 1, 1, 48, 40, { 61, 59 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 2, 1 } },
  { "1x1", FALSE, 2, 2, 1, 19, 21, { 7, 5 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "1x1-of-long-rows", FALSE, 2, 1, 1, 3, 50, { 31, 53 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "1x1-padded", FALSE, 2, 1, 1, 3, 5, { 4, 6 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 2, 1 } },
  { "stride-2", FALSE, 2, 1, 1, 17, 34, { 15, 18 }, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "stride-3-leaves-rows-unread", FALSE, 2, 2, 1, 4, 6, { 11, 12 }, { 2, 3 }, { 3, 3 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "stride-beyond-the-kernel", FALSE, 2, 1, 1, 3, 4, { 13, 9 }, { 1, 2 }, { 3, 4 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "dilated", FALSE, 2, 1, 1, 6, 9, { 17, 19 }, { 3, 3 }, { 1, 1 }, { 2, 4 }, { 2, 4 }, { 2, 4 } },
  { "dilated-stride-2", FALSE, 2, 1, 1, 6, 9, { 17, 19 }, { 3, 2 }, { 2, 2 }, { 3, 3 }, { 2, 1 }, { 0, 4 } },
  { "5x5-uneven-pads", FALSE, 2, 1, 1, 4, 18, { 9, 10 }, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 0, 3 }, { 4, 1 } },
  { "cropped", FALSE, 2, 1, 1, 4, 5, { 9, 10 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { -1, 0 }, { 0, -2 } },
  { "depthwise", FALSE, 2, 2, 6, 6, 6, { 8, 9 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "groups", FALSE, 2, 1, 3, 9, 15, { 8, 9 }, { 3, 2 }, { 2, 1 }, { 1, 1 }, { 1, 1 }, { 1, 0 } },
  { "a-row-cut-in-segments", FALSE, 2, 1, 1, 3, 4, { 3, 801 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "a-row-cut-in-segments-stride-2", FALSE, 2, 1, 1, 3, 4, { 5, 1601 }, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "one-pixel", FALSE, 2, 1, 1, 3, 4, { 1, 1 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "1-d", FALSE, 1, 3, 1, 5, 6, { 37 }, { 4 }, { 2 }, { 1 }, { 1 }, { 2 } },
  { "3-d", FALSE, 3, 1, 1, 3, 5, { 5, 6, 7 }, { 3, 2, 3 }, { 1, 2, 1 }, { 1, 1, 2 }, { 1, 0, 2 }, { 1, 1, 2 } },
  { "transposed-2x2-stride-2", TRUE, 2, 1, 1, 18, 9, { 7, 9 }, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "transposed-4x4-stride-2", TRUE, 2, 2, 1, 18, 35, { 7, 9 }, { 4, 4 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "transposed-5x5-stride-2", TRUE, 2, 1, 1, 5, 6, { 7, 9 }, { 5, 5 }, { 2, 2 }, { 1, 1 }, { 2, 2 }, { 1, 1 } },
  { "transposed-winograd", TRUE, 2, 1, 1, 33, 25, { 19, 23 }, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
  { "transposed-stride-beyond-the-kernel", TRUE, 2, 1, 1, 3, 4, { 5, 4 }, { 2, 1 }, { 3, 3 }, { 1, 1 }, { 0, 0 }, { 0, 0 } },
  { "transposed-groups-dilated", TRUE, 2, 1, 2, 6, 8, { 5, 7 }, { 3, 3 }, { 2, 1 }, { 2, 3 }, { 1, 2 }, { 0, 1 } },
  { "transposed-1-d", TRUE, 1, 2, 1, 3, 4, { 11 }, { 3 }, { 2 }, { 1 }, { 1 }, { 0 } },
  { "transposed-3-d", TRUE, 3, 1, 1, 3, 2, { 3, 4, 5 }, { 3, 2, 3 }, { 1, 2, 2 }, { 1, 1, 1 }, { 1, 0, 1 }, { 1, 0, 0 } },
};

/* -- The definition -------------------------------------------------------------------------------------------------- */

static gint64
out_size (const Case *c, guint a)
{
  const gint64 reach = (c->kernel[a] - 1) * c->dilation[a] + 1;

  if (c->is_transposed)
    return (c->size[a] - 1) * c->stride[a] + reach - c->begin[a] - c->end[a];

  return (c->size[a] + c->begin[a] + c->end[a] - reach) / c->stride[a] + 1;
}

typedef struct
{
  gsize    n_x, n_w, n_y, n_b;
  gint64   size[3]; /* of the output */
  gfloat  *x, *w, *b, *dy;
  gdouble *dx, *dw, *db;
} Data;

/* Each pair of positions and each pair of channels that meet. */
static void
accumulate (const Case *c, Data *d, gint64 at_in, gint64 at_out, gint64 tap)
{
  const gint64 in_g = c->in / c->groups, out_g = c->out / c->groups;
  const gint64 in_area = (gint64) product (c->size, c->n_spatial), out_area = (gint64) product (d->size, c->n_spatial);
  const gint64 taps = (gint64) product (c->kernel, c->n_spatial);

  for (gint64 e = 0; e < c->batch; e++)
    for (gint64 g = 0; g < c->groups; g++)
      for (gint64 i = 0; i < in_g; i++)
        for (gint64 o = 0; o < out_g; o++)
          {
            const gint64 weight = c->is_transposed ? ((g * in_g + i) * out_g + o) * taps + tap
                                                   : ((g * out_g + o) * in_g + i) * taps + tap;
            const gint64 x      = (e * c->in + g * in_g + i) * in_area + at_in;
            const gint64 y      = (e * c->out + g * out_g + o) * out_area + at_out;

            d->dx[x] += (gdouble) d->w[weight] * d->dy[y];
            d->dw[weight] += (gdouble) d->x[x] * d->dy[y];
          }
}

static void
define (const Case *c, Data *d)
{
  const guint   n      = c->n_spatial;
  const gint64 *walked = c->is_transposed ? c->size : d->size;
  const gint64 *other  = c->is_transposed ? d->size : c->size;
  const gint64  area   = (gint64) product (d->size, n);

  for (gint64 q = 0; q < (gint64) product (walked, n); q++)
    for (gint64 t = 0; t < (gint64) product (c->kernel, n); t++)
      {
        gint64 p[3], tap[3];

        unflat (q, walked, n, p);
        unflat (t, c->kernel, n, tap);
        for (guint a = 0; a < n; a++)
          p[a] = p[a] * c->stride[a] + tap[a] * c->dilation[a] - c->begin[a];

        const gint64 r = flat (p, other, n);

        if (r >= 0)
          accumulate (c, d, c->is_transposed ? q : r, c->is_transposed ? r : q, t);
      }

  for (gsize i = 0; i < d->n_y; i++)
    d->db[i / (gsize) area % d->n_b] += d->dy[i];
}

/* -- The engine ------------------------------------------------------------------------------------------------------ */

static gfloat *
random_floats (GRand *rand, gsize n)
{
  gfloat *x = g_new (gfloat, n);

  for (gsize i = 0; i < n; i++)
    x[i] = (gfloat) g_rand_double_range (rand, -1.0, 1.0);
  return x;
}

static void
data_init (const Case *c, Data *d)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  const guint       n    = c->n_spatial;

  for (guint a = 0; a < n; a++)
    d->size[a] = out_size (c, a);
  d->n_x = (gsize) (c->batch * c->in) * product (c->size, n);
  d->n_y = (gsize) (c->batch * c->out) * product (d->size, n);
  d->n_w = (gsize) (c->in * c->out / c->groups) * product (c->kernel, n);
  d->n_b = (gsize) c->out;
  d->x   = random_floats (rand, d->n_x);
  d->w   = random_floats (rand, d->n_w);
  d->b   = random_floats (rand, d->n_b);
  d->dy  = random_floats (rand, d->n_y);
  d->dx  = g_new0 (gdouble, d->n_x);
  d->dw  = g_new0 (gdouble, d->n_w);
  d->db  = g_new0 (gdouble, d->n_b);
  define (c, d);
}

static void
data_clear (Data *d)
{
  g_free (d->x);
  g_free (d->w);
  g_free (d->b);
  g_free (d->dy);
  g_free (d->dx);
  g_free (d->dw);
  g_free (d->db);
}

static void
append_list (GString *text, const gchar *name, const gint64 *values, guint n, const gint64 *more)
{
  g_string_append_printf (text, " %s=", name);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", values[i]);
  for (guint i = 0; i < n && more != NULL; i++)
    g_string_append_printf (text, ",%" G_GINT64_FORMAT, more[i]);
}

static NrModel *
make_network (const Case *c, const Data *d, NrShape *x_shape)
{
  g_autoptr (NrGraph) graph = nr_graph_new (c->name);
  g_autoptr (GString) text  = g_string_new (NULL);
  GError             *error = NULL;
  NrShape             w     = { NR_TYPE_FLOAT32, 2 + c->n_spatial, { c->out, c->in / c->groups } };
  const NrShape       b     = { NR_TYPE_FLOAT32, 1, { c->out } };
  NrModel            *model;
  NrValue             in[3], y;

  if (c->is_transposed)
    w.dims[0] = c->in, w.dims[1] = c->out / c->groups;
  *x_shape = (NrShape) { NR_TYPE_FLOAT32, 2 + c->n_spatial, { c->batch, c->in } };
  for (guint a = 0; a < c->n_spatial; a++)
    {
      w.dims[2 + a]        = c->kernel[a];
      x_shape->dims[2 + a] = c->size[a];
    }

  g_string_append_printf (text, "group=%" G_GINT64_FORMAT, c->groups);
  append_list (text, "strides", c->stride, c->n_spatial, NULL);
  append_list (text, "dilations", c->dilation, c->n_spatial, NULL);
  append_list (text, "pads", c->begin, c->n_spatial, c->end);

  in[0] = nr_graph_input (graph, "x", x_shape);
  in[1] = nr_graph_parameter (graph, "w", &w, d->w);
  in[2] = nr_graph_parameter (graph, "b", &b, d->b);
  y     = nr_graph_op (graph, c->is_transposed ? "ConvTranspose" : "Conv", 3, in, text->str);
  nr_graph_output (graph, y, "y");
  model = nr_graph_to_model (graph, &error);
  g_assert_no_error (error);
  return model;
}

static NrTrainer *
run (NrModel *model, const NrShape *shape, const Data *d, const NrTrainerOptions *options)
{
  GError     *error    = NULL;
  NrTrainer  *trainer  = nr_trainer_new (model, shape, options, &error);
  const void *inputs[] = { d->x };

  g_assert_no_error (error);
  memcpy (nr_trainer_output_gradient (trainer, 0), d->dy, d->n_y * sizeof (gfloat));
  g_assert_true (nr_trainer_forward (trainer, inputs, NULL, NULL));
  g_assert_true (nr_trainer_backward (trainer, NULL, NULL));
  return trainer;
}

/* Relative to the largest element: Winograd's rounding is spread over a tile. */
static void
compare (const gfloat *got, const gdouble *want, gsize n, const gchar *what, NrCpuLevel level)
{
  gdouble scale = 0.0, worst = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      scale = MAX (scale, fabs (want[i]));
      worst = MAX (worst, fabs (got[i] - want[i]));
    }

  if (! (worst <= 2e-5 * MAX (scale, 1e-3)))
    g_error ("%s at %s: %g away, the largest is %g", what, nr_cpu_level_name (level), worst, scale);
}

static void
test_case (gconstpointer data)
{
  const Case         *c = data;
  Data                d = { 0 };
  NrShape             shape;
  g_autoptr (NrModel) model = NULL;

  data_init (c, &d);
  model = make_network (c, &d, &shape);

  for (NrCpuLevel level = NR_CPU_C; level <= nr_cpu_level (); level++)
    {
      NrTrainerOptions      options = { 1, level, 0, TRUE, TRUE };
      g_autoptr (NrTrainer) one     = run (model, &shape, &d, &options);

      compare (nr_trainer_input_gradient (one, 0), d.dx, d.n_x, "input", level);
      compare (nr_trainer_parameter_gradient (one, 0), d.dw, d.n_w, "weights", level);
      compare (nr_trainer_parameter_gradient (one, 1), d.db, d.n_b, "bias", level);

      for (options.threads = 2; options.threads <= 3; options.threads++)
        {
          g_autoptr (NrTrainer) more = run (model, &shape, &d, &options);

          g_assert_cmpmem (nr_trainer_input_gradient (more, 0), d.n_x * sizeof (gfloat),
                           nr_trainer_input_gradient (one, 0), d.n_x * sizeof (gfloat));
          g_assert_cmpmem (nr_trainer_parameter_gradient (more, 0), d.n_w * sizeof (gfloat),
                           nr_trainer_parameter_gradient (one, 0), d.n_w * sizeof (gfloat));
        }

      /* Constant weights are packed once, and shared: the same gradient of the input. */
      options.wants_parameter_gradients = FALSE;

      g_autoptr (NrTrainer) constant = run (model, &shape, &d, &options);

      g_assert_cmpuint (nr_trainer_n_parameters (constant), ==, 0);
      g_assert_cmpmem (nr_trainer_input_gradient (constant, 0), d.n_x * sizeof (gfloat),
                       nr_trainer_input_gradient (one, 0), d.n_x * sizeof (gfloat));
    }

  data_clear (&d);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree gchar *path = g_strconcat ("/gradient/conv/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  return g_test_run ();
}
