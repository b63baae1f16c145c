// A RoBERTa-shaped model with random weights, made without any file: for tests and benchmarks of
// the engine alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/transformer/spec.h"
#include "test/random_model.h"

namespace zest::test {

struct Shape {
  int32_t hidden = 32, heads = 2, layers = 2, intermediate = 64, vocabulary = 101, positions = 66;
  int32_t adapter_rank = 0,
          prefixes = 0;  // LoRA on query, value and intermediate; trained keys and values
};

using RandomEncoder = RandomModel;

inline RandomEncoder random_encoder(const Shape& shape, uint64_t seed = 1) {
  RandomEncoder model;
  ModelSpec& m = model.spec;
  m.hidden = shape.hidden, m.heads = shape.heads, m.intermediate = shape.intermediate;
  m.key_value_heads = shape.heads, m.head_width = shape.hidden / shape.heads;
  m.embedding = shape.hidden;
  m.vocabulary = shape.vocabulary, m.positions = shape.positions, m.segments = 1;
  m.position_offset = 2, m.padding_id = 1, m.outputs = shape.vocabulary, m.norm_epsilon = 1e-5f;
  ModelRoles& r = m.roles;
  r.layers.resize(static_cast<size_t>(shape.layers));
  RandomParameters parameters(seed, 0.02f);
  const auto matrix = [&](const std::string& name, int64_t rows, int64_t columns, int* role) {
    parameters.matrix(name, rows, columns, role);
  };
  const auto vector = [&](const std::string& name, int64_t columns, float offset, int* role) {
    parameters.vector(name, columns, offset, role);
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, LinearRoles* role) {
    matrix(name + ".weight", out, in, &role->weight);
    vector(name + ".bias", out, 0, &role->bias);
  };
  const auto norm = [&](const std::string& name, NormRoles* role) {
    vector(name + ".weight", shape.hidden, 1, &role->weight);
    vector(name + ".bias", shape.hidden, 0, &role->bias);
  };
  const std::string base = "roberta.";
  matrix(base + "embeddings.word_embeddings.weight", shape.vocabulary, shape.hidden,
         &r.word_embeddings);
  matrix(base + "embeddings.position_embeddings.weight", shape.positions, shape.hidden,
         &r.position_embeddings);
  matrix(base + "embeddings.token_type_embeddings.weight", 1, shape.hidden, &r.segment_embeddings);
  norm(base + "embeddings.LayerNorm", &r.embedding_norm);
  for (int32_t i = 0; i < shape.layers; ++i) {
    const std::string at = base + "encoder.layer." + std::to_string(i) + ".";
    LayerRoles& layer = r.layers[static_cast<size_t>(i)];
    linear(at + "attention.self.query", shape.hidden, shape.hidden, &layer.query);
    linear(at + "attention.self.key", shape.hidden, shape.hidden, &layer.key);
    linear(at + "attention.self.value", shape.hidden, shape.hidden, &layer.value);
    linear(at + "attention.output.dense", shape.hidden, shape.hidden, &layer.attention_output);
    norm(at + "attention.output.LayerNorm", &layer.attention_norm);
    linear(at + "intermediate.dense", shape.intermediate, shape.hidden, &layer.intermediate);
    linear(at + "output.dense", shape.hidden, shape.intermediate, &layer.output);
    norm(at + "output.LayerNorm", &layer.output_norm);
  }
  const auto adapter = [&](const std::string& name, int64_t out, int64_t in, LinearRoles* role) {
    matrix(name + ".lora_A.weight", shape.adapter_rank, in, &role->adapter_a);
    matrix(name + ".lora_B.weight", out, shape.adapter_rank, &role->adapter_b);
  };
  for (LayerRoles& layer : r.layers) {
    const std::string at = base + "encoder.layer." + std::to_string(&layer - r.layers.data()) + ".";
    if (shape.adapter_rank > 0) {
      adapter(at + "attention.self.query", shape.hidden, shape.hidden, &layer.query);
      adapter(at + "attention.self.value", shape.hidden, shape.hidden, &layer.value);
      adapter(at + "intermediate.dense", shape.intermediate, shape.hidden, &layer.intermediate);
    }
    if (shape.prefixes > 0) {
      matrix(at + "attention.prefix.key", shape.prefixes, shape.hidden, &layer.prefix.key);
      matrix(at + "attention.prefix.value", shape.prefixes, shape.hidden, &layer.prefix.value);
    }
  }
  linear("lm_head.dense", shape.hidden, shape.hidden, &r.head_dense);
  norm("lm_head.layer_norm", &r.head_norm);
  vector("lm_head.bias", shape.vocabulary, 0, &r.head_output.bias);

  parameters.add_to(model);
  r.head_output.weight = r.word_embeddings;  // tied
  return model;
}

// Sequences of the given lengths over pseudo-random ids, with two label words scored at one
// position of each.
inline Batch label_word_batch(const std::vector<int32_t>& lengths, int32_t vocabulary,
                              uint32_t seed = 1) {
  Batch batch;
  batch.starts.push_back(0);
  batch.candidates = {vocabulary - 1, vocabulary / 2};
  uint32_t state = seed;
  const auto next = [&](int32_t below) {
    state = state * 1664525u + 1013904223u;
    return static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(below));
  };
  for (size_t s = 0; s < lengths.size(); ++s) {
    for (int32_t i = 0; i < lengths[s]; ++i) batch.ids.push_back(4 + next(vocabulary - 4));
    batch.starts.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.scored.push_back({static_cast<int32_t>(s), next(lengths[s]), next(2), 0, 2});
  }
  return batch;
}

}  // namespace zest::test
