// LoRA's product as a part of the weight it adapts, for files that other programs read.
#pragma once

#include <cstddef>
#include <vector>

#include "core/backend.h"

namespace zest {

// The linear layer of the model that the parameter is the weight of and that has an adapter;
// nullptr: none.
const LinearRoles* adapted_linear(const ModelSpec& spec, int parameter);

// W + adapter_scale * (B A), rows x columns, in the storage type, little-endian. In float32, each
// operation rounded: (B A)[i][j] = sum over r ascending of B[i][r] * A[r][j], from 0. Throws
// ERR_ZEST_TENSOR_VALUE where a value of it cannot be stored as a finite one.
std::vector<std::byte> merged_bytes(Backend& backend, const LinearRoles& linear);

}  // namespace zest
