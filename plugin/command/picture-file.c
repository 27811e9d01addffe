/* Picture files through GEGL, metadata through Exiv2: see picture-file.h.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "picture-file.h"

#include <gexiv2/gexiv2.h>
#include <glib/gstdio.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "jpeg-check.h"
#include "pixels.h"

/* -- Formats ------------------------------------------------------------------------------------------------------ */

typedef struct
{
  const gchar *name;
  const gchar *endings[3];
  const gchar *magic;
  gsize        magic_at, magic_length;
  const gchar *load, *save; /* GEGL operations */
  gboolean     has_alpha;
  gboolean     has_quality;
  gboolean     has_bitdepth; /* 8 or 16; others follow the buffer by themselves */
  gboolean     has_metadata; /* Exiv2 can write it */
  gchar *(*find_damage) (const gchar *path); /* where the GEGL operation cannot be trusted to; may be NULL */
} FileFormat;

static const FileFormat formats[] = {
  { "PNG", { "png" }, "\x89PNG\r\n\x1a\n", 0, 8, "gegl:png-load", "gegl:png-save", TRUE, FALSE, TRUE, TRUE },
  { "JPEG", { "jpg", "jpeg" }, "\xff\xd8\xff", 0, 3, "gegl:jpg-load", "gegl:jpg-save", FALSE, TRUE, FALSE, TRUE, nr_jpeg_find_damage },
  { "TIFF", { "tif", "tiff" }, "II*\0", 0, 4, "gegl:tiff-load", "gegl:tiff-save", TRUE, FALSE, FALSE, TRUE },
  { "TIFF", { NULL }, "MM\0*", 0, 4, "gegl:tiff-load", "gegl:tiff-save", TRUE, FALSE, FALSE, TRUE },
  { "WebP", { "webp" }, "WEBP", 8, 4, "gegl:webp-load", "gegl:webp-save", TRUE, TRUE, FALSE, TRUE },
  { "OpenEXR", { "exr" }, "\x76\x2f\x31\x01", 0, 4, "gegl:exr-load", "gegl:exr-save", TRUE, FALSE, FALSE, FALSE },
  { "Radiance", { "hdr" }, "#?", 0, 2, "gegl:rgbe-load", "gegl:rgbe-save", FALSE, FALSE, FALSE, FALSE },
  { "PPM", { "ppm" }, "P6", 0, 2, "gegl:ppm-load", "gegl:ppm-save", FALSE, FALSE, TRUE, FALSE },
  { "PGM", { "pgm" }, "P5", 0, 2, "gegl:ppm-load", "gegl:ppm-save", FALSE, FALSE, TRUE, FALSE },
};

static const gchar known_formats[] = "PNG, JPEG, TIFF, WebP, OpenEXR, Radiance HDR or PPM";

static const FileFormat *
format_by_content (const gchar *path, GError **error)
{
  g_autofree gchar *display  = g_filename_display_name (path);
  gchar             head[12] = { 0 };
  FILE             *file     = g_fopen (path, "rb");
  gsize             n;

  if (file == NULL || g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "cannot read '%s': %s", display,
                   file ? "it is a folder, give a picture file" : g_strerror (errno));
      g_clear_pointer (&file, fclose);
      return NULL;
    }
  n = fread (head, 1, sizeof head, file);
  fclose (file);

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (n >= formats[i].magic_at + formats[i].magic_length &&
        memcmp (head + formats[i].magic_at, formats[i].magic, formats[i].magic_length) == 0)
      return &formats[i];

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot read '%s': it is not a %s file", display, known_formats);
  return NULL;
}

static const FileFormat *
format_by_ending (const gchar *path, GError **error)
{
  const gchar      *dot     = strrchr (path, '.');
  g_autofree gchar *display = NULL;

  for (gsize i = 0; dot && i < G_N_ELEMENTS (formats); i++)
    for (gsize e = 0; e < G_N_ELEMENTS (formats[i].endings) && formats[i].endings[e]; e++)
      if (g_ascii_strcasecmp (dot + 1, formats[i].endings[e]) == 0)
        return &formats[i];

  display = g_filename_display_name (path);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               "cannot write '%s': name it as a %s file (.png, .jpg, .tif, .webp, .exr, .hdr, .ppm)", display, known_formats);
  return NULL;
}

