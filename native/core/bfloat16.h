// The storage type bfloat16: the upper half of a float32.
#pragma once

#include <cstdint>
#include <cstring>

namespace zest {

// To nearest, ties to even.
inline uint16_t to_bfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// The least value that rounds to infinity: half a step above the largest, which is odd.
constexpr float bfloat16_overflow = 0x1.ffp127f;

}  // namespace zest
