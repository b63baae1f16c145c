// Reference: x[depth + t * rank + q] = scale / sqrt(rank) * sum over c of x[c] B_t[q][c] where term
// t is the point's, else 0. One warp a row.
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/low_rank.h"
#include "cuda/kernels/noise.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;
constexpr int warps = threads / warp_lanes;

template <class T>
__global__ void __launch_bounds__(threads)
    extend_inputs_kernel(Plan plan, int32_t terms, Parameter p, int64_t points, int64_t rows,
                         T* data, int64_t stride) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / warp_lanes;
  if (index >= points * rows) return;  // a whole warp
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int32_t point = static_cast<int32_t>(index / rows);
  T* x = data + index * stride;
  T* z = x + p.columns;
  int32_t g = 0;
  while (point >= plan.groups[g].first_point + plan.groups[g].points) ++g;
  const Group group = plan.groups[g];
  const int32_t own_begin = group.first_term * plan.rank;
  const int32_t own_end = own_begin + group.terms * plan.rank;
  for (int32_t i = lane; i < terms * plan.rank; i += warp_lanes) {
    if (i < own_begin || i >= own_end) z[i] = from_float<T>(0.0f);
  }
  const int64_t b_stride = padded_columns(p.columns);
  for (int32_t i = own_begin; i < own_end; ++i) {
    const Term& term = plan.terms[i / plan.rank];
    const float* b = p.factor_b + i * b_stride;
    float sum = 0.0f;
    for (int64_t c = lane; c < p.columns; c += warp_lanes) sum += to_float(x[c]) * b[c];
    for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
      sum += __shfl_xor_sync(all_lanes, sum, lanes);
    }
    if (lane != 0) continue;
    const float scale = term.scale[point - group.first_point] * plan.rank_scale;
    z[i] = from_float<T>(scale * sum);
  }
}

template <class T>
__global__ void __launch_bounds__(threads)
    extend_weights_kernel(Plan plan, int32_t terms, Parameter p, RowChoice rows, T* out,
                          int64_t row_stride) {
  const int64_t depth = p.columns + static_cast<int64_t>(terms) * plan.rank;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const int64_t i = index / depth, c = index % depth;
  if (i >= rows.count) return;
  const int64_t row = rows.index ? rows.index[i] : rows.first + i;
  if (row < 0) return;
  T value;
  if (c < p.columns) {
    value = static_cast<const T*>(p.data)[row * p.columns + c];
  } else {
    const int64_t t = (c - p.columns) / plan.rank, q = (c - p.columns) % plan.rank;
    value = from_float<T>(p.factor_a[(t * p.rows + row) * plan.rank + q]);
  }
  out[i * row_stride + c] = value;
}

}  // namespace

void extend_inputs(const Plan& plan, int32_t terms, const Parameter& parameter, int64_t points,
                   int64_t rows, const Operand& x, cudaStream_t stream) {
  const dim3 blocks(blocks_for(points * rows, warps));
  if (x.type == StorageType::float32) {
    launch(extend_inputs_kernel<float>, blocks, threads, 0, stream, plan, terms, parameter, points,
           rows, static_cast<float*>(x.data), x.stride);
  } else {
    launch(extend_inputs_kernel<bfloat16>, blocks, threads, 0, stream, plan, terms, parameter,
           points, rows, static_cast<bfloat16*>(x.data), x.stride);
  }
}

void extend_weights(const Plan& plan, int32_t terms, StorageType stored, const Parameter& parameter,
                    RowChoice rows, void* out, int64_t row_stride, cudaStream_t stream) {
  const int64_t depth = parameter.columns + static_cast<int64_t>(terms) * plan.rank;
  const dim3 blocks(blocks_for(rows.count * depth, threads));
  if (stored == StorageType::float32) {
    launch(extend_weights_kernel<float>, blocks, threads, 0, stream, plan, terms, parameter, rows,
           static_cast<float*>(out), row_stride);
  } else {
    launch(extend_weights_kernel<bfloat16>, blocks, threads, 0, stream, plan, terms, parameter,
           rows, static_cast<bfloat16*>(out), row_stride);
  }
}

}  // namespace zest::cuda
