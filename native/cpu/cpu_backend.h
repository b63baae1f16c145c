// The CPU backend.
#pragma once

#include <cstdint>
#include <memory>

#include "core/backend.h"

namespace zest {

// Tokens packed at once: enough that packing a panel is nothing beside its product, few enough that
// activations of a large batch stay small.
constexpr int32_t most_packed_tokens = 8192;

// `threads` >= 1, the caller's included. Weights are allocated here and read by load.
std::unique_ptr<Backend> make_cpu_backend(const ModelSpec& spec, StorageType storage,
                                          const Shortcuts& shortcuts, int threads);

}  // namespace zest
