// The fields of a model's description, each spelled once: under the names that they have in
// JavaScript, for what reads them from there, and for walks over all linear layers, norms or
// prefixes of a model.
#pragma once

#include <concepts>
#include <type_traits>
#include <vector>

#include "core/transformer/spec.h"

namespace zest {

template <class T, class Struct>
concept Is = std::same_as < std::remove_const_t<T>,
Struct > ;

template <Is<LinearRoles> Roles, class Visit>
void visit_fields(Roles& r, const Visit& visit) {
  visit("weight", r.weight), visit("bias", r.bias);
  visit("adapterA", r.adapter_a), visit("adapterB", r.adapter_b);
  visit("transposed", r.transposed), visit("outputs", r.outputs);
}

template <Is<OutputSlice> Slice, class Visit>
void visit_fields(Slice& s, const Visit& visit) {
  visit("first", s.first), visit("count", s.count);
  visit("block", s.block), visit("step", s.step);
}

template <Is<NormRoles> Roles, class Visit>
void visit_fields(Roles& r, const Visit& visit) {
  visit("weight", r.weight), visit("bias", r.bias);
}

template <Is<PrefixRoles> Roles, class Visit>
void visit_fields(Roles& r, const Visit& visit) {
  visit("key", r.key), visit("value", r.value);
}

template <Is<LayerRoles> Roles, class Visit>
void visit_fields(Roles& r, const Visit& visit) {
  visit("query", r.query), visit("key", r.key), visit("value", r.value);
  visit("attentionOutput", r.attention_output), visit("attentionNorm", r.attention_norm);
  visit("gate", r.gate), visit("intermediate", r.intermediate), visit("output", r.output);
  visit("outputNorm", r.output_norm), visit("queryNorm", r.query_norm);
  visit("keyNorm", r.key_norm), visit("prefix", r.prefix);
}

template <Is<ModelRoles> Roles, class Visit>
void visit_fields(Roles& r, const Visit& visit) {
  visit("wordEmbeddings", r.word_embeddings), visit("positionEmbeddings", r.position_embeddings);
  visit("segmentEmbeddings", r.segment_embeddings), visit("embeddingNorm", r.embedding_norm);
  visit("embeddingProjection", r.embedding_projection);
  visit("layers", r.layers);
  visit("finalNorm", r.final_norm), visit("outputProjection", r.output_projection);
  visit("headDense", r.head_dense), visit("headNorm", r.head_norm);
  visit("headOutput", r.head_output);
}

// Without the parameters and the roles.
template <Is<ModelSpec> Spec, class Visit>
void visit_fields(Spec& s, const Visit& visit) {
  visit("hidden", s.hidden), visit("heads", s.heads), visit("intermediate", s.intermediate);
  visit("keyValueHeads", s.key_value_heads), visit("headWidth", s.head_width);
  visit("embedding", s.embedding);
  visit("vocabulary", s.vocabulary), visit("positions", s.positions);
  visit("segments", s.segments), visit("positionOffset", s.position_offset);
  visit("paddingId", s.padding_id), visit("outputs", s.outputs);
  visit("norm", s.norm), visit("normEpsilon", s.norm_epsilon), visit("normFirst", s.norm_first);
  visit("parallel", s.parallel), visit("causal", s.causal), visit("window", s.window);
  visit("rotaryFrequencies", s.rotary_frequencies), visit("rotaryScale", s.rotary_scale);
  visit("adapterScale", s.adapter_scale);
  visit("activation", s.activation), visit("headActivation", s.head_activation);
}

template <Is<ParameterSpec> Spec, class Visit>
void visit_fields(Spec& p, const Visit& visit) {
  visit("name", p.name), visit("rows", p.rows), visit("columns", p.columns);
  visit("matrix", p.matrix), visit("trainable", p.trainable), visit("decays", p.decays);
  visit("asStored", p.as_stored);
}

template <Is<ParameterSource> Source, class Visit>
void visit_fields(Source& s, const Visit& visit) {
  visit("file", s.file), visit("offset", s.offset), visit("fileType", s.type);
  visit("interleavedHeads", s.interleaved_heads);
  visit("initialScale", s.initial_scale), visit("initialSeed", s.initial_seed);
  visit("initialOffset", s.initial_offset);
}

// Calls visit(part) for each Part (LinearRoles, NormRoles, PrefixRoles) of the model in turn.
template <class Part, class Roles, class Visit>
void for_each(Roles& roles, const Visit& visit) {
  visit_fields(roles, [&](const char*, auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (std::same_as<Field, Part>) {
      visit(field);
    } else if constexpr (std::same_as<Field, std::vector<LayerRoles>>) {
      for (auto& layer : field) for_each<Part>(layer, visit);
    }
  });
}

// The parameters that are small enough to be perturbed whole, each once: biases, norms, prefixes.
std::vector<int> vector_parameters(const ModelRoles& roles);

}  // namespace zest
