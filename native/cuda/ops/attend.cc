// Attention of packed sequences, with the products before it and the placement of heads.
#include <cmath>

#include "cuda/kernels/attention.h"
#include "cuda/kernels/cache.h"
#include "cuda/ops/forward.h"

namespace zest::cuda {

AttentionTile const* Forward::tiles_at(size_t offset) const {
  return reinterpret_cast<const AttentionTile*>(in_block(offset));
}

// A layer's heads in its product, where they may lie between those of others.
HeadRows Forward::heads_of(const LinearRoles& linear, const Operand& product) const {
  const OutputSlice& slice = linear.outputs;
  HeadRows heads;
  heads.rows = product;
  heads.rows.data = static_cast<std::byte*>(product.data) +
                    static_cast<size_t>(slice.first) * element_bytes(weights_.type());
  heads.step = slice.block == slice.count ? spec_.head_width : slice.step;
  if (linear.bias >= 0) heads.bias = vector(linear.bias) + slice.first;
  return heads;
}

// Norms and turns queries or keys, with their bias, where the model does.
void Forward::place(HeadRows& heads, int32_t count, const NormRoles& roles, Tokens tokens) {
  HeadPlacement p;
  p.half = static_cast<int32_t>(spec_.rotary_frequencies.size());
  if (roles.weight < 0 && p.half == 0) return;
  p.heads = heads;
  p.points = passes_, p.rows = rows_of(tokens);
  p.count = count, p.width = spec_.head_width;
  p.vector_stride = weights_.vector_floats();
  p.norm = norm(roles);
  p.cosines = cosines_.data(), p.sines = sines_.data();
  p.places = in_block(tokens == Tokens::all ? batch_->at.places : batch_->at.row_places);
  place_heads(p, main_);
  heads.bias = nullptr;
}

// Adds keys and values to the cache, where attention then finds them beside those that came before.
void Forward::keep(const LayerRoles& layer, HeadRows& key, HeadRows& value) {
  const auto index = static_cast<size_t>(&layer - spec_.roles.layers.data());
  CacheAppend c;
  c.key = key, c.value = value;
  c.count = spec_.key_value_heads, c.width = spec_.head_width;
  c.rows = batch_->shape.tokens, c.index = in_block(batch_->at.cache_rows);
  c.keys = cache_->keys(index), c.values = cache_->values(index);
  append_to_cache(c, main_);
  key = {c.keys, spec_.head_width, nullptr};
  value = {c.values, spec_.head_width, nullptr};
}

void Forward::attend(const LayerRoles& layer, State from, State to, Tokens tokens) {
  const BatchShape& shape = batch_->shape;
  const PackedBatch::Offsets& at = batch_->at;
  const bool all = tokens == Tokens::all;
  const int64_t rows = rows_of(tokens);
  // One weight may make two or three of them: then it is multiplied once, for all tokens. Queries
  // of some tokens alone are a product of their own.
  const bool fused_query = layer.query.weight == layer.key.weight;
  const bool fused_value = layer.value.weight == layer.key.weight;
  const bool own_query = !fused_query && from != to;
  std::vector<const LinearRoles*> linears;
  if (!fused_query && !own_query) linears.push_back(&layer.query);
  linears.push_back(&layer.key);
  if (!fused_value) linears.push_back(&layer.value);
  const std::vector<Operand> products = side_by_side(linears, heads_);
  multiply(linears, operand(to), shape.tokens, products);
  if (own_query) multiply(layer.query, operand(from), rows, rounded(layer.query, query_));

  Attention a;
  a.query = heads_of(layer.query, own_query ? rounded(layer.query, query_) : products.front());
  a.key = heads_of(layer.key, products[fused_query || own_query ? 0 : 1]);
  a.value = heads_of(layer.value, products.back());
  place(a.query, spec_.heads, layer.query_norm, fused_query ? Tokens::all : tokens);
  place(a.key, spec_.key_value_heads, layer.key_norm, Tokens::all);
  if (cache_) keep(layer, a.key, a.value);
  a.prefix_key = vector(layer.prefix.key), a.prefix_value = vector(layer.prefix.value);
  if (layer.prefix.key >= 0) {
    a.prefixes = static_cast<int32_t>(weights_.parameter(layer.prefix.key).rows);
    a.prefix_stride = padded8(spec_.key_width());
  }
  a.vector_stride = weights_.vector_floats();
  a.points = passes_, a.query_rows = rows, a.key_rows = shape.tokens;
  if (fused_query && !all) a.query_tokens = in_block(at.row_tokens);
  a.heads = spec_.heads, a.group = spec_.heads / spec_.key_value_heads;
  a.width = spec_.head_width;
  a.scale = 1.0f / std::sqrt(static_cast<float>(a.width));
  if (spec_.causal) a.places = in_block(all ? at.places : at.row_places);
  a.window = spec_.window;
  a.tiles = tiles_at(all ? at.tiles : at.row_tiles);
  a.tile_count = most_tiles(rows, shape.sequences, weights_.type());
  a.out = operand(State::context);
  if (shape.key_parts > 0) {
    attend_in_parts(a, shape.key_parts, parts_.data(), main_);
  } else {
    cuda::attend(a, main_);
  }
}

}  // namespace zest::cuda
