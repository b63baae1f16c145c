// The activations of core/transformer/spec.h, in float32.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

#include "core/transformer/spec.h"

namespace zest::cuda {

constexpr int no_activation = -1;

__device__ __forceinline__ float activate(int activation, float x) {
  switch (activation) {
    case static_cast<int>(Activation::gelu_erf):
      return 0.5f * x * (1.0f + erff(x * 0x1.6a09e6p-1f));  // x / sqrt 2
    case static_cast<int>(Activation::gelu_tanh):
      // sqrt(2 / pi) (x + 0.044715 x^3)
      return 0.5f * x * (1.0f + tanhf(0x1.988454p-1f * (x + 0x1.6e4e26p-5f * x * x * x)));
    case static_cast<int>(Activation::gelu_quick):
      return x / (1.0f + expf(-0x1.b3b646p+0f * x));  // 1.702
    case static_cast<int>(Activation::relu):
      return x > 0.0f ? x : x != x ? x : 0.0f;  // NaN stays NaN
    case static_cast<int>(Activation::silu):
      return x / (1.0f + expf(-x));
    case static_cast<int>(Activation::tanh):
      return tanhf(x);
    default:
      return x;
  }
}

}  // namespace zest::cuda
