// Low-rank directions without perturbed weights: with V = A B^T / sqrt(r),
//   X (W + s V)^T = [X | s / sqrt(r) X B] [W | A]^T,
// so that one product with [W | A] serves all points: each has its own X, extended by rank columns
// a term, those of other points' terms 0.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/transformer/spec.h"
#include "cuda/kernels/perturb.h"
#include "cuda/kernels/perturbation_plan.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

// Writes columns `depth` ... depth + terms * rank of the rows of every point.
void extend_inputs(const Plan& plan, int32_t terms, const Parameter& parameter, int64_t points,
                   int64_t rows, const Operand& x, cudaStream_t stream);

// out row i = [W | A of term 0 | A of term 1 ...] of row choice[i], in the type of the weights.
void extend_weights(const Plan& plan, int32_t terms, StorageType stored, const Parameter& parameter,
                    RowChoice rows, void* out, int64_t row_stride, cudaStream_t stream);

}  // namespace zest::cuda
