// The way of parameters from files, or from their initialisation, into a backend's memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/backend.h"
#include "core/transformer/spec.h"

namespace zest {

// Takes elements first ... of a parameter.
using StoreElements =
    std::function<void(int parameter, int64_t first, std::span<const float> values)>;

// Reads without mapping into memory: a file that is cut short is an error, not a fault. Throws
// ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS for one that ends too early, ERR_ZEST_TENSOR_VALUE where a
// value is not finite, ERR_ZEST_ABORTED. `progress(done, total)` in bytes, or empty.
void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort);

}  // namespace zest
