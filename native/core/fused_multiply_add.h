// a·b + c in float32, rounded once, on every system: some C libraries round twice.
#pragma once

#include <cstdint>

namespace zest {

// Where the processor has no instruction for it, the sum is formed in float64, which holds the
// product, and rounded to odd: rounding that to float32 is as good as rounding the exact value
// (Boldo and Melquiond 2008, Emulation of FMA and correctly rounded sums).
#if defined(__CUDACC__)
__host__ __device__
#endif
    __attribute__((always_inline)) inline float
    fused_multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double sum = product + static_cast<double>(c);
  // What the sum has lost (Knuth's two-sum).
  const double part = sum - product;
  const double lost = (product - (sum - part)) + (static_cast<double>(c) - part);
  const uint64_t bits = __builtin_bit_cast(uint64_t, sum);
  const bool inexact = lost < 0 || lost > 0;  // not where something is infinite or no number
  const uint64_t away = (lost > 0) == (sum > 0) ? 1 : ~uint64_t{0};
  const uint64_t odd = inexact && (bits & 1) == 0 ? bits + away : bits;
  return static_cast<float>(__builtin_bit_cast(double, odd));
#endif
}

}  // namespace zest
