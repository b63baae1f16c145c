#include "cpu/ops/forward.h"

#include <algorithm>

#include "core/transformer/visit.h"
#include "cpu/kernels/dispatch.h"

namespace zest::cpu {

Forward::Forward(const Weights& weights, const Shortcuts& shortcuts, ThreadPool& pool)
    : weights_(weights),
      spec_(weights.spec()),
      shortcuts_(shortcuts),
      pool_(pool),
      vector_parameters_(vector_parameters(spec_.roles)) {
  vector_offset_.assign(spec_.parameters.size(), -1);
  for (const int parameter : vector_parameters_) {
    vector_offset_[static_cast<size_t>(parameter)] = vector_floats_;
    vector_floats_ += weights_.matrix(parameter).rows * row_stride(columns(parameter));
  }
  for_each<LinearRoles>(spec_.roles, [&](const LinearRoles& linear) {
    const OutputSlice& slice = linear.outputs;
    if (slice.block == slice.count) return;
    std::vector<int32_t>& rows = slices_[{linear.weight, slice.first}];
    rows.clear();
    for (int64_t j = 0; j < slice.count; ++j) rows.push_back(static_cast<int32_t>(slice[j]));
  });
}

const float* Forward::vector(int p, int parameter) const {
  return parameter < 0 ? nullptr : vectors_[p] + vector_offset_[static_cast<size_t>(parameter)];
}

void Forward::begin(const Perturbation& perturbation, int points, const AbortFlag& abort) {
  perturbation_ = &perturbation;
  points_ = points;
  abort_ = &abort;
  kept_.clear();
  check_abort(*abort_);
  for (int p = 0; p < points_; ++p) vectors_.reserve(p, vector_floats_);
  pool_.run(static_cast<int64_t>(vector_parameters_.size()), [&](int64_t item, int) {
    const int parameter = vector_parameters_[static_cast<size_t>(item)];
    float* out[most_points];
    for (int p = 0; p < points_; ++p)
      out[p] = vectors_[p] + vector_offset_[static_cast<size_t>(parameter)];
    const Matrix& m = weights_.matrix(parameter);
    kernels().perturb(m, perturbation_->of(parameter), {nullptr, 0, m.rows}, out,
                      row_stride(m.columns));
  });
}

int64_t Forward::rows_of(Tokens tokens) const {
  return tokens == Tokens::all ? tokens_ : static_cast<int64_t>(scored_tokens_.size());
}

void Forward::run(const Batch& batch, KeyValueCache* cache, Ending ending) {
  batch_ = &batch;
  cache_ = cache;
  tokens_ = static_cast<int64_t>(batch.ids.size());
  find_scored_tokens(batch);
  find_places(batch);
  check_abort(*abort_);
  run_layers(*this, spec_, shortcuts_, ending);
  for (int32_t s = 0; cache && s < batch.sequences(); ++s) cache->grow(s, batch.length(s));
}

void Forward::find_scored_tokens(const Batch& batch) {
  scored_tokens_.clear();
  for (const ScoredPosition& at : batch.scored) {
    scored_tokens_.push_back(batch.starts[static_cast<size_t>(at.sequence)] + at.position);
  }
  std::vector<int32_t> sorted = scored_tokens_;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  scored_row_.clear();
  for (const int32_t token : scored_tokens_) {
    scored_row_.push_back(static_cast<int32_t>(
        std::lower_bound(sorted.begin(), sorted.end(), token) - sorted.begin()));
  }
  scored_tokens_ = std::move(sorted);
  scored_starts_.clear();
  for (const int32_t start : batch.starts) {
    scored_starts_.push_back(
        static_cast<int32_t>(std::lower_bound(scored_tokens_.begin(), scored_tokens_.end(), start) -
                             scored_tokens_.begin()));
  }
}

void Forward::find_places(const Batch& batch) {
  places_.clear();
  positions_.clear();
  earlier_.clear();
  int32_t longest = 0;
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    const int32_t parent = batch.parent(s);
    earlier_.push_back(cache_ ? cache_->length(s) : parent < 0 ? 0 : batch.length(parent));
    for (int32_t i = 0; i < batch.length(s); ++i) {
      places_.push_back(i);
      positions_.push_back(earlier_.back() + i);
    }
    longest = std::max(longest, earlier_.back() + batch.length(s));
  }
  scored_places_.clear();
  scored_positions_.clear();
  for (const int32_t token : scored_tokens_) {
    scored_places_.push_back(places_[static_cast<size_t>(token)]);
    scored_positions_.push_back(positions_[static_cast<size_t>(token)]);
  }
  rotary_.extend(spec_, longest);
}

}  // namespace zest::cpu
