// Noise with one defect each, and the check that must find it. Those that only put right values in
// other places can be found by known answers alone; what spoils the statistics must be found by
// statistics.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/noise/reference.h"
#include "noise_checks.h"

namespace zest::test {
namespace mutants {

constexpr uint64_t low_half = 0xffffffffu;

struct Pair {
  float cosine, sine;
};
inline Pair pair(const philox::Block& block, int first) {
  Pair p;
  noise::box_muller<noise::ScalarArithmetic>(block.word[first], block.word[first + 1], p.cosine,
                                             p.sine);
  return p;
}
inline float at(uint64_t seed, uint64_t stream, uint64_t counter, int word) {
  const Pair p = pair(philox::block(seed, stream, counter), word & ~1);
  return word & 1 ? p.sine : p.cosine;
}

// --- right values in other places ---

inline float swapped_pair(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  return at(seed, stream, a.counter, a.word ^ 1);
}

inline float swapped_words(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  philox::Block block = philox::block(seed, stream, a.counter);
  block = {{block.word[1], block.word[0], block.word[3], block.word[2]}};
  const Pair p = pair(block, a.word & ~1);
  return a.word & 1 ? p.sine : p.cosine;
}

// Four consecutive elements from one counter.
inline float lane_stride_four(uint64_t seed, uint64_t stream, uint64_t offset) {
  return at(seed, stream, offset / 4, static_cast<int>(offset % 4));
}

// Lanes 0, 2, 4 … of a register before lanes 1, 3, 5 …
inline float even_lanes_first(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  const uint64_t lane = offset % 16;
  return at(seed, stream, a.counter - lane + (lane % 8 * 2 + lane / 8), a.word);
}

inline float counter_of_32_bits(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  return at(seed, stream, a.counter & low_half, a.word);
}

inline float uniform_without_one(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  philox::Block block = philox::block(seed, stream, a.counter);
  for (const int radius : {0, 2}) block.word[radius] -= 0x100;
  const Pair p = pair(block, a.word & ~1);
  return a.word & 1 ? p.sine : p.cosine;
}

// --- statistical defects ---

// Lanes 8 .. 15 repeat the counters of lanes 0 .. 7.
inline float counter_used_twice(uint64_t seed, uint64_t stream, uint64_t offset) {
  return at(seed, stream, 16 * (offset / 64) + offset % 8, static_cast<int>(offset % 64 / 16));
}

// Blocks of 64 elements start 8 counters apart, though they take 16.
inline float overlapping_blocks(uint64_t seed, uint64_t stream, uint64_t offset) {
  return at(seed, stream, 8 * (offset / 64) + offset % 16, static_cast<int>(offset % 64 / 16));
}

inline float cosine_twice(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  return at(seed, stream, a.counter, a.word & ~1);
}

// The second pair has the radius of the first: only the squares are correlated.
inline float radius_used_twice(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::gaussian_address(offset);
  philox::Block block = philox::block(seed, stream, a.counter);
  block.word[2] = block.word[0];
  const Pair p = pair(block, a.word & ~1);
  return a.word & 1 ? p.sine : p.cosine;
}

inline float stream_of_32_bits(uint64_t seed, uint64_t stream, uint64_t offset) {
  return noise::gaussian(seed, stream & low_half, offset);
}
inline float antithetic_streams(uint64_t seed, uint64_t stream, uint64_t offset) {
  const float v = noise::gaussian(seed, stream | 1, offset);
  return stream & 1 ? v : -v;
}
inline float seed_of_32_bits(uint64_t seed, uint64_t stream, uint64_t offset) {
  return noise::gaussian(seed & low_half, stream, offset);
}
inline float seed_plus_stream(uint64_t seed, uint64_t stream, uint64_t offset) {
  return noise::gaussian(seed + stream, 0, offset);
}

// The sum of four uniforms, scaled: mean, variance and skewness are right.
inline float sum_of_uniforms(uint64_t seed, uint64_t stream, uint64_t offset) {
  const philox::Block block = philox::block(seed, stream, offset);
  double sum = 0;
  for (const uint32_t word : block.word) sum += word * 0x1p-32 - 0.5;
  return static_cast<float>(sum * std::sqrt(3.0));
}

// As from a wrong constant in the logarithm.
inline float wrong_scale(uint64_t seed, uint64_t stream, uint64_t offset) {
  return 1.01f * noise::gaussian(seed, stream, offset);
}

inline float absolute_sine(uint64_t seed, uint64_t stream, uint64_t offset) {
  const float v = noise::gaussian(seed, stream, offset);
  return noise::gaussian_address(offset).word == 3 ? std::fabs(v) : v;
}

// --- Rademacher ---

inline float sign(uint64_t seed, uint64_t stream, uint64_t counter, int word, int bit) {
  return philox::block(seed, stream, counter).word[word] >> bit & 1u ? -1.0f : 1.0f;
}
inline float highest_bit_first(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::rademacher_address(offset);
  return sign(seed, stream, a.counter, a.word, 31 - a.bit);
}
inline float one_means_plus(uint64_t seed, uint64_t stream, uint64_t offset) {
  return -noise::rademacher(seed, stream, offset);
}
inline float bits_used_twice(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::rademacher_address(offset);
  return sign(seed, stream, a.counter, a.word, a.bit % 16);
}
inline float one_word_for_all(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::rademacher_address(offset);
  return sign(seed, stream, a.counter, 0, a.bit);
}
inline float either_of_two_bits(uint64_t seed, uint64_t stream, uint64_t offset) {
  const noise::WordAddress a = noise::rademacher_address(offset);
  return std::fmin(sign(seed, stream, a.counter, a.word, a.bit),
                   sign(seed, stream, a.counter, a.word, a.bit ^ 1));
}

}  // namespace mutants

template <float (*element)(uint64_t, uint64_t, uint64_t)>
void fill_each(uint64_t seed, uint64_t stream, uint64_t offset, int64_t length, float* out) {
  for (int64_t i = 0; i < length; ++i)
    out[i] = element(seed, stream, offset + static_cast<uint64_t>(i));
}

struct Mutant {
  Generator generator;
  const char* found_by;
};

inline std::vector<Mutant> noise_mutants() {
  using namespace mutants;
  constexpr Law gaussian = Law::gaussian, rademacher = Law::rademacher;
  constexpr auto right = fill_each<noise::gaussian>;
  const auto from_zero = [](const ModelSpec& spec) {
    return std::vector<uint64_t>(spec.parameters.size(), 0);
  };
  const auto bases = Generator{}.bases;
  const auto no_span = [](int64_t) { return uint64_t{0}; };
  const auto unaligned = [](int64_t columns) { return static_cast<uint64_t>(columns); };
  return {
      {{"swapped pair", gaussian, fill_each<swapped_pair>}, "known answers"},
      {{"radius and angle swapped", gaussian, fill_each<swapped_words>}, "known answers"},
      {{"lane stride of four", gaussian, fill_each<lane_stride_four>}, "known answers"},
      {{"even lanes first", gaussian, fill_each<even_lanes_first>}, "known answers"},
      {{"counter of 32 bits", gaussian, fill_each<counter_of_32_bits>}, "known answers"},
      {{"uniform without its one", gaussian, fill_each<uniform_without_one>}, "known answers"},
      {{"rows not aligned", gaussian, right, bases, unaligned}, "known answers"},
      {{"a counter used twice", gaussian, fill_each<counter_used_twice>}, "neighbours"},
      {{"overlapping blocks", gaussian, fill_each<overlapping_blocks>}, "neighbours"},
      {{"cosine twice", gaussian, fill_each<cosine_twice>}, "neighbours"},
      {{"a radius used twice", gaussian, fill_each<radius_used_twice>}, "neighbours"},
      {{"the same noise for two tensors", gaussian, right, from_zero}, "tensors"},
      {{"the same noise for every row", gaussian, right, bases, no_span}, "rows"},
      {{"stream of 32 bits", gaussian, fill_each<stream_of_32_bits>}, "streams"},
      {{"antithetic streams", gaussian, fill_each<antithetic_streams>}, "streams"},
      {{"seed of 32 bits", gaussian, fill_each<seed_of_32_bits>}, "seeds"},
      {{"seed plus stream", gaussian, fill_each<seed_plus_stream>}, "seeds"},
      {{"sum of four uniforms", gaussian, fill_each<sum_of_uniforms>}, "distribution"},
      {{"scale off by 1 %", gaussian, fill_each<wrong_scale>}, "moments"},
      {{"absolute value of a sine", gaussian, fill_each<absolute_sine>}, "distribution"},
      {{"highest bit first", rademacher, fill_each<highest_bit_first>}, "known answers"},
      {{"one means plus", rademacher, fill_each<one_means_plus>}, "known answers"},
      {{"bits used twice", rademacher, fill_each<bits_used_twice>}, "neighbours"},
      {{"one word for all", rademacher, fill_each<one_word_for_all>}, "neighbours"},
      {{"either of two bits", rademacher, fill_each<either_of_two_bits>}, "moments"},
      {{"the same signs for two tensors", rademacher, fill_each<noise::rademacher>, from_zero},
       "tensors"},
  };
}

}  // namespace zest::test
