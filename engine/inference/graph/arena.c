/* The memory of a plan: which tensors share a place, and where it lies.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A place holds one or more tensors: a view lies where its input lies, the parts of a Split or a Slice lie within it, the inputs of a
 * Concat are made within its output, an element-wise result may take the place of its input when that dies there. Places
 * of graph inputs and outputs are the caller's memory; all others get an offset in one block, the largest first, each in
 * the smallest gap between places alive at the same time.
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

/* Where in a place a tensor lies. */
typedef struct
{
  Place *place;
  gsize  offset;
} Spot;

typedef struct
{
  NrPlan     *plan;
  GPtrArray  *places;
  GHashTable *spots;  /* NrTensor -> Spot; constants have none */
  GHashTable *silent; /* NrNode: what it would do is done by where its tensors lie */
} Layout;

static void
place_free (Place *place)
{
  g_ptr_array_unref (place->tensors);
  g_free (place);
}

static const Spot *
spot_of (const Layout *layout, const NrTensor *tensor)
{
  return tensor == NULL ? NULL : g_hash_table_lookup (layout->spots, tensor);
}

static Place *
place_of (const Layout *layout, const NrTensor *tensor)
{
  const Spot *spot = spot_of (layout, tensor);

  return spot != NULL ? spot->place : NULL;
}

/* Whether TENSOR is all that its place has room for. */
static gboolean
fills (const NrTensor *tensor, const Place *place)
{
  return nr_tensor_bytes (tensor) == place->size;
}

static void
put (Layout *layout, Place *place, gsize offset, NrTensor *tensor)
{
  Spot *spot = g_new (Spot, 1);

  spot->place  = place;
  spot->offset = offset;
  g_ptr_array_add (place->tensors, tensor);
  g_hash_table_replace (layout->spots, tensor, spot);
}

/* All of FROM moves into TO, at OFFSET. */
static void
move (Layout *layout, Place *from, Place *to, gsize offset)
{
  for (guint i = 0; i < from->tensors->len; i++)
    {
      NrTensor *tensor = g_ptr_array_index (from->tensors, i);

      put (layout, to, spot_of (layout, tensor)->offset + offset, tensor);
    }

  to->first = MIN (to->first, from->first);
  to->last  = MAX (to->last, from->last);
  g_ptr_array_remove_fast (layout->places, from);
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
  put (layout, place, 0, tensor);
  return place;
}

/* Whether all dimensions before the node's axis are 1: then pieces along it follow each other in memory. */
static gboolean
is_along_memory (const NrNode *node, const NrShape *shape)
{
  const gint64 axis = nr_node_get_int (node, "axis", 0);
  const guint  end  = axis < 0 ? axis + shape->rank : axis;

  for (guint i = 0; i < end; i++)
    if (shape->dims[i] != 1)
      return FALSE;

  return TRUE;
}

/* A Split whose parts can lie within its input. */
static gboolean
is_split_in_place (const NrNode *node)
{
  for (guint i = 0; i < node->n_out; i++)
    if (node->out[i] == NULL)
      return FALSE;

  return g_str_equal (node->op->type, "Split") && ! node->in[0]->is_constant &&
         is_along_memory (node, &node->in[0]->shape);
}

static void
put_outputs (Layout *layout, NrNode *node, guint i)
{
  const gboolean is_part   = node->is_part && ! node->in[0]->is_constant;
  const gboolean is_within = is_part || nr_node_is_view (node) || is_split_in_place (node);
  gsize          offset    = is_within ? spot_of (layout, node->in[0])->offset : 0;

  if (is_part)
    offset += node->part_offset;

  if (is_within)
    g_hash_table_add (layout->silent, node);

  for (guint k = 0; k < node->n_out; k++)
    {
      if (node->out[k] == NULL)
        continue;

      if (is_within)
        put (layout, place_of (layout, node->in[0]), offset, node->out[k]);
      else
        add_place (layout, PLACE_ARENA, 0, node->out[k], i);
      offset += nr_tensor_bytes (node->out[k]);
    }
}

/* Every tensor its place, views and parts in that of their input; then how long each place lives. */
static void
find_places (Layout *layout)
{
  NrPlan *plan = layout->plan;

  for (guint i = 0; i < plan->n_inputs; i++)
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

      put_outputs (layout, node, i);
    }
}

static void
add_binding (GArray *bindings, NrTensor *tensor, guint index, gsize offset)
{
  NrBinding binding = { .tensor = tensor, .index = index, .offset = offset };

  g_array_append_val (bindings, binding);
}

/* An output is written in the caller's memory right away, unless its place is taken: a constant, an input, another
 * output, a part of something. Then it is copied at the end. */
static void
place_outputs (Layout *layout)
{
  NrPlan *plan = layout->plan;

  for (guint i = 0; i < plan->n_outputs; i++)
    {
      Place *place = place_of (layout, plan->outputs[i]);

      if (place != NULL)
        place->last = G_MAXUINT;

      if (place == NULL || place->kind != PLACE_ARENA || ! fills (plan->outputs[i], place))
        {
          add_binding (plan->copies, plan->outputs[i], i, 0);
        }
      else
        {
          place->kind  = PLACE_OUTPUT;
          place->index = i;
        }
    }
}

/* -- Concat ------------------------------------------------------------------------------------------------------- */

/* Whether the inputs already lie one behind the other: then the output is a view of them. */
static gboolean
lie_in_a_row (const Layout *layout, const NrNode *node)
{
  const Spot *first = spot_of (layout, node->in[0]);
  gsize       next;

  if (first == NULL)
    return FALSE;

  next = first->offset;
  for (guint k = 0; k < node->n_in; k++)
    {
      const Spot *spot = spot_of (layout, node->in[k]);

      if (spot == NULL || spot->place != first->place || spot->offset != next)
        return FALSE;
      next += nr_tensor_bytes (node->in[k]);
    }

  return TRUE;
}

