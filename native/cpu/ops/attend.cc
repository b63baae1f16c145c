// Attention of packed sequences: the three products before it, then one item a head of keys,
// sequence and point.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

void Forward::place_heads(Activations& heads, int64_t count, const NormRoles& norm, Tokens tokens) {
  const int64_t width = spec_.head_width, stride = row_stride(count * width);
  const auto half = static_cast<int64_t>(spec_.rotary_frequencies.size());
  if (norm.weight < 0 && half == 0) return;
  const std::vector<int32_t>& positions = tokens == Tokens::all ? positions_ : scored_positions_;
  for_rows(rows_of(tokens), [&](int p, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      float* row = heads[p] + i * stride;
      for (int64_t head = 0; norm.weight >= 0 && head < count; ++head) {
        float* own = row + head * width;
        const float* terms[1] = {own};
        kernels().normalize(own, terms, 1, spec_.norm, vector(p, norm.weight), vector(p, norm.bias),
                            spec_.norm_epsilon, width);
      }
      const int64_t turn = positions[static_cast<size_t>(i)] * half;
      if (half > 0) {
        kernels().rotate(row, count, width, rotary_.cosines.data() + turn,
                         rotary_.sines.data() + turn, half);
      }
    }
  });
}

void Forward::attend(const LayerRoles& layer, State from, State to, Tokens tokens) {
  multiply(std::initializer_list<Linear>{whole(layer.query, state(from), rows_of(tokens), query_),
                                         whole(layer.key, state(to), tokens_, key_),
                                         whole(layer.value, state(to), tokens_, value_)});
  check_abort(*abort_);
  place_heads(query_, spec_.heads, layer.query_norm, tokens);
  place_heads(key_, spec_.key_value_heads, layer.key_norm, Tokens::all);

  const Batch& batch = *batch_;
  const auto layer_index = static_cast<size_t>(&layer - spec_.roles.layers.data());
  const bool all = tokens == Tokens::all;
  const std::vector<int32_t>& query_starts = all ? batch.starts : scored_starts_;
  const std::vector<int32_t>& places = all ? places_ : scored_places_;
  Activations& context = state(State::context);
  const int64_t stride = row_stride(spec_.query_width()), kv_stride = row_stride(spec_.key_width());
  const int64_t width = spec_.head_width;
  const int32_t sequences = batch.sequences();
  int64_t longest = 0;
  for (int32_t s = 0; s < sequences; ++s)
    longest = std::max<int64_t>(longest, earlier_[static_cast<size_t>(s)] + batch.length(s));
  const int64_t prefixes = layer.prefix.key < 0 ? 0 : weights_.matrix(layer.prefix.key).rows;
  const int64_t scratch = attention_scratch(prefixes + longest, width, kernels().panel_width);
  scratch_.reserve(static_cast<size_t>(scratch * pool_.threads()));
  for (int p = 0; p < points_; ++p) context.reserve(p, query_starts.back() * stride);
  // Heads that share keys pack them once, unless there would be too few items for the threads.
  const int64_t shared = spec_.heads / spec_.key_value_heads;
  const bool few = points_ * sequences * spec_.key_value_heads < 4 * pool_.threads();
  const int64_t group = few ? 1 : shared, groups = spec_.heads / group;
  pool_.run(points_ * sequences * groups, [&](int64_t item, int thread) {
    const int p = static_cast<int>(item / (sequences * groups));
    const auto s = static_cast<size_t>(item / groups % sequences);
    const int64_t head = item % groups * group;
    const int64_t column = head * width, kv_column = head / shared * width;
    const int64_t first_query = query_starts[s];
    if (query_starts[s + 1] == first_query) return;
    const auto keys_of = [&](int32_t sequence) {
      const int64_t at = batch.starts[static_cast<size_t>(sequence)] * kv_stride + kv_column;
      return KeySpan{key_[p] + at, value_[p] + at, kv_stride, batch.length(sequence)};
    };
    Attention a{};
    a.q = query_[p] + first_query * stride + column;
    a.q_stride = stride;
    a.queries = query_starts[s + 1] - first_query;
    a.group = static_cast<int>(group);
    if (prefixes > 0) {
      a.spans[0] = {vector(p, layer.prefix.key) + kv_column,
                    vector(p, layer.prefix.value) + kv_column, kv_stride, prefixes};
    }
    const auto own = static_cast<int32_t>(s);
    if (cache_) {
      a.spans[1] = cache_->span(layer_index, own);
      a.spans[1].k += kv_column, a.spans[1].v += kv_column;
    } else if (batch.parent(own) >= 0) {
      a.spans[1] = keys_of(batch.parent(own));
    }
    a.spans[2] = keys_of(own);
    a.width = static_cast<int>(width);
    a.scale = 1.0f / std::sqrt(static_cast<float>(width));
    a.places = spec_.causal ? places.data() + first_query : nullptr;
    a.window = spec_.window;
    a.out = context[p] + first_query * stride + column;
    a.out_stride = stride;
    a.scratch = scratch_.data() + thread * scratch;
    kernels().attend(a);
  });
  for (int32_t s = 0; cache_ && s < sequences; ++s) {
    const int64_t at = batch.starts[static_cast<size_t>(s)] * kv_stride;
    cache_->put(layer_index, s, key_[0] + at, value_[0] + at, batch.length(s));
  }
}

}  // namespace zest::cpu
