// One warp a row: what embed.cu, heads.cu and normalize.cu share.
#pragma once

#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

constexpr int row_threads = 256;
constexpr int rows_a_block = row_threads / warp_lanes;

__device__ __forceinline__ float warp_sum(float x) {
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    x += __shfl_xor_sync(all_lanes, x, lanes);
  }
  return x;
}

// The result goes to `hidden` and, in the operand's type, to `operand` where that is not null.
// value(column) is what is normalised, or the result where there is no norm; it is kept in hidden
// between the passes, each lane its own.
template <class T, class Value>
__device__ __forceinline__ void normalize_row(Value value, const NormVectors& norm, int64_t point,
                                              int64_t columns, float* hidden, T* operand) {
  const int64_t lane = threadIdx.x % warp_lanes;
  if (!norm.weight) {
    for (int64_t c = lane; c < columns; c += warp_lanes) {
      const float x = value(c);
      hidden[c] = x;
      if (operand) operand[c] = from_float<T>(x);
    }
    return;
  }
  const float* weight = norm.weight + point * norm.vector_stride;
  const float* bias = norm.bias ? norm.bias + point * norm.vector_stride : nullptr;
  const float scale = 1.0f / static_cast<float>(columns);
  float total = 0.0f;
  for (int64_t c = lane; c < columns; c += warp_lanes) {
    const float x = value(c);
    hidden[c] = x;
    total += x;
  }
  const float mean = norm.kind == Norm::layer ? warp_sum(total) * scale : 0.0f;
  float squares = 0.0f;
  for (int64_t c = lane; c < columns; c += warp_lanes) {
    const float x = hidden[c] - mean;
    squares += x * x;
  }
  const float inverse = 1.0f / sqrtf(warp_sum(squares) * scale + norm.epsilon);
  for (int64_t c = lane; c < columns; c += warp_lanes) {
    const float y = (hidden[c] - mean) * inverse * weight[c] + (bias ? bias[c] : 0.0f);
    hidden[c] = y;
    if (operand) operand[c] = from_float<T>(y);
  }
}

}  // namespace zest::cuda
