// As attention.cu, for one query a sequence over many keys (Flash-Decoding, Dao et al. 2023): parts
// of the keys have a block each, and are added in their order, so that the bits are the same
// whatever else is computed. All is float32.
//
// A block has up to four queries, which share a head of keys. Eight threads have a row of 64
// elements, 16 bytes each in bfloat16, so that 16 rows are read at once.
#include <cmath>

#include "cuda/kernels/attention.inl.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"

namespace zest::cuda {
namespace {

constexpr int warps = 4, threads = warps * warp_lanes;
constexpr int queries_a_block = warps;
constexpr int at_once = 8;  // elements of an access
constexpr int row_lanes = 8, rows = threads / row_lanes;
constexpr int chunk = row_lanes * at_once;  // elements of a row's access

// Of each part: the largest score, the sum of the weights, and the weighted sum of the values.
__device__ __forceinline__ float* part_of(const Attention& a, float* parts, int64_t count, int head,
                                          int64_t part) {
  const int64_t tile = blockIdx.x * a.points + blockIdx.z;
  return parts + ((tile * a.heads + head) * count + part) * (a.width + 2);
}

// use(key, elements, i) for elements chunk * i + 8 * lane … of each row of the part, by the eight
// threads of the row; threads of other rows take part in the same turn with a key that is not seen.
template <class T, int chunks, class Use>
__device__ __forceinline__ void for_each_row(const Attention& a, bool aligned,
                                             const HeadRows& heads, const float* prefix,
                                             const KeyRows& where, int64_t point, int head,
                                             int first, int end, Use use) {
  const int column = static_cast<int>(threadIdx.x) % row_lanes * at_once;
  for (int turn = first; turn < end; turn += rows) {
    const int key = turn + static_cast<int>(threadIdx.x) / row_lanes;
    float x[chunks][at_once] = {};
    if (key < end) {
#pragma unroll
      for (int i = 0; i < chunks; ++i) {
        const int c = column + i * chunk;
        if (key < a.prefixes) {
          load_elements(prefix_row(a, prefix, point, head, key) + c, a.width - c, aligned, x[i]);
        } else {
          load_elements(own_row<T>(a, heads, where, point, head, key) + c, a.width - c, aligned,
                        x[i]);
        }
      }
    }
    use(key, x);
  }
}

template <class T, int chunks>
__global__ void __launch_bounds__(threads)
    parts_kernel(Attention a, bool aligned, int64_t count, float* parts) {
  after_previous_kernels();
  const AttentionTile tile = a.tiles[blockIdx.x];
  if (tile.queries == 0 || tile.keys == 0) return;  // the whole block
  const int64_t part = blockIdx.y % count, point = blockIdx.z;
  const int block = static_cast<int>(blockIdx.y / count);
  const int blocks_a_group = (a.group + queries_a_block - 1) / queries_a_block;
  const int key_head = block / blocks_a_group;
  const int head = key_head * a.group + block % blocks_a_group * queries_a_block;
  const int left = (key_head + 1) * a.group - head;
  const int queries = left < queries_a_block ? left : queries_a_block;
  const KeysOfTile keys = keys_of(a, tile);
  const KeyRows where = rows_of(a, tile, keys);
  const Seen seen = seen_by(a, tile, keys, 0);
  const int first = static_cast<int>(part) * keys_a_part;
  const int end = first + keys_a_part < keys.count ? first + keys_a_part : keys.count;
  if (first >= end) return;  // the whole block
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int warp = static_cast<int>(threadIdx.x / warp_lanes);
  const int column = static_cast<int>(threadIdx.x) % row_lanes * at_once;
  float* weights = shared_memory<float>();                // queries x keys
  float* sums = weights + queries_a_block * keys_a_part;  // warps x queries x elements

  {
    float query[queries_a_block][chunks][at_once] = {};
#pragma unroll
    for (int q = 0; q < queries_a_block; ++q) {
      if (q >= queries) continue;
      const T* row = query_row<T>(a, tile, point, head + q, 0);
      const float* bias = bias_of(a.query, a, point, head + q);
#pragma unroll
      for (int i = 0; i < chunks; ++i) {
        const int c = column + i * chunk, left = a.width - c;
        load_elements(row + c, left, aligned, query[q][i]);
        if (!bias) continue;
        float b[at_once];
        load_elements(bias + c, left, aligned, b);
#pragma unroll
        for (int n = 0; n < at_once; ++n) query[q][i][n] += b[n];
      }
    }
    for_each_row<T, chunks>(a, aligned, a.key, a.prefix_key, where, point, key_head, first, end,
                            [&](int key, const float(&k)[chunks][at_once]) {
#pragma unroll
                              for (int q = 0; q < queries_a_block; ++q) {
                                float score = 0.0f;
#pragma unroll
                                for (int i = 0; i < chunks; ++i) {
#pragma unroll
                                  for (int n = 0; n < at_once; ++n)
                                    score = fmaf(query[q][i][n], k[i][n], score);
                                }
#pragma unroll
                                for (int lanes = row_lanes / 2; lanes > 0; lanes /= 2) {
                                  score += __shfl_xor_sync(all_lanes, score, lanes);
                                }
                                if (column == 0 && key < end) {
                                  weights[q * keys_a_part + key - first] =
                                      seen.has(a, key) ? score * a.scale : -INFINITY;
                                }
                              }
                            });
  }
  __syncthreads();

  if (warp < queries) {  // a warp a query
    float* own = weights + warp * keys_a_part;
    float highest = -INFINITY, total = 0.0f;
    for (int j = lane; j < end - first; j += warp_lanes) highest = fmaxf(highest, own[j]);
    for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
      highest = fmaxf(highest, __shfl_xor_sync(all_lanes, highest, lanes));
    }
    for (int j = lane; j < end - first; j += warp_lanes) {
      own[j] = highest == -INFINITY ? 0.0f : expf(own[j] - highest);
      total += own[j];
    }
    for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
      total += __shfl_xor_sync(all_lanes, total, lanes);
    }
    if (lane == 0) {
      float* to = part_of(a, parts, count, head + warp, part);
      to[0] = highest, to[1] = total;
    }
  }
  __syncthreads();

