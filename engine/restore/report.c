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

/* The value of a string, quoted and escaped. */
static gchar *
quote (const gchar *text)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), text ? text : "");

  return json_to_string (node, FALSE);
}

/* At most three decimals, in any locale; json-glib would write 14.000000000000002. */
static const gchar *
number (gdouble value, gchar buffer[G_ASCII_DTOSTR_BUF_SIZE])
{
  return g_ascii_formatd (buffer, G_ASCII_DTOSTR_BUF_SIZE, "%.3f", value);
}

gchar *
nr_report_to_json (const NrReport *report)
{
  g_autofree gchar *method = quote (report->method);
  g_autofree gchar *model  = quote (report->model);
  gchar             milliseconds[G_ASCII_DTOSTR_BUF_SIZE];
  gchar             memory[G_ASCII_DTOSTR_BUF_SIZE];
  gchar             noise[G_ASCII_DTOSTR_BUF_SIZE];
  gchar             size[G_ASCII_DTOSTR_BUF_SIZE];
  gchar             angle[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup_printf ("{\"task\":\"%s\",\"method\":%s,\"model\":%s,\"width\":%d,\"height\":%d,\"channels\":%d,"
                          "\"tiles\":%u,\"threads\":%u,\"milliseconds\":%s,\"peak_memory_mib\":%s,\"noise_estimate\":%s,"
                          "\"blur_shape\":\"%s\",\"blur_size\":%s,\"blur_angle\":%s}",
                          nr_task_name (report->task), method, model, report->width, report->height, report->n_channels,
                          report->tiles, report->threads, number (report->milliseconds, milliseconds),
                          number (report->peak_memory_mib, memory), number (report->noise_estimate, noise),
                          report->blur_shape ? report->blur_shape : "", number (report->blur_size, size),
                          number (report->blur_angle, angle));
}
