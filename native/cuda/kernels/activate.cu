// Reference: out[p][r][c] = activation(product[p][r][c] + bias[p][c]).
#include "cuda/kernels/activations.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;
constexpr int at_once = 4;  // elements a thread, 16 bytes of the product

template <class T>
__global__ void __launch_bounds__(threads) bias_activation_kernel(BiasActivation b) {
  const int64_t a_row = ceil_divide(b.columns, at_once);
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = index / a_row, column = index % a_row * at_once;
  if (row >= b.points * b.rows) return;
  const int64_t left = b.columns - column;
  float x[at_once];
  load_elements(b.product + row * b.stride + column, left, true, x);
  if (b.bias) {
    float bias[at_once];
    load_elements(b.bias + row / b.rows * b.vector_stride + column, left, true, bias);
#pragma unroll
    for (int i = 0; i < at_once; ++i) x[i] += bias[i];
  }
  T y[at_once];
#pragma unroll
  for (int i = 0; i < at_once; ++i) y[i] = from_float<T>(activate(b.activation, x[i]));
  store_elements(static_cast<T*>(b.out.data) + row * b.out.stride + column, left, true, y);
}

}  // namespace

void bias_activation(const BiasActivation& b, cudaStream_t stream) {
  const int64_t items = b.points * b.rows * ceil_divide(b.columns, at_once);
  launch(b.out.type == StorageType::float32 ? bias_activation_kernel<float>
                                            : bias_activation_kernel<bfloat16>,
         dim3(blocks_for(items, threads)), threads, 0, stream, b);
}

}  // namespace zest::cuda