/* Moves inputs that have a place of their own into the output; what cannot move is copied when the node runs. */
static void
move_inputs (Layout *layout, NrNode *node, Place *to)
{
  gsize    offset = 0;
  gboolean is_all = TRUE;

  for (guint k = 0; k < node->n_in; k++)
    {
      Place *from = place_of (layout, node->in[k]);

      if (from != NULL && from != to && from->kind == PLACE_ARENA && from->size > 0 && fills (node->in[k], from))
        move (layout, from, to, offset);
      else
        is_all = FALSE;
      offset += nr_tensor_bytes (node->in[k]);
    }

  if (is_all)
    g_hash_table_add (layout->silent, node);
}

/* Last to first: of the growing concatenations in a dense block the largest takes the parts in, the smaller ones are
 * views of its beginning. Nothing in a place with parts is ever overwritten in place: no part fills it. */
static void
join_concats (Layout *layout)
{
  for (guint i = layout->plan->nodes->len; i-- > 0;)
    {
      NrNode *node = nr_plan_node (layout->plan, i);
      Place  *to;

      if (! g_str_equal (node->op->type, "Concat") || ! is_along_memory (node, &node->out[0]->shape))
        continue;

      to = place_of (layout, node->out[0]);
      if (! fills (node->out[0], to))
        continue;

      if (! lie_in_a_row (layout, node))
        {
          move_inputs (layout, node, to);
        }
      else if (to->kind == PLACE_ARENA && to != place_of (layout, node->in[0]))
        {
          move (layout, to, place_of (layout, node->in[0]), spot_of (layout, node->in[0])->offset);
          g_hash_table_add (layout->silent, node);
        }
    }
}

/* -- In place ----------------------------------------------------------------------------------------------------- */

static gboolean
can_take (const Layout *layout, const NrNode *node, guint i, guint input)
{
  Place *from = place_of (layout, node->in[input]);
  Place *to   = place_of (layout, node->out[0]);

  if (from == NULL || to == NULL || from == to || from->kind != PLACE_ARENA || from->last != i ||
      ! fills (node->in[input], from) || ! fills (node->out[0], to) || from->size != to->size)
    return FALSE;

  /* Another input in the same place is safe only if it is read at the same index as it is written. */
  for (guint k = 0; k < node->n_in; k++)
    if (place_of (layout, node->in[k]) == from && ! fills (node->in[k], from))
      return FALSE;

  return TRUE;
}

/* The input that out[0] may overwrite, -1 if there is none. */
static gint
find_victim (const Layout *layout, const NrNode *node, guint i)
{
  const gint residual = NR_CONV_RESIDUAL;

  if (node->op->in_place && node->n_in > 0 && can_take (layout, node, i, 0))
    return 0;

  /* The residual, if the convolution does not read the same memory as its input too. */
  if (node->op->residual_in_place && node->epilogue.residual != NULL && can_take (layout, node, i, residual) &&
      place_of (layout, node->in[0]) != place_of (layout, node->in[residual]) &&
      place_of (layout, nr_node_in (node, NR_CONV_PROLOGUE)) != place_of (layout, node->in[residual]))
    return residual;

  return -1;
}

/* The output's place swallows that of the input that dies. */
static void
join_in_place (Layout *layout)
{
  for (guint i = 0; i < layout->plan->nodes->len; i++)
    {
      NrNode *node   = nr_plan_node (layout->plan, i);
      gint    victim = g_hash_table_contains (layout->silent, node) ? -1 : find_victim (layout, node, i);

      if (victim >= 0)
        move (layout, place_of (layout, node->in[victim]), place_of (layout, node->out[0]), 0);
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
  g_autoptr (GPtrArray) done  = g_ptr_array_new ();
  NrPlan               *plan  = layout->plan;
  gsize                 total = 0;

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
          NrTensor   *tensor = g_ptr_array_index (place->tensors, k);
          const gsize within = spot_of (layout, tensor)->offset;
          NrSlot      slot   = { .tensor = tensor, .offset = place->offset + within };

          if (place->kind == PLACE_INPUT)
            add_binding (layout->plan->input_bindings, tensor, place->index, within);
          else if (place->kind == PLACE_OUTPUT)
            add_binding (layout->plan->output_bindings, tensor, place->index, within);
          else
            g_array_append_val (layout->plan->slots, slot);
        }
    }
}

/* Views have done their work: what is left is what runs. They are kept, for nodes of the way back may refer to them. */
static void
drop_silent (Layout *layout)
{
  GPtrArray *nodes = layout->plan->nodes;

  for (guint i = nodes->len; i-- > 0;)
    if (g_hash_table_contains (layout->silent, g_ptr_array_index (nodes, i)))
      g_ptr_array_add (layout->plan->silent, g_ptr_array_steal_index (nodes, i));
}

gboolean
nr_plan_lay_out (NrPlan *plan, GError **error)
{
  g_autoptr (GHashTable) spots  = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_autoptr (GHashTable) silent = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray)  places = g_ptr_array_new_with_free_func ((GDestroyNotify) place_free);
  Layout                 layout = { .plan = plan, .places = places, .spots = spots, .silent = silent };

  find_places (&layout);
  place_outputs (&layout);
  join_concats (&layout);
  join_in_place (&layout);
  if (! assign_offsets (&layout, error))
    return FALSE;

  record (&layout);
  drop_silent (&layout);

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
