// Reference: cache[index[i]][h * width + c] = heads[i][h][c] + bias[h][c].
#include "cuda/kernels/cache.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;

__device__ __forceinline__ float with_bias(const HeadRows& heads, int64_t row, int64_t column) {
  const float x = heads.rows[row * heads.stride + column];
  return heads.bias ? x + heads.bias[column] : x;
}

__global__ void __launch_bounds__(threads) append_kernel(CacheAppend c) {
  const int64_t columns = int64_t{c.count} * c.width;
  const int64_t item = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = item / columns, column = item % columns;
  if (row >= c.rows || c.index[row] < 0) return;
  const int64_t head = column / c.width, within = column % c.width;
  const int64_t to = c.index[row] * c.stride + column;
  c.keys[to] = with_bias(c.key, row, head * c.key.step + within);
  c.values[to] = with_bias(c.value, row, head * c.value.step + within);
}

}  // namespace

void append_to_cache(const CacheAppend& c, cudaStream_t stream) {
  const int64_t items = c.rows * c.count * c.width;
  launch(append_kernel, dim3(blocks_for(items, threads)), threads, 0, stream, c);
}

}  // namespace zest::cuda
