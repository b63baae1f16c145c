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

// What becomes of parameters that may stay as stored.
enum class Stored { read, left_out };

// Reads without mapping into memory: a file that is cut short is an error, not a fault. `type` is
// what values are stored as. Throws ERR_ZEST_FILE, ERR_ZEST_SAFETENSORS for one that ends too
// early, ERR_ZEST_TENSOR_VALUE where a value is not finite, or would not be once it is stored,
// ERR_ZEST_ABORTED. `progress(done, total)` in bytes, or empty.
void read_parameters(const ModelSpec& spec, std::span<const ParameterSource> sources,
                     StorageType type, const StoreElements& store,
                     const std::function<void(int64_t, int64_t)>& progress, const AbortFlag& abort,
                     Stored stored = Stored::read);

// The row of the file that is a parameter's row.
int64_t file_row(const ParameterSpec& parameter, const ParameterSource& source, int64_t row);

// A quantised parameter as its file has it, rows in their own order. Throws as read_parameters.
std::vector<std::byte> read_stored(const ParameterSpec& parameter, const ParameterSource& source);

}  // namespace zest
