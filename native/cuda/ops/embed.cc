// The sum of word, position and segment embeddings with its norm, projected where the words are
// narrower than hidden states; and the hidden states that are scored.
#include <initializer_list>

#include "cuda/ops/forward.h"

namespace zest::cuda {

void Forward::embed() {
  const ModelRoles& roles = spec_.roles;
  const BatchShape& shape = batch_->shape;
  const int parameters[tables] = {roles.word_embeddings, roles.position_embeddings,
                                  roles.segment_embeddings};
  const auto columns_of = [&](Table t) { return weights_.parameter(parameters[t]).columns; };
  for (const Table t : {words, segments, positions}) {
    if (parameters[t] < 0) continue;
    const int64_t rows = shape.table_rows[t], stride = padded8(columns_of(t));
    make_rows(points_->parameter(parameters[t]), {in_block(batch_->at.table_rows[t]), 0, rows},
              passes_, {tables_[t].data(), StorageType::float32, stride, rows * stride}, main_);
  }

  // to = norm(the tokens' rows of some tables), added to product_ where that is of `projection`.
  const auto sum = [&](std::initializer_list<Table> some, const LinearRoles& projection,
                       const NormRoles& roles_of_norm, int64_t columns, const Rows& to,
                       const Operand& second_to) {
    Embedding e;
    if (projection.weight >= 0) {
      e.product = static_cast<const float*>(summed(projection, product_).data);
      e.product_bias = vector(projection.bias);
    }
    e.stride = padded8(columns);
    int count = 0;
    for (const Table t : some) {
      if (parameters[t] < 0) continue;
      e.tables[count++] = {tables_[t].data(), shape.table_rows[t] * e.stride,
                           in_block(batch_->at.slots[t])};
    }
    e.norm = norm(roles_of_norm);
    e.points = passes_, e.tokens = shape.tokens, e.columns = columns;
    e.hidden = to.values.data();
    e.operand = second_to;
    cuda::embed(e, main_);
  };
  const LinearRoles& projection = roles.embedding_projection;
  const int64_t narrow = spec_.embedding;
  const Rows& hidden = state(State::hidden);
  const auto project_words = [&] {
    multiply(projection, operand(embedded_, narrow), shape.tokens, summed(projection, product_));
  };
  if (projection.weight < 0) {
    sum({words, segments, positions}, {}, roles.embedding_norm, spec_.hidden, hidden,
        second(State::hidden));
  } else if (parameters[positions] >= 0 && columns_of(positions) == narrow) {
    sum({words, segments, positions}, {}, roles.embedding_norm, narrow, embedded_,
        second(embedded_, narrow));
    project_words();
    add_and_norm(product_.data(), vector(projection.bias), {}, State::hidden, Tokens::all);
  } else {
    sum({words}, {}, {}, narrow, embedded_, second(embedded_, narrow));
    project_words();
    sum({segments, positions}, projection, roles.embedding_norm, spec_.hidden, hidden,
        second(State::hidden));
  }
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
