// Reference: to[p][i] = from[p][index[i]].
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;
constexpr int at_once = 4;

template <class T>
__global__ void __launch_bounds__(threads) gather_kernel(RowGather g) {
  const int64_t a_row = ceil_divide(g.columns, at_once);
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = index / a_row, column = index % a_row * at_once;
  if (row >= g.points * g.rows) return;
  const int64_t point = row / g.rows, left = g.columns - column;
  const int64_t source = point * g.from_rows + g.index[row % g.rows];
  float x[at_once];
  load_elements(g.from + source * g.stride + column, left, true, x);
  store_elements(g.to + row * g.stride + column, left, true, x);
  if (!g.operand.data) return;
  T y[at_once];
#pragma unroll
  for (int i = 0; i < at_once; ++i) y[i] = from_float<T>(x[i]);
  store_elements(static_cast<T*>(g.operand.data) + row * g.operand.stride + column, left, true, y);
}

}  // namespace

void gather_rows(const RowGather& g, cudaStream_t stream) {
  const int64_t items = g.points * g.rows * ceil_divide(g.columns, at_once);
  launch(g.operand.type == StorageType::float32 ? gather_kernel<float> : gather_kernel<bfloat16>,
         dim3(blocks_for(items, threads)), threads, 0, stream, g);
}

}  // namespace zest::cuda
