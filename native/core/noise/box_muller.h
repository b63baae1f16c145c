// Box-Muller from two Philox words, by explicit float32 operations only: the same bits on every
// machine.
//
// A is an arithmetic: a type of floats F and of words U (one element, a vector register, a CUDA
// thread's) with mul, mul_add (fused), sqrt_in_range (of 0, or of 2^-100 and more), and integer
// operations. u1 = ((w0 >> 8) + 1) 2^-24 in (0, 1]; u2 = (w1 >> 8) 2^-24; radius = sqrt(-2 log u1);
// the pair is (radius cos 2 pi u2, radius sin 2 pi u2). Against float64 of the same uniforms the
// absolute error is below 2e-6. The coefficients are minimax fits on the reduced ranges.
#pragma once

#include <cstdint>

#include "core/fused_multiply_add.h"
#include "core/noise/philox.h"

namespace zest::noise {

// -2 log u1: 0, or from 1.1e-7 to 33.3.
template <class A>
ZEST_HOST_DEVICE typename A::F squared_radius(typename A::U w0) {
  using F = typename A::F;
  using U = typename A::U;
  // x = 2^24 u1 = 2^e m with m in [sqrt(1/2), sqrt(2)); -2 log u1 = (24 - e) 2 log 2 - 2 log(1 +
  // f), f = m - 1.
  const U x = A::bits_of(A::to_float(A::add(A::template shift_right<8>(w0), 1u)));
  const U shifted = A::add(x, 0u - 0x3f3504f3u);  // bits of sqrt(1/2)
  const U exponent = A::template shift_right_signed<23>(shifted);
  const U mantissa = A::subtract(x, A::template shift_left<23>(exponent));
  const F f = A::sub(A::float_of(mantissa), A::constant(1.0f));
  F p = A::constant(0x1.a359ccp-3f);
  p = A::mul_add(p, f, A::constant(-0x1.4ec5b6p-2f));
  p = A::mul_add(p, f, A::constant(0x1.615c8p-2f));
  p = A::mul_add(p, f, A::constant(-0x1.9737dcp-2f));
  p = A::mul_add(p, f, A::constant(0x1.ff5b64p-2f));
  p = A::mul_add(p, f, A::constant(-0x1.555b1cp-1f));
  p = A::mul_add(p, f, A::constant(0x1.00007ep+0f));
  p = A::mul_add(p, f, A::constant(-2.0f));
  p = A::mul(p, f);
  const F halvings = A::to_float(A::subtract(24u, exponent));
  return A::mul_add(halvings, A::constant(0x1.62e43p+0f), p);  // 2 log 2
}

template <class A>
ZEST_HOST_DEVICE void box_muller(typename A::U w0, typename A::U w1, typename A::F& cosine_part,
                                 typename A::F& sine_part) {
  using F = typename A::F;
  using U = typename A::U;
  const F radius = A::sqrt_in_range(squared_radius<A>(w0));

  // 2 pi u2 = (pi/2) quarter + (pi/4) y, y in [-1, 1): the quarter in the top two bits of `turns`,
  // y in the 22 bits of the angle below its own top two, signed.
  const U turns = A::add(w1, 1u << 29);
  const F y = A::mul(A::to_float(A::template shift_right_signed<10>(A::template shift_left<2>(w1))),
                     A::constant(0x1p-21f));
  const F y2 = A::mul(y, y);
  F s = A::constant(-0x1.2ef858p-15f);
  s = A::mul_add(s, y2, A::constant(0x1.4668e6p-9f));
  s = A::mul_add(s, y2, A::constant(-0x1.4abbe6p-4f));
  s = A::mul_add(s, y2, A::constant(0x1.921fb6p-1f));
  s = A::mul(s, y);
  F c = A::constant(-0x1.4ea9e8p-12f);
  c = A::mul_add(c, y2, A::constant(0x1.03b162p-6f));
  c = A::mul_add(c, y2, A::constant(-0x1.3bd3a2p-2f));
  c = A::mul_add(c, y2, A::constant(1.0f));

  // Quarter turns: odd ones swap sine and cosine; cosine is negative in quarters 1, 2, sine in
  // 2, 3.
  const F cosine = A::template select_bit<30>(turns, s, c);
  const F sine = A::template select_bit<30>(turns, c, s);
  cosine_part = A::mul(radius, A::flip_sign(cosine, A::add(turns, 1u << 30)));
  sine_part = A::mul(radius, A::flip_sign(sine, turns));
}

// The arithmetic of one element: the reference, and that of a CUDA thread.
struct ScalarArithmetic {
  using F = float;
  using U = uint32_t;
  union Word {
    float f;
    uint32_t u;
  };
  static ZEST_HOST_DEVICE F constant(float v) { return v; }
#if defined(__CUDA_ARCH__)
  static ZEST_HOST_DEVICE F sub(F a, F b) { return __fsub_rn(a, b); }
  static ZEST_HOST_DEVICE F mul(F a, F b) { return __fmul_rn(a, b); }
  static ZEST_HOST_DEVICE F mul_add(F a, F b, F c) { return __fmaf_rn(a, b, c); }
  static ZEST_HOST_DEVICE F sqrt(F a) { return __fsqrt_rn(a); }
  // The instructions of __fsqrt_rn without its branch for what is below 2^-101 or infinite, which
  // the compiler orders nothing across.
  static ZEST_HOST_DEVICE F sqrt_in_range(F a) {
    float inverse;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(fmaxf(a, 0x1p-100f)));
    return sqrt_from(a, inverse);
  }
  static ZEST_HOST_DEVICE F plus(F a, F b) { return __fadd_rn(a, b); }
  static ZEST_HOST_DEVICE F div(F a, F b) { return __fdiv_rn(a, b); }
#else
  static ZEST_HOST_DEVICE F sub(F a, F b) { return a - b; }
  static ZEST_HOST_DEVICE F mul(F a, F b) { return a * b; }
  static ZEST_HOST_DEVICE F mul_add(F a, F b, F c) { return fused_multiply_add(a, b, c); }
  static ZEST_HOST_DEVICE F sqrt(F a) { return __builtin_sqrtf(a); }
  static ZEST_HOST_DEVICE F sqrt_in_range(F a) { return __builtin_sqrtf(a); }
  static ZEST_HOST_DEVICE F plus(F a, F b) { return a + b; }
  static ZEST_HOST_DEVICE F div(F a, F b) { return a / b; }
#endif
  // The correctly rounded root of every squared radius, from its inverse to within 2^-23.4
  // (noise_test tries all). The device promises 2^-22.9, with which four of 5e7 pairs would be
  // wrong; __fsqrt_rn, the same instructions, is right because it keeps to less.
  static ZEST_HOST_DEVICE F sqrt_from(F a, F inverse) {
    const F root = mul(a, inverse);
    return mul_add(mul_add(-root, root, a), mul(inverse, 0.5f), root);
  }
  static ZEST_HOST_DEVICE U add(U a, U b) { return a + b; }
  static ZEST_HOST_DEVICE U subtract(U a, U b) { return a - b; }
  template <int n>
  static ZEST_HOST_DEVICE U shift_left(U a) {
    return a << n;
  }
  template <int n>
  static ZEST_HOST_DEVICE U shift_right(U a) {
    return a >> n;
  }
  template <int n>
  static ZEST_HOST_DEVICE U shift_right_signed(U a) {
    return static_cast<U>(static_cast<int32_t>(a) >> n);
  }
  static ZEST_HOST_DEVICE F to_float(U a) { return static_cast<float>(static_cast<int32_t>(a)); }
  static ZEST_HOST_DEVICE U bits_of(F a) {
    Word w;
    w.f = a;
    return w.u;
  }
  static ZEST_HOST_DEVICE F float_of(U a) {
    Word w;
    w.u = a;
    return w.f;
  }
  // a where the sign bit of x is set, else b.
  static ZEST_HOST_DEVICE F select_negative(F x, F a, F b) { return bits_of(x) >> 31 ? a : b; }
  // `set` where bit n is.
  template <int n>
  static ZEST_HOST_DEVICE F select_bit(U bits, F set, F clear) {
    return bits >> n & 1u ? set : clear;
  }
  // -a where the top bit is set.
  static ZEST_HOST_DEVICE F flip_sign(F a, U top_bit) {
    return float_of(bits_of(a) ^ (top_bit & 0x80000000u));
  }
};

}  // namespace zest::noise
