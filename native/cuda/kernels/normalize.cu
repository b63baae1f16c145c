// Reference: x = product + bias + residual; hidden = x, or (x - mean) / sqrt(variance + epsilon) *
// weight + bias, or x / sqrt(mean of x^2 + epsilon) * weight, as rows.inl.h.
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(row_threads) normalize_kernel(Normalization n) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * rows_a_block + threadIdx.x / warp_lanes;
  if (row >= n.points * n.rows) return;  // a whole warp
  const int64_t point = row / n.rows;
  const float* product = n.product + row * n.stride;
  const float* bias = n.product_bias ? n.product_bias + point * n.norm.vector_stride : nullptr;
  const float* residual = n.residual ? n.residual + row * n.stride : nullptr;
  T* operand = static_cast<T*>(n.operand.data);
  normalize_row(
      [&](int64_t c) {
        float x = product[c];
        if (bias) x += bias[c];
        if (residual) x += residual[c];
        return x;
      },
      n.norm, point, n.columns, n.hidden + row * n.stride,
      operand ? operand + row * n.operand.stride : nullptr);
}

}  // namespace

void normalize(const Normalization& n, cudaStream_t stream) {
  launch(
      n.operand.type == StorageType::float32 ? normalize_kernel<float> : normalize_kernel<bfloat16>,
      dim3(blocks_for(n.points * n.rows, rows_a_block)), row_threads, 0, stream, n);
}

}  // namespace zest::cuda
