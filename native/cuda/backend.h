// A model on a CUDA device.
#pragma once

#include <cstdint>
#include <memory>

#include "core/backend.h"

namespace zest {

// The most that two pieces of perturbed weights take. A product reads its rows again for each
// piece, so that few large ones are better than what would stay in the cache: a step of
// RoBERTa-base at 64 x 128 tokens, k = 5, took 39.6 ms with 20 MB on an H200, 36.0 with 48 and 34.2
// with 96.
constexpr int64_t cuda_scratch_bytes = int64_t{96} << 20;

// Throws ERR_ZEST_DEVICE where the device is not there, ERR_ZEST_CUBLAS where cuBLASLt is not,
// ERR_ZEST_MEMORY, ERR_ZEST_UNSUPPORTED for a head that is too wide for the attention kernel. After
// a fault of the device every call throws ERR_ZEST_DEVICE_LOST; the process lives on.
std::unique_ptr<Backend> make_cuda_backend(const ModelSpec& spec, StorageType storage, int device,
                                           int64_t scratch_bytes = cuda_scratch_bytes);

}  // namespace zest
