// Values as the bytes that a backend stores.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/transformer/spec.h"

namespace zest {

// Little-endian, bfloat16 rounded to nearest.
std::vector<std::byte> stored(std::span<const float> values, StorageType type);

}  // namespace zest
