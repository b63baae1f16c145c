// Reference, for each element, in float32 with one rounding an operation:
//   g = decay * theta; for each term in order: g = fma(factor, v, g); theta = theta - g
// A thread moves its elements in accesses of 16 bytes: four float32, eight bfloat16.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/noise.h"
#include "cuda/kernels/update.h"

namespace zest::cuda {
namespace {

template <class Stored>
constexpr int counters_of = 16 / sizeof(Stored);

// The upper half of bits + 16 random bits: up with the probability of the part that is cut off.
__device__ __forceinline__ bfloat16 round_stochastically(float x, uint32_t random) {
  return {static_cast<uint16_t>((noise::ScalarArithmetic::bits_of(x) + random) >> 16)};
}

template <Law law, class Stored>
__global__ void __launch_bounds__(update_threads, 1)
    update_kernel(Plan plan, const Parameter* parameters, const BlockShare* shares, float decay,
                  uint64_t rounding_stream) {
  using A = noise::ScalarArithmetic;
  constexpr int counters = counters_of<Stored>;
  const BlockShare share = shares[blockIdx.x];
  const Parameter p = parameters[share.parameter];
  const Unit unit = unit_at<counters>(share.first_unit + threadIdx.x, p.columns);
  if (unit.row >= p.rows) return;
  const int64_t column = unit.chunk + unit.lane;
  const bool aligned = p.columns % counters == 0;
  Stored* weights = static_cast<Stored*>(p.data) + unit.row * p.columns + column;
  const float own_decay = p.decays ? decay : 0.0f;
  float theta[quarters][counters], g[quarters][counters];
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const int first = quarter * quarter_elements;
    load_elements(weights + first, p.columns - column - first, aligned, theta[quarter]);
#pragma unroll
    for (int i = 0; i < counters; ++i) g[quarter][i] = A::mul(own_decay, theta[quarter][i]);
  }
  const int terms = plan.groups[0].terms;
  for (int t = 0; t < terms; ++t) {
    const float factor = plan.terms[t].scale[0];
    for_each_value<law, counters>(plan, t, p, unit, [&](int quarter, int i, float v) {
      g[quarter][i] = A::mul_add(factor, v, g[quarter][i]);
    });
  }
  Stored values[quarters][counters];
  if constexpr (sizeof(Stored) == 4) {
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
#pragma unroll
      for (int i = 0; i < counters; ++i) {
        values[quarter][i] = A::sub(theta[quarter][i], g[quarter][i]);
      }
    }
  } else {
    const uint64_t offset = chunk_offset(p, unit);
    const bool upper = offset % 128 >= 64;
#pragma unroll
    for (int i = 0; i < counters; ++i) {
      const uint64_t counter = offset / 128 * 16 + static_cast<uint64_t>(unit.lane + i);
      const philox::Block block = philox::block(plan.seed, rounding_stream, counter);
      const uint32_t words[2] = {upper ? block.word[2] : block.word[0],
                                 upper ? block.word[3] : block.word[1]};
#pragma unroll
      for (int quarter = 0; quarter < quarters; ++quarter) {
        const uint32_t random = words[quarter / 2] >> (quarter % 2 * 16) & 0xffffu;
        values[quarter][i] = round_stochastically(A::sub(theta[quarter][i], g[quarter][i]), random);
      }
    }
  }
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const int first = quarter * quarter_elements;
    store_elements(weights + first, p.columns - column - first, aligned, values[quarter]);
  }
}

}  // namespace

int64_t update_units(StorageType stored, int64_t rows, int64_t columns) {
  return rows * (stored == StorageType::float32 ? units_of_row<counters_of<float>>(columns)
                                                : units_of_row<counters_of<bfloat16>>(columns));
}

void update(const Plan& plan, StorageType stored, const Parameter* parameters,
            const BlockShare* shares, int64_t share_count, float decay, uint64_t rounding_stream,
            cudaStream_t stream) {
  with_law(plan.law, [&]<Law law>() {
    launch(
        stored == StorageType::float32 ? update_kernel<law, float> : update_kernel<law, bfloat16>,
        dim3(static_cast<unsigned>(share_count)), update_threads, 0, stream, plan, parameters,
        shares, decay, rounding_stream);
  });
}

}  // namespace zest::cuda
