// Reference: scaled[p][t * rank + q][c] = scale / sqrt(rank) * B_t[q][c] where term t is the
// point's, else 0; extended[i] = W[row], then A_t[row][q] at t * rank + q.
#include "cuda/kernels/low_rank.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
constexpr int at_once = 16 / sizeof(T);  // elements a thread, 16 bytes

template <class T>
__global__ void __launch_bounds__(row_threads)
    scale_factors_kernel(Plan plan, Parameter p, int64_t appended, T* out) {
  after_previous_kernels();
  const int64_t column = column_of_thread<at_once<T>>(), left = p.columns - column;
  if (left <= 0) return;
  const auto row = static_cast<int32_t>(blockIdx.x);  // t * rank + q
  const auto point = static_cast<int32_t>(point_of_block());
  int32_t g = 0;
  while (point >= plan.groups[g].first_point + plan.groups[g].points) ++g;
  const Group group = plan.groups[g];
  const int32_t term = row / plan.rank;
  T y[at_once<T>] = {};
  if (term >= group.first_term && term < group.first_term + group.terms) {
    const float scale = plan.terms[term].scale[point - group.first_point] * plan.rank_scale;
    float b[at_once<T>];
    load_elements(p.factor_b + row * padded_columns(p.columns) + column, left, true, b);
#pragma unroll
    for (int i = 0; i < at_once<T>; ++i) y[i] = from_float<T>(scale * b[i]);
  }
  store_elements(out + row_of_block(appended) * p.columns + column, left, true, y);
}

template <class T>
__global__ void __launch_bounds__(row_threads)
    extend_weights_kernel(Plan plan, int32_t terms, Parameter p, RowChoice rows, T* out,
                          int64_t row_stride, int64_t depth) {
  after_previous_kernels();
  const int64_t column = column_of_thread<at_once<T>>(), i = blockIdx.x;
  const int64_t row = rows.index ? rows.index[i] : rows.first + i;
  if (column >= depth || row < 0) return;
  T y[at_once<T>] = {};
  if (column < p.columns) {  // all of them: the columns are a multiple of 8
    Elements<at_once<T>, T> w;
    load_as_stored(static_cast<const T*>(p.data) + row * p.columns + column, at_once<T>, true, w);
#pragma unroll
    for (int n = 0; n < at_once<T>; ++n) y[n] = w.element[n];
  } else {
#pragma unroll
    for (int n = 0; n < at_once<T>; ++n) {
      const auto z = static_cast<int32_t>(column - p.columns) + n;
      if (z >= terms * plan.rank) continue;
      const int32_t term = z / plan.rank, q = z % plan.rank;
      y[n] = from_float<T>(p.factor_a[(term * p.rows + row) * plan.rank + q]);
    }
  }
  store_elements(out + i * row_stride + column, depth - column, true, y);
}

}  // namespace

void scale_factors(const Plan& plan, int32_t terms, StorageType type, const Parameter& parameter,
                   int64_t points, void* out, cudaStream_t stream) {
  const int64_t appended = appended_columns(terms, plan.rank);
  const auto run = [&]<class T>(T* to) {
    const RowParts parts(points, appended, parameter.columns, at_once<T>);
    launch(scale_factors_kernel<T>, parts.blocks, parts.threads, 0, stream, plan, parameter,
           appended, to);
  };
  type == StorageType::float32 ? run(static_cast<float*>(out)) : run(static_cast<bfloat16*>(out));
}

void extend_weights(const Plan& plan, int32_t terms, StorageType stored, const Parameter& parameter,
                    RowChoice rows, void* out, int64_t row_stride, cudaStream_t stream) {
  const int64_t depth = parameter.columns + appended_columns(terms, plan.rank);
  const auto run = [&]<class T>(T* to) {
    const RowParts parts(1, rows.count, depth, at_once<T>);
    launch(extend_weights_kernel<T>, parts.blocks, parts.threads, 0, stream, plan, terms, parameter,
           rows, to, row_stride, depth);
  };
  stored == StorageType::float32 ? run(static_cast<float*>(out)) : run(static_cast<bfloat16*>(out));
}

}  // namespace zest::cuda
