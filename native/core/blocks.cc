#include "core/blocks.h"

#include "core/block_elements.h"

namespace zest {

BlockFormat block_format(FileType type) {
  BlockFormat format = {1, type == FileType::float32 ? 4 : 2};
  with_format(type, [&]<class Format>() { format = {Format::elements, Format::bytes}; });
  return format;
}

float from_half(uint16_t half) {
  const uint8_t bytes[2] = {static_cast<uint8_t>(half), static_cast<uint8_t>(half >> 8)};
  return half_at(bytes);
}

bool has_minimum(FileType type) {
  bool shifted = false;
  with_format(type, [&]<class Format>() { shifted = Format::shifted; });
  return shifted;
}

int elements_a_scale(FileType type) {
  int elements = quanta;
  with_format(type, [&]<class Format>() { elements = Format::elements_a_scale; });
  return elements;
}

void unpack(FileType type, const void* data, int64_t first, Quanta& out) {
  with_format(type, [&]<class Format>() {
    const uint8_t* block =
        static_cast<const uint8_t*>(data) + first / Format::elements * Format::bytes;
    const int j = static_cast<int>(first % Format::elements) / quanta;
    out.minimum = Format::minimum(block, j);
    for (int h = 0; h < 2; ++h) out.scale[h] = Format::scale(block, j, h);
    for (int i = 0; i < 16; ++i) {  // one loop, which is vectors
      out.values[i] = static_cast<int8_t>(Format::quantum(block, j, 0, i));
      out.values[16 + i] = static_cast<int8_t>(Format::quantum(block, j, 1, i));
    }
  });
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
