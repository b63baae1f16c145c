#include "core/stored.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/bfloat16.h"
#include "core/error.h"

namespace zest {

void check_values(std::span<const float> values, StorageType type, int64_t first,
                  const std::string& what) {
  const float least_too_large =
      type == StorageType::bfloat16 ? bfloat16_overflow : std::numeric_limits<float>::infinity();
  const auto bad = std::find_if_not(values.begin(), values.end(), [least_too_large](float x) {
    return std::fabs(x) < least_too_large;
  });
  if (bad == values.end()) return;
  const std::string at = std::to_string(first + (bad - values.begin()));
  throw Error("ERR_ZEST_TENSOR_VALUE",
              std::isfinite(*bad) ? what + " holds a value too large for bfloat16, at element " +
                                        at + "; load it as float32"
                                  : what + " holds a value that is not finite, at element " + at);
}

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
