// The one way in which kernels are launched. A typed call, so that the stand-in of the tests
// (native/test/cuda/shim) can run the same sources as fibers.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/device/check.h"

namespace zest::cuda {

// Lets launches on this thread overlap, or not, as its device and the kernels allow: a kernel's
// blocks are then placed while those of the one before it end ("programmatic dependent launch",
// compute capability 9.0 and on). Kernels compiled for less do not wait for the one before.
void choose_overlap(int device);
bool launches_overlap();

constexpr int warp_lanes = 32;
constexpr unsigned all_lanes = 0xffffffffu;

__host__ __device__ constexpr int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks for a number of items, within the limit of a grid's first dimension.
inline unsigned blocks_for(int64_t items, int64_t items_a_block) {
  const int64_t blocks = ceil_divide(items, items_a_block);
  if (blocks > 0x7fffffff) check(cudaErrorInvalidValue, "a grid beyond 2^31 blocks");
  return static_cast<unsigned>(blocks);
}

constexpr size_t shared_unasked_bytes = 48 * 1024;  // what a block has without being asked for

template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 blocks, unsigned threads, size_t shared,
            cudaStream_t stream, std::type_identity_t<Parameters>... arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  if (shared > shared_unasked_bytes) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared)),
          "cudaFuncSetAttribute");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  if (launches_overlap()) config.attrs = &overlap, config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, arguments...), "a kernel's launch");
}

// The first statement of every kernel: where launches overlap, its blocks are placed while those of
// the kernel before it end, whose results are there after this.
__device__ __forceinline__ void after_previous_kernels() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// The memory that a block shares, of the size that its launch gave.
template <class T>
__device__ __forceinline__ T* shared_memory() {
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  return reinterpret_cast<T*>(shared_bytes);
}

}  // namespace zest::cuda
