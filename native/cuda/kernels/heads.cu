// Reference: x = norm(head + bias); out[i] = x[i] cos - x[i + half] sin and out[i + half] = x[i +
// half] cos + x[i] sin for i < half, the rest x. One warp a head of a row.
#include "cuda/kernels/heads.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(row_threads) place_heads_kernel(HeadPlacement p, bool aligned) {
  after_previous_kernels();
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int64_t point = point_of_block(), own = row_of_warp(blockIdx.x);
  if (own >= p.rows) return;  // a whole warp
  const int64_t first = blockIdx.y * p.heads.step;
  T* head =
      static_cast<T*>(p.heads.rows.data) + (point * p.rows + own) * p.heads.rows.stride + first;
  const float* bias = p.heads.bias ? p.heads.bias + point * p.vector_stride + first : nullptr;
  float* x = kept_row(p.width);
  normalize_row<0>(
      [&](int64_t c, int64_t left, float(&v)[lane_elements]) {
        load_elements(head + c, left, aligned, v);
        add_elements(bias ? bias + c : nullptr, left, aligned, v);
      },
      p.norm, point, p.width, x,
      [&](int64_t c, int64_t left, const float(&y)[lane_elements]) {
        store_elements(x + c, left, true, y);
      });
  __syncwarp();  // a lane reads what another has normed
  const int64_t turn = p.half > 0 ? int64_t{p.places[own]} * p.half : 0;
  for (int c = lane; c < p.width; c += warp_lanes) {
    if (c >= 2 * p.half) {
      head[c] = from_float<T>(x[c]);
    } else if (c < p.half) {
      const float cosine = p.cosines[turn + c], sine = p.sines[turn + c];
      const float a = x[c], b = x[c + p.half];
      head[c] = from_float<T>(fmaf(a, cosine, -(b * sine)));
      head[c + p.half] = from_float<T>(fmaf(b, cosine, a * sine));
    }
  }
}

}  // namespace

void place_heads(const HeadPlacement& p, cudaStream_t stream) {
  const RowsOfWarps rows(p.width, false);
  dim3 blocks = rows.blocks(p.rows, p.points);
  blocks.y = static_cast<unsigned>(p.count);
  launch(p.heads.rows.type == StorageType::float32 ? place_heads_kernel<float>
                                                   : place_heads_kernel<bfloat16>,
         blocks, rows.threads(), rows.shared(), stream, p, is_aligned(p.heads, p.width));
}

}  // namespace zest::cuda
