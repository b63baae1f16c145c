// Directions themselves: values, the norm of the sphere law, the factors of the low-rank law.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/direction.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

// out[0 .. length) = v(stream) from `offset`, a multiple of 64; Law::gaussian or Law::rademacher.
void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, Law law,
                float* out, cudaStream_t stream_of_device);

// out = v(stream) of the plan's first term for one parameter, rows x columns.
void direction(const Plan& plan, const Parameter& parameter, float* out, cudaStream_t stream);

constexpr int sphere_threads = 256;
// sums[t] += sum of round(z^2 2^24) over the parameters of `shares` (counted in the units of
// sphere_units), z the Gaussian of term t. Integers: the order of the additions does not matter.
int64_t sphere_units(int64_t rows, int64_t columns);
void sphere_sums(const Plan& plan, int32_t terms, const Parameter* parameters,
                 const BlockShare* shares, int64_t share_count, unsigned long long* sums,
                 cudaStream_t stream);
// radius[t] = float32(sqrt(dimension / |z|^2)); a sum of 0 counts as 1.
void sphere_radius(const unsigned long long* sums, int32_t terms, int64_t dimension, float* radius,
                   cudaStream_t stream);

// The factors of all terms of one matrix: A (rows x rank) and B (rank x padded columns), from the
// addresses of the virtual tensors NAME#A and NAME#B.
struct FactorSource {
  uint64_t base_a, base_b;
  int64_t rows, columns;
  float* a;
  float* b;
};
constexpr int factor_rows_a_block = 64;  // 64 rows of A or B, 4 threads a row
void make_factors(const Plan& plan, int32_t terms, const FactorSource* sources,
                  const BlockShare* shares, int64_t share_count, cudaStream_t stream);

}  // namespace zest::cuda
