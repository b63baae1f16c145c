#include "cuda/ops/passes.h"

#include <algorithm>
#include <numeric>

#include "cuda/ops/forward.h"
#include "cuda/ops/packed_batch.h"
#include "cuda/ops/point_set.h"

namespace zest::cuda {
namespace {

// What parts of a batch take at one point.
class PartSizes {
 public:
  PartSizes(const ModelSpec& spec, const Batch& batch)
      : batch_(batch), token_bytes_(activation_bytes(spec)) {
    bool every = false;
    scored_starts_.assign(static_cast<size_t>(batch.sequences()) + 1, 0);
    for (const ScoredPosition& at : batch.scored) {
      ++scored_starts_[static_cast<size_t>(at.sequence) + 1];
      every = every || at.candidates_begin == at.candidates_end;
    }
    std::partial_sum(scored_starts_.begin(), scored_starts_.end(), scored_starts_.begin());
    const int64_t outputs = every ? spec.outputs : static_cast<int64_t>(batch.candidates.size());
    logits_bytes_ = padded8(outputs) * static_cast<int64_t>(sizeof(float));
  }

  int64_t rows(int32_t first, int32_t last) const { return between(batch_.starts, first, last); }
  // Of activations and logits.
  int64_t bytes(int32_t first, int32_t last) const {
    return rows(first, last) * token_bytes_ + between(scored_starts_, first, last) * logits_bytes_;
  }

 private:
  static int64_t between(const std::vector<int32_t>& starts, int32_t first, int32_t last) {
    return bucket(starts[static_cast<size_t>(last)] - starts[static_cast<size_t>(first)]);
  }

  const Batch& batch_;
  int64_t token_bytes_, logits_bytes_;
  std::vector<int32_t> scored_starts_;
};

}  // namespace

std::vector<Pass> passes_of(const ModelSpec& spec, const Batch& batch,
                            std::span<const Point> points) {
  const std::vector<Group> groups = group_points(points);
  const PartSizes sizes(spec, batch);
  std::vector<Pass> passes;
  for (int32_t first = 0; first < batch.sequences();) {
    const auto fits = [&](int32_t last) {
      return batch.starts[static_cast<size_t>(last)] - batch.starts[static_cast<size_t>(first)] <=
                 most_packed_tokens &&
             most_points_a_group * sizes.bytes(first, last) <= most_pass_bytes;
    };
    int32_t last = batch.family_end(first);
    while (last < batch.sequences() && fits(batch.family_end(last))) last = batch.family_end(last);
    const auto most_points = static_cast<size_t>(
        std::min(most_rows / sizes.rows(first, last), most_pass_bytes / sizes.bytes(first, last)));
    for (size_t g = 0; g < groups.size();) {
      const auto begin = static_cast<size_t>(groups[g].first_point);
      size_t end = begin;
      do {
        end += static_cast<size_t>(groups[g++].points);
      } while (g < groups.size() &&
               end + static_cast<size_t>(groups[g].points) - begin <= most_points);
      passes.push_back({first, last, begin, end});
    }
    first = last;
  }
  return passes;
}

}  // namespace zest::cuda
