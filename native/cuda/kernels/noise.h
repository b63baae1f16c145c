// v(stream) of a few elements at a time, the bits of core/noise/reference.h.
//
// Philox makes one word of each of the four quarters of a 64-element chunk at once. A thread takes
// `counters` consecutive counters: so it holds `counters` consecutive elements of every quarter,
// which move in one access, of one chunk or of `chunks` that follow each other. That share of a row
// is a unit; units count through a row, row by row.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/noise/address.h"
#include "core/noise/box_muller.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

constexpr int quarters = 4, quarter_elements = 16;

template <int counters, int chunks = 1>
__host__ __device__ __forceinline__ int64_t units_of_row(int64_t columns) {
  constexpr int64_t elements = chunks * chunk_elements;
  return (columns + elements - 1) / elements * (quarter_elements / counters);
}

struct Unit {
  int64_t row;
  int64_t chunk;  // first column of the chunk, or of the first of them
  int lane;       // of the first counter, 0 .. 15
};

template <int counters, int chunks = 1>
__device__ __forceinline__ Unit unit_at(int64_t index, int64_t columns) {
  constexpr int units_of_chunk = quarter_elements / counters;
  const int64_t a_row = units_of_row<counters, chunks>(columns);
  const int64_t in_row = index % a_row;
  return {index / a_row, in_row / units_of_chunk * chunks * chunk_elements,
          static_cast<int>(in_row % units_of_chunk) * counters};
}

__device__ __forceinline__ uint64_t chunk_offset(const Parameter& p, const Unit& unit) {
  return p.base + static_cast<uint64_t>(unit.row) * noise::row_span(p.columns) +
         static_cast<uint64_t>(unit.chunk);
}

// The four values of one counter of a chunk, one a quarter.
__device__ __forceinline__ void gaussian_values(const philox::Keys& keys, uint64_t stream,
                                                uint64_t offset, int lane, float (&v)[quarters]) {
  const philox::Block block = philox::block(keys, stream, offset / 4 + static_cast<uint64_t>(lane));
  noise::box_muller<noise::ScalarArithmetic>(block.word[0], block.word[1], v[0], v[1]);
  noise::box_muller<noise::ScalarArithmetic>(block.word[2], block.word[3], v[2], v[3]);
}

// use(quarter, i, value) for each element of the unit: value is v(stream) at column chunk + 16
// quarter + lane + i. Columns beyond the row's are made as well: the caller drops them. `law` is
// the plan's, known when the kernel is compiled so that each law has the registers it needs.
template <Law law, int counters, class Use>
__device__ __forceinline__ void for_each_value(const Plan& plan, int term, const Parameter& p,
                                               const Unit& unit, Use use) {
  using A = noise::ScalarArithmetic;
  const uint64_t offset = chunk_offset(p, unit);
  const uint64_t stream = plan.terms[term].stream;
  if constexpr (law == Law::low_rank) {
    if (p.factor_a) {
      const float* a = p.factor_a + (term * p.rows + unit.row) * plan.rank;
      const int64_t stride = padded_columns(p.columns);
      const float* b = p.factor_b + term * plan.rank * stride + unit.chunk + unit.lane;
#pragma unroll
      for (int quarter = 0; quarter < quarters; ++quarter) {
        float sum[counters] = {};
        for (int q = 0; q < plan.rank; ++q) {
#pragma unroll
          for (int i = 0; i < counters; ++i) {
            sum[i] = A::mul_add(a[q], b[q * stride + quarter * quarter_elements + i], sum[i]);
          }
        }
#pragma unroll
        for (int i = 0; i < counters; ++i) use(quarter, i, A::mul(plan.rank_scale, sum[i]));
      }
      return;
    }
  }
  if constexpr (law == Law::rademacher) {
    const philox::Block block = philox::block(plan.keys, stream, offset / 128);
    const bool upper = offset % 128 >= 64;
    const uint32_t words[2] = {upper ? block.word[2] : block.word[0],
                               upper ? block.word[3] : block.word[1]};
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
#pragma unroll
      for (int i = 0; i < counters; ++i) {
        const uint32_t bits = words[quarter / 2] >> (quarter % 2 * quarter_elements);
        use(quarter, i, bits >> (unit.lane + i) & 1u ? -1.0f : 1.0f);
      }
    }
  } else {
#pragma unroll
    for (int i = 0; i < counters; ++i) {
      float v[quarters];
      gaussian_values(plan.keys, stream, offset, unit.lane + i, v);
#pragma unroll
      for (int quarter = 0; quarter < quarters; ++quarter) {
        use(quarter, i, law == Law::sphere ? A::mul(plan.radius[term], v[quarter]) : v[quarter]);
      }
    }
  }
}

// f.template operator()<law>() for the plan's law.
template <class F>
void with_law(Law law, F f) {
  switch (law) {
    case Law::gaussian:
      return f.template operator()<Law::gaussian>();
    case Law::sphere:
      return f.template operator()<Law::sphere>();
    case Law::rademacher:
      return f.template operator()<Law::rademacher>();
    case Law::low_rank:
      return f.template operator()<Law::low_rank>();
  }
}

}  // namespace zest::cuda
