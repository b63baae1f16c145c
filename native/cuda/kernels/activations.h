// The activations of core/transformer/spec.h, in float32.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <type_traits>

#include "core/transformer/spec.h"
#include "cuda/kernels/approximate.h"
#include "cuda/kernels/bfloat16.h"

namespace zest::cuda {

// sqrt(2 / pi) (x + 0.044715 x^3), whose tanh is in the common approximation of GELU.
__device__ __forceinline__ float gelu_tanh_argument(float x) {
  return 0x1.988454p-1f * (x + 0x1.6e4e26p-5f * x * x * x);
}
constexpr float gelu_quick_factor = 0x1.b3b646p+0f;  // 1.702

// x Phi(x) = max(x, 0) - |x| Phi(-|x|), with the normal distribution's tail by Abramowitz and
// Stegun 7.1.26, Phi(-z sqrt 2) = (a1 t + .. + a5 t^5) exp(-z^2) / 2 with t = 1 / (1 + p z): within
// 1e-7 |x|.
__device__ __forceinline__ float rounded_gelu(float x) {
  const float size = fabsf(x);                                // z sqrt 2
  const float t = reciprocal(fmaf(0.23164190f, size, 1.0f));  // p / sqrt 2
  float sum = fmaf(0.5307027145f, t, -0.7265760135f);         // a5 / 2, a4 / 2
  sum = fmaf(sum, t, 0.7107068705f);
  sum = fmaf(sum, t, -0.142248368f);
  sum = fmaf(sum, t, 0.127414796f);
  const float tail = sum * t * power_of_2(x * -0x1.715476p-1f * x);  // log2 e / 2
  return fmaf(-size, tail, fmaxf(x, 0.0f));
}

// x / (1 + exp(-y))
__device__ __forceinline__ float rounded_swish(float x, float y) {
  return x * reciprocal(1.0f + power_of_2(-0x1.715476p+0f * y));
}

// Replaces each x by its activation; of results that are rounded to T next. One branch for all of
// them, so that they are computed side by side.
template <class T, int n>
__device__ __forceinline__ void activate(int activation, float (&x)[n]) {
  constexpr bool rounded = std::is_same_v<T, bfloat16>;
  const auto each = [&](auto function) {
#pragma unroll
    for (int i = 0; i < n; ++i) x[i] = function(x[i]);
  };
  switch (activation) {
    case static_cast<int>(Activation::gelu_erf):
      return each([](float v) {
        if constexpr (rounded) return rounded_gelu(v);
        return 0.5f * v * (1.0f + erff(v * 0x1.6a09e6p-1f));  // v / sqrt 2
      });
    case static_cast<int>(Activation::gelu_tanh):
      return each([](float v) {
        const float u = gelu_tanh_argument(v);
        if constexpr (rounded) return rounded_swish(v, 2.0f * u);  // tanh u = 2 / (1 + e^-2u) - 1
        return 0.5f * v * (1.0f + tanhf(u));
      });
    case static_cast<int>(Activation::gelu_quick):
      return each([](float v) {
        if constexpr (rounded) return rounded_swish(v, gelu_quick_factor * v);
        return v / (1.0f + expf(-gelu_quick_factor * v));
      });
    case static_cast<int>(Activation::relu):
      return each([](float v) { return v > 0.0f ? v : v != v ? v : 0.0f; });  // NaN stays NaN
    case static_cast<int>(Activation::silu):
      return each([](float v) {
        if constexpr (rounded) return rounded_swish(v, v);
        return v / (1.0f + expf(-v));
      });
    case static_cast<int>(Activation::tanh):
      return each([](float v) { return tanhf(v); });
    default:
      return;
  }
}

}  // namespace zest::cuda
