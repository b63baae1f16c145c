// As attention.cu, for weights in bfloat16: tensor cores multiply queries, keys, values and the
// softmax's numerators, each rounded to bfloat16; all sums are float32.
//
// A block takes a tile of queries of one head, 16 a warp, and goes through the keys in blocks. The
// queries and two blocks of keys and values lie in shared memory, so that sequences of up to 128
// tokens (64 with wide heads) are copied whole before the first product; of longer ones a block is
// copied while another is multiplied. They are copied as the products wrote them, without their
// biases: that of the keys adds the same to all scores of a query, which softmax takes out again,
// that of the values is added to the result; a prefix, which has no bias, is less them.
#include <cmath>

#include "cuda/kernels/approximate.h"
#include "cuda/kernels/attention_stage.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/mma.h"

namespace zest::cuda {
namespace {

// Over the four lanes that share a row of a fragment.
__device__ __forceinline__ float row_maximum(float x) {
  x = fmaxf(x, __shfl_xor_sync(all_lanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(all_lanes, x, 2));
}
__device__ __forceinline__ float row_total(float x) {
  x += __shfl_xor_sync(all_lanes, x, 1);
  return x + __shfl_xor_sync(all_lanes, x, 2);
}

// Blocks that a multiprocessor is to have room for, as far as registers go.
template <int depth, bool plain>
constexpr int blocks_together = (depth <= 64 ? 3 : 2) + (plain ? 1 : 0);

// depth: the head's width, rounded up; plain: everything is aligned, and there is no prefix.
template <int depth, bool plain>
__global__ void __launch_bounds__(attention_threads, blocks_together<depth, plain>)
    attention_bf16_kernel(Attention a, bool aligned) {
  after_previous_kernels();
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
  const KeyRows key_rows = rows_of(a, tile, seen_keys);
  const int blocks = static_cast<int>(ceil_divide(seen_keys.count, block_keys<depth>));
  Shared<depth>& shared = *shared_memory<Shared<depth>>();
  const auto begin = [&](int b) {
    if (b < blocks) {
      begin_block<depth, plain>(a, aligned, key_rows, seen_keys.count, point, key_head,
                                b * block_keys<depth>, shared.stage[b % stages]);
    }
    __pipeline_commit();  // one group a block, also where it is empty
  };
  // In the first block's group. Rows beyond the last query are computed and not written.
  for_each_copy<depth, tile_queries>([&](int j, int c) {
    const int q = j < tile.queries ? j : 0;
    const bfloat16* row = query_row<bfloat16>(a, tile, point, head, q) + c;
    begin_copy(&shared.queries[j][c], row, width - c, plain || aligned);
  });
  const float* query_bias = bias_of(a.query, a, point, head);
  const float* value_bias = bias_of(a.value, a, point, key_head);
  static_assert(depth <= attention_threads);
  if (const int c = static_cast<int>(threadIdx.x); c < depth) {
    shared.query_bias[c] = query_bias && c < width ? query_bias[c] : 0.0f;
    // Queries without keys get zeros.
    shared.value_bias[c] = value_bias && c < width && blocks > 0 ? value_bias[c] : 0.0f;
  }

  // Rows g and g + 8 of the warp's queries, with their bias.
  uint32_t query[steps][4];
  // exp(scale (x - y)) = 2^(binary_scale (x - y)); maxima are of scores without the scale.
  const float binary_scale = a.scale * 0x1.715476p+0f;       // log2 e
  float maximum[2] = {-INFINITY, -INFINITY}, total[2] = {};  // total: the lane's own part
  float sums[columns][4] = {};
  Seen seen[2];  // by queries g and g + 8
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    seen[row] = seen_by(a, tile, seen_keys, first_query + g + 8 * row);
  }
  for (int b = -stages; b < blocks; ++b) {
    if (b < 0) {
      begin(b + stages);
      continue;
    }
    // Of the groups of blocks 0 .. b + 1 all but the last are complete: this thread's copies of
    // block b. After the barrier those of all threads.
    __pipeline_wait_prior(stages - 1);
    __syncthreads();
    if (b == 0) {
#pragma unroll
      for (int step = 0; step < steps; ++step) {
        load_matrices(&shared.queries[first_query + lane % 16][16 * step + lane / 16 * 8],
                      query[step]);
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          const float* bias = &shared.query_bias[step * 16 + 2 * t + 8 * (r / 2)];
          const uint32_t x = query[step][r];
          query[step][r] = pair_of(first_of(x) + bias[0], second_of(x) + bias[1]);
        }
      }
    }
    const auto& stage = shared.stage[b % stages];
#pragma unroll 1
    for (int part = 0; part < block_keys<depth>; part += keys_at_once) {
      const int first = b * block_keys<depth> + part;
      if (idle || first >= seen_keys.count) break;  // the whole warp
      float scores[key_tiles][4] = {};
#pragma unroll
      for (int step = 0; step < steps; step += 2) {
#pragma unroll
        for (int n = 0; n < key_tiles; ++n) {
          uint32_t k[4];
          load_matrices(&stage.keys[part + 8 * n + lane % 8][16 * step + lane / 8 * 8], k);
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
            maximum[row] == highest ? 1.0f : power_of_2(binary_scale * (maximum[row] - highest));
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
          scores[n][e] = power_of_2(fmaf(binary_scale, scores[n][e], -base[e / 2]));
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
          load_matrices<true>(&stage.values[part + 8 * n + lane % 16][8 * c + lane / 16 * 8], v);
          multiply_add(sums[c], weights, {v[0], v[1]});
          multiply_add(sums[c + 1], weights, {v[2], v[3]});
        }
      }
    }
    if (b + stages < blocks) __syncthreads();  // all have read block b, whose place is taken
    begin(b + stages);
  }

