// A model on a CUDA device.
#pragma once

#include <memory>

#include "core/backend.h"

namespace zest {

// Throws ERR_ZEST_DEVICE where the device is not there, ERR_ZEST_CUBLAS where cuBLASLt is not,
// ERR_ZEST_MEMORY, ERR_ZEST_UNSUPPORTED for a head that is too wide for the attention kernel. After
// a fault of the device every call throws ERR_ZEST_DEVICE_LOST; the process lives on.
std::unique_ptr<Backend> make_cuda_backend(const ModelSpec& spec, StorageType storage, int device);

}  // namespace zest
