#include "core/blocks.h"

#include <bit>
#include <cstring>

namespace zest {
namespace {

float half_at(const uint8_t* bytes) {
  uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  return from_half(half);
}

// d, 32 signed bytes.
void q8_0(const uint8_t* block, Quanta& out) {
  out.scale[0] = out.scale[1] = half_at(block);
  std::memcpy(out.values, block + 2, quanta);
}

// 16 bytes: the low halves are elements 0 to 15, the high ones 16 to 31.
void halves(const uint8_t* bytes, int zero, Quanta& out) {
  for (int i = 0; i < 16; ++i) {
    out.values[i] = static_cast<int8_t>((bytes[i] & 15) - zero);
    out.values[16 + i] = static_cast<int8_t>((bytes[i] >> 4) - zero);
  }
}

// d, halves.
void q4_0(const uint8_t* block, Quanta& out) {
  out.scale[0] = out.scale[1] = half_at(block);
  halves(block + 2, 8, out);
}

// d, m, halves.
void q4_1(const uint8_t* block, Quanta& out) {
  out.scale[0] = out.scale[1] = half_at(block);
  out.minimum = half_at(block + 2);
  halves(block + 4, 0, out);
}

// d, dmin, the 6-bit scales and minima of 8 groups, packed in 12 bytes.
void scales_k(const uint8_t* block, int j, Quanta& out) {
  const uint8_t* q = block + 4;
  const int scale = j < 4 ? q[j] & 63 : (q[j + 4] & 15) | (q[j - 4] >> 6 << 4);
  const int minimum = j < 4 ? q[j + 4] & 63 : (q[j + 4] >> 4) | (q[j] >> 6 << 4);
  out.scale[0] = out.scale[1] = half_at(block) * static_cast<float>(scale);
  out.minimum = -(half_at(block + 2) * static_cast<float>(minimum));
}

// scales_k, 128 bytes: groups 2i and 2i + 1 are low and high halves of 32.
void q4_k(const uint8_t* block, int j, Quanta& out) {
  scales_k(block, j, out);
  const uint8_t* q = block + 16 + j / 2 * 32;
  for (int i = 0; i < quanta; ++i)
    out.values[i] = static_cast<int8_t>(j % 2 ? q[i] >> 4 : q[i] & 15);
}

// As q4_k, with 32 bytes before the halves whose bit j is the fifth of group j.
void q5_k(const uint8_t* block, int j, Quanta& out) {
  scales_k(block, j, out);
  const uint8_t *high = block + 16, *q = block + 48 + j / 2 * 32;
  for (int i = 0; i < quanta; ++i) {
    const int low = j % 2 ? q[i] >> 4 : q[i] & 15;
    out.values[i] = static_cast<int8_t>(low + (high[i] >> j & 1) * 16);
  }
}

// 128 bytes of low halves, 64 of high pairs of bits, 16 signed scales, d; two times 128 elements of
// four groups.
void q6_k(const uint8_t* block, int j, Quanta& out) {
  const int part = j / 4, quarter = j % 4;
  const uint8_t* low = block + part * 64 + quarter % 2 * 32;
  const uint8_t* high = block + 128 + part * 32;
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const auto scale = static_cast<int8_t>(block[192 + part * 8 + quarter * 2 + half]);
    out.scale[half] = d * static_cast<float>(scale);
  }
  for (int i = 0; i < quanta; ++i) {
    const int bits = quarter < 2 ? low[i] & 15 : low[i] >> 4;
    out.values[i] = static_cast<int8_t>((bits | (high[i] >> 2 * quarter & 3) << 4) - 32);
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

bool has_minimum(FileType type) {
  return type == FileType::q4_1 || type == FileType::q4_k || type == FileType::q5_k;
}

int elements_a_scale(FileType type) { return type == FileType::q6_k ? 16 : quanta; }

void unpack(FileType type, const void* data, int64_t first, Quanta& out) {
  const BlockFormat format = block_format(type);
  const uint8_t* block = static_cast<const uint8_t*>(data) + first / format.elements * format.bytes;
  const int j = static_cast<int>(first % format.elements) / quanta;
  switch (type) {
    case FileType::q8_0:
      return q8_0(block, out);
    case FileType::q4_0:
      return q4_0(block, out);
    case FileType::q4_1:
      return q4_1(block, out);
    case FileType::q4_k:
      return q4_k(block, j, out);
    case FileType::q5_k:
      return q5_k(block, j, out);
    case FileType::q6_k:
      return q6_k(block, j, out);
    default:
      return;
  }
}

void dequantize(FileType type, const void* data, int64_t first, int64_t count, float* out) {
  const bool shifted = has_minimum(type);
  for (int64_t at = first; at < first + count; at += quanta, out += quanta) {
    Quanta q;
    unpack(type, data, at, q);
    for (int i = 0; i < quanta; ++i) {
      const float value = q.scale[i / 16] * static_cast<float>(q.values[i]);
      out[i] = shifted ? value + q.minimum : value;
    }
  }
}

}  // namespace zest
