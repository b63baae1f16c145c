// a·b + c in sixteen lanes of float32, each rounded once, without an instruction for it.
#pragma once

#include <cstdint>

#include "core/fused_multiply_add.h"

namespace zest {

using Float32x16 = float __attribute__((vector_size(64)));

namespace mul_add {

// Of sizes that every x86-64 has registers for: larger ones some compilers take apart lane by lane.
using Float32x4 = float __attribute__((vector_size(16)));
using Float64x2 = double __attribute__((vector_size(16)));
using Float64x4 = double __attribute__((vector_size(32)));
using Int32x4 = int32_t __attribute__((vector_size(16)));
using Unsigned32x4 = uint32_t __attribute__((vector_size(16)));
using Int64x2 = int64_t __attribute__((vector_size(16)));

struct Doubles {
  Float64x2 half[2];
};

__attribute__((always_inline)) inline Doubles widened(const Float32x16& a, int quarter) {
  Float32x4 narrow;
  __builtin_memcpy(&narrow, reinterpret_cast<const char*>(&a) + quarter * sizeof narrow,
                   sizeof narrow);
  const Float64x4 wide = __builtin_convertvector(narrow, Float64x4);
  Doubles r;
  __builtin_memcpy(&r, &wide, sizeof r);
  return r;
}

// Where float64 may not be rounded to float32 by itself: halfway between two floats, which may be
// for having been rounded before, and below 2^-126, where floats are further apart.
__attribute__((always_inline)) inline Int32x4 doubtful(Float64x2 sum) {
  const Unsigned32x4 below_float = {0x1fffffff, 0x7fffffff, 0x1fffffff, 0x7fffffff};
  const Unsigned32x4 halfway = {0x10000000, ~0u, 0x10000000, ~0u};
  // Compared as unsigned numbers less 1, so that 0 is none of the small ones; SSE2 compares signed.
  constexpr uint32_t flipped = 0x80000000u - 1u;
  const int32_t least = static_cast<int32_t>(0x38100000u + flipped);
  const Int32x4 small = {INT32_MIN, least, INT32_MIN, least};
  const Unsigned32x4 words = reinterpret_cast<Unsigned32x4>(sum);  // low, high, low, high
  const Unsigned32x4 masked = words & below_float;
  return (masked == halfway) | (reinterpret_cast<Int32x4>(masked + flipped) < small);
}

}  // namespace mul_add

// Not inlined: it is many instructions, and stands in every kernel.
__attribute__((noinline)) static Float32x16 fused_multiply_add(Float32x16 a, Float32x16 b,
                                                               Float32x16 c) {
  Float32x16 r;
#if !defined(__FMA__) && !defined(__aarch64__)
  mul_add::Int32x4 doubts{};
  for (int i = 0; i < 4; ++i) {
    const auto x = mul_add::widened(a, i), y = mul_add::widened(b, i), z = mul_add::widened(c, i);
    mul_add::Doubles sums;
    for (int half = 0; half < 2; ++half) {
      sums.half[half] = x.half[half] * y.half[half] + z.half[half];
      doubts |= mul_add::doubtful(sums.half[half]);
    }
    mul_add::Float64x4 wide;
    __builtin_memcpy(&wide, &sums, sizeof wide);
    const auto narrow = __builtin_convertvector(wide, mul_add::Float32x4);
    __builtin_memcpy(reinterpret_cast<char*>(&r) + i * sizeof narrow, &narrow, sizeof narrow);
  }
  const auto any = reinterpret_cast<mul_add::Int64x2>(doubts);
  if ((any[0] | any[1]) == 0) return r;
#endif
  for (int i = 0; i < 16; ++i) r[i] = fused_multiply_add(a[i], b[i], c[i]);
  return r;
}

}  // namespace zest
