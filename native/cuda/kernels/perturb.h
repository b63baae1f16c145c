// W + sum scale v(stream) of every point, for rows of one parameter or for whole vectors.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/transformer/spec.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

// Row i of the result is row index[i] of the parameter, or first + i; index[i] < 0 is left out. It
// is `columns` of the row from first_column on, both multiples of chunk_elements but for a row's
// end; columns 0: all.
struct RowChoice {
  const int32_t* index = nullptr;
  int64_t first = 0, count = 0;
  int64_t first_column = 0, columns = 0;
};

// out[point * point_stride + i * row_stride + column], in float32 or rounded to bfloat16.
struct PerturbedRows {
  void* data = nullptr;
  StorageType type = StorageType::float32;
  int64_t row_stride = 0, point_stride = 0;  // elements; the row stride is a multiple of 8
};

void perturb_rows(const Plan& plan, StorageType stored, const Parameter& parameter, RowChoice rows,
                  const PerturbedRows& out, cudaStream_t stream);

// Whole parameters in one launch: parameter shares[b].parameter goes to out + its offset, rows of
// padded8(columns) floats, points point_stride apart.
void perturb_vectors(const Plan& plan, StorageType stored, const Parameter* parameters,
                     const int64_t* offsets, const BlockShare* shares, int64_t share_count,
                     float* out, int64_t point_stride, cudaStream_t stream);

constexpr int perturb_threads = 256;

}  // namespace zest::cuda
