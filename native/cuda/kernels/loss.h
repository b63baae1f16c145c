// The losses at the scored positions, and the loss of each sequence.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/batch.h"

namespace zest::cuda {

// The products of the head, one row a scored position of each point, and what is scored of them.
struct ScoredLogits {
  const float* product = nullptr;
  int64_t stride = 0, rows = 0;  // distinct scored rows a point
  const float* bias = nullptr;   // of every output, perturbed; or null
  int64_t vector_stride = 0;
  const int32_t* outputs = nullptr;  // the output of each column; null: column = output
  int64_t points = 0, scored = 0;
  const int32_t* row = nullptr;    // of each scored position
  const int32_t* label = nullptr;  // which candidate
  const int32_t* first = nullptr;  // its candidates are columns[first .. first + count), or,
  const int32_t* count = nullptr;  // where first < 0, the first `count` columns
  const int32_t* columns = nullptr;
  Loss loss = Loss::cross_entropy;
  const float* reference = nullptr;  // of each scored position, unless it is cross-entropy
};

// losses[p * scored + i], float32.
void scored_losses(const ScoredLogits& logits, float* losses, cudaStream_t stream);

// The candidates' logits themselves, of point 0: out[starts[i] ... ].
void copy_logits(const ScoredLogits& logits, const int32_t* starts, float* out,
                 cudaStream_t stream);

// means[p * sequences + s]: the mean over the scored positions starts[s] .. starts[s + 1), added in
// order in float64.
void sequence_means(const float* losses, int64_t points, int64_t scored, const int32_t* starts,
                    int64_t sequences, double* means, cudaStream_t stream);

}  // namespace zest::cuda
