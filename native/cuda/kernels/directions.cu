// Reference: core/noise/reference.h, an element at a time.
#include <algorithm>

#include "core/noise/reference.h"
#include "core/parameters.h"
#include "cuda/kernels/directions.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/noise.h"

namespace zest::cuda {
namespace {

constexpr int counters = 4;
constexpr int threads = 256;

template <Law law>
__global__ void __launch_bounds__(threads) direction_kernel(Plan plan, Parameter p, float* out) {
  after_previous_kernels();
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const Unit unit = unit_at<counters>(index, p.columns);
  if (unit.row >= p.rows) return;
  const int64_t column = unit.chunk + unit.lane;
  float* row = out + unit.row * p.columns;
  for_each_value<law, counters>(plan, 0, p, unit, [&](int quarter, int i, float v) {
    const int64_t c = column + quarter * quarter_elements + i;
    if (c < p.columns) row[c] = v;
  });
}

template <Law law>
__global__ void __launch_bounds__(threads)
    fill_kernel(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, float* out) {
  after_previous_kernels();
  // A parameter of one row.
  const Term term{stream, {1.0f, 0.0f}};
  Plan plan{};
  plan.keys = philox::Keys(seed);
  plan.terms = &term;
  Parameter p{};
  p.rows = 1;
  p.columns = length;
  p.base = offset;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  const Unit unit = unit_at<counters>(index, length);
  if (unit.row >= 1) return;
  const int64_t column = unit.chunk + unit.lane;
  for_each_value<law, counters>(plan, 0, p, unit, [&](int quarter, int i, float v) {
    const int64_t c = column + quarter * quarter_elements + i;
    if (c < length) out[c] = v;
  });
}

// Blocks over shares and terms. There may be 2^20 terms, more than a grid's second dimension holds.
dim3 grid_of(int64_t share_count, int32_t terms) {
  constexpr int32_t terms_at_once = 1024;
  return dim3(static_cast<unsigned>(share_count),
              static_cast<unsigned>(std::min(terms, terms_at_once)));
}

// round(z^2 2^24), below 2^31: z^2 < 34.
__device__ __forceinline__ int64_t fixed_square(float z) {
  using A = noise::ScalarArithmetic;
  return __float2int_rn(A::mul(A::mul(z, z), 0x1p24f));
}

__global__ void __launch_bounds__(sphere_threads)
    sphere_sums_kernel(Plan plan, int32_t terms, const Parameter* parameters,
                       const BlockShare* shares, unsigned long long* sums) {
  after_previous_kernels();
  const BlockShare share = shares[blockIdx.x];
  const Parameter p = parameters[share.parameter];
  const Unit unit = unit_at<counters>(share.first_unit + threadIdx.x, p.columns);
  for (int term = static_cast<int>(blockIdx.y); term < terms; term += gridDim.y) {
    int64_t sum = 0;
    if (unit.row < p.rows) {
      const uint64_t offset = chunk_offset(p, unit);
      for (int i = 0; i < counters; ++i) {
        float v[quarters];
        gaussian_values(plan.keys, plan.terms[term].stream, offset, unit.lane + i, v);
        for (int quarter = 0; quarter < quarters; ++quarter) {
          const int64_t c = unit.chunk + unit.lane + quarter * quarter_elements + i;
          if (c < p.columns) sum += fixed_square(v[quarter]);
        }
      }
    }
    for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
      sum += __shfl_xor_sync(all_lanes, sum, lanes);
    }
    if (threadIdx.x % warp_lanes == 0) {
      atomicAdd(sums + term, static_cast<unsigned long long>(sum));
    }
  }
}

__global__ void sphere_radius_kernel(const unsigned long long* sums, int32_t terms,
                                     int64_t dimension, float* radius) {
  after_previous_kernels();
  const int term = static_cast<int>(threadIdx.x + blockIdx.x * blockDim.x);
  if (term >= terms) return;
  const unsigned long long sum = sums[term] > 0 ? sums[term] : 1;
  const double squares = static_cast<double>(sum) * 0x1p-24;
  radius[term] = static_cast<float>(__dsqrt_rn(__ddiv_rn(static_cast<double>(dimension), squares)));
}

// Four threads a row: a factor's row has at most 64 columns, one chunk.
__global__ void __launch_bounds__(4 * factor_rows_a_block)
    make_factors_kernel(Plan plan, int32_t terms, const FactorSource* sources,
                        const BlockShare* shares) {
  after_previous_kernels();
  const BlockShare share = shares[blockIdx.x];
  const FactorSource source = sources[share.parameter];
  const int64_t all = share.first_unit + threadIdx.x / 4;  // rows of A, then rows of B
  const int lane = static_cast<int>(threadIdx.x % 4) * counters;
  if (all >= source.rows + source.columns) return;
  const bool of_a = all < source.rows;
  if (of_a && plan.core) return;  // multiply_cores_kernel's
  const int64_t row = of_a ? all : all - source.rows;
  const uint64_t offset = (of_a ? source.base_a : source.base_b) +
                          static_cast<uint64_t>(row) * noise::row_span(plan.rank);
  const int64_t stride = padded_columns(source.columns);
  for (int term = static_cast<int>(blockIdx.y); term < terms; term += gridDim.y) {
    float* a = source.a + (term * source.rows + row) * plan.rank;
    float* b = source.b + term * plan.rank * stride + row;
    const uint64_t own = plan.terms[term].stream;
    const uint64_t stream = of_a ? own : own - own % plan.keep;
    for (int i = 0; i < counters; ++i) {
      float v[quarters];
      gaussian_values(plan.keys, stream, offset, lane + i, v);
      for (int quarter = 0; quarter < quarters; ++quarter) {
        const int q = quarter * quarter_elements + lane + i;
        if (q >= plan.rank) continue;
        if (of_a) {
          a[q] = v[quarter];
        } else {
          b[q * stride] = v[quarter];
        }
      }
    }
  }
}

// A = U Z / sqrt(rank), a thread a row, whose U it keeps in memory of its own among the block's.
__global__ void __launch_bounds__(factor_rows_a_block)
    multiply_cores_kernel(Plan plan, int32_t terms, const FactorSource* sources,
                          const BlockShare* shares) {
  after_previous_kernels();
  using A = noise::ScalarArithmetic;
  const BlockShare share = shares[blockIdx.x];
  const FactorSource source = sources[share.parameter];
  const int64_t row = share.first_unit + threadIdx.x;
  if (row >= source.rows) return;
  const uint64_t seed = plan.keys.seed();
  const uint64_t offset = source.base_a + static_cast<uint64_t>(row) * noise::row_span(plan.rank);
  for (int term = static_cast<int>(blockIdx.y); term < terms; term += gridDim.y) {
    const uint64_t own = plan.terms[term].stream;
    const uint64_t kept = own - own % plan.keep, of_core = noise::core_stream(own);
    float* u = shared_memory<float>() + threadIdx.x * plan.rank;
    for (int p = 0; p < plan.rank; ++p) {
      u[p] = noise::gaussian(seed, kept, offset + static_cast<uint64_t>(p));
    }
    float* a = source.a + (term * source.rows + row) * plan.rank;
    for (int q = 0; q < plan.rank; ++q) {
      float sum = 0;
      for (int p = 0; p < plan.rank; ++p) {
        const uint64_t at = source.base_a + static_cast<uint64_t>(p * plan.rank + q);
        sum = A::mul_add(u[p], noise::gaussian(seed, of_core, at), sum);
      }
      a[q] = A::mul(plan.rank_scale, sum);
    }
  }
}

}  // namespace

