// Reference: core/blocks.h, dequantize; a row whose index is below 0 is left out. A thread has
// eight elements, which share a scale: 16 bytes of bfloat16.
#include "core/block_elements.h"
#include "cuda/kernels/dequantize.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

constexpr int at_once = 8;

template <class Format, class Out>
__global__ void __launch_bounds__(row_threads)
    dequantize_kernel(Parameter p, RowChoice rows, int64_t points, Out* out, int64_t row_stride,
                      int64_t point_stride) {
  after_previous_kernels();
  using A = noise::ScalarArithmetic;
  const int64_t column = column_of_thread<at_once>(), i = blockIdx.x;
  const int64_t row = rows.index ? rows.index[i] : rows.first + i;
  if (column >= rows.columns || row < 0) return;
  const int64_t from = rows.first_column + column;
  const uint8_t* block =
      static_cast<const uint8_t*>(p.data) +
      (row * (p.columns / Format::elements) + from / Format::elements) * Format::bytes;
  const int within = static_cast<int>(from % Format::elements);
  const int j = within / 32, h = within % 32 / 16, first = within % 16;
  const float scale = Format::scale(block, j, h), minimum = Format::minimum(block, j);
  Out y[at_once];
#pragma unroll
  for (int n = 0; n < at_once; ++n) {
    const float x = A::mul(scale, static_cast<float>(Format::quantum(block, j, h, first + n)));
    y[n] = from_float<Out>(Format::shifted ? A::plus(x, minimum) : x);
  }
  Out* to = out + i * row_stride + column;
  for (int64_t point = 0; point < points; ++point, to += point_stride) {
    store_elements(to, at_once, true, y);
  }
}

}  // namespace

void dequantize_rows(const Parameter& parameter, const RowChoice& choice, int64_t points,
                     const PerturbedRows& out, cudaStream_t stream) {
  RowChoice rows = choice;
  if (rows.columns == 0) rows.columns = parameter.columns;
  const RowParts parts(1, rows.count, rows.columns, at_once);
  with_format(parameter.blocks, [&]<class Format>() {
    const auto run = [&]<class Out>(Out* to) {
      launch(dequantize_kernel<Format, Out>, parts.blocks, parts.threads, 0, stream, parameter,
             rows, points, to, out.row_stride, out.point_stride);
    };
    out.type == StorageType::float32 ? run(static_cast<float*>(out.data))
                                     : run(static_cast<bfloat16*>(out.data));
  });
}

}  // namespace zest::cuda
