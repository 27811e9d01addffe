/* Whether a JPEG file can be decoded to its end: see jpeg-check.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "jpeg-check.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

typedef struct
{
  struct jpeg_error_mgr base; /* first: libjpeg hands out a pointer to it */
  jmp_buf               out;
  gchar                 message[JMSG_LENGTH_MAX];
} Errors;

static void
leave (j_common_ptr jpeg)
{
  Errors *errors = (Errors *) jpeg->err;

  jpeg->err->format_message (jpeg, errors->message);
  longjmp (errors->out, 1);
}

/* Of the warnings only missing data counts: many cameras write files with a stray byte that decode perfectly. */
static void
leave_if_data_is_missing (j_common_ptr jpeg, int level)
{
  if (level < 0 && (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER))
    leave (jpeg);
}

/* May leave by longjmp. */
static void
decode (struct jpeg_decompress_struct *jpeg, FILE *file)
{
  JSAMPARRAY row;

  jpeg_create_decompress (jpeg);
  jpeg_stdio_src (jpeg, file);
  jpeg_read_header (jpeg, TRUE);
  jpeg_start_decompress (jpeg);

  row = jpeg->mem->alloc_sarray ((j_common_ptr) jpeg, JPOOL_IMAGE, jpeg->output_width * jpeg->output_components, 1);
  while (jpeg->output_scanline < jpeg->output_height)
    jpeg_read_scanlines (jpeg, row, 1);
  jpeg_finish_decompress (jpeg);
}

gchar *
nr_jpeg_find_damage (const gchar *path)
{
  struct jpeg_decompress_struct jpeg   = { 0 };
  Errors                        errors = { 0 };
  FILE                         *file   = g_fopen (path, "rb");

  if (file == NULL)
    return g_strdup (g_strerror (errno));

  jpeg.err                 = jpeg_std_error (&errors.base);
  errors.base.error_exit   = leave;
  errors.base.emit_message = leave_if_data_is_missing;

  if (setjmp (errors.out) == 0)
    decode (&jpeg, file);

  jpeg_destroy_decompress (&jpeg);
  fclose (file);
  return errors.message[0] ? g_strdup (errors.message) : NULL;
}
