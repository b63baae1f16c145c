// The way of parameters from files, or from their initialisation, into a backend's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/transformer/spec.h"

namespace zest {

// Takes elements first ... of a parameter.
using StoreElements =
    std::function<void(int parameter, int64_t first, std::span<const float> values)>;

// Takes bytes first ... of a quantised parameter as its file has it, blocks whole, rows in their
// own order.
using StoreBlocks =
    std::function<void(int parameter, int64_t first, std::span<const std::byte> blocks)>;

// Reads without mapping into memory: a file that is cut short is an error, not a fault. `type` is
// what values are stored as. Throws ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS for one that ends too
// early, ERR_ZEST_TENSOR_VALUE where a value is not finite, or would not be once it is stored,
// ERR_ZEST_ABORTED. `progress(done, total)` in bytes, or empty. Parameters that may stay as stored
// go to `store_blocks`, or to `store` where that is empty.
void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     StorageType type, const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort,
                     const StoreBlocks& store_blocks = {});

// The row of the file that is a parameter's row.
int64_t file_row(const ParameterSpec& parameter, const ParameterSource& source, int64_t row);

}  // namespace zest
