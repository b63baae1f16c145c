// Reference, for each element, in float32 with one rounding an operation:
//   g = decay * theta, or 0 if the rule is not plain; for each term in order: g = fma(factor, v,
//   g); theta = theta - what core/rule.h makes of g
// A thread has eight elements: in float32 two of every quarter of a chunk. In bfloat16 one of every
// quarter of two chunks, since one counter of the rounding's noise is for both: it costs half of
// what it would with each alone. The noise of a chunk beyond the row's end is made and dropped, so
// that no branch keeps the instructions of the two apart.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/noise.h"
#include "cuda/kernels/update.h"

namespace zest::cuda {
namespace {

template <class Stored>
constexpr int chunks_of = sizeof(Stored) == 2 ? 2 : 1;
template <class Stored>
constexpr int counters_of = 2 / chunks_of<Stored>;
static_assert(noise::row_alignment == 2 * chunk_elements, "rounding's counters begin with a row");

// The upper half of bits + 16 random bits: up with the probability of the part that is cut off.
__device__ __forceinline__ bfloat16 round_stochastically(float x, uint32_t random) {
  return {static_cast<uint16_t>((noise::ScalarArithmetic::bits_of(x) + random) >> 16)};
}

// `simple`: a plain update without an anchor, which has no state.
template <Law law, class Stored, bool simple>
__global__ void __launch_bounds__(update_threads, simple&& law != Law::low_rank ? 7 : 1)
    update_kernel(Plan plan, const Parameter* parameters, const BlockShare* shares, Step step,
                  StateTensors state, uint64_t rounding_stream) {
  after_previous_kernels();
  using A = noise::ScalarArithmetic;
  constexpr int chunks = chunks_of<Stored>, counters = counters_of<Stored>;
  const BlockShare share = shares[blockIdx.x];
  const Parameter p = parameters[share.parameter];
  const Unit unit = unit_at<counters, chunks>(share.first_unit + threadIdx.x, p.columns);
  if (unit.row >= p.rows) return;
  const bool aligned = p.columns % counters == 0;
  Stored* row = static_cast<Stored*>(p.data) + unit.row * p.columns;
  const float own_decay = p.decays ? step.decay : 0.0f;
  const int64_t state_row = p.state + unit.row * p.columns;
  // The first column of a quarter; beyond the row's where it has an odd number of chunks.
  const auto column_of = [&](int chunk, int quarter) {
    return unit.chunk + chunk * chunk_elements + quarter * quarter_elements + unit.lane;
  };
  Elements<counters, Stored> theta[chunks][quarters];
  float g[chunks][quarters][counters];
#pragma unroll
  for (int chunk = 0; chunk < chunks; ++chunk) {
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
      const int64_t column = column_of(chunk, quarter), left = p.columns - column;
      load_as_stored(row + column, left, aligned, theta[chunk][quarter]);
#pragma unroll
      for (int i = 0; i < counters; ++i) {
        const float value = to_float(theta[chunk][quarter].element[i]);
        g[chunk][quarter][i] = simple ? A::mul(own_decay, value) : 0.0f;
        if (!simple && step.rule == Rule::plain && i < left) {
          const float anchor = state.anchor[state_row + column + i];
          g[chunk][quarter][i] = pull_of<A>(step, own_decay, value, anchor);
        }
      }
    }
  }
  const int terms = plan.groups[0].terms;
  for (int t = 0; t < terms; ++t) {
    const float factor = plan.terms[t].scale[0];
#pragma unroll
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const Unit own = {unit.row, unit.chunk + chunk * chunk_elements, unit.lane};
      if (law == Law::low_rank && own.chunk >= p.columns) continue;  // B ends with the row
      for_each_value<law, counters>(plan, t, p, own, [&](int quarter, int i, float v) {
        g[chunk][quarter][i] = A::mul_add(factor, v, g[chunk][quarter][i]);
      });
    }
  }
  if (!simple && step.rule != Rule::plain) {
#pragma unroll
    for (int chunk = 0; chunk < chunks; ++chunk) {
#pragma unroll
      for (int quarter = 0; quarter < quarters; ++quarter) {
        const int64_t column = column_of(chunk, quarter), left = p.columns - column;
        const int64_t at = state_row + column;
#pragma unroll
        for (int i = 0; i < counters; ++i) {
          if (i >= left) continue;
          const float value = to_float(theta[chunk][quarter].element[i]);
          const float anchor = step.anchored ? state.anchor[at + i] : 0.0f;
          const float pull = pull_of<A>(step, own_decay, value, anchor);
          float first = state.first ? state.first[at + i] : 0.0f;
          float second = state.second ? state.second[at + i] : 0.0f;
          g[chunk][quarter][i] = ruled<A>(step, pull, g[chunk][quarter][i], first, second);
          if (state.first) state.first[at + i] = first;
          if (state.second) state.second[at + i] = second;
        }
      }
    }
  }
  uint32_t random[counters][4] =
      {};  // rounding_address: a chunk has two words, a quarter half of one
  if constexpr (sizeof(Stored) == 2) {
    const uint64_t counter = chunk_offset(p, unit) / noise::row_alignment * quarter_elements;
#pragma unroll
    for (int i = 0; i < counters; ++i) {
      const philox::Block block =
          philox::block(plan.keys, rounding_stream, counter + static_cast<uint64_t>(unit.lane + i));
#pragma unroll
      for (int word = 0; word < 4; ++word) random[i][word] = block.word[word];
    }
  }
#pragma unroll
  for (int chunk = 0; chunk < chunks; ++chunk) {
#pragma unroll
    for (int quarter = 0; quarter < quarters; ++quarter) {
      Stored values[counters];
#pragma unroll
      for (int i = 0; i < counters; ++i) {
        const float value =
            A::sub(to_float(theta[chunk][quarter].element[i]), g[chunk][quarter][i]);
        if constexpr (sizeof(Stored) == 2) {
          const uint32_t word = random[i][2 * chunk + quarter / 2];
          values[i] = round_stochastically(value, word >> (quarter % 2 * 16) & 0xffffu);
        } else {
          values[i] = value;
        }
      }
      const int64_t column = column_of(chunk, quarter);
      store_elements(row + column, p.columns - column, aligned, values);
    }
  }
}

}  // namespace

int64_t update_units(StorageType stored, int64_t rows, int64_t columns) {
  const auto units = [&]<class Stored>() {
    return units_of_row<counters_of<Stored>, chunks_of<Stored>>(columns);
  };
  return rows * (stored == StorageType::float32 ? units.template operator()<float>()
                                                : units.template operator()<bfloat16>());
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
