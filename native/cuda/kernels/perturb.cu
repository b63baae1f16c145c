// Reference, for each point p, row r and column c, in float32 with one rounding an operation:
//   x = W[r][c]; for each term: x = fma(scale[p], v(stream)[r][c], x); out[p][r][c] = x
// In bfloat16 the second point of a pair is rounded with the first one's error added, x + (out[p -
// 1]
// - x[p - 1]): what an estimator reads is the difference of the two, which so has one rounding
// error instead of two of unlike sign. A thread reads its unit of W once and makes the noise of
// each group of points once.
#include <algorithm>

#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/noise.h"
#include "cuda/kernels/perturb.h"

namespace zest::cuda {
namespace {

constexpr int counters = 4;
// Threads that fill a large device: fewer units than these are shared out by groups as well.
constexpr int64_t wanted_threads = 132 * 1024;

template <Law law, class Stored, class Out>
__device__ __forceinline__ void perturb_unit(const Plan& plan, const Parameter& p, const Unit& unit,
                                             Out* row, int64_t point_stride, int first_group,
                                             int group_step) {
  using A = noise::ScalarArithmetic;
  const int64_t column = unit.chunk + unit.lane;
  const bool aligned = p.columns % counters == 0;
  const Stored* weights = static_cast<const Stored*>(p.data) + unit.row * p.columns + column;
  float w[quarters][counters];
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const int first = quarter * quarter_elements;
    load_elements(weights + first, p.columns - column - first, aligned, w[quarter]);
  }
  for (int g = first_group; g < plan.group_count; g += group_step) {
    const Group group = plan.groups[g];
    float x[most_points_a_group][quarters][counters];
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
#pragma unroll
      for (int i = 0; i < counters; ++i) x[0][quarter][i] = x[1][quarter][i] = w[quarter][i];
    }
    const int terms = p.trainable ? group.terms : 0;
    for (int t = group.first_term; t < group.first_term + terms; ++t) {
      const float plus = plan.terms[t].scale[0], minus = plan.terms[t].scale[1];
      for_each_value<law, counters>(plan, t, p, unit, [&](int quarter, int i, float v) {
        x[0][quarter][i] = A::mul_add(plus, v, x[0][quarter][i]);
        x[1][quarter][i] = A::mul_add(minus, v, x[1][quarter][i]);
      });
    }
#pragma unroll
    for (int point = 0; point < most_points_a_group; ++point) {
      if (point >= group.points) continue;
      Out* out = row + (group.first_point + point) * point_stride + column;
#pragma unroll
      for (int quarter = 0; quarter < quarters; ++quarter) {
        const int first = quarter * quarter_elements;
        Out values[counters];
#pragma unroll
        for (int i = 0; i < counters; ++i) {
          values[i] = from_float<Out>(x[point][quarter][i]);
          if constexpr (sizeof(Out) == 2) {
            if (point == 0) {
              x[1][quarter][i] += to_float(values[i]) - x[0][quarter][i];
            }
          }
        }
        store_elements(out + first, p.columns - column - first, true, values);
      }
    }
  }
}

template <Law law, class Stored, class Out>
__global__ void __launch_bounds__(perturb_threads, 2)
    perturb_rows_kernel(Plan plan, Parameter p, RowChoice rows, Out* out, int64_t row_stride,
                        int64_t point_stride) {
  after_previous_kernels();
  const int64_t index = static_cast<int64_t>(blockIdx.x) * perturb_threads + threadIdx.x;
  Unit unit = unit_at<counters>(index, rows.columns);
  if (unit.row >= rows.count) return;
  Out* row = out + unit.row * row_stride - rows.first_column;
  unit.chunk += rows.first_column;
  unit.row = rows.index ? rows.index[unit.row] : rows.first + unit.row;
  if (unit.row < 0) return;
  perturb_unit<law, Stored>(plan, p, unit, row, point_stride, static_cast<int>(blockIdx.y),
                            static_cast<int>(gridDim.y));
}

template <Law law, class Stored>
__global__ void __launch_bounds__(perturb_threads, 2)
    perturb_vectors_kernel(Plan plan, const Parameter* parameters, const int64_t* offsets,
                           const BlockShare* shares, float* out, int64_t point_stride) {
  after_previous_kernels();
  const BlockShare share = shares[blockIdx.x];
  const Parameter p = parameters[share.parameter];
  const Unit unit = unit_at<counters>(share.first_unit + threadIdx.x, p.columns);
  if (unit.row >= p.rows) return;
  float* row = out + offsets[share.parameter] + unit.row * padded8(p.columns);
  perturb_unit<law, Stored>(plan, p, unit, row, point_stride, static_cast<int>(blockIdx.y),
                            static_cast<int>(gridDim.y));
}

template <class Stored, class Out>
void run(const Plan& plan, const Parameter& parameter, RowChoice rows, const PerturbedRows& out,
         cudaStream_t stream) {
  if (rows.columns == 0) rows.columns = parameter.columns;
  const int64_t units = rows.count * units_of_row<counters>(rows.columns);
  const int64_t split = std::clamp<int64_t>(
      ceil_divide(wanted_threads, std::max<int64_t>(units, 1)), 1, std::max(plan.group_count, 1));
  const dim3 blocks(blocks_for(units, perturb_threads), static_cast<unsigned>(split));
  with_law(plan.law, [&]<Law law>() {
    launch(perturb_rows_kernel<law, Stored, Out>, blocks, perturb_threads, 0, stream, plan,
           parameter, rows, static_cast<Out*>(out.data), out.row_stride, out.point_stride);
  });
}

}  // namespace

void perturb_rows(const Plan& plan, StorageType stored, const Parameter& parameter, RowChoice rows,
                  const PerturbedRows& out, cudaStream_t stream) {
  if (stored == StorageType::float32) {
    run<float, float>(plan, parameter, rows, out, stream);
  } else if (out.type == StorageType::float32) {
    run<bfloat16, float>(plan, parameter, rows, out, stream);
  } else {
    run<bfloat16, bfloat16>(plan, parameter, rows, out, stream);
  }
}

void perturb_vectors(const Plan& plan, StorageType stored, const Parameter* parameters,
                     const int64_t* offsets, const BlockShare* shares, int64_t share_count,
                     float* out, int64_t point_stride, cudaStream_t stream) {
  const dim3 blocks(static_cast<unsigned>(share_count), static_cast<unsigned>(plan.group_count));
  with_law(plan.law, [&]<Law law>() {
    launch(stored == StorageType::float32 ? perturb_vectors_kernel<law, float>
                                          : perturb_vectors_kernel<law, bfloat16>,
           blocks, perturb_threads, 0, stream, plan, parameters, offsets, shares, out,
           point_stride);
  });
}

}  // namespace zest::cuda
