// What a walk ends with: the head's last product, and from it the logits and losses of the scored
// positions, or the hidden states there.
#include <algorithm>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

void Forward::score(const LinearRoles& output, State from, Tokens tokens) {
  const Batch& batch = *batch_;
  scored_at_ = tokens;
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
  multiply(std::initializer_list<Linear>{{output,
                                          {every ? nullptr : outputs_.data(), 0, output_count_},
                                          &state(from),
                                          rows_of(tokens),
                                          &logits_}});
}

void Forward::end(State from, Tokens tokens) {
  hidden_at_ = from;
  scored_at_ = tokens;
}

int64_t Forward::row_of(size_t scored) const {
  const int32_t row = scored_row_[scored];
  return scored_at_ == Tokens::all ? scored_tokens_[static_cast<size_t>(row)] : row;
}

std::span<const float> Forward::hidden(int p, size_t scored) const {
  const int64_t count = columns(hidden_at_);
  const float* first = states_[static_cast<size_t>(hidden_at_)][p];
  return {first + row_of(scored) * row_stride(count), static_cast<size_t>(count)};
}

float Forward::logit(int p, size_t scored, int64_t index) const {
  const ScoredPosition& at = batch_->scored[scored];
  int64_t column = index;
  if (at.candidates_begin != at.candidates_end) {
    const int32_t candidate = batch_->candidates[static_cast<size_t>(at.candidates_begin + index)];
    column = outputs_.empty()
                 ? candidate
                 : std::lower_bound(outputs_.begin(), outputs_.end(), candidate) - outputs_.begin();
  }
  return logits_[p][row_of(scored) * row_stride(output_count_) + column];
}

float Forward::loss(int p, size_t scored) {
  const ScoredPosition& at = batch_->scored[scored];
  if (batch_->loss == Loss::squared_error) {
    const float difference = logit(p, scored, 0) - batch_->references[scored];
    return difference * difference;
  }
  if (batch_->loss == Loss::binary_cross_entropy) {
    const float no_and_yes[] = {0.0f, logit(p, scored, 0)};
    return kernels().cross_entropy(no_and_yes, 2, batch_->references[scored] != 0.0f);
  }
  const int64_t count = at.candidates_begin == at.candidates_end
                            ? output_count_
                            : at.candidates_end - at.candidates_begin;
  candidate_logits_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    candidate_logits_[static_cast<size_t>(i)] = logit(p, scored, i);
  return kernels().cross_entropy(candidate_logits_.data(), count, at.label);
}

}  // namespace zest::cpu
