// Functions to some 2 units of float32's last place, one instruction of the device's special
// function units each: for what is rounded to bfloat16 next.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

namespace zest::cuda {

// 2^x; 0 where that is below float32's normal numbers.
__device__ __forceinline__ float power_of_2(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

// 1 / x; 0 for infinity.
__device__ __forceinline__ float reciprocal(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return 1.0f / x;
#endif
}

}  // namespace zest::cuda
