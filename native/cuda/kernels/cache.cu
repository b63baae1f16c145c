// Reference: cache[index[i]][h * width + c] = heads[i][h][c] + bias[h][c].
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/cache.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;

template <class T>
__device__ __forceinline__ T with_bias(const HeadRows& heads, int64_t row, int64_t column) {
  const T x = static_cast<const T*>(heads.rows.data)[row * heads.rows.stride + column];
  return heads.bias ? from_float<T>(to_float(x) + heads.bias[column]) : x;
}

template <class T>
__global__ void __launch_bounds__(threads) append_kernel(CacheAppend c) {
  after_previous_kernels();
  const int64_t columns = int64_t{c.count} * c.width;
  const int64_t item = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = item / columns, column = item % columns;
  if (row >= c.rows || c.index[row] < 0) return;
  const int64_t head = column / c.width, within = column % c.width;
  const int64_t to = c.index[row] * c.keys.stride + column;
  static_cast<T*>(c.keys.data)[to] = with_bias<T>(c.key, row, head * c.key.step + within);
  static_cast<T*>(c.values.data)[to] = with_bias<T>(c.value, row, head * c.value.step + within);
}

}  // namespace

void append_to_cache(const CacheAppend& c, cudaStream_t stream) {
  const int64_t items = c.rows * c.count * c.width;
  const auto kernel =
      c.keys.type == StorageType::float32 ? append_kernel<float> : append_kernel<bfloat16>;
  launch(kernel, dim3(blocks_for(items, threads)), threads, 0, stream, c);
}

}  // namespace zest::cuda
