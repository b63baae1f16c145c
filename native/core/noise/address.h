// Where an element's noise comes from: its offset in the canonical order of all parameters
// (docs/noise.md).
#pragma once

#include <cstdint>

#include "core/noise/philox.h"

namespace zest::noise {

constexpr int version = 1;
constexpr int64_t row_alignment = 128;  // elements; every row starts at a multiple of it

// Addresses that a row of `columns` elements takes.
ZEST_HOST_DEVICE uint64_t row_span(int64_t columns) {
  return static_cast<uint64_t>((columns + row_alignment - 1) / row_alignment * row_alignment);
}

// Streams of users are below it; above it are those of stochastic rounding.
constexpr uint64_t rounding_stream = uint64_t{1} << 63;

// Of the core Z of a low-rank direction, at addresses behind all parameters, where no rounding is.
ZEST_HOST_DEVICE uint64_t core_stream(uint64_t stream) { return rounding_stream + stream; }

struct WordAddress {
  uint64_t counter;
  int word;  // 0 .. 3
  int bit;   // lowest bit used
};

// 64 consecutive elements come from 16 consecutive counters: lane = offset mod 16, word by 16
// elements.
ZEST_HOST_DEVICE WordAddress gaussian_address(uint64_t offset) {
  return {16 * (offset / 64) + offset % 16, static_cast<int>(offset % 64 / 16), 0};
}

// 128 consecutive elements are the bits of one counter's words, lowest bit first; 1 means -1.
ZEST_HOST_DEVICE WordAddress rademacher_address(uint64_t offset) {
  return {offset / 128, static_cast<int>(offset % 128 / 32), static_cast<int>(offset % 32)};
}

// Stochastic rounding takes 16 bits an element: 128 consecutive elements from 16 consecutive
// counters.
ZEST_HOST_DEVICE WordAddress rounding_address(uint64_t offset) {
  return {16 * (offset / 128) + offset % 16, static_cast<int>(offset % 128 / 32),
          static_cast<int>(offset % 32 / 16 * 16)};
}

}  // namespace zest::noise
