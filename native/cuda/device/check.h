// The run time's error codes as zest::Error. Nothing ends the process: a fault of a kernel leaves
// every later call failing with the same code, which CudaBackend turns into ERR_ZEST_DEVICE_LOST.
#pragma once

#include <cuda_runtime.h>

namespace zest::cuda {

// Throws ERR_ZEST_MEMORY where the device has no more, ERR_ZEST_DEVICE where this build has no code
// for it, ERR_ZEST_DEVICE_LOST for all else. `what` names the operation that failed.
void check(cudaError_t error, const char* what);

}  // namespace zest::cuda
