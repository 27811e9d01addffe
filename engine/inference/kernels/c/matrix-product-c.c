/* General matrix product: OpenBLAS, which chooses its own vector level.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#include "../kernels-c.h"

#include <cblas.h>

void
nr_matrix_product_c (bool         trans_a,
                     bool         trans_b,
                     size_t       m,
                     size_t       n,
                     size_t       k,
                     float        alpha,
                     const float *a,
                     size_t       lda,
                     const float *b,
                     size_t       ldb,
                     float        beta,
                     float       *y,
                     size_t       ldy)
{
  cblas_sgemm (CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans,
               (blasint) m, (blasint) n, (blasint) k, alpha, a, (blasint) lda, b, (blasint) ldb,
               beta, y, (blasint) ldy);
}
