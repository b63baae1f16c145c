#include "cpu/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "cpu/dispatch.h"

namespace zest::cpu {

Forward::Forward(const Weights& weights, const Shortcuts& shortcuts, ThreadPool& pool)
    : weights_(weights), spec_(weights.spec()), shortcuts_(shortcuts), pool_(pool) {
  vector_offset_.assign(spec_.parameters.size(), -1);
  const auto add = [&](int parameter) {
    if (parameter < 0 || vector_offset_[static_cast<size_t>(parameter)] >= 0) return;
    vector_offset_[static_cast<size_t>(parameter)] = vector_floats_;
    vector_parameters_.push_back(parameter);
    vector_floats_ += weights_.matrix(parameter).rows * row_stride(columns(parameter));
  };
  const ModelRoles& roles = spec_.roles;
  for (const NormRoles& norm : {roles.embedding_norm, roles.head_norm})
    add(norm.weight), add(norm.bias);
  for (const LinearRoles& linear : {roles.head_dense, roles.head_output}) add(linear.bias);
  for (const LayerRoles& layer : roles.layers) {
    add(layer.prefix_key), add(layer.prefix_value);
    for (const NormRoles& norm : {layer.attention_norm, layer.output_norm})
      add(norm.weight), add(norm.bias);
    for (const LinearRoles& linear : {layer.query, layer.key, layer.value, layer.attention_output,
                                      layer.intermediate, layer.output}) {
      add(linear.bias);
    }
  }
}

void Forward::check_abort() const {
  if (abort_->load(std::memory_order_relaxed))
    throw Error("ERR_ZEST_ABORTED", "the call was aborted");
}

const float* Forward::vector(int p, int parameter) const {
  return parameter < 0 ? nullptr : vectors_[p] + vector_offset_[static_cast<size_t>(parameter)];
}

void Forward::begin(const Perturbation& perturbation, int points, const AbortFlag& abort) {
  perturbation_ = &perturbation;
  points_ = points;
  abort_ = &abort;
  check_abort();
  for (int p = 0; p < points_; ++p) vectors_.reserve(p, vector_floats_);
  pool_.run(static_cast<int64_t>(vector_parameters_.size()), [&](int64_t item, int) {
    const int parameter = vector_parameters_[static_cast<size_t>(item)];
    float* out[most_points];
    for (int p = 0; p < points_; ++p)
      out[p] = vectors_[p] + vector_offset_[static_cast<size_t>(parameter)];
    const Matrix& m = weights_.matrix(parameter);
    kernels().perturb(m, perturbation_->of(parameter), {nullptr, 0, m.rows}, out,
                      row_stride(m.columns));
  });
}

void Forward::gather_rows(const Activations& from, const std::vector<int32_t>& rows,
                          Activations& to) {
  const int64_t stride = row_stride(spec_.hidden);
  for (int p = 0; p < points_; ++p) {
    float* out = to.reserve(p, static_cast<int64_t>(rows.size()) * stride);
    for (const int32_t row : rows) {
      std::memcpy(out, from[p] + row * stride, static_cast<size_t>(stride) * sizeof(float));
      out += stride;
    }
  }
}

void Forward::normalize(const Activations& a, const Activations* b, NormRoles roles, int64_t rows,
                        Activations& out) {
  const int64_t hidden = spec_.hidden, stride = row_stride(hidden);
  for (int p = 0; p < points_; ++p) out.reserve(p, rows * stride);
  const int64_t row_parts = parts(rows, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int p = static_cast<int>(item / row_parts);
    const int64_t first = item % row_parts * rows_at_once;
    for (int64_t i = first; i < std::min(first + rows_at_once, rows); ++i) {
      const float* terms[2] = {a[p] + i * stride, b ? (*b)[p] + i * stride : nullptr};
      kernels().normalize(out[p] + i * stride, terms, b ? 2 : 1, vector(p, roles.weight),
                          vector(p, roles.bias), spec_.norm_epsilon, hidden);
    }
  });
}

