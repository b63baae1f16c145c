// How a call is split into passes over the device's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/batch.h"
#include "core/direction.h"
#include "core/transformer/spec.h"

namespace zest::cuda {

// A pass takes at most so many rows of activations, all points of 64 sequences of 128 tokens at k =
// 5 and more, and so many bytes of activations and logits, which is more than that with the shape
// of RoBERTa-base in float32. One sequence, or one parent with its children, at the points of one
// group is a pass in any case.
constexpr int64_t most_rows = 131072;
constexpr int64_t most_pass_bytes = int64_t{7} << 30;
constexpr int32_t most_packed_tokens = 16384;

// Sequences first .. last of a batch at points begin .. end of the call.
struct Pass {
  int32_t first, last;
  size_t begin, end;
};

// Points that share their noise stay together.
std::vector<Pass> passes_of(const ModelSpec& spec, const Batch& batch,
                            std::span<const Point> points);

}  // namespace zest::cuda
