#include "cpu/forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "cpu/dispatch.h"

namespace zest::cpu {
namespace {

constexpr int64_t rows_at_once = 16;
enum Table { words = 0, positions = 1, segments = 2 };

// Rows of activations take an odd number of cache lines: at a power of two, the rows of a tile
// would share one set of the first-level cache.
int64_t row_stride(int64_t columns) { return ((columns + 15) / 16 | 1) * 16; }

int64_t parts(int64_t count, int64_t at_once) { return (count + at_once - 1) / at_once; }

}  // namespace

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

void Forward::embed(const Batch& batch) {
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

  for (int p = 0; p < points_; ++p) hidden_.reserve(p, tokens_ * stride);
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
      kernels().normalize(hidden_[p] + i * stride, terms, count,
                          vector(p, roles.embedding_norm.weight),
                          vector(p, roles.embedding_norm.bias), spec_.norm_epsilon, hidden);
    }
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

void Forward::multiply(std::span<const Linear> linears) {
  multiply_base(linears);
  for (const Linear& linear : linears) {
    if (linear.roles.adapter_a >= 0) add_adapter(linear);
  }
}

// LoRA (Hu et al. 2021): Y = activation(X W^T + bias + scale (X A^T) B^T).
void Forward::add_adapter(const Linear& l) {
  const int64_t rank = weights_.matrix(l.roles.adapter_a).rows;
  multiply_base(std::initializer_list<Linear>{
      {{l.roles.adapter_a, -1}, {nullptr, 0, rank}, l.input, l.rows, &adapter_inner_, -1}});
  multiply_base(std::initializer_list<Linear>{
      {{l.roles.adapter_b, -1}, l.outputs, &adapter_inner_, l.rows, &adapter_output_, -1}});
  const int64_t stride = row_stride(l.outputs.count), row_parts = parts(l.rows, rows_at_once);
  pool_.run(points_ * row_parts, [&](int64_t item, int) {
    const int p = static_cast<int>(item / row_parts);
    const int64_t first = item % row_parts * rows_at_once;
    for (int64_t i = first; i < std::min(first + rows_at_once, l.rows); ++i) {
      kernels().accumulate((*l.output)[p] + i * stride, adapter_output_[p] + i * stride,
                           spec_.adapter_scale, l.activation, l.outputs.count);
    }
  });
}

void Forward::multiply_base(std::span<const Linear> linears) {
  check_abort();
  const int width = kernels().panel_width;
  int64_t deepest = 0, items = 0;
  for (const Linear& l : linears) {
    deepest = std::max(deepest, columns(l.roles.weight));
    items += parts(l.outputs.count, width);
    for (int p = 0; p < points_; ++p) l.output->reserve(p, l.rows * row_stride(l.outputs.count));
  }
  const int64_t panel = panel_floats(deepest, width);
  panels_.reserve(static_cast<size_t>(panel * points_ * pool_.threads()));

  const auto whole = [&](const Linear& l,
                         int p) {  // without the fused packing: the perturbed matrix itself
    Matrix matrix = weights_.matrix(l.roles.weight);
    matrix.data = whole_[p].data();
    matrix.type = StorageType::float32;
    return matrix;
  };
  const auto run = [&](std::span<const Linear> some, int64_t count) {
    pool_.run(count, [&](int64_t item, int thread) {
      const Linear* l = some.data();
      while (item >= parts(l->outputs.count, width)) item -= parts((l++)->outputs.count, width);
      const int64_t first = item * width;
      const int64_t n = std::min<int64_t>(width, l->outputs.count - first);
      const Rows rows = l->outputs.index ? Rows{l->outputs.index + first, 0, n}
                                         : Rows{nullptr, l->outputs.first + first, n};
      float* packed[most_points];
      for (int p = 0; p < points_; ++p) packed[p] = panels_.data() + (thread * points_ + p) * panel;
      if (shortcuts_.fuse_perturbation) {
        kernels().pack(weights_.matrix(l->roles.weight), perturbation_->of(l->roles.weight), rows,
                       packed);
      } else {
        for (int p = 0; p < points_; ++p) kernels().pack(whole(*l, p), Noise{}, rows, packed + p);
      }
      const int64_t depth = columns(l->roles.weight);
      for (int p = 0; p < points_; ++p) {
        const float* bias = l->bias ? (*l->bias)[p] : vector(p, l->roles.bias);
        kernels().multiply({(*l->input)[p], row_stride(depth), l->rows, depth, packed[p],
                            static_cast<int>(n), bias ? bias + first : nullptr,
                            l->roles.adapter_a < 0 ? l->activation : -1, (*l->output)[p] + first,
                            row_stride(l->outputs.count)});
      }
    });
  };
  if (shortcuts_.fuse_perturbation) {
    run(linears, items);
    return;
  }
  for (const Linear& l : linears) {
    const Matrix& w = weights_.matrix(l.roles.weight);
    for (int p = 0; p < points_; ++p) whole_[p].reserve(static_cast<size_t>(w.rows * w.columns));
    pool_.run(parts(w.rows, rows_at_once), [&](int64_t item, int) {
      const int64_t first = item * rows_at_once;
      float* out[most_points];
      for (int p = 0; p < points_; ++p) out[p] = whole_[p].data() + first * w.columns;
      kernels().perturb(w, perturbation_->of(l.roles.weight),
                        {nullptr, first, std::min(rows_at_once, w.rows - first)}, out, w.columns);
    });
    run({&l, 1}, parts(l.outputs.count, width));
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

void Forward::find_scored_tokens(const Batch& batch) {
  scored_tokens_.clear();
  for (const ScoredPosition& at : batch.scored) {
    scored_tokens_.push_back(batch.starts[static_cast<size_t>(at.sequence)] + at.position);
  }
  std::vector<int32_t> sorted = scored_tokens_;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  scored_row_.clear();
  for (const int32_t token : scored_tokens_) {
    scored_row_.push_back(static_cast<int32_t>(
        std::lower_bound(sorted.begin(), sorted.end(), token) - sorted.begin()));
  }
  scored_tokens_ = std::move(sorted);
  all_starts_ = batch.starts;
  scored_starts_.clear();
  for (const int32_t start : batch.starts) {
    scored_starts_.push_back(
        static_cast<int32_t>(std::lower_bound(scored_tokens_.begin(), scored_tokens_.end(), start) -
                             scored_tokens_.begin()));
  }
}

void Forward::head(const Batch& batch) {
  const ModelRoles& roles = spec_.roles;
  head_at_every_token_ = !shortcuts_.labelled_positions_only;
  const int64_t rows = head_at_every_token_ ? tokens_ : static_cast<int64_t>(scored_tokens_.size());
  const bool already_gathered = shortcuts_.last_layer_at_labels && !spec_.roles.layers.empty();
  if (!head_at_every_token_ && !already_gathered) gather_rows(hidden_, scored_tokens_, gathered_);
  const Activations& from = head_at_every_token_ || already_gathered ? hidden_ : gathered_;

  const int activation =
      static_cast<int>(spec_.head == Head::masked_lm ? spec_.head_activation : Activation::tanh);
  multiply(
      std::initializer_list<Linear>{{roles.head_dense,
                                     {nullptr, 0, weights_.matrix(roles.head_dense.weight).rows},
                                     &from,
                                     rows,
                                     &projected_,
                                     activation}});
  const Activations* features = &projected_;
  if (spec_.head == Head::masked_lm) {
    normalize(projected_, nullptr, roles.head_norm, rows, normed_);
    features = &normed_;
  }

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
  const Activations* bias = nullptr;
  if (!every && roles.head_output.bias >= 0) {
    for (int p = 0; p < points_; ++p) {
      float* out = output_bias_.reserve(p, output_count_);
      for (const int32_t output : outputs_) *out++ = vector(p, roles.head_output.bias)[output];
    }
    bias = &output_bias_;
  }
  multiply(std::initializer_list<Linear>{{roles.head_output,
                                          {every ? nullptr : outputs_.data(), 0, output_count_},
                                          features,
                                          rows,
                                          &logits_,
                                          -1,
                                          bias}});
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

float Forward::logit(int p, size_t scored, int64_t index) const {
  const ScoredPosition& at = batch_->scored[scored];
  const int64_t row = head_at_every_token_
                          ? scored_tokens_[static_cast<size_t>(scored_row_[scored])]
                          : scored_row_[scored];
  int64_t column = index;
  if (at.candidates_begin != at.candidates_end) {
    const int32_t candidate = batch_->candidates[static_cast<size_t>(at.candidates_begin + index)];
    column = outputs_.empty()
                 ? candidate
                 : std::lower_bound(outputs_.begin(), outputs_.end(), candidate) - outputs_.begin();
  }
  return logits_[p][row * row_stride(output_count_) + column];
}

float Forward::cross_entropy(int p, size_t scored) {
  const ScoredPosition& at = batch_->scored[scored];
  const int64_t count = at.candidates_begin == at.candidates_end
                            ? output_count_
                            : at.candidates_end - at.candidates_begin;
  candidate_logits_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    candidate_logits_[static_cast<size_t>(i)] = logit(p, scored, i);
  return kernels().cross_entropy(candidate_logits_.data(), count, at.label);
}

}  // namespace zest::cpu
