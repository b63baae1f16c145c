// From the last hidden states to the logits and losses of the scored positions.
#include <algorithm>
#include <initializer_list>

#include "cpu/dispatch.h"
#include "cpu/forward.h"

namespace zest::cpu {

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
  all_starts_ = batch.starts;
  scored_starts_.clear();
  for (const int32_t start : batch.starts) {
    scored_starts_.push_back(
        static_cast<int32_t>(std::lower_bound(scored_tokens_.begin(), scored_tokens_.end(), start) -
                             scored_tokens_.begin()));
  }
}

void Forward::head(const Batch& batch) {
  const ModelRoles& roles = spec_.roles;
  head_at_every_token_ = !shortcuts_.labelled_positions_only;
  const int64_t rows = head_at_every_token_ ? tokens_ : static_cast<int64_t>(scored_tokens_.size());
  const bool already_gathered = shortcuts_.last_layer_at_labels && !spec_.roles.layers.empty();
  if (!head_at_every_token_ && !already_gathered) gather_rows(hidden_, scored_tokens_, gathered_);
  const Activations& from = head_at_every_token_ || already_gathered ? hidden_ : gathered_;

  const int activation =
      static_cast<int>(spec_.head == Head::masked_lm ? spec_.head_activation : Activation::tanh);
  multiply(
      std::initializer_list<Linear>{{roles.head_dense,
                                     {nullptr, 0, weights_.matrix(roles.head_dense.weight).rows},
                                     &from,
                                     rows,
                                     &projected_,
                                     activation}});
  const Activations* features = &projected_;
  if (spec_.head == Head::masked_lm) {
    normalize(projected_, nullptr, roles.head_norm, rows, normed_);
    features = &normed_;
  }

  outputs_.clear();
  bool every = !shortcuts_.scored_words_only;
  for (const ScoredPosition& at : batch.scored)
    every = every || at.candidates_begin == at.candidates_end;
  if (!every) {
    for (const ScoredPosition& at : batch.scored) {
      outputs_.insert(outputs_.end(), batch.candidates.begin() + at.candidates_begin,
                      batch.candidates.begin() + at.candidates_end);
    }
    std::sort(outputs_.begin(), outputs_.end());
    outputs_.erase(std::unique(outputs_.begin(), outputs_.end()), outputs_.end());
  }
  output_count_ = every ? spec_.outputs : static_cast<int64_t>(outputs_.size());
  const Activations* bias = nullptr;
  if (!every && roles.head_output.bias >= 0) {
    for (int p = 0; p < points_; ++p) {
      float* out = output_bias_.reserve(p, output_count_);
      for (const int32_t output : outputs_) *out++ = vector(p, roles.head_output.bias)[output];
    }
    bias = &output_bias_;
  }
  multiply(std::initializer_list<Linear>{{roles.head_output,
                                          {every ? nullptr : outputs_.data(), 0, output_count_},
                                          features,
                                          rows,
                                          &logits_,
                                          -1,
                                          bias}});
}

float Forward::logit(int p, size_t scored, int64_t index) const {
  const ScoredPosition& at = batch_->scored[scored];
  const int64_t row = head_at_every_token_
                          ? scored_tokens_[static_cast<size_t>(scored_row_[scored])]
                          : scored_row_[scored];
  int64_t column = index;
  if (at.candidates_begin != at.candidates_end) {
    const int32_t candidate = batch_->candidates[static_cast<size_t>(at.candidates_begin + index)];
    column = outputs_.empty()
                 ? candidate
                 : std::lower_bound(outputs_.begin(), outputs_.end(), candidate) - outputs_.begin();
  }
  return logits_[p][row * row_stride(output_count_) + column];
}

float Forward::cross_entropy(int p, size_t scored) {
  const ScoredPosition& at = batch_->scored[scored];
  const int64_t count = at.candidates_begin == at.candidates_end
                            ? output_count_
                            : at.candidates_end - at.candidates_begin;
  candidate_logits_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    candidate_logits_[static_cast<size_t>(i)] = logit(p, scored, i);
  return kernels().cross_entropy(candidate_logits_.data(), count, at.label);
}

}  // namespace zest::cpu
