// Reference: x = norm(head + bias); out[i] = x[i] cos - x[i + half] sin and out[i + half] = x[i +
// half] cos + x[i] sin for i < half, the rest x. One warp a head of a row.
#include "cuda/kernels/heads.h"
#include "cuda/kernels/rows.inl.h"

namespace zest::cuda {
namespace {

__global__ void __launch_bounds__(row_threads) place_heads_kernel(HeadPlacement p) {
  const int warp = static_cast<int>(threadIdx.x / warp_lanes);
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int64_t index = static_cast<int64_t>(blockIdx.x) * rows_a_block + warp;
  const int64_t row = index / p.count, first = index % p.count * p.heads.step;
  if (row >= p.points * p.rows) return;  // a whole warp
  const int64_t point = row / p.rows;
  float* head = p.heads.rows + row * p.heads.stride + first;
  const float* bias = p.heads.bias ? p.heads.bias + point * p.vector_stride + first : nullptr;
  float* x = shared_memory<float>() + warp * p.width;
  normalize_row<float>([&](int64_t c) { return head[c] + (bias ? bias[c] : 0.0f); }, p.norm, point,
                       p.width, x, nullptr);
  __syncwarp();  // a lane reads what another has normed
  const int64_t turn = p.half > 0 ? int64_t{p.places[row % p.rows]} * p.half : 0;
  for (int c = lane; c < p.width; c += warp_lanes) {
    if (c >= 2 * p.half) {
      head[c] = x[c];
    } else if (c < p.half) {
      const float cosine = p.cosines[turn + c], sine = p.sines[turn + c];
      const float a = x[c], b = x[c + p.half];
      head[c] = fmaf(a, cosine, -(b * sine));
      head[c + p.half] = fmaf(b, cosine, a * sine);
    }
  }
}

}  // namespace

void place_heads(const HeadPlacement& p, cudaStream_t stream) {
  launch(
      place_heads_kernel, dim3(blocks_for(p.points * p.rows * p.count, rows_a_block)), row_threads,
      sizeof(float) * static_cast<size_t>(rows_a_block) * static_cast<size_t>(p.width), stream, p);
}

}  // namespace zest::cuda
