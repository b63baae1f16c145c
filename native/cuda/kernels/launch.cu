#include "cuda/kernels/launch.h"

namespace zest::cuda {
namespace {

thread_local bool overlaps = false;

__global__ void any_kernel() { after_previous_kernels(); }

}  // namespace

void choose_overlap(int device) {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "cudaDeviceGetAttribute");
  // What the code that the driver took was compiled for, __CUDA_ARCH__ / 10: it may be PTX.
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, any_kernel), "cudaFuncGetAttributes");
  overlaps = major >= 9 && attributes.ptxVersion >= 90;
}

bool launches_overlap() { return overlaps; }

}  // namespace zest::cuda
