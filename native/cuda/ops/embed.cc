// The sum of word, position and segment embeddings with its norm, and the hidden states that are
// scored.
#include "cuda/ops/forward.h"

namespace zest::cuda {

void Forward::embed() {
  const ModelRoles& roles = spec_.roles;
  const int parameters[tables] = {roles.word_embeddings, roles.position_embeddings,
                                  roles.segment_embeddings};
  const int64_t hidden = spec_.hidden, stride = padded8(hidden);
  const BatchShape& shape = batch_->shape;
  Embedding e;
  int count = 0;
  for (const Table t : {words, segments, positions}) {
    if (parameters[t] < 0) continue;
    const int64_t rows = shape.table_rows[t];
    perturb_rows(points_->plan(), weights_.type(), points_->parameter(parameters[t]),
                 {in_block(batch_->at.table_rows[t]), 0, rows},
                 {tables_[t].data(), StorageType::float32, stride, rows * stride}, main_);
    e.tables[count++] = {tables_[t].data(), rows * stride, in_block(batch_->at.slots[t])};
  }
  e.norm = norm(roles.embedding_norm);
  e.points = passes_, e.tokens = shape.tokens, e.columns = hidden;
  e.hidden = state(State::hidden).values.data();
  e.stride = stride;
  e.operand = second(State::hidden);
  cuda::embed(e, main_);
}

void Forward::gather() {
  RowGather g;
  g.from = state(State::hidden).values.data();
  g.from_rows = batch_->shape.tokens;
  g.index = in_block(batch_->at.row_tokens);
  g.points = passes_, g.rows = batch_->shape.rows, g.columns = spec_.hidden;
  g.stride = padded8(spec_.hidden);
  g.to = state(State::gathered).values.data();
  g.operand = second(State::gathered);
  gather_rows(g, main_);
}

}  // namespace zest::cuda
