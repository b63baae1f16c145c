// What a block of attention_bf16.cu shares, and how queries, keys and values come there.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "cuda/kernels/attention.inl.h"
#include "cuda/kernels/bfloat16.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {

constexpr int tile_queries = queries_a_tile(StorageType::bfloat16);
constexpr int attention_warps = tile_queries / 16;
constexpr int attention_threads = attention_warps * warp_lanes;
constexpr int copied_at_once = 8;  // elements of one copy, 16 bytes
constexpr int stages = 2;

constexpr int keys_at_once = 32;  // that a warp multiplies: as many scores as registers allow
template <int depth>
constexpr int block_keys = depth > 64 ? keys_at_once : 64;
// Elements; rows begin at multiples of 16 bytes, and eight of them fall in other banks: an odd
// multiple of 16 bytes apart.
template <int depth>
constexpr int row_stride = depth + 8;

template <int depth>
struct Stage {
  bfloat16 keys[block_keys<depth>][row_stride<depth>];
  bfloat16 values[block_keys<depth>][row_stride<depth>];
};

// What a block shares; at the end, results take the place of keys and values.
template <int depth>
struct Shared {
  bfloat16 queries[tile_queries][row_stride<depth>];
  union {
    Stage<depth> stage[stages];
    bfloat16 results[tile_queries][row_stride<depth>];
  };
  float query_bias[depth], value_bias[depth];  // 0 beyond the head's width
};

// Calls copy(row, column) for the 16 bytes that are this thread's of so many rows.
template <int depth, int rows, class Copy>
__device__ __forceinline__ void for_each_copy(Copy copy) {
  constexpr int copies_a_row = depth / copied_at_once,
                rows_at_once = attention_threads / copies_a_row;
  static_assert(attention_threads % copies_a_row == 0 && rows % rows_at_once == 0);
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int first = 0; first < rows; first += rows_at_once) {
    copy(first + thread / copies_a_row, thread % copies_a_row * copied_at_once);
  }
}

// Elements that are moved one by one: seldom, so in little code.
template <class Element>
__device__ __forceinline__ void copy_singly(bfloat16* to, int left, Element element) {
#pragma unroll 1
  for (int n = 0; n < copied_at_once; ++n) to[n] = n < left ? element(n) : bfloat16{};
}

// Begins to copy the first `left` of 16 bytes' elements, none if that is 0 or less; zeros after
// them. Complete when this thread has waited for its copies and all threads have met.
__device__ __forceinline__ void begin_copy(bfloat16* to, const bfloat16* from, int left,
                                           bool aligned) {
  if (left <= 0) {
    *reinterpret_cast<uint4*>(to) = {};
  } else if (aligned) {  // then it is whole
    __pipeline_memcpy_async(to, from, copied_at_once * sizeof(bfloat16));
  } else {
    copy_singly(to, left, [&](int n) { return from[n]; });
  }
}

// As begin_copy, of a block's keys and values, or of their prefixes less what is theirs of a bias.
template <int depth, bool plain>
__device__ __forceinline__ void begin_block(const Attention& a, bool aligned, const KeyRows& rows,
                                            int count, int64_t point, int head, int first,
                                            Stage<depth>& stage) {
  const auto copy_own = [&](int j, int c, int left) {
    const bfloat16* key = own_row<bfloat16>(a, a.key, rows, point, head, first + j) + c;
    const bfloat16* value = own_row<bfloat16>(a, a.value, rows, point, head, first + j) + c;
    begin_copy(&stage.keys[j][c], key, left, plain || aligned);
    begin_copy(&stage.values[j][c], value, left, plain || aligned);
  };
  const auto copy_prefix = [&](bfloat16* to, const HeadRows& heads, const float* prefix, int key,
                               int c, int left) {
    const float* row = prefix_row(a, prefix, point, head, key) + c;
    const float* bias = bias_of(heads, a, point, head);
    copy_singly(to, left, [&](int n) { return to_bfloat16(row[n] - (bias ? bias[c + n] : 0.0f)); });
  };
  const bool whole = plain && first + block_keys<depth> <= count && a.width == depth;
  if (whole) {  // nothing is asked of each copy
    for_each_copy<depth, block_keys<depth>>([&](int j, int c) { copy_own(j, c, copied_at_once); });
    return;
  }
  for_each_copy<depth, block_keys<depth>>([&](int j, int c) {
    const int key = first + j, left = key < count ? a.width - c : 0;
    if (plain || key >= a.prefixes) {
      copy_own(j, c, left);
    } else {
      copy_prefix(&stage.keys[j][c], a.key, a.prefix_key, key, c, left);
      copy_prefix(&stage.values[j][c], a.value, a.prefix_value, key, c, left);
    }
  });
}

}  // namespace zest::cuda
