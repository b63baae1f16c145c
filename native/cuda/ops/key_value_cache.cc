#include "cuda/ops/key_value_cache.h"

#include <limits>
#include <string>

#include "core/error.h"
#include "core/parameters.h"
#include "cuda/kernels/perturbation_plan.h"

namespace zest::cuda {

KeyValueCache::KeyValueCache(const ModelSpec& spec, StorageType type,
                             std::span<const int32_t> capacities)
    : Growth(capacities), type_(type), stride_(padded8(spec.key_width())) {
  const std::string of = "the keys and values of " + std::to_string(rows()) + " tokens";
  const std::string cure = "generate for fewer prompts at once, or fewer tokens";
  if (rows() > std::numeric_limits<int32_t>::max()) {
    throw Error("ERR_ZEST_MEMORY", of + " are more than a CUDA device keeps; " + cure);
  }
  half_bytes_ = static_cast<size_t>(rows() * stride_) * element_bytes(type);
  try {
    memory_.reserve(2 * spec.roles.layers.size() * half_bytes_);
  } catch (const Error& error) {
    if (std::string(error.code()) != "ERR_ZEST_MEMORY") throw;
    throw Error("ERR_ZEST_MEMORY", of + " do not fit: " + error.what() + ", or " + cure);
  }
}

}  // namespace zest::cuda
