#include "cpu/weights.h"

#include <cstring>

#include "core/bfloat16.h"
#include "core/blocks.h"
#include "core/error.h"
#include "core/parameter_reader.h"

namespace zest::cpu {

Weights::Weights(const ModelSpec& spec, StorageType type)
    : spec_(spec), type_(type), addresses_(zest::addresses(spec)) {
  for (size_t i = 0; i < spec_.parameters.size(); ++i) {
    const ParameterSpec& p = spec_.parameters[i];
    // Those that stay as stored have their bytes from `load`, which knows their type.
    const size_t bytes =
        p.as_stored ? 0 : static_cast<size_t>(p.rows * p.columns) * element_bytes(type);
    storage_.emplace_back(bytes);
    matrices_.push_back({storage_.back().data(), type, p.rows, p.columns, addresses_.base[i]});
  }
}

std::span<const std::byte> Weights::bytes(int parameter) const {
  const Buffer<std::byte>& storage = storage_[static_cast<size_t>(parameter)];
  return {storage.data(), storage.size()};
}

void Weights::write(int parameter, std::span<const std::byte> stored) {
  const Buffer<std::byte>& storage = storage_[static_cast<size_t>(parameter)];
  if (stored.size() != storage.size()) {
    throw Error("ERR_ZEST_INTERNAL", "the bytes to write are not those of the parameter");
  }
  std::memcpy(storage.data(), stored.data(), stored.size());
}

void Weights::load(std::span<const ParameterSource> sources,
                   const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort) {
  const auto store = [this](int parameter, int64_t first, std::span<const float> values) {
    const Matrix& m = matrix(parameter);
    if (type_ == StorageType::float32) {
      std::memcpy(static_cast<float*>(m.data) + first, values.data(), values.size_bytes());
      return;
    }
    uint16_t* out = static_cast<uint16_t*>(m.data) + first;
    for (const float value : values) *out++ = to_bfloat16(value);
  };
  const auto store_blocks = [this](int parameter, int64_t first,
                                   std::span<const std::byte> blocks) {
    std::memcpy(static_cast<std::byte*>(matrix(parameter).data) + first, blocks.data(),
                blocks.size());
  };
  for (size_t i = 0; i < sources.size() && i < matrices_.size(); ++i) {
    if (!spec_.parameters[i].as_stored) continue;
    Matrix& m = matrices_[i];
    m.blocks = sources[i].type;
    m.data = storage_[i].reserve(static_cast<size_t>(file_bytes(m.blocks, m.rows * m.columns)));
  }
  read_parameters(spec_, sources, type_, store, progress, abort, store_blocks);
}

}  // namespace zest::cpu
