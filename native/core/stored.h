// Values as the bytes that a backend stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/transformer/spec.h"

namespace zest {

// Throws ERR_ZEST_TENSOR_VALUE for a value that `type` cannot store as a finite one; `first`: the
// element of `what` that the values begin at.
void check_values(std::span<const float> values, StorageType type, int64_t first,
                  const std::string& what);

// Little-endian, bfloat16 rounded to nearest.
std::vector<std::byte> stored(std::span<const float> values, StorageType type);

}  // namespace zest