  float sum[queries_a_block][chunks][at_once] = {};
  for_each_row<T, chunks>(a, aligned, a.value, a.prefix_value, where, point, key_head, first, end,
                          [&](int key, const float(&v)[chunks][at_once]) {
                            if (key >= end) return;
#pragma unroll
                            for (int q = 0; q < queries_a_block; ++q) {
                              if (q >= queries) continue;
                              const float weight = weights[q * keys_a_part + key - first];
#pragma unroll
                              for (int i = 0; i < chunks; ++i) {
#pragma unroll
                                for (int n = 0; n < at_once; ++n) {
                                  sum[q][i][n] = fmaf(weight, v[i][n], sum[q][i][n]);
                                }
                              }
                            }
                          });
  constexpr int elements = chunks * chunk;
#pragma unroll
  for (int q = 0; q < queries_a_block; ++q) {
#pragma unroll
    for (int i = 0; i < chunks; ++i) {
#pragma unroll
      for (int n = 0; n < at_once; ++n) {
        float x = sum[q][i][n];
        for (int lanes = row_lanes; lanes < warp_lanes; lanes *= 2) {
          x += __shfl_xor_sync(all_lanes, x, lanes);
        }
        if (lane < row_lanes) {
          sums[(warp * queries_a_block + q) * elements + i * chunk + column + n] = x;
        }
      }
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < queries * elements; i += threads) {
    const int q = i / elements, c = i % elements;
    if (c >= a.width) continue;
    float x = 0.0f;
    for (int w = 0; w < warps; ++w) x += sums[(w * queries_a_block + q) * elements + c];
    part_of(a, parts, count, head + q, part)[2 + c] = x;
  }
}

// Adds the parts of a query. Of a tile without keys, which may have several, all get zeros.
template <class T>
__global__ void __launch_bounds__(threads)
    add_parts_kernel(Attention a, int64_t count, float* parts) {
  after_previous_kernels();
  const AttentionTile tile = a.tiles[blockIdx.x];
  if (tile.queries == 0) return;
  const int head = static_cast<int>(blockIdx.y);
  const KeysOfTile keys = keys_of(a, tile);
  const int64_t used = tile.keys == 0 ? 0 : ceil_divide(keys.count, keys_a_part);
  T* out = static_cast<T*>(a.out.data) +
           (blockIdx.z * a.query_rows + tile.first_query) * a.out.stride +
           static_cast<int64_t>(head) * a.width;
  for (int c = static_cast<int>(threadIdx.x); c < a.width; c += threads) {
    float maximum = -INFINITY, total = 0.0f, sum = 0.0f;
    for (int64_t p = 0; p < used; ++p) {
      const float* part = part_of(a, parts, count, head, p);
      if (part[1] == 0.0f) continue;  // no key of it is seen
      const float highest = fmaxf(maximum, part[0]);
      const float kept = expf(maximum - highest), added = expf(part[0] - highest);
      total = total * kept + part[1] * added;
      sum = sum * kept + part[2 + c] * added;
      maximum = highest;
    }
    const T y = from_float<T>(total == 0.0f ? 0.0f : sum / total);
    for (int q = 0; q < (used == 0 ? tile.queries : 1); ++q) out[q * a.out.stride + c] = y;
  }
}

}  // namespace

int64_t floats_of_parts(int64_t tiles, int32_t heads, int32_t width, int64_t parts) {
  return tiles * heads * parts * (width + 2);
}

void attend_in_parts(const Attention& a, int64_t parts, float* scratch, cudaStream_t stream) {
  const bool aligned =
      is_aligned(a.query, a.width) && is_aligned(a.key, a.width) && is_aligned(a.value, a.width);
  const auto tiles = static_cast<unsigned>(a.tile_count), points = static_cast<unsigned>(a.points);
  const int64_t blocks = a.heads / a.group * ceil_divide(a.group, queries_a_block);
  const auto run = [&]<class T, int chunks>() {
    constexpr size_t floats = queries_a_block * (keys_a_part + warps * chunks * chunk);
    launch(parts_kernel<T, chunks>, dim3(tiles, static_cast<unsigned>(blocks * parts), points),
           threads, floats * sizeof(float), stream, a, aligned, parts, scratch);
    launch(add_parts_kernel<T>, dim3(tiles, static_cast<unsigned>(a.heads), points), threads, 0,
           stream, a, parts, scratch);
  };
  const auto of_width = [&]<class T>() {
    a.width <= chunk ? run.template operator()<T, 1>() : run.template operator()<T, 2>();
  };
  a.out.type == StorageType::float32 ? of_width.template operator()<float>()
                                     : of_width.template operator()<bfloat16>();
}

}  // namespace zest::cuda
