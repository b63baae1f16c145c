// Softmax(scale Q K^T) V of packed sequences, all points and heads at once.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/heads.h"
#include "cuda/kernels/rows.h"

namespace zest::cuda {

// Some queries of one sequence and the keys of that sequence, of which the first `shared` are those
// of another one whose tokens come before its own. A tile without queries is left out; queries
// without keys get zeros.
struct AttentionTile {
  int32_t first_query, queries;
  int32_t first_key, keys;  // the row of its first own key; all keys
  int32_t first_shared, shared;
};
constexpr int queries_a_tile(StorageType type) { return type == StorageType::float32 ? 16 : 64; }
constexpr int most_head_width = 128;

struct Attention {
  HeadRows query, key, value;
  // Trained keys and values before the sequence's own: rows prefix_stride apart, heads one after
  // the other; or null.
  const float* prefix_key = nullptr;
  const float* prefix_value = nullptr;
  int32_t prefixes = 0;
  int64_t prefix_stride = 0;
  int64_t vector_stride = 0;
  int64_t points = 0, query_rows = 0, key_rows = 0;
  // Of each query its row in a product of key_rows a point, that of the keys; null: the query's
  // own.
  const int32_t* query_tokens = nullptr;
  int32_t heads = 0, group = 1;  // of queries, and how many of them share a head of keys
  int32_t width = 0;             // of a head, at most most_head_width
  float scale = 0;
  // Causal: the place of each row of queries among the keys of its sequence, ascending in a tile;
  // it sees no key after it. null: all.
  const int32_t* places = nullptr;
  int32_t window = 0;  // causal: 0, or how many of the sequence's keys a query sees
  const AttentionTile* tiles = nullptr;
  int64_t tile_count = 0;
  Operand out;  // query_rows a point; of the type of queries, keys and values
};
void attend(const Attention& a, cudaStream_t stream);
// attention_bf16.cu: on tensor cores.
void attend_bf16(const Attention& a, cudaStream_t stream);

// attention_parts.cu: of tiles that have one query each, or none, or no keys. Biases of keys and
// values are added already. The keys that a tile sees go in parts of keys_a_part, at most `parts`
// of them; scratch has floats_of_parts for all points' tiles.
constexpr int keys_a_part = 256;
int64_t floats_of_parts(int64_t tiles, int32_t heads, int32_t width, int64_t parts);
void attend_in_parts(const Attention& a, int64_t parts, float* scratch, cudaStream_t stream);

}  // namespace zest::cuda
