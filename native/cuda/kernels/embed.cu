// Reference: hidden[t] = norm(product[t] + bias + word[t] + segment[t] + position[t]), as
// rows.inl.h.
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T, int accesses>
__global__ void __launch_bounds__(row_threads) embed_kernel(Embedding e, bool kept) {
  after_previous_kernels();
  const int64_t point = point_of_block(), token = row_of_warp(blockIdx.x);
  if (token >= e.tokens) return;  // a whole warp
  const int64_t row = point * e.tokens + token;
  const float* terms[5] = {};
  if (e.product) terms[0] = e.product + row * e.stride;
  if (e.product_bias) terms[1] = e.product_bias + point * e.norm.vector_stride;
#pragma unroll
  for (int t = 0; t < 3; ++t) {
    const EmbeddingTable& table = e.tables[t];
    const int32_t slot = table.rows ? table.slots[token] : -1;
    if (slot >= 0) terms[2 + t] = table.rows + point * table.point_stride + slot * e.stride;
  }
  float* hidden = e.hidden + row * e.stride;
  T* operand = e.operand.data ? static_cast<T*>(e.operand.data) + row * e.operand.stride : nullptr;
  normalize_row<accesses>(
      [&](int64_t c, int64_t left, float(&x)[lane_elements]) {
#pragma unroll
        for (int i = 0; i < lane_elements; ++i) x[i] = 0.0f;
#pragma unroll
        for (int t = 0; t < 5; ++t) {
          add_elements(terms[t] ? terms[t] + c : nullptr, left, true, x);
        }
      },
      e.norm, point, e.columns, kept ? kept_row(e.columns) : hidden,
      [&](int64_t c, int64_t left, const float(&y)[lane_elements]) {
        store_elements(hidden + c, left, true, y);
        if (operand) store_rounded(operand + c, left, y);
      });
}

}  // namespace

void embed(const Embedding& e, cudaStream_t stream) {
  const RowsOfWarps rows(e.columns);
  with_accesses(rows.accesses, [&]<int accesses>() {
    launch(e.operand.type == StorageType::float32 ? embed_kernel<float, accesses>
                                                  : embed_kernel<bfloat16, accesses>,
           rows.blocks(e.tokens, e.points), rows.threads(), rows.shared(), stream, e, rows.kept);
  });
}

}  // namespace zest::cuda
