/* The memory of a plan: which tensors share a place, and where it lies.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A place holds one or more tensors: a view lies where its input lies, an element-wise result may take the place of its
 * input when that dies there. Places of graph inputs and outputs are the caller's memory; all others get an offset in
 * one block, the largest first, each at the lowest offset that no place alive at the same time covers.
 */

#include "graph/plan.h"
#include "aligned.h"

typedef enum
{
  PLACE_ARENA,
  PLACE_INPUT,
  PLACE_OUTPUT
} PlaceKind;

typedef struct
{
  PlaceKind  kind;
  guint      index;       /* of the graph's input or output */
  gsize      size;        /* bytes */
  guint      first, last; /* nodes during which it is alive */
  gsize      offset;      /* in the arena */
  GPtrArray *tensors;
} Place;

typedef struct
{
  NrPlan     *plan;
  GPtrArray  *places;
  GHashTable *place_of; /* NrTensor -> Place; constants have none */
} Layout;

static void
place_free (Place *place)
{
  g_ptr_array_unref (place->tensors);
  g_free (place);
}

static Place *
place_of (const Layout *layout, const NrTensor *tensor)
{
  return tensor == NULL ? NULL : g_hash_table_lookup (layout->place_of, tensor);
}

static void
put (Layout *layout, Place *place, NrTensor *tensor)
{
  g_ptr_array_add (place->tensors, tensor);
  g_hash_table_insert (layout->place_of, tensor, place);
}

static Place *
add_place (Layout *layout, PlaceKind kind, guint index, NrTensor *tensor, guint node)
{
  Place *place = g_new0 (Place, 1);

  place->kind    = kind;
  place->index   = index;
  place->size    = nr_tensor_bytes (tensor);
  place->first   = node;
  place->last    = node;
  place->tensors = g_ptr_array_new ();
  g_ptr_array_add (layout->places, place);
  put (layout, place, tensor);
  return place;
}

/* Every tensor its place, views in that of their input; then how long each place lives. */
static void
find_places (Layout *layout)
{
  NrPlan *plan = layout->plan;

  for (guint i = 0; i < plan->model->inputs->len; i++)
    add_place (layout, PLACE_INPUT, i, plan->inputs[i], 0);

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      NrNode *node = nr_plan_node (plan, i);

      for (guint k = 0; k < node->n_in; k++)
        {
          Place *place = place_of (layout, node->in[k]);

          if (place != NULL)
            place->last = i;
        }

      for (guint k = 0; k < node->n_out; k++)
        if (node->out[k] == NULL)
          continue;
        else if (nr_node_is_view (node))
          put (layout, place_of (layout, node->in[0]), node->out[k]);
        else
          add_place (layout, PLACE_ARENA, 0, node->out[k], i);
    }
}

static void
add_binding (GArray *bindings, NrTensor *tensor, guint index)
{
  NrBinding binding = { .tensor = tensor, .index = index };

  g_array_append_val (bindings, binding);
}

/* An output is written in the caller's memory right away, unless its place is taken: a constant, an input, another
 * output. Then it is copied at the end. */
static void
place_outputs (Layout *layout)
{
  NrPlan *plan = layout->plan;

  for (guint i = 0; i < plan->model->outputs->len; i++)
    {
      Place *place = place_of (layout, plan->outputs[i]);

      if (place == NULL || place->kind != PLACE_ARENA)
        {
          add_binding (plan->copies, plan->outputs[i], i);
        }
      else
        {
          place->kind  = PLACE_OUTPUT;
          place->index = i;
          place->last  = G_MAXUINT;
        }
    }
}

static gboolean
can_take (const Layout *layout, const NrNode *node, guint i, guint input)
{
  Place *from = place_of (layout, node->in[input]);
  Place *to   = place_of (layout, node->out[0]);

  if (from == NULL || to == NULL || from == to || from->kind != PLACE_ARENA || from->last != i || from->size != to->size)
    return FALSE;

  /* Another input in the same place is safe only if it is read at the same index as it is written. */
  for (guint k = 0; k < node->n_in; k++)
    if (place_of (layout, node->in[k]) == from && nr_tensor_bytes (node->in[k]) != to->size)
      return FALSE;

  return nr_tensor_bytes (node->in[input]) == to->size;
}

/* The input that out[0] may overwrite, -1 if there is none. */
static gint
find_victim (const Layout *layout, const NrNode *node, guint i)
{
  const gint last = (gint) node->n_in - 1;

  if (node->op->in_place && node->n_in > 0 && can_take (layout, node, i, 0))
    return 0;

  /* The residual, if the convolution does not read the same memory as its input too. */
  if (node->op->residual_in_place && node->epilogue.residual != NULL && can_take (layout, node, i, last) &&
      place_of (layout, node->in[0]) != place_of (layout, node->in[last]))
    return last;

  return -1;
}

