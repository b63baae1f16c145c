// As attention.cu, for weights in bfloat16: tensor cores multiply queries, keys, values and the
// softmax's numerators, each rounded to bfloat16; all sums are float32.
//
// A block takes a tile of queries of one head, 16 a warp, and goes through the keys in blocks. Two
// blocks of keys and values lie in shared memory, so that sequences of up to 128 tokens (64 with
// wide heads) are copied whole before the first product; of longer ones a block is copied while
// another is multiplied. They are copied as the products wrote them, without their biases: that of
// the keys adds the same to all scores of a query, which softmax takes out again, that of the
// values is added to the result; a prefix, which has no bias, is less them.
#include <cuda_pipeline_primitives.h>

#include <cmath>

#include "cuda/kernels/attention.inl.h"
#include "cuda/kernels/elements.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/mma.h"

namespace zest::cuda {
namespace {

constexpr int warps = queries_a_tile(StorageType::bfloat16) / 16;
constexpr int threads = warps * warp_lanes;
constexpr int at_once = 8;  // elements of one copy, 16 bytes
constexpr int stages = 2;

constexpr int keys_at_once = 32;  // that a warp multiplies: as many scores as registers allow
template <int depth>
constexpr int block_keys = depth > 64 ? keys_at_once : 2 * keys_at_once;
// Elements; rows begin at multiples of 16 bytes, and eight of them fall in other banks: an odd
// multiple of 16 bytes apart.
template <int depth>
constexpr int row_stride = depth + 8;
template <int depth>
constexpr int block_elements = block_keys<depth> * row_stride<depth>;
template <int depth>
constexpr size_t shared_bytes_of = sizeof(bfloat16) * stages * 2 * block_elements<depth>;

// Begins to copy the keys (or values) from `first` on; zeros where there are none, and beyond the
// head's width. Complete when this thread has waited for its copies and all threads have met.
template <int depth>
__device__ __forceinline__ void copy_block(const Attention& a, bool aligned, const HeadRows& heads,
                                           const float* prefix, const KeysOfTile& keys,
                                           int64_t point, int head, int first, bfloat16* to) {
  constexpr int copies_a_row = depth / at_once;
  // The tile is read where it is needed: registers are few.
  const KeyRows rows = rows_of(a, a.tiles[blockIdx.x], keys);
#pragma unroll 1
  for (int i = threadIdx.x; i < block_keys<depth> * copies_a_row; i += threads) {
    const int j = i / copies_a_row, c = i % copies_a_row * at_once, key = first + j;
    const int left = key < keys.count ? a.width - c : 0;  // 0 or less: none
    bfloat16* at = to + j * row_stride<depth> + c;
    bfloat16 x[at_once] = {};
    if (key < a.prefixes) {
      const float* row = prefix_row(a, prefix, point, head, key) + c;
      const float* bias = bias_of(heads, a, point, head);
#pragma unroll
      for (int n = 0; n < at_once; ++n) {
        if (n < left) x[n] = to_bfloat16(row[n] - (bias ? bias[c + n] : 0.0f));
      }
    } else if (left > 0) {
      const bfloat16* row = own_row<bfloat16>(a, heads, rows, point, head, key) + c;
      if (aligned) {
        __pipeline_memcpy_async(at, row, sizeof x);
        continue;
      }
#pragma unroll
      for (int n = 0; n < at_once; ++n) {
        if (n < left) x[n] = row[n];
      }
    }
    store_elements(at, at_once, true, x);
  }
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
__global__ void __launch_bounds__(threads, depth > 64 ? 3 : 5)
    attention_bf16_kernel(Attention a, bool aligned) {
  constexpr int steps = depth / 16, columns = depth / 8, key_tiles = keys_at_once / 8;
  constexpr int stride = row_stride<depth>;
  const AttentionTile tile = a.tiles[blockIdx.x];
  if (tile.queries == 0) return;  // the whole block
  const int width = a.width, lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int g = lane / 4, t = lane % 4;
  const int first_query = static_cast<int>(threadIdx.x / warp_lanes) * 16;  // of the warp
  const bool idle = first_query >= tile.queries;                            // the whole warp
  const int64_t point = blockIdx.z;
  const int head = static_cast<int>(blockIdx.y), key_head = head / a.group;
  const KeysOfTile seen_keys = keys_of(a, tile);
  const int blocks = static_cast<int>(ceil_divide(seen_keys.count, block_keys<depth>));
  bfloat16* shared = shared_memory<bfloat16>();
  const auto keys_of_block = [&](int b) { return shared + b % stages * 2 * block_elements<depth>; };
  const auto values_of_block = [&](int b) { return keys_of_block(b) + block_elements<depth>; };
  const auto begin_copy = [&](int b) {
    if (b < blocks) {
      const int first = b * block_keys<depth>;
      copy_block<depth>(a, aligned, a.key, a.prefix_key, seen_keys, point, key_head, first,
                        keys_of_block(b));
      copy_block<depth>(a, aligned, a.value, a.prefix_value, seen_keys, point, key_head, first,
                        values_of_block(b));
    }
    __pipeline_commit();  // one group a block, also where it is empty
  };
  for (int b = 0; b < stages; ++b) begin_copy(b);

  // Rows g and g + 8 of the warp's queries, with their bias.
  uint32_t query[steps][4];
  const float* query_bias = bias_of(a.query, a, point, head);
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const int q = first_query + g + 8 * (r % 2);
    const bool there = q < tile.queries;
    const bfloat16* row = query_row<bfloat16>(a, tile, point, head, there ? q : 0);
#pragma unroll
    for (int step = 0; step < steps; ++step) {
      const int c = step * 16 + 2 * t + 8 * (r / 2), left = there ? width - c : 0;
      float x[2], bias[2] = {};
      load_elements(row + c, left, aligned, x);
      if (query_bias) load_elements(query_bias + c, left, aligned, bias);
      query[step][r] = pair_of(x[0] + bias[0], x[1] + bias[1]);
    }
  }

  // exp(scale (x - y)) = 2^(binary_scale (x - y)); maxima are of scores without the scale.
  const float binary_scale = a.scale * 0x1.715476p+0f;       // log2 e
  float maximum[2] = {-INFINITY, -INFINITY}, total[2] = {};  // total: the lane's own part
  float sums[columns][4] = {};
  Seen seen[2];  // by queries g and g + 8
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    seen[row] = seen_by(a, tile, seen_keys, first_query + g + 8 * row);
  }
  for (int b = 0; b < blocks; ++b) {
    // Of the groups of blocks 0 .. b + 1 all but the last are complete: this thread's copies of
    // block b. After the barrier those of all threads.
    __pipeline_wait_prior(stages - 1);
    __syncthreads();
#pragma unroll 1
    for (int part = 0; part < block_keys<depth>; part += keys_at_once) {
      const int first = b * block_keys<depth> + part;
      if (idle || first >= seen_keys.count) break;  // the whole warp
      const bfloat16* keys = keys_of_block(b) + part * stride;
      const bfloat16* values = values_of_block(b) + part * stride;
      float scores[key_tiles][4] = {};
#pragma unroll
      for (int n = 0; n < key_tiles; ++n) {
#pragma unroll
        for (int step = 0; step < steps; step += 2) {
          uint32_t k[4];
          load_matrices(keys + (8 * n + lane % 8) * stride + 16 * step + lane / 8 * 8, k);
          multiply_add(scores[n], query[step], {k[0], k[1]});
          multiply_add(scores[n], query[step + 1], {k[2], k[3]});
        }
      }
      const auto sees_all = [&](const Seen& s) {
        return first >= s.first(a) && first + keys_at_once <= s.end;
      };
      if (!sees_all(seen[0]) || !sees_all(seen[1])) {
#pragma unroll
        for (int n = 0; n < key_tiles; ++n) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const int key = first + 8 * n + 2 * t + e % 2;
            if (!seen[e / 2].has(a, key)) scores[n][e] = -INFINITY;
          }
        }
      }
      float base[2];
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        float highest = maximum[row];
#pragma unroll
        for (int n = 0; n < key_tiles; ++n) {
          highest = fmaxf(highest, fmaxf(scores[n][2 * row], scores[n][2 * row + 1]));
        }
        highest = row_maximum(highest);
        // While a query has seen no key its maximum is -inf, and its weights are to be 0.
        base[row] = highest == -INFINITY ? 0.0f : binary_scale * highest;
        const float correction =
            maximum[row] == highest ? 1.0f : exp2f(binary_scale * (maximum[row] - highest));
        maximum[row] = highest;
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
          scores[n][e] = exp2f(fmaf(binary_scale, scores[n][e], -base[e / 2]));
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
        for (int c = 0; c < columns; c += 2) {
          uint32_t v[4];
          load_matrices<true>(values + (8 * n + lane % 16) * stride + 8 * c + lane / 16 * 8, v);
          multiply_add(sums[c], weights, {v[0], v[1]});
          multiply_add(sums[c + 1], weights, {v[2], v[3]});
        }
      }
    }
    if (b + stages < blocks) __syncthreads();  // all have read block b, whose place is taken
    begin_copy(b + stages);
  }

  // Results by shared memory, so that a row is written in whole lines.
  __syncthreads();  // all have read the last keys and values
  if (idle) return;
  bfloat16* rows = shared + first_query * stride;  // the warp's own
  const AttentionTile written = a.tiles[blockIdx.x];
  const float* value_bias = bias_of(a.value, a, point, key_head);
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    total[row] = row_total(total[row]);
    const bool none = total[row] == 0.0f;  // no keys: zeros
    const float inverse = none ? 0.0f : 1.0f / total[row];
