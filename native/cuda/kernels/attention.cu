// Reference, for each point, head and query: s_j = scale q . k_j over the keys it sees; out = sum
// exp(s_j - max s) v_j / sum exp(s_j - max s).
//
// A block takes a tile of queries of one head and goes through the keys, 32 at a time, with the
// running maximum and sum of online softmax (Milakov and Gimelshein 2018). A warp has four queries:
// for the scores a lane is a key, for the sums over values a lane is a column.
#include <cmath>

#include "cuda/kernels/attention.inl.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {
namespace {

constexpr int warps = 4, tile_queries = queries_a_tile(StorageType::float32);
constexpr int queries_a_warp = tile_queries / warps;
constexpr int keys_at_once = warp_lanes;
constexpr int key_stride = keys_at_once + 1;  // so that the lanes of a store fall in other banks
constexpr int most_columns_a_lane = most_head_width / warp_lanes;

// What sums of exponentials less the old maximum are multiplied with; both are -inf while a query
// has seen no key.
__device__ __forceinline__ float corrected(float maximum, float highest) {
  return maximum == highest ? 1.0f : expf(maximum - highest);
}

__device__ __forceinline__ float warp_maximum(float x) {
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    x = fmaxf(x, __shfl_xor_sync(all_lanes, x, lanes));
  }
  return x;
}

__device__ __forceinline__ float warp_total(float x) {
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    x += __shfl_xor_sync(all_lanes, x, lanes);
  }
  return x;
}

__host__ __device__ constexpr size_t shared_floats(int width) {
  return static_cast<size_t>(width) * (key_stride + keys_at_once + tile_queries) +
         static_cast<size_t>(tile_queries) * keys_at_once;
}

__global__ void __launch_bounds__(warps* warp_lanes) attention_kernel(Attention a) {
  after_previous_kernels();
  const AttentionTile tile = a.tiles[blockIdx.x];
  if (tile.queries == 0) return;  // the whole block
  const int head = static_cast<int>(blockIdx.y);
  const int64_t point = blockIdx.z;
  const int width = a.width, warp = threadIdx.x / warp_lanes, lane = threadIdx.x % warp_lanes;
  const KeysOfTile seen_keys = keys_of(a, tile);
  const KeyRows rows = rows_of(a, tile, seen_keys);
  const float* query_bias = bias_of(a.query, a, point, head);
  const float* key_bias = bias_of(a.key, a, point, head / a.group);
  const float* value_bias = bias_of(a.value, a, point, head / a.group);
  float* keys = shared_memory<float>();  // width x key_stride
  float* values = keys + width * key_stride;
  float* queries = values + width * keys_at_once;
  float* weights = queries + width * tile_queries + warp * queries_a_warp * keys_at_once;

  for (int i = threadIdx.x; i < tile_queries * width; i += warps * warp_lanes) {
    const int q = i / width, c = i % width;
    float x = 0.0f;
    if (q < tile.queries) {
      x = query_row<float>(a, tile, point, head, q)[c];
      if (query_bias) x += query_bias[c];
    }
    queries[i] = x;
  }

  float maximum[queries_a_warp], total[queries_a_warp];
  float sums[queries_a_warp][most_columns_a_lane];
  Seen seen[queries_a_warp];
#pragma unroll
  for (int q = 0; q < queries_a_warp; ++q) {
    maximum[q] = -INFINITY;
    total[q] = 0.0f;
    seen[q] = seen_by(a, tile, seen_keys, warp * queries_a_warp + q);
#pragma unroll
    for (int i = 0; i < most_columns_a_lane; ++i) sums[q][i] = 0.0f;
  }

  for (int first = 0; first < seen_keys.count; first += keys_at_once) {
    for (int i = threadIdx.x; i < keys_at_once * width; i += warps * warp_lanes) {
      const int j = i / width, c = i % width;
      const int key = first + j;
      float k = 0.0f, v = 0.0f;
      if (key < a.prefixes) {
        k = prefix_row(a, a.prefix_key, point, head / a.group, key)[c];
        v = prefix_row(a, a.prefix_value, point, head / a.group, key)[c];
      } else if (key < seen_keys.count) {
        k = own_row<float>(a, a.key, rows, point, head / a.group, key)[c];
        v = own_row<float>(a, a.value, rows, point, head / a.group, key)[c];
        if (key_bias) k += key_bias[c];
        if (value_bias) v += value_bias[c];
      }
      keys[c * key_stride + j] = k;
      values[j * width + c] = v;
    }
    __syncthreads();

    float scores[queries_a_warp] = {};
    const float* own_queries = queries + warp * queries_a_warp * width;
    for (int c = 0; c < width; ++c) {
      const float k = keys[c * key_stride + lane];
#pragma unroll
      for (int q = 0; q < queries_a_warp; ++q) {
        scores[q] = fmaf(own_queries[q * width + c], k, scores[q]);
      }
    }
#pragma unroll
    for (int q = 0; q < queries_a_warp; ++q) {
      const bool valid = seen[q].has(a, first + lane);
      const float score = valid ? scores[q] * a.scale : -INFINITY;
      const float highest = fmaxf(maximum[q], warp_maximum(score));
      const float weight = valid ? expf(score - highest) : 0.0f;
      const float correction = corrected(maximum[q], highest);
      maximum[q] = highest;
      total[q] = total[q] * correction + warp_total(weight);
#pragma unroll
      for (int i = 0; i < most_columns_a_lane; ++i) sums[q][i] *= correction;
      weights[q * keys_at_once + lane] = weight;
    }
    __syncwarp();
    for (int j = 0; j < keys_at_once; ++j) {
#pragma unroll
      for (int i = 0; i < most_columns_a_lane; ++i) {
        const int c = lane + i * warp_lanes;
        if (c >= width) continue;
        const float v = values[j * width + c];
#pragma unroll
        for (int q = 0; q < queries_a_warp; ++q) {
          sums[q][i] = fmaf(weights[q * keys_at_once + j], v, sums[q][i]);
        }
      }
    }
    __syncthreads();
  }

#pragma unroll
  for (int q = 0; q < queries_a_warp; ++q) {
    const int in_tile = warp * queries_a_warp + q;
    if (in_tile >= tile.queries) continue;
    float* out = static_cast<float*>(a.out.data) +
                 (point * a.query_rows + tile.first_query + in_tile) * a.out.stride +
                 static_cast<int64_t>(head) * width;
#pragma unroll
    for (int i = 0; i < most_columns_a_lane; ++i) {
      const int c = lane + i * warp_lanes;
      if (c < width) out[c] = total[q] == 0.0f ? 0.0f : sums[q][i] / total[q];
    }
  }
}

}  // namespace

void attend(const Attention& a, cudaStream_t stream) {
  if (a.out.type == StorageType::bfloat16) return attend_bf16(a, stream);
  const dim3 blocks(static_cast<unsigned>(a.tile_count), static_cast<unsigned>(a.heads),
                    static_cast<unsigned>(a.points));
  launch(attention_kernel, blocks, warps * warp_lanes, shared_floats(a.width) * sizeof(float),
         stream, a);
}

}  // namespace zest::cuda
