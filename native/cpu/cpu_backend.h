// The CPU backend.
#pragma once

#include <memory>

#include "core/backend.h"

namespace zest {

// `threads` >= 1, the caller's included. Weights are allocated here and read by load.
std::unique_ptr<Backend> make_cpu_backend(const ModelSpec& spec, StorageType storage,
                                          const Shortcuts& shortcuts, int threads);

}  // namespace zest