#pragma unroll
    for (int n = 0; n < columns; ++n) {
      const int c = 8 * n + 2 * t;
      float bias[2] = {};
      if (value_bias && !none) load_elements(value_bias + c, width - c, aligned, bias);
      *reinterpret_cast<uint32_t*>(rows + (g + 8 * row) * stride + c) =
          pair_of(sums[n][2 * row] * inverse + bias[0], sums[n][2 * row + 1] * inverse + bias[1]);
    }
  }
  __syncwarp();  // a lane writes what others have made
  for (int i = lane; i < 16 * depth / at_once; i += warp_lanes) {
    const int j = i / (depth / at_once), c = i % (depth / at_once) * at_once;
    const int q = first_query + j;
    if (q >= written.queries || c >= width) continue;
    bfloat16 x[at_once];
#pragma unroll
    for (int n = 0; n < at_once; ++n) x[n] = rows[j * stride + c + n];
    bfloat16* out = static_cast<bfloat16*>(a.out.data) +
                    (point * a.query_rows + written.first_query + q) * a.out.stride +
                    static_cast<int64_t>(head) * width;
    store_elements(out + c, width - c, aligned, x);
  }
}

}  // namespace

void attend_bf16(const Attention& a, cudaStream_t stream) {
  const dim3 blocks(static_cast<unsigned>(a.tile_count), static_cast<unsigned>(a.heads),
                    static_cast<unsigned>(a.points));
  const bool aligned = is_aligned(a.query, a.width) && is_aligned(a.key, a.width) &&
                       is_aligned(a.value, a.width) && is_aligned({a.out}, a.width);
  const auto run = [&]<int depth>() {
    static_assert(queries_a_tile(StorageType::bfloat16) * row_stride<depth> * sizeof(bfloat16) <=
                  shared_bytes_of<depth>);
    static_assert(shared_bytes_of<depth> <= 48 * 1024, "what a block has without being asked for");
    launch(attention_bf16_kernel<depth>, blocks, threads, shared_bytes_of<depth>, stream, a,
           aligned);
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
