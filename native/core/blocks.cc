#include "core/blocks.h"

#include <bit>
#include <cstring>

namespace zest {
namespace {

constexpr int group = 32;  // elements that a call of dequantize is made of

float half_at(const uint8_t* bytes) {
  uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  return from_half(half);
}

// d, 32 signed bytes.
void q8_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < group; ++i)
    out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// d, 16 bytes: the low halves are elements 0 to 15, the high ones 16 to 31.
void q4_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((block[2 + i] & 15) - 8);
    out[16 + i] = d * static_cast<float>((block[2 + i] >> 4) - 8);
  }
}

// d, m, 16 bytes as above.
void q4_1(const uint8_t* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(block[4 + i] & 15) + m;
    out[16 + i] = d * static_cast<float>(block[4 + i] >> 4) + m;
  }
}

// The 6-bit scale and minimum of group j of 8, packed in 12 bytes.
struct Scale {
  int scale, minimum;
};
Scale packed_scale(const uint8_t* q, int j) {
  if (j < 4) return {q[j] & 63, q[j + 4] & 63};
  return {(q[j + 4] & 15) | (q[j - 4] >> 6 << 4), (q[j + 4] >> 4) | (q[j] >> 6 << 4)};
}

// d, dmin, 12 bytes of scales, 128 bytes: groups 2i and 2i + 1 are low and high halves of 32.
void q4_k(const uint8_t* block, int j, float* out) {
  const Scale s = packed_scale(block + 4, j);
  const float d = half_at(block) * static_cast<float>(s.scale);
  const float m = half_at(block + 2) * static_cast<float>(s.minimum);
  const uint8_t* q = block + 16 + j / 2 * 32;
  for (int i = 0; i < group; ++i)
    out[i] = d * static_cast<float>(j % 2 ? q[i] >> 4 : q[i] & 15) - m;
}

// As q4_k, with 32 bytes before the halves whose bit j is the fifth of group j.
void q5_k(const uint8_t* block, int j, float* out) {
  const Scale s = packed_scale(block + 4, j);
  const float d = half_at(block) * static_cast<float>(s.scale);
  const float m = half_at(block + 2) * static_cast<float>(s.minimum);
  const uint8_t *high = block + 16, *q = block + 48 + j / 2 * 32;
  for (int i = 0; i < group; ++i) {
    const int low = j % 2 ? q[i] >> 4 : q[i] & 15;
    out[i] = d * static_cast<float>(low + (high[i] >> j & 1) * 16) - m;
  }
}

// 128 bytes of low halves, 64 of high pairs of bits, 16 signed scales, d; two times 128 elements of
// four groups.
void q6_k(const uint8_t* block, int j, float* out) {
  const int part = j / 4, quarter = j % 4;
  const uint8_t* low = block + part * 64 + quarter % 2 * 32;
  const uint8_t* high = block + 128 + part * 32;
  const float d = half_at(block + 208);
  for (int i = 0; i < group; ++i) {
    const auto scale = static_cast<int8_t>(block[192 + part * 8 + quarter * 2 + i / 16]);
    const int bits = quarter < 2 ? low[i] & 15 : low[i] >> 4;
    const int q = (bits | (high[i] >> 2 * quarter & 3) << 4) - 32;
    out[i] = d * static_cast<float>(scale) * static_cast<float>(q);
  }
}

}  // namespace

BlockFormat block_format(FileType type) {
  switch (type) {
    case FileType::float32:
      return {1, 4};
    case FileType::float16:
    case FileType::bfloat16:
      return {1, 2};
    case FileType::q8_0:
      return {32, 34};
    case FileType::q4_0:
      return {32, 18};
    case FileType::q4_1:
      return {32, 20};
    case FileType::q4_k:
      return {256, 144};
    case FileType::q5_k:
      return {256, 176};
    case FileType::q6_k:
      return {256, 210};
  }
  return {1, 4};
}

float from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

void dequantize(FileType type, const void* data, int64_t first, int64_t count, float* out) {
  const BlockFormat format = block_format(type);
  for (int64_t at = first; at < first + count; at += group, out += group) {
    const uint8_t* block = static_cast<const uint8_t*>(data) + at / format.elements * format.bytes;
    const int j = static_cast<int>(at % format.elements) / group;
    switch (type) {
      case FileType::q8_0:
        q8_0(block, out);
        break;
      case FileType::q4_0:
        q4_0(block, out);
        break;
      case FileType::q4_1:
        q4_1(block, out);
        break;
      case FileType::q4_k:
        q4_k(block, j, out);
        break;
      case FileType::q5_k:
        q5_k(block, j, out);
        break;
      case FileType::q6_k:
        q6_k(block, j, out);
        break;
      default:
        break;
    }
  }
}

}  // namespace zest
