// Against the C library's fmaf, which is exact on Linux and macOS. The test is compiled without the
// processor's own instruction where that is an option of the compiler, as x86-64's is.
#include "core/fused_multiply_add.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include "cpu/kernels/fused_multiply_add_portable.h"
#include "test/check.h"

namespace zest {
namespace {

bool same(float a, float b) {
  return std::isnan(a) ? std::isnan(b) : std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

// Alone, and in a lane beside fifteen products that were asked for before.
void check_equal(float a, float b, float c) {
  static Float32x16 as{}, bs{}, cs{};
  static int lane = 0;
  lane = (lane + 1) % 16;
  as[lane] = a, bs[lane] = b, cs[lane] = c;
  const float expected = std::fma(a, b, c);
  if (!same(expected, fused_multiply_add(a, b, c)) ||
      !same(expected, fused_multiply_add(as, bs, cs)[lane]))
    check::fail(__FILE__, __LINE__,
                std::to_string(a) + " · " + std::to_string(b) + " + " + std::to_string(c));
}

float any_bits(std::mt19937_64& random) {
  return std::bit_cast<float>(static_cast<uint32_t>(random()));
}

// 1 + k/2^23 times a power of two: products of such values have many trailing zeros, so that sums
// come to lie halfway between two floats, or a hair beside.
float near_halfway(std::mt19937_64& random) {
  const int bits = static_cast<int>(random() % 24);
  const uint32_t fraction = static_cast<uint32_t>(random()) & (0x7fffffu << bits) & 0x7fffffu;
  const uint32_t exponent = 127 - 30 + static_cast<uint32_t>(random() % 60);
  const uint32_t sign = static_cast<uint32_t>(random()) & 0x80000000u;
  return std::bit_cast<float>(sign | exponent << 23 | fraction);
}

#if !defined(_WIN32)
TEST("a product and a sum are rounded once, whatever the bits") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3'000'000; ++i)
    check_equal(any_bits(random), any_bits(random), any_bits(random));
}

TEST("… also where rounding twice would go wrong") {
  std::mt19937_64 random(2);
  int twice = 0;
  for (int i = 0; i < 3'000'000; ++i) {
    const float a = near_halfway(random), b = near_halfway(random), c = near_halfway(random);
    check_equal(a, b, c);
    const double sum = static_cast<double>(a) * b + c;
    twice += static_cast<float>(sum) != std::fma(a, b, c);
  }
  CHECK(twice > 0);
}

TEST("… and where the result is small, infinite or no number") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 1'000'000; ++i) {
    const float small = std::ldexp(near_halfway(random), -70);
    check_equal(small, std::ldexp(near_halfway(random), -50), std::ldexp(small, -60));
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {0.0f, -0.0f, 1.0f, infinity, -infinity, std::nanf("")}) {
    for (const float y : {0.0f, -0.0f, 3e38f, infinity, std::nanf("")}) {
      for (const float z : {0.0f, -0.0f, -3e38f, -infinity, std::nanf("")}) check_equal(x, y, z);
    }
  }
}
#endif

void check_value(float a, float b, float c, float expected) {
  CHECK(fused_multiply_add(a, b, c) == expected);
  const Float32x16 zero{};  // beside nothing else that would be looked at twice
  const Float32x16 lanes = fused_multiply_add(zero + a, zero + b, zero + c);
  for (int i = 0; i < 16; ++i) CHECK(lanes[i] == expected);
}

TEST("a sum that lies a hair beside the middle of two floats is not rounded to the even one") {
  // 2^24 + 1 + 2^-40: rounding to float64 first gives the middle, 2^24 + 1, and then 2^24.
  check_value(0x1p-20f, 0x1p-20f, 0x1p0f, 1);
  check_value(4097.0f, 4097.0f, 0x1p-40f, 16785410.0f);
  check_value(0x1.000002p0f, 0x1.000002p0f, 0x1p-80f, 0x1.000004p0f);
  // 2^-150 - 2^-196 above an odd multiple of 2^-149, the distance of the smallest floats.
  for (const float odd : {0x1p-149f, 0x1.000004p-127f, 0x1.fffffcp-127f})
    check_value(0x1.fffffcp-76f, 0x1.000002p-75f, odd, odd);
}

}  // namespace
}  // namespace zest
