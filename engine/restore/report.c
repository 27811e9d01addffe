/* What a run tells, as JSON.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <json-glib/json-glib.h>

#include "nr-restore.h"

void
nr_report_clear (NrReport *report)
{
  g_clear_pointer (&report->method, g_free);
  g_clear_pointer (&report->model, g_free);
}

static void
add_string (JsonBuilder *builder, const gchar *name, const gchar *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value ? value : "");
}

static void
add_int (JsonBuilder *builder, const gchar *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

/* Three decimals: nobody wants to read 14.000000000000002 milliseconds. */
static void
add_double (JsonBuilder *builder, const gchar *name, gdouble value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, (gint64) (value * 1000 + (value < 0 ? -0.5 : 0.5)) / 1000.0);
}

gchar *
nr_report_to_json (const NrReport *report)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root       = NULL;

  json_builder_begin_object (builder);
  add_string (builder, "task", nr_task_name (report->task));
  add_string (builder, "method", report->method);
  add_string (builder, "model", report->model);
  add_int (builder, "width", report->width);
  add_int (builder, "height", report->height);
  add_int (builder, "channels", report->n_channels);
  add_int (builder, "tiles", report->tiles);
  add_int (builder, "threads", report->threads);
  add_double (builder, "milliseconds", report->milliseconds);
  add_double (builder, "peak_memory_mib", report->peak_memory_mib);
  add_double (builder, "noise_estimate", report->noise_estimate);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}