void fill_noise(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, Law law,
                float* out, cudaStream_t stream_of_device) {
  const dim3 blocks(blocks_for(units_of_row<counters>(length), threads));
  launch(law == Law::rademacher ? fill_kernel<Law::rademacher> : fill_kernel<Law::gaussian>, blocks,
         threads, 0, stream_of_device, seed, stream, offset, length, out);
}

void direction(const Plan& plan, const Parameter& parameter, float* out, cudaStream_t stream) {
  const int64_t units = parameter.rows * units_of_row<counters>(parameter.columns);
  with_law(plan.law, [&]<Law law>() {
    launch(direction_kernel<law>, dim3(blocks_for(units, threads)), threads, 0, stream, plan,
           parameter, out);
  });
}

int64_t sphere_units(int64_t rows, int64_t columns) {
  return rows * units_of_row<counters>(columns);
}

void sphere_sums(const Plan& plan, int32_t terms, const Parameter* parameters,
                 const BlockShare* shares, int64_t share_count, unsigned long long* sums,
                 cudaStream_t stream) {
  check(cudaMemsetAsync(sums, 0, static_cast<size_t>(terms) * sizeof *sums, stream), "cudaMemset");
  launch(sphere_sums_kernel, grid_of(share_count, terms), sphere_threads, 0, stream, plan, terms,
         parameters, shares, sums);
}

void sphere_radius(const unsigned long long* sums, int32_t terms, int64_t dimension, float* radius,
                   cudaStream_t stream) {
  launch(sphere_radius_kernel, dim3(blocks_for(terms, warp_lanes)), warp_lanes, 0, stream, sums,
         terms, dimension, radius);
}

void make_factors(const Plan& plan, int32_t terms, const FactorSource* sources,
                  const BlockShare* shares, int64_t share_count, cudaStream_t stream) {
  launch(make_factors_kernel, grid_of(share_count, terms), 4 * factor_rows_a_block, 0, stream, plan,
         terms, sources, shares);
  if (plan.core) {
    const size_t bytes = sizeof(float) * factor_rows_a_block * static_cast<size_t>(plan.rank);
    launch(multiply_cores_kernel, grid_of(share_count, terms), factor_rows_a_block, bytes, stream,
           plan, terms, sources, shares);
  }
}

}  // namespace zest::cuda
