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

template <class T>
ZEST_HOST_DEVICE T from_float(float x) {
  if constexpr (sizeof(T) == 2) {
    return to_bfloat16(x);
  } else {
    return x;
  }
}

}  // namespace zest::cuda
