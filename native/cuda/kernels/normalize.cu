// Reference: x = sum + bias; hidden = x, or (x - mean) / sqrt(variance + epsilon) * weight + bias,
// or x / sqrt(mean of x^2 + epsilon) * weight, as rows.inl.h.
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T, int accesses>
__global__ void __launch_bounds__(row_threads) normalize_kernel(Normalization n, bool kept) {
  after_previous_kernels();
  const int64_t point = point_from_the_end(), own = row_of_warp(block_from_the_end());
  if (own >= n.rows) return;  // a whole warp
  const int64_t row = point * n.rows + own;
  const float* sum = n.sum + row * n.stride;
  const float* bias = n.bias ? n.bias + point * n.norm.vector_stride : nullptr;
  float* hidden = n.hidden + row * n.stride;
  T* operand = n.operand.data ? static_cast<T*>(n.operand.data) + row * n.operand.stride : nullptr;
  normalize_row<accesses>(
      [&](int64_t c, int64_t left, float(&x)[lane_elements]) {
        load_elements(sum + c, left, true, x);
        add_elements(bias ? bias + c : nullptr, left, true, x);
      },
      n.norm, point, n.columns, kept ? kept_row(n.columns) : hidden,
      [&](int64_t c, int64_t left, const float(&y)[lane_elements]) {
        store_elements(hidden + c, left, true, y);
        if (operand) store_rounded(operand + c, left, y);
      });
}

}  // namespace

void normalize(const Normalization& n, cudaStream_t stream) {
  const RowsOfWarps rows(n.columns);
  with_accesses(rows.accesses, [&]<int accesses>() {
    launch(n.operand.type == StorageType::float32 ? normalize_kernel<float, accesses>
                                                  : normalize_kernel<bfloat16, accesses>,
           rows.blocks(n.rows, n.points), rows.threads(), rows.shared(), stream, n, rows.kept);
  });
}

}  // namespace zest::cuda
