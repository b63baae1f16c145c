// A thread's share of a row: n consecutive elements, moved in accesses of up to 16 bytes where
// their addresses allow it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "cuda/kernels/bfloat16.h"

namespace zest::cuda {

template <int bytes>
struct Word;
template <>
struct Word<2> {
  using type = uint16_t;
};
template <>
struct Word<4> {
  using type = uint32_t;
};
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};

// The n elements as the accesses that move them.
template <int n, class T>
union Elements {
  static constexpr int bytes = n * static_cast<int>(sizeof(T)), a_word = bytes < 16 ? bytes : 16;
  static constexpr int words = bytes / a_word;
  using Access = typename Word<a_word>::type;
  Access word[words];
  T element[n];
};

// The first `left` of n elements, zeros beyond. `aligned`: from is a multiple of n elements, or of
// 16 bytes.
template <int n, class T>
__device__ __forceinline__ void load_as_stored(const T* from, int64_t left, bool aligned,
                                               Elements<n, T>& x) {
  if (aligned && left >= n) {
#pragma unroll
    for (int w = 0; w < Elements<n, T>::words; ++w) {
      x.word[w] = reinterpret_cast<const typename Elements<n, T>::Access*>(from)[w];
    }
  } else {
#pragma unroll
    for (int i = 0; i < n; ++i) x.element[i] = i < left ? from[i] : T{};
  }
}

template <int n, class T>
__device__ __forceinline__ void load_elements(const T* from, int64_t left, bool aligned,
                                              float (&x)[n]) {
  Elements<n, T> all;
  load_as_stored(from, left, aligned, all);
#pragma unroll
  for (int i = 0; i < n; ++i) x[i] = to_float(all.element[i]);
}

template <int n, class T>
__device__ __forceinline__ void store_elements(T* to, int64_t left, bool aligned, const T (&x)[n]) {
  if (aligned && left >= n) {
    Elements<n, T> all;
#pragma unroll
    for (int i = 0; i < n; ++i) all.element[i] = x[i];
#pragma unroll
    for (int w = 0; w < Elements<n, T>::words; ++w) {
      reinterpret_cast<typename Elements<n, T>::Access*>(to)[w] = all.word[w];
    }
  } else {
#pragma unroll
    for (int i = 0; i < n; ++i) {
      if (i < left) to[i] = x[i];
    }
  }
}

// As store_elements, rounded to T.
template <class T, int n>
__device__ __forceinline__ void store_rounded(T* to, int64_t left, const float (&x)[n]) {
  Elements<n, T> all;
  if constexpr (sizeof(T) == 2) {
    uint32_t pairs[n / 2];
#pragma unroll
    for (int i = 0; i < n / 2; ++i) pairs[i] = pair_of(x[2 * i], x[2 * i + 1]);
    memcpy(&all, pairs, sizeof all);
  } else {
#pragma unroll
    for (int i = 0; i < n; ++i) all.element[i] = x[i];
  }
  store_elements(to, left, true, all.element);
}

}  // namespace zest::cuda
