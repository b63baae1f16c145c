// The sum of word, position and segment embeddings, perturbed for the rows that occur, and its
// norm; and the rows of hidden states that are scored.
#include <algorithm>
#include <cstring>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

namespace {

enum Table { words = 0, positions = 1, segments = 2 };

}  // namespace

void Forward::embed() {
  const Batch& batch = *batch_;
  const ModelRoles& roles = spec_.roles;
  const int parameters[3] = {roles.word_embeddings, roles.position_embeddings,
                             roles.segment_embeddings};
  const int64_t hidden = spec_.hidden, stride = row_stride(hidden);
  std::vector<int32_t> ids[3];
  ids[words] = batch.ids;
  for (int32_t s = 0; s < batch.sequences(); ++s) {
    for (int32_t i = 0; i < batch.length(s); ++i)
      ids[positions].push_back(spec_.position_offset + i);
  }
  ids[segments] =
      batch.segments.empty() ? std::vector<int32_t>(batch.ids.size(), 0) : batch.segments;

  for (int t = 0; t < 3; ++t) {
    if (parameters[t] < 0) continue;
    const Matrix& table = weights_.matrix(parameters[t]);
    table_slot_[t].assign(static_cast<size_t>(table.rows), -1);
    table_rows_[t].clear();
    if (shortcuts_.gather_embeddings) {
      for (const int32_t id : ids[t]) {
        int32_t& slot = table_slot_[t][static_cast<size_t>(id)];
        if (slot >= 0) continue;
        slot = static_cast<int32_t>(table_rows_[t].size());
        table_rows_[t].push_back(id);
      }
    } else {
      for (int64_t id = 0; id < table.rows; ++id) {
        table_slot_[t][static_cast<size_t>(id)] = static_cast<int32_t>(id);
        table_rows_[t].push_back(static_cast<int32_t>(id));
      }
    }
    const int64_t count = static_cast<int64_t>(table_rows_[t].size());
    for (int p = 0; p < points_; ++p) table_[t].reserve(p, count * stride);
    pool_.run(parts(count, rows_at_once), [&](int64_t item, int) {
      const int64_t first = item * rows_at_once;
      float* out[most_points];
      for (int p = 0; p < points_; ++p) out[p] = table_[t][p] + first * stride;
      kernels().perturb(table, perturbation_->of(parameters[t]),
                        {table_rows_[t].data() + first, 0, std::min(rows_at_once, count - first)},
                        out, stride);
    });
  }

  Activations& states = state(State::hidden);
  for (int p = 0; p < points_; ++p) states.reserve(p, tokens_ * stride);
  const int64_t row_parts = parts(tokens_, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int p = static_cast<int>(item / row_parts);
    const int64_t first = item % row_parts * rows_at_once;
    for (int64_t i = first; i < std::min(first + rows_at_once, tokens_); ++i) {
      const float* terms[3];
      int count = 0;
      for (const Table t : {words, segments, positions}) {
        if (parameters[t] < 0) continue;
        const int32_t slot = table_slot_[t][static_cast<size_t>(ids[t][static_cast<size_t>(i)])];
        terms[count++] = table_[t][p] + slot * stride;
      }
      kernels().normalize(states[p] + i * stride, terms, count,
                          vector(p, roles.embedding_norm.weight),
                          vector(p, roles.embedding_norm.bias), spec_.norm_epsilon, hidden);
    }
  });
}

void Forward::gather() {
  const int64_t stride = row_stride(spec_.hidden);
  for (int p = 0; p < points_; ++p) {
    const float* from = state(State::hidden)[p];
    float* out = state(State::gathered).reserve(p, rows_of(Tokens::scored) * stride);
    for (const int32_t token : scored_tokens_) {
      std::memcpy(out, from + token * stride, static_cast<size_t>(stride) * sizeof(float));
      out += stride;
    }
  }
}

}  // namespace zest::cpu
