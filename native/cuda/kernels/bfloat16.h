// The 16-bit float: the upper half of a float32.
#pragma once

#include <cstdint>

#include "core/noise/box_muller.h"

namespace zest::cuda {

struct alignas(2) bfloat16 {
  uint16_t bits;
};

ZEST_HOST_DEVICE float to_float(float x) { return x; }
ZEST_HOST_DEVICE float to_float(bfloat16 x) {
  return noise::ScalarArithmetic::float_of(static_cast<uint32_t>(x.bits) << 16);
}

// To nearest, ties to even; NaN stays NaN.
ZEST_HOST_DEVICE bfloat16 to_bfloat16(float x) {
#if defined(__CUDA_ARCH__)
  bfloat16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#else
  const uint32_t bits = noise::ScalarArithmetic::bits_of(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
#endif
}

// Two in one register, the first in its lower half.
ZEST_HOST_DEVICE uint32_t pair_of(float first, float second) {
#if defined(__CUDA_ARCH__)
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return static_cast<uint32_t>(to_bfloat16(first).bits) |
         static_cast<uint32_t>(to_bfloat16(second).bits) << 16;
#endif
}
ZEST_HOST_DEVICE float first_of(uint32_t pair) {
  return to_float(bfloat16{static_cast<uint16_t>(pair)});
}
ZEST_HOST_DEVICE float second_of(uint32_t pair) {
  return to_float(bfloat16{static_cast<uint16_t>(pair >> 16)});
}

template <class T>
ZEST_HOST_DEVICE T from_float(float x) {
  if constexpr (sizeof(T) == 2) {
    return to_bfloat16(x);
  } else {
    return x;
  }
}

}  // namespace zest::cuda
