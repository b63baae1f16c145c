// What attention.cu and attention_bf16.cu share: which keys a query sees, and where they lie.
#pragma once

#include "cuda/kernels/attention.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {

// So many of a sequence's keys are left out at once: whole blocks of either kernel, so that the
// same keys are added together, and give the same bits, whichever queries share a tile.
constexpr int skipped_at_once = 64;

// The keys that the queries of a tile see between them, counted from the prefix: after it come the
// sequence's, `skipped` of which no query of the tile sees.
struct KeysOfTile {
  int skipped, count;
};

__device__ __forceinline__ KeysOfTile keys_of(const Attention& a, const AttentionTile& tile) {
  int begin = 0, end = tile.keys;
  if (a.places) {
    const int32_t* places = a.places + tile.first_query;
    const int last = places[tile.queries - 1] + 1;
    if (last < end) end = last;
    const int first = places[0] + 1 - a.window;
    if (a.window > 0 && first > 0) begin = first / skipped_at_once * skipped_at_once;
  }
  return {begin, a.prefixes + end - begin};
}

// Where they lie: key j in row shared + j before own_from, and in row own + j from there on.
struct KeyRows {
  int shared, own, own_from;
};

__device__ __forceinline__ KeyRows rows_of(const Attention& a, const AttentionTile& tile,
                                           const KeysOfTile& keys) {
  const int before = a.prefixes - keys.skipped;
  return {tile.first_shared - before, tile.first_key - tile.shared - before, before + tile.shared};
}

// Of the keys of a tile those that one query sees: the prefix, and first .. end.
struct Seen {
  int end;
  __device__ __forceinline__ int first(const Attention& a) const {
    return a.window > 0 ? end - a.window : 0;
  }
  __device__ __forceinline__ bool has(const Attention& a, int key) const {
    return key < end && (key < a.prefixes || key >= first(a));
  }
};

__device__ __forceinline__ Seen seen_by(const Attention& a, const AttentionTile& tile,
                                        const KeysOfTile& keys, int query) {
  if (!a.places || query >= tile.queries) return {keys.count};
  const int end = a.prefixes + a.places[tile.first_query + query] + 1 - keys.skipped;
  return {end < keys.count ? end : keys.count};
}

template <class T>
__device__ __forceinline__ const T* query_row(const Attention& a, const AttentionTile& tile,
                                              int64_t point, int head, int query) {
  const int64_t own = tile.first_query + query;
  const int64_t row =
      a.query_tokens ? point * a.key_rows + a.query_tokens[own] : point * a.query_rows + own;
  return static_cast<const T*>(a.query.rows.data) + head * a.query.step + row * a.query.rows.stride;
}

// Keys before a.prefixes.
__device__ __forceinline__ const float* prefix_row(const Attention& a, const float* prefix,
                                                   int64_t point, int head, int key) {
  return prefix + point * a.vector_stride + key * a.prefix_stride +
         static_cast<int64_t>(head) * a.width;
}

// Keys from a.prefixes on.
template <class T>
__device__ __forceinline__ const T* own_row(const Attention& a, const HeadRows& heads,
                                            const KeyRows& rows, int64_t point, int head, int key) {
  const int64_t row = key + (key < rows.own_from ? rows.shared : rows.own);
  return static_cast<const T*>(heads.rows.data) + head * heads.step +
         (point * a.key_rows + row) * heads.rows.stride;
}

__device__ __forceinline__ const float* bias_of(const HeadRows& heads, const Attention& a,
                                                int64_t point, int head) {
  return heads.bias ? heads.bias + point * a.vector_stride + head * heads.step : nullptr;
}

}  // namespace zest::cuda