/* -- GEGL's warnings are the only word of a failed load or save ---------------------------------------------------- */

static void
collect_warning (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
  GString *warnings = data;

  if (level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))
    {
      if (warnings->len == 0)
        g_string_append (warnings, message);
    }
  else
    g_log_default_handler (domain, level, message, NULL);
}

/* Sends standard error elsewhere and returns what it was: the file libraries below GEGL print there by themselves. */
static int
mute_standard_error (void)
{
  int saved = dup (STDERR_FILENO);
  int sink  = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  if (saved >= 0 && sink >= 0)
    dup2 (sink, STDERR_FILENO);
  if (sink >= 0)
    close (sink);

  return saved;
}

static void
restore_standard_error (int saved)
{
  if (saved < 0)
    return;

  dup2 (saved, STDERR_FILENO);
  close (saved);
}

/* Processes NODE; the first warning, or NULL when there was none. */
static gchar *
process_and_listen (GeglNode *node)
{
  GString *warnings = g_string_new (NULL);
  GLogFunc old      = g_log_set_default_handler (collect_warning, warnings);
  int      saved    = mute_standard_error ();

  gegl_node_process (node);
  restore_standard_error (saved);
  g_log_set_default_handler (old, NULL);

  g_strdelimit (g_strstrip (warnings->str), "\n", ' ');
  return g_string_free (warnings, warnings->str[0] == '\0');
}

/* -- Load --------------------------------------------------------------------------------------------------------- */

static GExiv2Metadata *
read_metadata (const gchar *path)
{
  g_autoptr (GExiv2Metadata) metadata = gexiv2_metadata_new ();

  /* A file without metadata, or of a kind that Exiv2 does not know, is no mistake of the user's. */
  if (! gexiv2_metadata_open_path (metadata, path, NULL))
    return NULL;

  return g_steal_pointer (&metadata);
}

/* EXIF orientation 1 to 8 as: swap x and y first, then mirror. */
static void
orientation_parts (GExiv2Orientation orientation, gboolean *swap, gboolean *mirror_x, gboolean *mirror_y)
{
  *swap     = orientation >= GEXIV2_ORIENTATION_ROT_90_HFLIP;
  *mirror_x = orientation == GEXIV2_ORIENTATION_HFLIP || orientation == GEXIV2_ORIENTATION_ROT_180 ||
              orientation == GEXIV2_ORIENTATION_ROT_90 || orientation == GEXIV2_ORIENTATION_ROT_90_VFLIP;
  *mirror_y = orientation == GEXIV2_ORIENTATION_VFLIP || orientation == GEXIV2_ORIENTATION_ROT_180 ||
              orientation == GEXIV2_ORIENTATION_ROT_90_VFLIP || orientation == GEXIV2_ORIENTATION_ROT_270;
}

