/* Writes what the blur estimate knows about pictures, for weights/train/blur_shape.py to learn from; not installed.
 *
 * Standard input: pictures, each width and height (int32) and three planes (float32, 0 to 1). Standard output:
 * NR_BLUR_N_FEATURES numbers (float32) for each. All in the machine's byte order.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include <stdio.h>

#include "blur-estimate.h"

gint
main (void)
{
  gint32 size[2];

  while (fread (size, sizeof size, 1, stdin) == 1)
    {
      g_autoptr (NrPicture) picture = nr_picture_new (size[0], size[1], 3, FALSE, FALSE);
      const gsize           n       = (gsize) 3 * size[0] * size[1];
      g_autoptr (GError)    error   = NULL;
      NrBlurFindings        findings;
      NrSource              source;

      if (! picture || fread (picture->color, sizeof (gfloat), n, stdin) != n)
        {
          g_printerr ("the input ends within a picture, or it is too large\n");
          return 1;
        }
      source = nr_picture_source (picture);
      if (! nr_blur_search (&source, 1, NULL, &findings, &error))
        {
          g_printerr ("%s\n", error->message);
          return 1;
        }
      fwrite (findings.features, sizeof findings.features, 1, stdout);
      fflush (stdout);
    }
  return 0;
}
