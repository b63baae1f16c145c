// Reference: out[p][r][c] = activation(product[p][r][c] + bias[p][c]), or with a gate
// activation(gate + gate_bias) * (product + bias).
#include "cuda/kernels/activations.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
constexpr int at_once = 16 / sizeof(T);  // elements of an access, 16 bytes
constexpr int rows_at_once = 4;          // that a thread reads before it computes

// Columns of so many rows, with their bias; rows beyond the last are read as the last.
template <class T>
struct Rows {
  float x[rows_at_once][at_once<T>];

  __device__ __forceinline__ void load(const void* from, const float* bias, const BiasActivation& b,
                                       int64_t first, int64_t column, int64_t left) {
    const int64_t point = point_from_the_end();
    Elements<at_once<T>, T> stored[rows_at_once];
#pragma unroll
    for (int r = 0; r < rows_at_once; ++r) {
      const int64_t own = first + r < b.rows ? first + r : b.rows - 1;
      load_as_stored(static_cast<const T*>(from) + (point * b.rows + own) * b.stride + column, left,
                     true, stored[r]);
    }
    float v[at_once<T>] = {};
    if (bias) load_elements(bias + point * b.vector_stride + column, left, true, v);
#pragma unroll
    for (int r = 0; r < rows_at_once; ++r) {
#pragma unroll
      for (int i = 0; i < at_once<T>; ++i) x[r][i] = to_float(stored[r].element[i]) + v[i];
    }
  }
};

// `whole`: the columns are a multiple of an access.
template <class T, bool whole>
__global__ void __launch_bounds__(row_threads) bias_activation_kernel(BiasActivation b) {
  after_previous_kernels();
  const int64_t column = column_of_thread<at_once<T>>(),
                first = block_from_the_end() * rows_at_once;
  if (column >= b.columns) return;
  const int64_t left = whole ? at_once<T> : b.columns - column;
  Rows<T> product;
  product.load(b.product, b.bias, b, first, column, left);
  if (b.gate) {
    Rows<T> gate;
    gate.load(b.gate, b.gate_bias, b, first, column, left);
#pragma unroll
    for (int r = 0; r < rows_at_once; ++r) {
      activate<T>(b.activation, gate.x[r]);
#pragma unroll
      for (int i = 0; i < at_once<T>; ++i) product.x[r][i] *= gate.x[r][i];
    }
  } else {
#pragma unroll
    for (int r = 0; r < rows_at_once; ++r) activate<T>(b.activation, product.x[r]);
  }
#pragma unroll
  for (int r = 0; r < rows_at_once; ++r) {
    if (first + r >= b.rows) break;
    const int64_t row = point_from_the_end() * b.rows + first + r;
    store_rounded(static_cast<T*>(b.out.data) + row * b.out.stride + column, left, product.x[r]);
  }
}

template <class T>
void run(const BiasActivation& b, cudaStream_t stream) {
  const RowParts parts(b.points, ceil_divide(b.rows, rows_at_once), b.columns, at_once<T>);
  launch(b.columns % at_once<T> == 0 ? bias_activation_kernel<T, true>
                                     : bias_activation_kernel<T, false>,
         parts.blocks, parts.threads, 0, stream, b);
}

}  // namespace

void bias_activation(const BiasActivation& b, cudaStream_t stream) {
  b.out.type == StorageType::float32 ? run<float>(b, stream) : run<bfloat16>(b, stream);
}

}  // namespace zest::cuda