  // Results by shared memory, so that a row is written in whole lines.
  __syncthreads();  // all have read the last keys and values
  if (idle) return;
  bfloat16(*rows)[row_stride<depth>] = shared.results + first_query;  // the warp's own
#pragma unroll
  for (int row = 0; row < 2; ++row) {
    total[row] = row_total(total[row]);
    const float inverse = total[row] == 0.0f ? 0.0f : reciprocal(total[row]);
#pragma unroll
    for (int n = 0; n < columns; ++n) {
      const int c = 8 * n + 2 * t;
      const float* bias = shared.value_bias + c;
      bfloat16* result = rows[g + 8 * row] + c;
      *reinterpret_cast<uint32_t*>(result) = pair_of(fmaf(sums[n][2 * row], inverse, bias[0]),
                                                     fmaf(sums[n][2 * row + 1], inverse, bias[1]));
    }
  }
  __syncwarp();  // a lane writes what others have made
  constexpr int copies_a_row = depth / copied_at_once, rows_at_once = warp_lanes / copies_a_row;
  const int c = lane % copies_a_row * copied_at_once;
  if (c >= width) return;
#pragma unroll
  for (int j = lane / copies_a_row; j < 16; j += rows_at_once) {
    const int q = first_query + j;
    if (q >= tile.queries) return;
    bfloat16* out = static_cast<bfloat16*>(a.out.data) +
                    (point * a.query_rows + tile.first_query + q) * a.out.stride +
                    static_cast<int64_t>(head) * width + c;
    const bfloat16* result = &rows[j][c];
    if (plain || aligned) {
      *reinterpret_cast<uint4*>(out) = *reinterpret_cast<const uint4*>(result);
    } else {
#pragma unroll 1
      for (int n = 0; n < copied_at_once && c + n < width; ++n) out[n] = result[n];
    }
  }
}

}  // namespace

void attend_bf16(const Attention& a, cudaStream_t stream) {
  const dim3 blocks(static_cast<unsigned>(a.tile_count), static_cast<unsigned>(a.heads),
                    static_cast<unsigned>(a.points));
  const bool aligned = is_aligned(a.query, a.width) && is_aligned(a.key, a.width) &&
                       is_aligned(a.value, a.width) && is_aligned({a.out}, a.width);
  const auto run = [&]<int depth>() {
    launch(aligned && a.prefixes == 0 ? attention_bf16_kernel<depth, true>
                                      : attention_bf16_kernel<depth, false>,
           blocks, attention_threads, sizeof(Shared<depth>), stream, a, aligned);
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
