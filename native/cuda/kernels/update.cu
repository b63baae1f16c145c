// Reference, for each element, in float32 with one rounding an operation:
//   g = decay * theta, or 0 if the rule is not plain; for each term in order: g = fma(factor, v,
//   g); theta = theta - what core/rule.h makes of g
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

// `simple`: a plain update without an anchor, which has no state.
template <Law law, class Stored, bool simple>
__global__ void __launch_bounds__(update_threads, 1)
    update_kernel(Plan plan, const Parameter* parameters, const BlockShare* shares, Step step,
                  StateTensors state, uint64_t rounding_stream) {
  using A = noise::ScalarArithmetic;
  constexpr int counters = counters_of<Stored>;
  const BlockShare share = shares[blockIdx.x];
  const Parameter p = parameters[share.parameter];
  const Unit unit = unit_at<counters>(share.first_unit + threadIdx.x, p.columns);
  if (unit.row >= p.rows) return;
  const int64_t column = unit.chunk + unit.lane;
  const bool aligned = p.columns % counters == 0;
  Stored* weights = static_cast<Stored*>(p.data) + unit.row * p.columns + column;
  const float own_decay = p.decays ? step.decay : 0.0f;
  const int64_t state_at = p.state + unit.row * p.columns + column;
  float theta[quarters][counters], g[quarters][counters];
#pragma unroll
  for (int quarter = 0; quarter < quarters; ++quarter) {
    const int first = quarter * quarter_elements;
    load_elements(weights + first, p.columns - column - first, aligned, theta[quarter]);
#pragma unroll
    for (int i = 0; i < counters; ++i) {
      g[quarter][i] = simple ? A::mul(own_decay, theta[quarter][i]) : 0.0f;
      const bool there = i < p.columns - column - first;
      if (!simple && step.rule == Rule::plain && there) {
        const float anchor = state.anchor[state_at + first + i];
        g[quarter][i] = pull_of<A>(step, own_decay, theta[quarter][i], anchor);
      }
    }
  }
  const int terms = plan.groups[0].terms;
  for (int t = 0; t < terms; ++t) {
    const float factor = plan.terms[t].scale[0];
    for_each_value<law, counters>(plan, t, p, unit, [&](int quarter, int i, float v) {
      g[quarter][i] = A::mul_add(factor, v, g[quarter][i]);
    });
  }
  if (!simple && step.rule != Rule::plain) {
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
      const int64_t left = p.columns - column - quarter * quarter_elements;
      const int64_t at = state_at + quarter * quarter_elements;
#pragma unroll
      for (int i = 0; i < counters; ++i) {
        if (i >= left) continue;
        const float anchor = step.anchored ? state.anchor[at + i] : 0.0f;
        const float pull = pull_of<A>(step, own_decay, theta[quarter][i], anchor);
        float first = state.first ? state.first[at + i] : 0.0f;
        float second = state.second ? state.second[at + i] : 0.0f;
        g[quarter][i] = ruled<A>(step, pull, g[quarter][i], first, second);
        if (state.first) state.first[at + i] = first;
        if (state.second) state.second[at + i] = second;
      }
    }
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
            const BlockShare* shares, int64_t share_count, const Step& step,
            const StateTensors& state, uint64_t rounding_stream, cudaStream_t stream) {
  const bool simple = step.rule == Rule::plain && !step.anchored;
  const auto launched = [&](auto kernel) {
    launch(kernel, dim3(static_cast<unsigned>(share_count)), update_threads, 0, stream, plan,
           parameters, shares, step, state, rounding_stream);
  };
  with_law(plan.law, [&]<Law law>() {
    if (stored == StorageType::float32) {
      launched(simple ? update_kernel<law, float, true> : update_kernel<law, float, false>);
    } else {
      launched(simple ? update_kernel<law, bfloat16, true> : update_kernel<law, bfloat16, false>);
    }
  });
}

}  // namespace zest::cuda
