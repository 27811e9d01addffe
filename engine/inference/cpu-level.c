/* The CPU level: what the machine has, lowered by the environment.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "nr-inference.h"
#include "kernels/kernels.h"

const gchar *
nr_cpu_level_name (NrCpuLevel level)
{
  static const gchar *const names[] = { "c", "avx2", "avx512" };

  return names[MIN (level, NR_CPU_AVX512)];
}

/* Read each time: tests change the environment between sessions. */
NrCpuLevel
nr_cpu_level (void)
{
  NrCpuLevel   best   = nr_kernels_best_level ();
  const gchar *wanted = g_getenv ("NR_CPU_LEVEL");

  if (wanted == NULL || *wanted == '\0')
    return best;

  for (NrCpuLevel level = NR_CPU_C; level <= NR_CPU_AVX512; level++)
    if (g_ascii_strcasecmp (wanted, nr_cpu_level_name (level)) == 0)
      return MIN (level, best);

  g_warning ("NR_CPU_LEVEL is '%s'; it may be c, avx2 or avx512; ignored", wanted);
  return best;
}