/* The buffer turned upright, pixel for pixel; takes BUFFER. */
static GeglBuffer *
turn_upright (GeglBuffer *buffer, GExiv2Orientation orientation)
{
  const Babl        *format = gegl_buffer_get_format (buffer);
  gsize              bpp    = babl_format_get_bytes_per_pixel (format);
  gint               width  = gegl_buffer_get_width (buffer);
  gint               height = gegl_buffer_get_height (buffer);
  g_autofree guint8 *row    = g_malloc (bpp * width);
  g_autofree guint8 *all    = g_malloc (bpp * width * height);
  gboolean           swap, mirror_x, mirror_y;
  GeglBuffer        *upright;
  gint               new_width, new_height;

  orientation_parts (orientation, &swap, &mirror_x, &mirror_y);
  new_width  = swap ? height : width;
  new_height = swap ? width : height;

  for (gint y = 0; y < height; y++)
    {
      gegl_buffer_get (buffer, GEGL_RECTANGLE (0, y, width, 1), 1.0, format, row, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      for (gint x = 0; x < width; x++)
        {
          gint to_x = swap ? y : x;
          gint to_y = swap ? x : y;

          to_x = mirror_x ? new_width - 1 - to_x : to_x;
          to_y = mirror_y ? new_height - 1 - to_y : to_y;
          memcpy (all + ((gsize) to_y * new_width + to_x) * bpp, row + x * bpp, bpp);
        }
    }

  upright = gegl_buffer_new (GEGL_RECTANGLE (0, 0, new_width, new_height), format);
  gegl_buffer_set (upright, NULL, 0, format, all, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  return upright;
}

/* Associated alpha (OpenEXR) is taken apart; what is neither RGB nor grey is refused. Takes BUFFER. */
static GeglBuffer *
make_restorable (GeglBuffer *buffer, const gchar *display, GError **error)
{
  const Babl  *format = gegl_buffer_get_format (buffer);
  const gchar *model  = babl_get_name (babl_format_get_model (format));
  const gchar *plain  = NULL;
  GeglBuffer  *converted;

  if (nr_pixels_can_restore (format))
    return buffer;

  if (g_str_has_prefix (model, "Ra") || g_str_has_prefix (model, "R'a"))
    plain = "RGBA float";
  else if (g_str_has_prefix (model, "Ya") || g_str_has_prefix (model, "Y'a"))
    plain = "YA float";

  if (plain == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "cannot work on '%s': its color model is %s, convert it to RGB or grey first", display, model);
      g_object_unref (buffer);
      return NULL;
    }

  converted = gegl_buffer_new (gegl_buffer_get_extent (buffer),
                               babl_format_with_space (plain, babl_format_get_space (format)));
  gegl_buffer_copy (buffer, NULL, GEGL_ABYSS_NONE, converted, NULL);
  g_object_unref (buffer);
  return converted;
}

/* The file's pixels as GEGL reads them; NULL for a damaged file. */
static GeglBuffer *
load_buffer (const FileFormat *format, const gchar *path)
{
  g_autoptr (GeglNode)   graph   = gegl_node_new ();
  g_autoptr (GeglBuffer) buffer  = NULL;
  g_autofree gchar      *problem = format->find_damage ? format->find_damage (path) : NULL;
  GeglNode              *load, *sink;

  if (problem == NULL)
    {
      load = gegl_node_new_child (graph, "operation", format->load, "path", path, NULL);
      sink = gegl_node_new_child (graph, "operation", "gegl:buffer-sink", "buffer", &buffer, NULL);
      gegl_node_link (load, sink);
      problem = process_and_listen (sink);
    }

  if (problem)
    g_debug ("'%s': %s", path, problem);
  if (problem || buffer == NULL || gegl_buffer_get_width (buffer) < 1 || gegl_buffer_get_height (buffer) < 1)
    return NULL;

  return g_steal_pointer (&buffer);
}

GeglBuffer *
nr_picture_file_load (const gchar *path, GError **error)
{
  g_autofree gchar          *display  = g_filename_display_name (path);
  g_autoptr (GExiv2Metadata) metadata = NULL;
  const FileFormat          *format   = format_by_content (path, error);
  GeglBuffer                *buffer;

  if (format == NULL)
    return NULL;

  buffer = load_buffer (format, path);
  if (buffer == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "cannot read '%s': the %s file is damaged or cut short", display, format->name);
      return NULL;
    }

  metadata = read_metadata (path);
  if (metadata)
    {
      GExiv2Orientation orientation = gexiv2_metadata_try_get_orientation (metadata, NULL);

      if (orientation > GEXIV2_ORIENTATION_NORMAL && orientation <= GEXIV2_ORIENTATION_MAX)
        buffer = turn_upright (buffer, orientation);
    }

  return make_restorable (buffer, display, error);
}

/* -- Save --------------------------------------------------------------------------------------------------------- */

