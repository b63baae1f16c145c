// Reference: out[p][r][c] = activation(product[p][r][c] + bias[p][c]), or with a gate
// activation(gate + gate_bias) * (product + bias).
#include "cuda/kernels/activations.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;
constexpr int at_once = 4;  // elements a thread, 16 bytes of the product

__device__ __forceinline__ void load_with_bias(const float* from, const float* bias, int64_t left,
                                               float (&x)[at_once]) {
  load_elements(from, left, true, x);
  if (!bias) return;
  float b[at_once];
  load_elements(bias, left, true, b);
#pragma unroll
  for (int i = 0; i < at_once; ++i) x[i] += b[i];
}

template <class T>
__global__ void __launch_bounds__(threads) bias_activation_kernel(BiasActivation b) {
  const int64_t a_row = ceil_divide(b.columns, at_once);
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t row = index / a_row, column = index % a_row * at_once;
  if (row >= b.points * b.rows) return;
  const int64_t left = b.columns - column, at = row * b.stride + column;
  const int64_t vector = row / b.rows * b.vector_stride + column;
  float x[at_once];
  load_with_bias(b.product + at, b.bias ? b.bias + vector : nullptr, left, x);
  if (b.gate) {
    float gate[at_once];
    load_with_bias(b.gate + at, b.gate_bias ? b.gate_bias + vector : nullptr, left, gate);
#pragma unroll
    for (int i = 0; i < at_once; ++i) x[i] *= activate(b.activation, gate[i]);
  } else {
#pragma unroll
    for (int i = 0; i < at_once; ++i) x[i] = activate(b.activation, x[i]);
  }
  T y[at_once];
#pragma unroll
  for (int i = 0; i < at_once; ++i) y[i] = from_float<T>(x[i]);
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
