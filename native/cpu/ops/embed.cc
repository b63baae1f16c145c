// The sum of word, position and segment embeddings, perturbed for the rows that occur, and its
// norm; and the rows of hidden states that are scored.
#include <algorithm>
#include <cstring>
#include <initializer_list>

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
  std::vector<int32_t> ids[3];
  ids[words] = batch.ids;
  for (const int32_t position : positions_)
    ids[positions].push_back(spec_.position_offset + position);
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
    const int64_t stride = row_stride(table.columns);
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

  // out = norm(sum of the tokens' rows of some tables, and of `more`, where it is not null).
  const auto sum = [&](std::initializer_list<Table> some, const Activations* more,
                       const NormRoles& norm, int64_t columns, Activations& out) {
    const int64_t stride = row_stride(columns);
    for (int p = 0; p < points_; ++p) out.reserve(p, tokens_ * stride);
    for_rows(tokens_, [&](int p, int64_t first, int64_t end) {
      for (int64_t i = first; i < end; ++i) {
        const float* terms[4];
        int count = 0;
        if (more) terms[count++] = (*more)[p] + i * stride;
        for (const Table t : some) {
          if (parameters[t] < 0) continue;
          const int32_t slot = table_slot_[t][static_cast<size_t>(ids[t][static_cast<size_t>(i)])];
          terms[count++] = table_[t][p] + slot * stride;
        }
        kernels().normalize(out[p] + i * stride, terms, count, spec_.norm, vector(p, norm.weight),
                            vector(p, norm.bias), spec_.norm_epsilon, columns);
      }
    });
  };
  Activations& hidden = state(State::hidden);
  const LinearRoles& projection = roles.embedding_projection;
  const int64_t narrow = spec_.embedding, wide = spec_.hidden;
  if (projection.weight < 0) {
    sum({words, segments, positions}, nullptr, roles.embedding_norm, wide, hidden);
  } else if (parameters[positions] >= 0 && columns(parameters[positions]) == narrow) {
    sum({words, segments, positions}, nullptr, roles.embedding_norm, narrow, embedded_);
    multiply(std::initializer_list<Linear>{whole(projection, embedded_, tokens_, hidden)});
  } else {
    sum({words}, nullptr, {}, narrow, embedded_);
    multiply(std::initializer_list<Linear>{whole(projection, embedded_, tokens_, product_)});
    sum({segments, positions}, &product_, roles.embedding_norm, wide, hidden);
  }
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
