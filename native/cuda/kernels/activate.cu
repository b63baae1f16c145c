// Reference: out[p][r][c] = activation(product[p][r][c] + bias[p][c]), or with a gate
// activation(gate + gate_bias) * (product + bias).
#include "cuda/kernels/activations.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
constexpr int at_once = 16 / sizeof(T);  // elements a thread, 16 bytes

template <class T>
__device__ __forceinline__ void load_with_bias(const T* from, const float* bias, int64_t left,
                                               float (&x)[at_once<T>]) {
  load_elements(from, left, true, x);
  if (!bias) return;
  float b[at_once<T>];
  load_elements(bias, left, true, b);
#pragma unroll
  for (int i = 0; i < at_once<T>; ++i) x[i] += b[i];
}

template <class T>
__global__ void __launch_bounds__(row_threads) bias_activation_kernel(BiasActivation b) {
  const int64_t column = column_of_thread<at_once<T>>(), left = b.columns - column;
  if (left <= 0) return;
  const int64_t row = row_of_block(b.rows), at = row * b.stride + column;
  const int64_t vector = point_of_block() * b.vector_stride + column;
  float x[at_once<T>];
  load_with_bias(static_cast<const T*>(b.product) + at, b.bias ? b.bias + vector : nullptr, left,
                 x);
  if (b.gate) {
    float gate[at_once<T>];
    load_with_bias(static_cast<const T*>(b.gate) + at, b.gate_bias ? b.gate_bias + vector : nullptr,
                   left, gate);
#pragma unroll
    for (int i = 0; i < at_once<T>; ++i) x[i] *= activate(b.activation, gate[i]);
  } else {
#pragma unroll
    for (int i = 0; i < at_once<T>; ++i) x[i] = activate(b.activation, x[i]);
  }
  T y[at_once<T>];
#pragma unroll
  for (int i = 0; i < at_once<T>; ++i) y[i] = from_float<T>(x[i]);
  store_elements(static_cast<T*>(b.out.data) + row * b.out.stride + column, left, true, y);
}

template <class T>
void run(const BiasActivation& b, cudaStream_t stream) {
  const RowParts parts(b.points, b.rows, b.columns, at_once<T>);
  launch(bias_activation_kernel<T>, parts.blocks, parts.threads, 0, stream, b);
}

}  // namespace

void bias_activation(const BiasActivation& b, cudaStream_t stream) {
  b.out.type == StorageType::float32 ? run<float>(b, stream) : run<bfloat16>(b, stream);
}

}  // namespace zest::cuda
