// The walk over a transformer's layers: which operations are called, in which order, at which
// tokens. And the visits of a model's parts.
#include "core/transformer/layers.h"

#include <string>

#include "core/transformer/visit.h"
#include "test/check.h"
#include "test/random_encoder.h"

namespace zest::test {
namespace {

// Writes down the calls: what is read > what is written, and * where only scored tokens are.
struct Record : Operations {
  std::string calls;

  static std::string name(State s) {
    constexpr const char* names[states] = {"hidden",  "gathered", "normed",   "queries",
                                           "context", "inner",    "projected"};
    return names[static_cast<size_t>(s)];
  }
  void note(const std::string& call, Tokens tokens = Tokens::all) {
    calls += (calls.empty() ? "" : ", ") + call + (tokens == Tokens::scored ? "*" : "");
  }

  void embed() override { note("embed"); }
  void gather() override { note("gather"); }
  void attend(const LayerRoles&, State from, State to, Tokens tokens) override {
    note(name(from) + " attends to " + name(to), tokens);
  }
  void add(const LinearRoles&, State from, State residual, const NormRoles&, State to,
           Tokens tokens) override {
    note(name(from) + "+" + name(residual) + ">" + name(to), tokens);
  }
  void normalize(const NormRoles&, State from, State to, Tokens tokens) override {
    note("norm " + name(from) + ">" + name(to), tokens);
  }
  void gate(const LinearRoles&, const LinearRoles&, State from, Activation, State to,
            Tokens tokens) override {
    note("gate " + name(from) + ">" + name(to), tokens);
  }
  void project(const LinearRoles&, State from, State to, Tokens tokens) override {
    note("project " + name(from) + ">" + name(to), tokens);
  }
  void activate(const LinearRoles&, State from, Activation, const NormRoles& norm, State to,
                Tokens tokens) override {
    note(name(from) + (norm.weight < 0 ? ">" : ">norm>") + name(to), tokens);
  }
  void score(const LinearRoles&, State from, Tokens tokens) override {
    note("score " + name(from), tokens);
  }
  void end(State from, Tokens tokens) override { note("end with " + name(from), tokens); }
};

std::string calls(const ModelSpec& spec, const Shortcuts& shortcuts = {},
                  Ending ending = Ending::scores) {
  Record record;
  run_layers(record, spec, shortcuts, ending);
  return record.calls;
}

ModelSpec encoder(int32_t layers) {
  Shape shape;
  shape.layers = layers;
  return random_encoder(shape).spec;
}
std::string calls(int32_t layers, const Shortcuts& shortcuts = {}) {
  return calls(encoder(layers), shortcuts);
}

constexpr const char* layer =
    ", hidden attends to hidden, context+hidden>normed, normed>inner, inner+normed>hidden";

TEST("the last layer and the head are computed at the scored tokens") {
  const std::string last =
      ", gather, gathered attends to hidden*, context+gathered>normed*, normed>inner*, "
      "inner+normed>hidden*";
  const std::string head = ", hidden>norm>normed*, score normed*";
  CHECK(calls(1) == "embed" + last + head);
  CHECK(calls(3) == std::string("embed") + layer + layer + last + head);
  CHECK(calls(0) == "embed, gather, gathered>norm>normed*, score normed*");
}

TEST("without a shortcut more is computed") {
  Shortcuts whole_last;
  whole_last.last_layer_at_labels = false;
  CHECK(calls(1, whole_last) ==
        std::string("embed") + layer + ", gather, gathered>norm>normed*, score normed*");
  Shortcuts everywhere;
  everywhere.labelled_positions_only = false;
  CHECK(calls(1, everywhere) ==
        std::string("embed") + layer + ", hidden>norm>normed, score normed");
}

TEST("norms may come first, MLPs may have gates, and heads be bare") {
  ModelSpec spec = encoder(2);
  spec.norm_first = true;
  spec.roles.head_dense = {};
  spec.roles.final_norm = spec.roles.embedding_norm;
  for (LayerRoles& layer : spec.roles.layers) layer.gate = layer.intermediate;
  CHECK(calls(spec) ==
        "embed, norm hidden>normed, normed attends to normed, context+hidden>hidden, "
        "norm hidden>normed, gate normed>inner, inner+hidden>hidden, "
        "norm hidden>normed, gather, norm gathered>queries*, queries attends to normed*, "
        "context+gathered>hidden*, norm hidden>normed*, gate normed>inner*, inner+hidden>hidden*, "
        "norm hidden>normed*, score normed*");
  spec.roles.output_projection = spec.roles.layers[0].query;
  spec.roles.layers.clear();
  CHECK(calls(spec) ==
        "embed, gather, norm gathered>normed*, project normed>projected*, score projected*");
}

TEST("a walk may end with what the head would read") {
  ModelSpec spec = encoder(0);
  CHECK(calls(spec, {}, Ending::hidden) == "embed, gather, end with gathered*");
  spec.norm_first = true;
  spec.roles.final_norm = spec.roles.embedding_norm;
  spec.roles.output_projection = spec.roles.head_output;
  CHECK(calls(spec, {}, Ending::hidden) ==
        "embed, gather, norm gathered>normed*, project normed>projected*, end with projected*");
}

TEST("attention and MLP may read the same") {
  ModelSpec spec = encoder(1);
  spec.norm_first = spec.parallel = true;
  Shortcuts whole_last;
  whole_last.last_layer_at_labels = false;
  CHECK(calls(spec, whole_last) ==
        "embed, norm hidden>normed, normed attends to normed, norm hidden>normed, normed>inner, "
        "context+hidden>hidden, inner+hidden>hidden, gather, gathered>norm>normed*, score normed*");
}

TEST("every linear layer, norm and prefix is visited once") {
  Shape shape;
  shape.adapter_rank = 2;
  shape.prefixes = 3;
  const ModelSpec spec = random_encoder(shape).spec;
  int linears = 0, norms = 0, prefixes = 0;
  for_each<LinearRoles>(spec.roles, [&](const LinearRoles& role) { linears += role.weight >= 0; });
  for_each<NormRoles>(spec.roles, [&](const NormRoles& role) { norms += role.weight >= 0; });
  for_each<PrefixRoles>(spec.roles, [&](const PrefixRoles&) { ++prefixes; });
  CHECK(linears == 2 * 6 + 2);
  CHECK(norms == 2 * 2 + 2);
  CHECK(prefixes == 2);
  // Biases and norms are all that is no matrix here; prefixes are matrices.
  size_t vectors = 2 * 2;
  for (const ParameterSpec& p : spec.parameters) vectors += p.matrix ? 0 : 1;
  CHECK(vector_parameters(spec.roles).size() == vectors);
}

}  // namespace
}  // namespace zest::test
