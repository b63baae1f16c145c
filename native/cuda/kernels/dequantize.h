// Quantised weights (core/blocks.h) as a product or a sum reads them.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/perturb.h"

namespace zest::cuda {

// The rows that are chosen of a parameter that is quantised, the same for each of `points` points;
// in bfloat16 rounded once.
void dequantize_rows(const Parameter& parameter, const RowChoice& rows, int64_t points,
                     const PerturbedRows& out, cudaStream_t stream);

}  // namespace zest::cuda
