#include "core/digest.h"

#include <cstring>

#include "core/sha256.h"

namespace zest {

std::string digest(const Backend& backend, Part part) {
  Sha256 hash;
  const ModelSpec& spec = backend.spec();
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const ParameterSpec& p = spec.parameters[i];
    if (p.trainable != (part == Part::trainable)) continue;
    std::string header = p.name;
    header += '\0';
    header += p.as_stored                                  ? "QUANTIZED"
              : backend.storage() == StorageType::float32 ? "F32"
                                                          : "BF16";
    header += '\0';
    header += p.matrix ? std::to_string(p.rows) + "," + std::to_string(p.columns)
                       : std::to_string(p.columns);
    header += '\0';
    hash.update(std::as_bytes(std::span(header)));
    hash.update(backend.bytes(static_cast<int>(i)));
  }
  return "sha256:" + hash.finish();
}

int first_not_finite(const Backend& backend) {
  const ModelSpec& spec = backend.spec();
  const bool wide = backend.storage() == StorageType::float32;
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    if (!spec.parameters[i].trainable) continue;
    const std::span<const std::byte> bytes = backend.bytes(static_cast<int>(i));
    bool bad = false;
    // An exponent of ones, in the upper half of float32 as in bfloat16.
    for (size_t at = wide ? 2 : 0; at < bytes.size(); at += wide ? 4 : 2) {
      uint16_t upper;
      std::memcpy(&upper, bytes.data() + at, sizeof upper);
      bad |= (upper & 0x7f80u) == 0x7f80u;
    }
    if (bad) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace zest
