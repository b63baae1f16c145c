// As attention.cu, for weights in bfloat16: queries, keys, values and the softmax's numerators are
// rounded once to bfloat16, and tensor cores multiply them; all sums are float32.
//
// A block takes a tile of queries of one head, 16 a warp, and goes through the keys, 32 at a time.
// Keys lie as they are, values transposed, so that each register of a fragment is one access.
#include "cuda/kernels/attention.inl.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/mma.h"

namespace zest::cuda {
namespace {

constexpr int warps = queries_a_tile(StorageType::bfloat16) / 16;
constexpr int threads = warps * warp_lanes;
constexpr int keys_at_once = 32;
constexpr int at_once = 4;  // elements of one access of a row
constexpr int skew = 8;     // elements; lanes of a load fall in other banks
constexpr int value_stride = keys_at_once + skew;

template <int depth>
constexpr int key_stride = depth + skew;

template <int depth>
constexpr size_t shared_bytes_of =
    sizeof(bfloat16) * (keys_at_once * key_stride<depth> + depth * value_stride);

// A row's elements with their bias; zeros beyond the head's width.
__device__ __forceinline__ void load_row(const float* row, const float* bias, int first, int width,
                                         float (&x)[at_once]) {
  const bool aligned = width % at_once == 0;
  load_elements(row + first, width - first, aligned, x);
  if (!bias) return;
  float b[at_once];
  load_elements(bias + first, width - first, aligned, b);
#pragma unroll
  for (int i = 0; i < at_once; ++i) x[i] += b[i];
}

__device__ __forceinline__ uint32_t pair_at(const bfloat16* from) {
  return *reinterpret_cast<const uint32_t*>(from);
}

// Over the four lanes that share a row of a fragment.
__device__ __forceinline__ float row_maximum(float x) {
  x = fmaxf(x, __shfl_xor_sync(all_lanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(all_lanes, x, 2));
}
__device__ __forceinline__ float row_total(float x) {
  x += __shfl_xor_sync(all_lanes, x, 1);
  return x + __shfl_xor_sync(all_lanes, x, 2);
}

template <int depth>  // the head's width, rounded up
__global__ void __launch_bounds__(threads) attention_bf16_kernel(Attention a) {
  constexpr int steps = depth / 16, columns = depth / 8, key_tiles = keys_at_once / 8;
  const AttentionTile tile = a.tiles[blockIdx.x];
  if (tile.queries == 0) return;  // the whole block
  const int width = a.width, lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int g = lane / 4, t = lane % 4;
  const int first_query = static_cast<int>(threadIdx.x / warp_lanes) * 16;  // of the warp
  const bool idle = first_query >= tile.queries;                            // the whole warp
  const int64_t point = blockIdx.z;
  const int head = static_cast<int>(blockIdx.y), key_head = head / a.group;
  const KeysOfTile seen_keys = keys_of(a, tile);
  bfloat16* keys = shared_memory<bfloat16>();                  // keys_at_once x key_stride
  bfloat16* values = keys + keys_at_once * key_stride<depth>;  // depth x value_stride

  // Rows g and g + 8 of the warp's queries.
  uint32_t query[steps][4];
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const int q = first_query + g + 8 * (r % 2);
    const float* row = q < tile.queries ? query_row(a, tile, point, head, q) : nullptr;
    const float* bias = bias_of(a.query, a, point, head);
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      const int c = step * 16 + 2 * t + 8 * (r / 2);
      float x[2] = {};
      for (int i = 0; i < 2; ++i) {
        if (row && c + i < width) x[i] = row[c + i] + (bias ? bias[c + i] : 0.0f);
      }
      query[step][r] = pair_of(x[0], x[1]);
    }
  }

