#include "cuda/device/memory.h"

#include <string>

#include "core/error.h"
#include "cuda/device/check.h"

namespace zest::cuda {

void* allocate_device(size_t bytes) {
  void* pointer = nullptr;
  const cudaError_t error = cudaMalloc(&pointer, bytes);
  if (error != cudaErrorMemoryAllocation) {
    check(error, "cudaMalloc");
    return pointer;
  }
  cudaGetLastError();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  constexpr size_t mebibyte = size_t{1} << 20;
  throw Error("ERR_ZEST_MEMORY", "the CUDA device has no " +
                                     std::to_string((bytes + mebibyte - 1) / mebibyte) +
                                     " MiB more: " + std::to_string(free / mebibyte) + " of its " +
                                     std::to_string(total / mebibyte) +
                                     " MiB are free. A smaller batch or microBatch needs less");
}

void* allocate_pinned(size_t bytes) {
  void* pointer = nullptr;
  check(cudaMallocHost(&pointer, bytes), "cudaMallocHost");
  return pointer;
}

}  // namespace zest::cuda
