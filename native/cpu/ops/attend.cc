// Attention of packed sequences: the three products before it, then one item a head, sequence and
// point.
#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "cpu/kernels/dispatch.h"
#include "cpu/ops/forward.h"

namespace zest::cpu {

void Forward::attend(const LayerRoles& layer, State from, State to, Tokens tokens) {
  multiply(
      std::initializer_list<Linear>{whole(layer.query, state(from), rows_of(tokens), query_, -1),
                                    whole(layer.key, state(to), tokens_, key_, -1),
                                    whole(layer.value, state(to), tokens_, value_, -1)});
  check_abort();
  const Batch& batch = *batch_;
  const std::vector<int32_t>& query_starts = tokens == Tokens::all ? batch.starts : scored_starts_;
  Activations& context = state(State::context);
  const int64_t hidden = spec_.hidden, stride = row_stride(hidden);
  const int64_t heads = spec_.heads, width = hidden / heads;
  const int32_t sequences = batch.sequences();
  int64_t longest = 0;
  for (int32_t s = 0; s < sequences; ++s) longest = std::max<int64_t>(longest, batch.length(s));
  const int64_t prefixes = layer.prefix.key < 0 ? 0 : weights_.matrix(layer.prefix.key).rows;
  const int64_t scratch = attention_scratch(prefixes + longest, width, kernels().panel_width);
  scratch_.reserve(static_cast<size_t>(scratch * pool_.threads()));
  for (int p = 0; p < points_; ++p) context.reserve(p, query_starts.back() * stride);
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  pool_.run(points_ * sequences * heads, [&](int64_t item, int thread) {
    const int p = static_cast<int>(item / (sequences * heads));
    const int32_t s = static_cast<int32_t>(item / heads % sequences);
    const int64_t column = item % heads * width;
    const int64_t first_query = query_starts[static_cast<size_t>(s)];
    const int64_t first_key = batch.starts[static_cast<size_t>(s)];
    kernels().attend(
        {query_[p] + first_query * stride + column, key_[p] + first_key * stride + column,
         value_[p] + first_key * stride + column, stride, stride,
         query_starts[static_cast<size_t>(s) + 1] - first_query, prefixes + batch.length(s),
         static_cast<int>(width), scale, prefixes ? vector(p, layer.prefix.key) + column : nullptr,
         prefixes ? vector(p, layer.prefix.value) + column : nullptr, stride, prefixes,
         context[p] + first_query * stride + column, stride, scratch_.data() + thread * scratch});
  });
}

}  // namespace zest::cpu
