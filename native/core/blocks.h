// Quantised weights as llama.cpp's files have them: blocks of 32 or 256 elements of a row, each
// with its scales. https://github.com/ggml-org/llama.cpp/wiki/Tensor-Encoding-Schemes
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/transformer/spec.h"

namespace zest {

struct BlockFormat {
  int elements, bytes;
};

// Of floating-point types: one element.
BlockFormat block_format(FileType type);

inline bool is_quantized(FileType type) { return block_format(type).elements > 1; }

// Bytes of `count` elements, a multiple of the block's.
inline int64_t file_bytes(FileType type, int64_t count) {
  const BlockFormat format = block_format(type);
  return count / format.elements * format.bytes;
}

// IEEE half precision to single.
float from_half(uint16_t half);

constexpr int quanta = 32;  // elements that are unpacked at a time

// Elements of quantised data: scale[i / 16] * values[i], and of the types that have one + minimum.
struct Quanta {
  int8_t values[quanta];
  float scale[2];
  float minimum = 0;
};

bool has_minimum(FileType type);

// Elements that share a scale, 16 or 32.
int elements_a_scale(FileType type);

// The elements from `first` on, a multiple of 32.
void unpack(FileType type, const void* data, int64_t first, Quanta& out);

// Elements first .. first + count of quantised data, both multiples of 32. In float32, each
// operation rounded as ggml's reference does it.
void dequantize(FileType type, const void* data, int64_t first, int64_t count, float* out);

}  // namespace zest
