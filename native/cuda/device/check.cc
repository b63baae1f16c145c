#include "cuda/device/check.h"

#include <string>

#include "core/error.h"

namespace zest::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears it, if it can be cleared
  const std::string text =
      std::string(what) + " failed: " + cudaGetErrorName(error) + ", " + cudaGetErrorString(error);
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion) {
    throw Error("ERR_ZEST_DEVICE", "this build has no code for the device (" + text +
                                       "); build it with ZEST_CUDA_ARCHITECTURES=native");
  }
  throw Error(error == cudaErrorMemoryAllocation ? "ERR_ZEST_MEMORY" : "ERR_ZEST_DEVICE_LOST",
              text);
}

}  // namespace zest::cuda