/* The output's place swallows that of the input that dies. */
static void
join_in_place (Layout *layout)
{
  for (guint i = 0; i < layout->plan->nodes->len; i++)
    {
      NrNode *node   = nr_plan_node (layout->plan, i);
      gint    victim = nr_node_is_view (node) ? -1 : find_victim (layout, node, i);
      Place  *from, *to;

      if (victim < 0)
        continue;

      from      = place_of (layout, node->in[victim]);
      to        = place_of (layout, node->out[0]);
      to->first = from->first;
      for (guint k = 0; k < from->tensors->len; k++)
        put (layout, to, g_ptr_array_index (from->tensors, k));
      g_ptr_array_remove_fast (layout->places, from);
    }
}

/* -- Offsets ------------------------------------------------------------------------------------------------------ */

static gint
compare_sizes (gconstpointer a, gconstpointer b)
{
  const Place *pa = *(Place *const *) a, *pb = *(Place *const *) b;

  if (pa->size != pb->size)
    return pa->size < pb->size ? 1 : -1;
  return pa->first < pb->first ? -1 : pa->first > pb->first;
}

/* Index of the first place of DONE, sorted by offset, that lies above OFFSET. */
static guint
first_above (GPtrArray *done, gsize offset)
{
  guint low = 0, high = done->len;

  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (((const Place *) g_ptr_array_index (done, middle))->offset > offset)
        high = middle;
      else
        low = middle + 1;
    }

  return low;
}

/* The smallest gap that fits between those that are alive at the same time, else above them all. */
static gsize
find_offset (const Place *place, GPtrArray *done)
{
  const gsize size     = nr_align (place->size);
  gsize       end      = 0;
  gsize       best     = G_MAXSIZE;
  gsize       best_gap = G_MAXSIZE;

  for (guint i = 0; i < done->len; i++) /* sorted by offset */
    {
      const Place *other = g_ptr_array_index (done, i);

      if (other->last < place->first || other->first > place->last)
        continue;

      if (other->offset >= end + size && other->offset - end < best_gap)
        {
          best     = end;
          best_gap = other->offset - end;
        }
      end = MAX (end, other->offset + nr_align (other->size));
    }

  return best != G_MAXSIZE ? best : end;
}

static gboolean
assign_offsets (Layout *layout, GError **error)
{
  g_autoptr (GPtrArray) done = g_ptr_array_new ();
  NrPlan *plan               = layout->plan;
  gsize   total              = 0;

  g_ptr_array_sort (layout->places, compare_sizes);

  for (guint i = 0; i < layout->places->len; i++)
    {
      Place *place = g_ptr_array_index (layout->places, i);

      /* All sizes added up must still be an address: then no sum below can overflow. */
      if (place->size > G_MAXSSIZE / 2 || ! g_size_checked_add (&total, total, nr_align (place->size)) ||
          total > G_MAXSSIZE / 2)
        {
          g_set_error (error, NR_ENGINE_ERROR, NR_ENGINE_ERROR_MEMORY, "the network needs more memory than can exist");
          return FALSE;
        }

      if (place->kind != PLACE_ARENA)
        continue;

      place->offset     = find_offset (place, done);
      plan->arena_bytes = MAX (plan->arena_bytes, place->offset + nr_align (place->size));
      g_ptr_array_insert (done, first_above (done, place->offset), place);
    }

  return TRUE;
}

static void
record (Layout *layout)
{
  for (guint i = 0; i < layout->places->len; i++)
    {
      const Place *place = g_ptr_array_index (layout->places, i);

      for (guint k = 0; k < place->tensors->len; k++)
        {
          NrTensor *tensor = g_ptr_array_index (place->tensors, k);
          NrSlot    slot   = { .tensor = tensor, .offset = place->offset };

          if (place->kind == PLACE_INPUT)
            add_binding (layout->plan->input_bindings, tensor, place->index);
          else if (place->kind == PLACE_OUTPUT)
            add_binding (layout->plan->output_bindings, tensor, place->index);
          else
            g_array_append_val (layout->plan->slots, slot);
        }
    }
}

/* Views have done their work: what is left is what runs. */
static void
drop_views (NrPlan *plan)
{
  for (guint i = plan->nodes->len; i-- > 0;)
    if (nr_node_is_view (nr_plan_node (plan, i)))
      g_ptr_array_remove_index (plan->nodes, i);
}

gboolean
nr_plan_lay_out (NrPlan *plan, GError **error)
{
  g_autoptr (GHashTable) table = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func ((GDestroyNotify) place_free);
  Layout layout                = { .plan = plan, .places = places, .place_of = table };

  find_places (&layout);
  place_outputs (&layout);
  join_in_place (&layout);
  if (! assign_offsets (&layout, error))
    return FALSE;

  record (&layout);
  drop_views (plan);

  for (guint i = 0; i < plan->nodes->len; i++)
    {
      plan->scratch_bytes = MAX (plan->scratch_bytes, nr_align (nr_plan_node (plan, i)->scratch));
      plan->n_macs += nr_plan_node (plan, i)->n_macs;
    }

  return TRUE;
}

void
nr_plan_place (NrPlan *plan, gpointer arena)
{
  for (guint i = 0; i < plan->slots->len; i++)
    {
      const NrSlot *slot = &g_array_index (plan->slots, NrSlot, i);

      slot->tensor->data = (guint8 *) arena + slot->offset;
    }
}
