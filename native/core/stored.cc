#include "core/stored.h"

#include <cstring>

#include "core/bfloat16.h"

namespace zest {

std::vector<std::byte> stored(std::span<const float> values, StorageType type) {
  if (type == StorageType::float32) {
    const std::span<const std::byte> bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::byte> bytes(values.size() * sizeof(uint16_t));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half = to_bfloat16(values[i]);
    std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
  }
  return bytes;
}

}  // namespace zest
