#include "core/digest.h"

#include "core/sha256.h"

namespace zest {

std::string digest(const Backend& backend) {
  Sha256 hash;
  const ModelSpec& spec = backend.spec();
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const ParameterSpec& p = spec.parameters[i];
    if (!p.trainable) continue;
    std::string header = p.name;
    header += '\0';
    header += backend.storage() == StorageType::float32 ? "F32" : "BF16";
    header += '\0';
    header += p.matrix ? std::to_string(p.rows) + "," + std::to_string(p.columns)
                       : std::to_string(p.columns);
    header += '\0';
    hash.update(std::as_bytes(std::span(header)));
    hash.update(backend.bytes(static_cast<int>(i)));
  }
  return "sha256:" + hash.finish();
}

}  // namespace zest
