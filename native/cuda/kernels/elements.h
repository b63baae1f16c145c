// A thread's share of a row: n consecutive elements, moved in one access of up to 16 bytes where
// their addresses allow it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/bfloat16.h"

namespace zest::cuda {

template <int bytes>
struct Word;
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};

// The first `left` of n elements, zeros beyond. `aligned`: from is a multiple of n elements.
template <int n, class T>
__device__ __forceinline__ void load_elements(const T* from, int64_t left, bool aligned,
                                              float (&x)[n]) {
  if (aligned && left >= n) {
    union {
      typename Word<n * sizeof(T)>::type word;
      T element[n];
    } all;
    all.word = *reinterpret_cast<const typename Word<n * sizeof(T)>::type*>(from);
#pragma unroll
    for (int i = 0; i < n; ++i) x[i] = to_float(all.element[i]);
  } else {
#pragma unroll
    for (int i = 0; i < n; ++i) x[i] = i < left ? to_float(from[i]) : 0.0f;
  }
}

template <int n, class T>
__device__ __forceinline__ void store_elements(T* to, int64_t left, bool aligned, const T (&x)[n]) {
  if (aligned && left >= n) {
    union {
      typename Word<n * sizeof(T)>::type word;
      T element[n];
    } all;
#pragma unroll
    for (int i = 0; i < n; ++i) all.element[i] = x[i];
    *reinterpret_cast<typename Word<n * sizeof(T)>::type*>(to) = all.word;
  } else {
#pragma unroll
    for (int i = 0; i < n; ++i) {
      if (i < left) to[i] = x[i];
    }
  }
}

}  // namespace zest::cuda
