// Reference: loss = log sum exp(logit_c - top) + top - logit_label over the candidates, the sum in
// float32, its logarithm in float64, rounded once to float32. One warp a scored position. A yes or
// no has the candidates 0 and logit; a squared error is that of the one candidate.
#include "cuda/kernels/launch.h"
#include "cuda/kernels/loss.h"

namespace zest::cuda {
namespace {

constexpr int threads = 256;
constexpr int warps = threads / warp_lanes;

struct Position {
  const float* product;
  const float* bias;
  int32_t first, count;
};

__device__ __forceinline__ Position position_of(const ScoredLogits& l, int64_t point, int64_t i) {
  return {l.product + (point * l.rows + l.row[i]) * l.stride,
          l.bias ? l.bias + point * l.vector_stride : nullptr, l.first[i], l.count[i]};
}

__device__ __forceinline__ float logit(const ScoredLogits& l, const Position& p, int32_t c) {
  const int32_t column = p.first < 0 ? c : l.columns[p.first + c];
  float x = p.product[column];
  if (p.bias) x += p.bias[l.outputs ? l.outputs[column] : column];
  return x;
}

// Those that one candidate has, compared with a reference.
__global__ void __launch_bounds__(threads) reference_losses_kernel(ScoredLogits l, float* losses) {
  after_previous_kernels();
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (index >= l.points * l.scored) return;
  const int64_t i = index % l.scored;
  const float x = logit(l, position_of(l, index / l.scored, i), 0);
  const float reference = l.reference[i];
  if (l.loss == Loss::squared_error) {
    const float difference = x - reference;
    losses[index] = difference * difference;
    return;
  }
  const float top = fmaxf(x, 0.0f);
  const float total = expf(0.0f - top) + expf(x - top);
  losses[index] = static_cast<float>(
      log(static_cast<double>(total)) +
      (static_cast<double>(top) - (reference != 0.0f ? static_cast<double>(x) : 0.0)));
}

__global__ void __launch_bounds__(threads) cross_entropy_kernel(ScoredLogits l, float* losses) {
  after_previous_kernels();
  const int64_t index = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / warp_lanes;
  if (index >= l.points * l.scored) return;  // a whole warp
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int64_t i = index % l.scored;
  const Position p = position_of(l, index / l.scored, i);
  float top = -INFINITY;
  for (int32_t c = lane; c < p.count; c += warp_lanes) top = fmaxf(top, logit(l, p, c));
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    top = fmaxf(top, __shfl_xor_sync(all_lanes, top, lanes));
  }
  float total = 0.0f;
  for (int32_t c = lane; c < p.count; c += warp_lanes) total += expf(logit(l, p, c) - top);
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    total += __shfl_xor_sync(all_lanes, total, lanes);
  }
  if (lane == 0) {
    losses[index] = static_cast<float>(
        log(static_cast<double>(total)) +
        (static_cast<double>(top) - static_cast<double>(logit(l, p, l.label[i]))));
  }
}

__global__ void __launch_bounds__(threads)
    copy_logits_kernel(ScoredLogits l, const int32_t* starts, float* out) {
  after_previous_kernels();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * warps + threadIdx.x / warp_lanes;
  if (i >= l.scored) return;
  const Position p = position_of(l, 0, i);
  for (int32_t c = static_cast<int32_t>(threadIdx.x % warp_lanes); c < p.count; c += warp_lanes) {
    out[starts[i] + c] = logit(l, p, c);
  }
}

__global__ void __launch_bounds__(threads)
    sequence_means_kernel(const float* losses, int64_t points, int64_t scored,
                          const int32_t* starts, int64_t sequences, double* means) {
  after_previous_kernels();
  const int64_t index = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (index >= points * sequences) return;
  const int64_t s = index % sequences;
  double sum = 0;
  for (int32_t i = starts[s]; i < starts[s + 1]; ++i) {
    sum += static_cast<double>(losses[index / sequences * scored + i]);
  }
  const int32_t count = starts[s + 1] - starts[s];
  means[index] = count > 0 ? sum / count : 0;  // none: a sequence that only fills a bucket
}

}  // namespace

void scored_losses(const ScoredLogits& logits, float* losses, cudaStream_t stream) {
  if (logits.loss != Loss::cross_entropy) {
    launch(reference_losses_kernel, dim3(blocks_for(logits.points * logits.scored, threads)),
           threads, 0, stream, logits, losses);
    return;
  }
  launch(cross_entropy_kernel, dim3(blocks_for(logits.points * logits.scored, warps)), threads, 0,
         stream, logits, losses);
}

void copy_logits(const ScoredLogits& logits, const int32_t* starts, float* out,
                 cudaStream_t stream) {
  launch(copy_logits_kernel, dim3(blocks_for(logits.scored, warps)), threads, 0, stream, logits,
         starts, out);
}

void sequence_means(const float* losses, int64_t points, int64_t scored, const int32_t* starts,
                    int64_t sequences, double* means, cudaStream_t stream) {
  launch(sequence_means_kernel, dim3(blocks_for(points * sequences, threads)), threads, 0, stream,
         losses, points, scored, starts, sequences, means);
}

}  // namespace zest::cuda