void Forward::attend(const Batch& batch, const LayerRoles& roles, const Activations& query,
                     const std::vector<int32_t>& query_starts) {
  check_abort();
  const int64_t hidden = spec_.hidden, stride = row_stride(hidden);
  const int64_t heads = spec_.heads, width = hidden / heads;
  const int32_t sequences = batch.sequences();
  int64_t longest = 0;
  for (int32_t s = 0; s < sequences; ++s) longest = std::max<int64_t>(longest, batch.length(s));
  const int64_t prefixes = roles.prefix_key < 0 ? 0 : weights_.matrix(roles.prefix_key).rows;
  const int64_t scratch = attention_scratch(prefixes + longest, width, kernels().panel_width);
  scratch_.reserve(static_cast<size_t>(scratch * pool_.threads()));
  for (int p = 0; p < points_; ++p) context_.reserve(p, query_starts.back() * stride);
  const float scale = 1.0f / std::sqrt(static_cast<float>(width));
  pool_.run(points_ * sequences * heads, [&](int64_t item, int thread) {
    const int p = static_cast<int>(item / (sequences * heads));
    const int32_t s = static_cast<int32_t>(item / heads % sequences);
    const int64_t column = item % heads * width;
    const int64_t first_query = query_starts[static_cast<size_t>(s)];
    const int64_t first_key = batch.starts[static_cast<size_t>(s)];
    kernels().attend(
        {query[p] + first_query * stride + column, key_[p] + first_key * stride + column,
         value_[p] + first_key * stride + column, stride, stride,
         query_starts[static_cast<size_t>(s) + 1] - first_query, prefixes + batch.length(s),
         static_cast<int>(width), scale, prefixes ? vector(p, roles.prefix_key) + column : nullptr,
         prefixes ? vector(p, roles.prefix_value) + column : nullptr, stride, prefixes,
         context_[p] + first_query * stride + column, stride, scratch_.data() + thread * scratch});
  });
}

void Forward::layer(const Batch& batch, const LayerRoles& roles, bool last) {
  const int64_t hidden = spec_.hidden, intermediate = spec_.intermediate;
  const bool at_labels =
      last && shortcuts_.last_layer_at_labels && shortcuts_.labelled_positions_only;
  const int64_t rows = at_labels ? static_cast<int64_t>(scored_tokens_.size()) : tokens_;
  if (at_labels) gather_rows(hidden_, scored_tokens_, gathered_);
  const Activations& from = at_labels ? gathered_ : hidden_;
  const Rows across{nullptr, 0, hidden};
  multiply(std::initializer_list<Linear>{{roles.query, across, &from, rows, &query_, -1},
                                         {roles.key, across, &hidden_, tokens_, &key_, -1},
                                         {roles.value, across, &hidden_, tokens_, &value_, -1}});
  attend(batch, roles, query_, at_labels ? scored_starts_ : all_starts_);
  multiply(std::initializer_list<Linear>{
      {roles.attention_output, across, &context_, rows, &projected_, -1}});
  normalize(projected_, &from, roles.attention_norm, rows, normed_);
  multiply(std::initializer_list<Linear>{{roles.intermediate,
                                          {nullptr, 0, intermediate},
                                          &normed_,
                                          rows,
                                          &inner_,
                                          static_cast<int>(spec_.activation)}});
  multiply(std::initializer_list<Linear>{{roles.output, across, &inner_, rows, &projected_, -1}});
  normalize(projected_, &normed_, roles.output_norm, rows, hidden_);
}

void Forward::run(const Batch& batch) {
  batch_ = &batch;
  tokens_ = static_cast<int64_t>(batch.ids.size());
  find_scored_tokens(batch);
  check_abort();
  embed(batch);
  const std::vector<LayerRoles>& layers = spec_.roles.layers;
  for (size_t i = 0; i < layers.size(); ++i) layer(batch, layers[i], i + 1 == layers.size());
  head(batch);
}

}  // namespace zest::cpu