  float maximum[2] = {-INFINITY, -INFINITY}, total[2] = {};  // total: the lane's own part
  float sums[columns][4] = {};
  Seen seen[2];  // by queries g and g + 8
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    seen[row] = seen_by(a, tile, seen_keys, first_query + g + 8 * row);
  }
  for (int first = 0; first < seen_keys.count; first += keys_at_once) {
    const auto load_key = [&](int j, const HeadRows& heads, const float* prefix, int c,
                              float(&x)[at_once]) {
      const int key = first + j;
      if (key >= seen_keys.count) return;
      load_row(key_row(a, heads, prefix, seen_keys, point, key_head, key),
               key < a.prefixes ? nullptr : bias_of(heads, a, point, key_head), c, width, x);
    };
    for (int i = threadIdx.x; i < keys_at_once * depth / at_once; i += threads) {
      const int j = i / (depth / at_once), c = i % (depth / at_once) * at_once;
      float x[at_once] = {};
      load_key(j, a.key, a.prefix_key, c, x);
      bfloat16 y[at_once];
#pragma unroll
      for (int n = 0; n < at_once; ++n) y[n] = to_bfloat16(x[n]);
      store_elements(keys + j * key_stride<depth> + c, at_once, true, y);
    }
    for (int i = threadIdx.x; i < keys_at_once * depth / at_once; i += threads) {
      const int j = i % keys_at_once, c = i / keys_at_once * at_once;
      float x[at_once] = {};
      load_key(j, a.value, a.prefix_value, c, x);
#pragma unroll
      for (int n = 0; n < at_once; ++n) values[(c + n) * value_stride + j] = to_bfloat16(x[n]);
    }
    __syncthreads();

    if (!idle) {
      float scores[key_tiles][4] = {};
#pragma unroll
      for (int n = 0; n < key_tiles; ++n) {
#pragma unroll
        for (int step = 0; step < steps; ++step) {
          const bfloat16* from = keys + (8 * n + g) * key_stride<depth> + 16 * step + 2 * t;
          multiply_add(scores[n], query[step], {pair_at(from), pair_at(from + 8)});
        }
      }
      const auto valid = [&](int n, int e) {
        return seen[e / 2].has(first + 8 * n + 2 * t + e % 2, a.prefixes);
      };
      float highest[2] = {maximum[0], maximum[1]};
#pragma unroll
      for (int n = 0; n < key_tiles; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          scores[n][e] = valid(n, e) ? scores[n][e] * a.scale : -INFINITY;
          highest[e / 2] = fmaxf(highest[e / 2], scores[n][e]);
        }
      }
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        highest[row] = row_maximum(highest[row]);
        const float correction = corrected(maximum[row], highest[row]);
        maximum[row] = highest[row];
        total[row] *= correction;
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          sums[c][2 * row] *= correction;
          sums[c][2 * row + 1] *= correction;
        }
      }
#pragma unroll
      for (int n = 0; n < key_tiles; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          scores[n][e] = valid(n, e) ? expf(scores[n][e] - maximum[e / 2]) : 0.0f;
          total[e / 2] += scores[n][e];
        }
      }
      // A pair of tiles of scores, as they lie, is a fragment of the other operand.
#pragma unroll
      for (int n = 0; n < key_tiles; n += 2) {
        const uint32_t weights[4] = {pair_of(scores[n][0], scores[n][1]),
                                     pair_of(scores[n][2], scores[n][3]),
                                     pair_of(scores[n + 1][0], scores[n + 1][1]),
                                     pair_of(scores[n + 1][2], scores[n + 1][3])};
#pragma unroll
        for (int c = 0; c < columns; ++c) {
          const bfloat16* from = values + (8 * c + g) * value_stride + 8 * n + 2 * t;
          multiply_add(sums[c], weights, {pair_at(from), pair_at(from + 8)});
        }
      }
    }
    __syncthreads();
  }
  if (idle) return;

#pragma unroll
  for (int row = 0; row < 2; ++row) {
    total[row] = row_total(total[row]);
    const int q = first_query + g + 8 * row;
    if (q >= tile.queries) continue;
    bfloat16* out = static_cast<bfloat16*>(a.out.data) +
                    (point * a.query_rows + tile.first_query + q) * a.out.stride +
                    static_cast<int64_t>(head) * width;
#pragma unroll
    for (int n = 0; n < columns; ++n) {
      for (int i = 0; i < 2; ++i) {
        const int c = 8 * n + 2 * t + i;
        const float sum = sums[n][2 * row + i];
        if (c < width) out[c] = to_bfloat16(total[row] == 0.0f ? 0.0f : sum / total[row]);
      }
    }
  }
}

}  // namespace

void attend_bf16(const Attention& a, cudaStream_t stream) {
  const dim3 blocks(static_cast<unsigned>(a.tile_count), static_cast<unsigned>(a.heads),
                    static_cast<unsigned>(a.points));
  const auto run = [&]<int depth>() {
    launch(attention_bf16_kernel<depth>, blocks, threads, shared_bytes_of<depth>, stream, a);
  };
  if (a.width <= 32) {
    run.template operator()<32>();
  } else if (a.width <= 64) {
    run.template operator()<64>();
  } else {
    run.template operator()<128>();
  }
}

}  // namespace zest::cuda
