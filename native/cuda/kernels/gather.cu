// Reference: to[p][i] = from[p][index[i]].
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

constexpr int at_once = 4;  // elements a thread, 16 bytes of float32

template <class T>
__global__ void __launch_bounds__(row_threads) gather_kernel(RowGather g) {
  after_previous_kernels();
  const int64_t column = column_of_thread<at_once>(), left = g.columns - column;
  if (left <= 0) return;
  const int64_t row = row_of_block(g.rows);
  const int64_t source = point_of_block() * g.from_rows + g.index[blockIdx.x];
  float x[at_once];
  load_elements(g.from + source * g.stride + column, left, true, x);
  store_elements(g.to + row * g.stride + column, left, true, x);
  if (g.operand.data) {
    store_rounded(static_cast<T*>(g.operand.data) + row * g.operand.stride + column, left, x);
  }
}

}  // namespace

void gather_rows(const RowGather& g, cudaStream_t stream) {
  const RowParts parts(g.points, g.rows, g.columns, at_once);
  launch(g.operand.type == StorageType::float32 ? gather_kernel<float> : gather_kernel<bfloat16>,
         parts.blocks, parts.threads, 0, stream, g);
}

}  // namespace zest::cuda
