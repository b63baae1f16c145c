// Attention of packed sequences, with the three products before it.
#include <cmath>

#include "cuda/kernels/attention.h"
#include "cuda/ops/forward.h"

namespace zest::cuda {

AttentionTile const* Forward::tiles_at(size_t offset) const {
  return reinterpret_cast<const AttentionTile*>(in_block(offset));
}

void Forward::attend(const LayerRoles& layer, State from, State to, Tokens tokens) {
  const BatchShape& shape = batch_->shape;
  const int64_t rows = rows_of(tokens), stride = padded8(spec_.hidden);
  const Outputs across{nullptr, spec_.hidden};
  multiply(layer.query, across, operand(from), rows, query_);
  multiply(layer.key, across, operand(to), shape.tokens, key_);
  multiply(layer.value, across, operand(to), shape.tokens, value_);

  Attention a;
  a.query = query_.data(), a.key = key_.data(), a.value = value_.data();
  a.query_bias = vector(layer.query.bias), a.key_bias = vector(layer.key.bias);
  a.value_bias = vector(layer.value.bias);
  a.prefix_key = vector(layer.prefix.key), a.prefix_value = vector(layer.prefix.value);
  a.prefixes = layer.prefix.key < 0 ? 0 : weights_.parameter(layer.prefix.key).rows;
  a.vector_stride = weights_.vector_floats();
  a.points = passes_, a.query_rows = rows, a.key_rows = shape.tokens, a.stride = stride;
  a.heads = spec_.heads, a.width = spec_.hidden / spec_.heads;
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.width));
  a.tiles = tiles_at(tokens == Tokens::scored ? batch_->at.row_tiles : batch_->at.tiles);
  a.tile_count = most_tiles(rows, shape.sequences, weights_.type());
  a.out = operand(State::context);
  cuda::attend(a, main_);
}

}  // namespace zest::cuda
