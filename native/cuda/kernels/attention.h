// Softmax(scale Q K^T) V of packed sequences, all points and heads at once.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/rows.h"

namespace zest::cuda {

// Some queries of one sequence and the keys of that sequence. A tile without queries is left out;
// queries without keys get zeros.
struct AttentionTile {
  int32_t first_query, queries;
  int32_t first_key, keys;
};
constexpr int queries_a_tile(StorageType type) { return type == StorageType::float32 ? 16 : 64; }
constexpr int most_head_width = 128;

struct Attention {
  const float* query = nullptr;  // rows of the products, `stride` apart, without their biases
  const float* key = nullptr;
  const float* value = nullptr;
  const float* query_bias = nullptr;  // perturbed vectors, or null
  const float* key_bias = nullptr;
  const float* value_bias = nullptr;
  const float* prefix_key = nullptr;  // trained keys and values before the sequence's own, or null
  const float* prefix_value = nullptr;
  int64_t prefixes = 0;
  int64_t vector_stride = 0;
  int64_t points = 0, query_rows = 0, key_rows = 0, stride = 0;
  int32_t heads = 0, width = 0;  // of a head, at most most_head_width
  float scale = 0;
  const AttentionTile* tiles = nullptr;
  int64_t tile_count = 0;
  Operand out;  // query_rows a point; its type says which of the two
};
void attend(const Attention& a, cudaStream_t stream);
// attention_bf16.cu: on tensor cores.
void attend_bf16(const Attention& a, cudaStream_t stream);

}  // namespace zest::cuda
