// Causal models with random weights: the families' ways to lay out attention, MLP and embeddings.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/transformer/spec.h"
#include "test/random_model.h"

namespace zest::test {

enum class Fused { none, blocks, heads };

struct DecoderShape {
  const char* name = "";
  int32_t hidden = 36, heads = 6, key_value_heads = 6, head_width = 6, layers = 2,
          intermediate = 50, vocabulary = 101, positions = 66, embedding = 36;
  Norm norm = Norm::layer;
  Activation activation = Activation::gelu_tanh;
  bool norm_first = true, parallel = false, gate = false, head_norms = false;
  bool biases = false, transposed = false, tied = true, position_embeddings = false;
  Fused fused = Fused::none;
  int32_t rotary = 0;  // frequencies
  int32_t window = 0;
  // Positions as wide as the words, normed with them before the projection, and a dense head back
  // to that width (ELECTRA); otherwise embeddings are projected in and out as OPT's.
  bool narrow_positions = false;
  int32_t adapter_rank = 0, prefixes = 0;  // LoRA on queries, values and the MLP's output
  float scale = 0.2f;                      // of the weights
};

inline std::vector<DecoderShape> decoder_shapes() {
  DecoderShape llama;
  llama.name = "llama";
  llama.norm = Norm::rms, llama.activation = Activation::silu, llama.gate = true;
  llama.key_value_heads = 2, llama.rotary = 3;

  DecoderShape qwen = llama;
  qwen.name = "qwen3";
  qwen.head_norms = true;
  qwen.heads = 4, qwen.head_width = 10, qwen.rotary = 5;

  DecoderShape mistral = llama;
  mistral.name = "mistral";
  mistral.window = 5, mistral.key_value_heads = 3, mistral.tied = false;

  DecoderShape gpt2;
  gpt2.name = "gpt2";
  gpt2.heads = gpt2.key_value_heads = 3, gpt2.head_width = 12;
  gpt2.biases = gpt2.transposed = gpt2.position_embeddings = true;
  gpt2.fused = Fused::blocks;

  DecoderShape neox;
  neox.name = "neox";
  neox.heads = neox.key_value_heads = 3, neox.head_width = 12, neox.rotary = 2;
  neox.activation = Activation::gelu_erf;
  neox.biases = neox.parallel = true, neox.tied = false;
  neox.fused = Fused::heads;

  DecoderShape opt;
  opt.name = "opt";
  opt.activation = Activation::relu;
  opt.biases = opt.position_embeddings = true, opt.norm_first = false;
  opt.embedding = 20;

  DecoderShape electra = opt;
  electra.name = "electra";
  electra.narrow_positions = true;
  return {llama, qwen, mistral, gpt2, neox, opt, electra};
}

inline RandomModel random_decoder(const DecoderShape& shape, uint64_t seed = 1) {
  RandomModel model;
  ModelSpec& m = model.spec;
  m.hidden = shape.hidden, m.heads = shape.heads, m.intermediate = shape.intermediate;
  m.key_value_heads = shape.key_value_heads, m.head_width = shape.head_width;
  m.embedding = shape.embedding;
  m.vocabulary = shape.vocabulary, m.positions = shape.positions, m.segments = 1;
  m.position_offset = shape.position_embeddings ? 2 : 0;
  m.outputs = shape.vocabulary, m.norm = shape.norm, m.norm_epsilon = 1e-5f;
  m.norm_first = shape.norm_first, m.parallel = shape.parallel, m.causal = true;
  m.window = shape.window;
  m.activation = shape.activation, m.head_activation = Activation::gelu_erf;
  m.adapter_scale = 0.5f;
  for (int32_t i = 0; i < shape.rotary; ++i) {
    m.rotary_frequencies.push_back(1.0f / static_cast<float>(1 << i));
  }

  RandomParameters parameters(seed, shape.scale);
  const auto bias = [&](const std::string& name, int64_t out, LinearRoles* role) {
    parameters.vector(name + ".bias", out, 0, &role->bias);
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, LinearRoles* role,
                          bool with_adapter = false) {
    role->transposed = shape.transposed;
    parameters.matrix(name + ".weight", shape.transposed ? in : out, shape.transposed ? out : in,
                      &role->weight);
    if (shape.biases) bias(name, out, role);
    if (!with_adapter || shape.adapter_rank == 0) return;
    parameters.matrix(name + ".lora_A.weight", shape.adapter_rank, in, &role->adapter_a);
    parameters.matrix(name + ".lora_B.weight", out, shape.adapter_rank, &role->adapter_b);
  };
  const auto norm = [&](const std::string& name, int64_t columns, NormRoles* role) {
    parameters.vector(name + ".weight", columns, 1, &role->weight);
    if (shape.norm == Norm::layer) parameters.vector(name + ".bias", columns, 0, &role->bias);
  };

  ModelRoles& r = m.roles;
  const int64_t hidden = shape.hidden, narrow = shape.embedding;
  const int64_t queries = m.query_width(), keys = m.key_width();
  const int64_t summed = shape.narrow_positions ? narrow : hidden;  // columns of the positions
  parameters.matrix("words.weight", shape.vocabulary, narrow, &r.word_embeddings);
  if (shape.position_embeddings) {
    parameters.matrix("positions.weight", shape.positions, summed, &r.position_embeddings);
  }
  if (narrow != hidden) {
    parameters.matrix("project_in.weight", hidden, narrow, &r.embedding_projection.weight);
    if (shape.narrow_positions) {
      bias("project_in", hidden, &r.embedding_projection);
      norm("embedding_norm", narrow, &r.embedding_norm);
      parameters.matrix("head.weight", narrow, hidden, &r.head_dense.weight);
      bias("head", narrow, &r.head_dense);
      norm("head_norm", narrow, &r.head_norm);
    } else {
      parameters.matrix("project_out.weight", narrow, hidden, &r.output_projection.weight);
    }
  }
  r.layers.resize(static_cast<size_t>(shape.layers));
  for (int32_t i = 0; i < shape.layers; ++i) {
    const std::string at = "layers." + std::to_string(i) + ".";
    LayerRoles& layer = r.layers[static_cast<size_t>(i)];
    if (shape.fused == Fused::none) {
      linear(at + "query", queries, hidden, &layer.query, true);
      linear(at + "key", keys, hidden, &layer.key);
      linear(at + "value", keys, hidden, &layer.value, true);
    } else {
      linear(at + "attention", 3 * queries, hidden, &layer.query, true);
    }
    linear(at + "attention_output", hidden, queries, &layer.attention_output);
    if (shape.gate) linear(at + "gate", shape.intermediate, hidden, &layer.gate);
    linear(at + "intermediate", shape.intermediate, hidden, &layer.intermediate);
    linear(at + "output", hidden, shape.intermediate, &layer.output, true);
    norm(at + "attention_norm", hidden, &layer.attention_norm);
    norm(at + "output_norm", hidden, &layer.output_norm);
    if (shape.head_norms) {
      norm(at + "query_norm", shape.head_width, &layer.query_norm);
      norm(at + "key_norm", shape.head_width, &layer.key_norm);
    }
    if (shape.prefixes > 0) {
      parameters.matrix(at + "prefix.key", shape.prefixes, keys, &layer.prefix.key);
      parameters.matrix(at + "prefix.value", shape.prefixes, keys, &layer.prefix.value);
    }
  }
  if (shape.norm_first) norm("final_norm", hidden, &r.final_norm);
  if (!shape.tied) {
    parameters.matrix("decoder.weight", shape.vocabulary, narrow, &r.head_output.weight);
  }
  parameters.add_to(model);

  if (shape.tied) r.head_output.weight = r.word_embeddings;
  for (LayerRoles& layer : r.layers) {
    if (shape.fused == Fused::none) continue;
    layer.key = layer.value = layer.query;
    int64_t part = 0;
    for (LinearRoles* linear : {&layer.query, &layer.key, &layer.value}) {
      linear->outputs = shape.fused == Fused::blocks
                            ? OutputSlice{part * queries, queries, queries, 0}
                            : OutputSlice{part * shape.head_width, queries, shape.head_width,
                                          3 * shape.head_width};
      ++part;
    }
  }
  return model;
}

// Sequences of the given lengths, from 2 on, over pseudo-random ids: at each token but the last the
// next one is to be told, of all words.
inline Batch next_token_batch(const std::vector<int32_t>& lengths, int32_t vocabulary,
                              uint32_t seed = 1) {
  Batch batch;
  batch.starts.push_back(0);
  uint32_t state = seed;
  for (size_t s = 0; s < lengths.size(); ++s) {
    for (int32_t i = 0; i < lengths[s]; ++i) {
      state = state * 1664525u + 1013904223u;
      const auto id = static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(vocabulary));
      if (i > 0) batch.scored.push_back({static_cast<int32_t>(s), i - 1, id, 0, 0});
      batch.ids.push_back(id);
    }
    batch.starts.push_back(static_cast<int32_t>(batch.ids.size()));
  }
  return batch;
}

}  // namespace zest::test
