// The elements of each block format (core/blocks.h), for the host and for kernels: element i of
// half h, of 16, of group j, of 32, is scale(j, h) * quantum(j, h, i), and where the format is
// shifted + minimum(j).
#pragma once

#include <cstdint>

#include "core/noise/box_muller.h"
#include "core/transformer/spec.h"

namespace zest {

// IEEE half precision to single, little-endian.
ZEST_HOST_DEVICE float half_at(const uint8_t* bytes) {
  const uint32_t half = bytes[0] | static_cast<uint32_t>(bytes[1]) << 8;
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t wide = exponent == 0x1f ? 0xff : exponent + 112;
  return noise::ScalarArithmetic::float_of(sign | wide << 23 | fraction << 13);
}

// d, 32 signed bytes.
struct Q8_0 {
  static constexpr int elements = 32, bytes = 34, elements_a_scale = 32;
  static constexpr bool shifted = false;
  static ZEST_HOST_DEVICE float scale(const uint8_t* block, int, int) { return half_at(block); }
  static ZEST_HOST_DEVICE float minimum(const uint8_t*, int) { return 0; }
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int, int h, int i) {
    return static_cast<int8_t>(block[2 + 16 * h + i]);
  }
};

// d, 16 bytes: the low halves are elements 0 to 15, the high ones 16 to 31.
struct Q4_0 {
  static constexpr int elements = 32, bytes = 18, elements_a_scale = 32;
  static constexpr bool shifted = false;
  static ZEST_HOST_DEVICE float scale(const uint8_t* block, int, int) { return half_at(block); }
  static ZEST_HOST_DEVICE float minimum(const uint8_t*, int) { return 0; }
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int, int h, int i) {
    return (block[2 + i] >> 4 * h & 15) - 8;
  }
};

// d, m, 16 bytes as those of Q4_0.
struct Q4_1 {
  static constexpr int elements = 32, bytes = 20, elements_a_scale = 32;
  static constexpr bool shifted = true;
  static ZEST_HOST_DEVICE float scale(const uint8_t* block, int, int) { return half_at(block); }
  static ZEST_HOST_DEVICE float minimum(const uint8_t* block, int) { return half_at(block + 2); }
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int, int h, int i) {
    return block[4 + i] >> 4 * h & 15;
  }
};

// d, dmin, and 12 bytes of the 6-bit scales and minima of 8 groups.
struct ScalesK {
  static ZEST_HOST_DEVICE float scale(const uint8_t* block, int j, int) {
    const uint8_t* q = block + 4;
    const int scale = j < 4 ? q[j] & 63 : (q[j + 4] & 15) | (q[j - 4] >> 6 << 4);
    return half_at(block) * static_cast<float>(scale);
  }
  static ZEST_HOST_DEVICE float minimum(const uint8_t* block, int j) {
    const uint8_t* q = block + 4;
    const int minimum = j < 4 ? q[j + 4] & 63 : (q[j + 4] >> 4) | (q[j] >> 6 << 4);
    return -(half_at(block + 2) * static_cast<float>(minimum));
  }
};

// Scales, 128 bytes: groups 2i and 2i + 1 are low and high halves of 32.
struct Q4_K : ScalesK {
  static constexpr int elements = 256, bytes = 144, elements_a_scale = 32;
  static constexpr bool shifted = true;
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int j, int h, int i) {
    return block[16 + j / 2 * 32 + 16 * h + i] >> j % 2 * 4 & 15;
  }
};

// As Q4_K, with 32 bytes before the halves whose bit j is the fifth of group j.
struct Q5_K : ScalesK {
  static constexpr int elements = 256, bytes = 176, elements_a_scale = 32;
  static constexpr bool shifted = true;
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int j, int h, int i) {
    const int low = block[48 + j / 2 * 32 + 16 * h + i] >> j % 2 * 4 & 15;
    return low + (block[16 + 16 * h + i] >> j & 1) * 16;
  }
};

// 128 bytes of low halves, 64 of high pairs of bits, 16 signed scales, d; two times 128 elements of
// four groups.
struct Q6_K {
  static constexpr int elements = 256, bytes = 210, elements_a_scale = 16;
  static constexpr bool shifted = false;
  static ZEST_HOST_DEVICE float scale(const uint8_t* block, int j, int h) {
    return half_at(block + 208) * static_cast<float>(static_cast<int8_t>(block[192 + 2 * j + h]));
  }
  static ZEST_HOST_DEVICE float minimum(const uint8_t*, int) { return 0; }
  static ZEST_HOST_DEVICE int quantum(const uint8_t* block, int j, int h, int i) {
    const int low = block[j / 4 * 64 + j % 2 * 32 + 16 * h + i] >> j % 4 / 2 * 4 & 15;
    return (low | (block[128 + j / 4 * 32 + 16 * h + i] >> j % 4 * 2 & 3) << 4) - 32;
  }
};

// f.template operator()<Format>() for a quantised type.
template <class F>
void with_format(FileType type, F f) {
  switch (type) {
    case FileType::q8_0:
      return f.template operator()<Q8_0>();
    case FileType::q4_0:
      return f.template operator()<Q4_0>();
    case FileType::q4_1:
      return f.template operator()<Q4_1>();
    case FileType::q4_k:
      return f.template operator()<Q4_K>();
    case FileType::q5_k:
      return f.template operator()<Q5_K>();
    case FileType::q6_k:
      return f.template operator()<Q6_K>();
    default:
      return;
  }
}

}  // namespace zest
