// Low-rank directions without perturbed weights: with V = A B^T / sqrt(r),
//   X (W + s V)^T = [X | s / sqrt(r) X B] [W | A]^T,
// so that one product with [W | A] serves all points: each has its own X, and its own appended
// columns: a product of X with its B, of which the terms of other points are 0.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/transformer/spec.h"
#include "cuda/kernels/perturb.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

// Columns that are appended for `terms` of a rank, a multiple of 8: those beyond terms * rank are
// 0.
inline int64_t appended_columns(int64_t terms, int64_t rank) { return padded8(terms * rank); }

// out[p][t * rank + q] = s / sqrt(r) B of term t at point p, `appended` rows of the parameter's
// columns a point, in the type of the weights; the columns are a multiple of 8.
void scale_factors(const Plan& plan, int32_t terms, StorageType type, const Parameter& parameter,
                   int64_t points, void* out, cudaStream_t stream);

// out row i = [W | A of term 0 | A of term 1 ... | 0] of row choice[i], in the type of the weights.
void extend_weights(const Plan& plan, int32_t terms, StorageType stored, const Parameter& parameter,
                    RowChoice rows, void* out, int64_t row_stride, cudaStream_t stream);

}  // namespace zest::cuda
