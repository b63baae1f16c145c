// Reference: hidden[t] = norm(product[t] + bias + word[t] + segment[t] + position[t]), as
// rows.inl.h.
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(row_threads) embed_kernel(Embedding e) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * rows_a_block + threadIdx.x / warp_lanes;
  if (row >= e.points * e.tokens) return;  // a whole warp
  const int64_t point = row / e.tokens, token = row % e.tokens;
  const float* product = e.product ? e.product + row * e.stride : nullptr;
  const float* bias = e.product_bias ? e.product_bias + point * e.norm.vector_stride : nullptr;
  const float* terms[3];
  for (int t = 0; t < 3; ++t) {
    const EmbeddingTable& table = e.tables[t];
    const int32_t slot = table.rows ? table.slots[token] : -1;
    terms[t] = slot < 0 ? nullptr : table.rows + point * table.point_stride + slot * e.stride;
  }
  T* operand = static_cast<T*>(e.operand.data);
  normalize_row(
      [&](int64_t c) {
        float x = product ? product[c] : 0.0f;
        if (bias) x += bias[c];
#pragma unroll
        for (int t = 0; t < 3; ++t) {
          if (terms[t]) x += terms[t][c];
        }
        return x;
      },
      e.norm, point, e.columns, e.hidden + row * e.stride,
      operand ? operand + row * e.operand.stride : nullptr);
}

}  // namespace

void embed(const Embedding& e, cudaStream_t stream) {
  launch(e.operand.type == StorageType::float32 ? embed_kernel<float> : embed_kernel<bfloat16>,
         dim3(blocks_for(e.points * e.tokens, rows_a_block)), row_threads, 0, stream, e);
}

}  // namespace zest::cuda
