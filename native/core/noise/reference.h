// Noise version 1, one element at a time, straight from docs/noise.md: what every vector and device
// form must equal.
#pragma once

#include <cstdint>

#include "core/noise/address.h"
#include "core/noise/box_muller.h"

namespace zest::noise {

ZEST_HOST_DEVICE float gaussian(uint64_t seed, uint64_t stream, uint64_t offset) {
  const WordAddress at = gaussian_address(offset);
  const philox::Block block = philox::block(seed, stream, at.counter);
  const bool later = at.word >= 2;  // chosen by value: an index that varies is memory on a device
  const uint32_t first = later ? block.word[2] : block.word[0];
  const uint32_t second = later ? block.word[3] : block.word[1];
  float cosine_part, sine_part;
  box_muller<ScalarArithmetic>(first, second, cosine_part, sine_part);
  return at.word & 1 ? sine_part : cosine_part;
}

ZEST_HOST_DEVICE float rademacher(uint64_t seed, uint64_t stream, uint64_t offset) {
  const WordAddress at = rademacher_address(offset);
  return philox::block(seed, stream, at.counter).word[at.word] >> at.bit & 1u ? -1.0f : 1.0f;
}

// 16 bits for the stochastic rounding of one element.
ZEST_HOST_DEVICE uint32_t rounding_bits(uint64_t seed, uint64_t stream, uint64_t offset) {
  const WordAddress at = rounding_address(offset);
  return philox::block(seed, stream, at.counter).word[at.word] >> at.bit & 0xffffu;
}

}  // namespace zest::noise