gboolean
nr_picture_file_check_target (const gchar *path, gboolean has_alpha, gboolean force, GError **error)
{
  g_autofree gchar *display = g_filename_display_name (path);
  g_autofree gchar *folder  = g_path_get_dirname (path);
  const FileFormat *format  = format_by_ending (path, error);

  if (format == NULL)
    return FALSE;

  if (has_alpha && ! format->has_alpha)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   "cannot write '%s': the picture has transparency, which %s cannot hold; write a .png or .tif file",
                   display, format->name);
      return FALSE;
    }
  if (! force && g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   "'%s' is there already: choose another name or give --force", display);
      return FALSE;
    }
  if (! g_file_test (folder, G_FILE_TEST_IS_DIR) || g_access (folder, W_OK) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "cannot write '%s': the folder does not exist or is not writable", display);
      return FALSE;
    }

  return TRUE;
}

static void
copy_metadata (const gchar *from, const gchar *to, GeglBuffer *buffer)
{
  g_autoptr (GExiv2Metadata) metadata = read_metadata (from);

  if (metadata == NULL)
    return;

  /* The pixels were turned upright at load; size and thumbnail are the result's. */
  gexiv2_metadata_try_set_orientation (metadata, GEXIV2_ORIENTATION_NORMAL, NULL);
  gexiv2_metadata_try_erase_exif_thumbnail (metadata, NULL);
  gexiv2_metadata_try_set_metadata_pixel_width (metadata, gegl_buffer_get_width (buffer), NULL);
  gexiv2_metadata_try_set_metadata_pixel_height (metadata, gegl_buffer_get_height (buffer), NULL);

  /* Not worth losing a picture for: some tags do not fit every format. */
  if (! gexiv2_metadata_save_file (metadata, to, NULL))
    g_debug ("the metadata of '%s' could not be written", from);
}

/* A name of the same ending in the same folder, so that renaming cannot leave the file system. */
static gchar *
temporary_name (const gchar *path)
{
  g_autofree gchar *folder = g_path_get_dirname (path);
  g_autofree gchar *base   = g_path_get_basename (path);
  g_autofree gchar *name   = g_strdup_printf (".%d-%08x-%s", (int) getpid (), g_random_int (), base);

  return g_build_filename (folder, name, NULL);
}

static gchar *
write_file (GeglBuffer *buffer, const FileFormat *format, const gchar *path, gint quality)
{
  g_autoptr (GeglNode) graph = gegl_node_new ();
  const Babl          *type  = babl_format_get_type (gegl_buffer_get_format (buffer), 0);
  GeglNode            *source, *save;

  source = gegl_node_new_child (graph, "operation", "gegl:buffer-source", "buffer", buffer, NULL);
  save   = gegl_node_new_child (graph, "operation", format->save, "path", path, NULL);
  if (format->has_bitdepth)
    gegl_node_set (save, "bitdepth", type == babl_type ("u8") ? 8 : 16, NULL);
  if (format->has_quality)
    gegl_node_set (save, "quality", quality, NULL);
  gegl_node_link (source, save);

  return process_and_listen (save);
}

gboolean
nr_picture_file_save (GeglBuffer   *buffer,
                      const gchar  *path,
                      const gchar  *metadata_from,
                      gint          quality,
                      gboolean      force,
                      GCancellable *cancellable,
                      GError      **error)
{
  g_autofree gchar *display   = g_filename_display_name (path);
  g_autofree gchar *temporary = temporary_name (path);
  g_autofree gchar *problem   = NULL;
  const FileFormat *format    = format_by_ending (path, error);
  GStatBuf          info;

  if (format == NULL)
    return FALSE;

  problem = write_file (buffer, format, temporary, quality);
  if (problem == NULL && (g_stat (temporary, &info) != 0 || info.st_size == 0))
    problem = g_strdup ("is the disk full?");

  if (problem)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot write '%s': %s", display, problem);
  else if (! g_cancellable_set_error_if_cancelled (cancellable, error) &&
           nr_picture_file_check_target (path, FALSE, force, error))
    {
      if (format->has_metadata)
        copy_metadata (metadata_from, temporary, buffer);
      if (g_rename (temporary, path) == 0)
        return TRUE;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot write '%s': %s", display, g_strerror (errno));
    }

  g_unlink (temporary);
  return FALSE;
}
