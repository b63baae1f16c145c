#include "cuda/check.h"

#include <string>

#include "core/error.h"

namespace zest::cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears it, if it can be cleared
  const std::string text =
      std::string(what) + " failed: " + cudaGetErrorName(error) + ", " + cudaGetErrorString(error);
  throw Error(error == cudaErrorMemoryAllocation ? "ERR_ZEST_MEMORY" : "ERR_ZEST_DEVICE_LOST",
              text);
}

}  // namespace zest::cuda
