#include "test/cuda/gpu_check/workloads.h"

#include <string>

#include "core/transformer/layers.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"

namespace zest::test {
namespace {

// Lists the products that the walk of a forward calls for.
class ProductList : private Operations {
 public:
  std::vector<ProductShape> shapes;

  ProductList(const ModelSpec& spec, const Batch& batch)
      : spec_(spec),
        tokens_(static_cast<int64_t>(batch.ids.size())),
        scored_(static_cast<int64_t>(batch.scored.size())),
        outputs_(batch.candidates.empty() ? spec.outputs
                                          : static_cast<int64_t>(batch.candidates.size())) {
    run_layers(*this, spec_, {});
  }

 private:
  void list(const LinearRoles& linear, Tokens tokens) {
    if (linear.weight < 0) return;
    const ParameterSpec& w = spec_.parameters[static_cast<size_t>(linear.weight)];
    shapes.push_back({tokens == Tokens::all ? tokens_ : scored_,
                      linear.transposed ? w.columns : w.rows, spec_.inputs(linear),
                      linear.transposed});
  }
  void embed() override { list(spec_.roles.embedding_projection, Tokens::all); }
  void gather() override {}
  void attend(const LayerRoles& layer, State, State, Tokens tokens) override {
    list(layer.key, Tokens::all);
    if (layer.query.weight != layer.key.weight) list(layer.query, tokens);
    if (layer.value.weight != layer.key.weight) list(layer.value, Tokens::all);
  }
  void add(const LinearRoles& linear, State, State, const NormRoles&, State,
           Tokens tokens) override {
    list(linear, tokens);
  }
  void normalize(const NormRoles&, State, State, Tokens) override {}
  void activate(const LinearRoles& linear, State, Activation, const NormRoles&, State,
                Tokens tokens) override {
    list(linear, tokens);
  }
  void gate(const LinearRoles& gate, const LinearRoles& linear, State, Activation, State,
            Tokens tokens) override {
    list(gate, tokens), list(linear, tokens);
  }
  void project(const LinearRoles& linear, State, State, Tokens tokens) override {
    list(linear, tokens);
  }
  void score(const LinearRoles& output, State, Tokens tokens) override {
    list(output, tokens);
    shapes.back().outputs = outputs_;
  }
  void end(State, Tokens) override {}

  const ModelSpec& spec_;
  int64_t tokens_, scored_, outputs_;
};

Batch label_words(const Shape& shape, int32_t sequences, int32_t tokens) {
  return label_word_batch(std::vector<int32_t>(static_cast<size_t>(sequences), tokens),
                          shape.vocabulary);
}

Batch next_tokens(const DecoderShape& shape, int32_t sequences, int32_t tokens) {
  return next_token_batch(std::vector<int32_t>(static_cast<size_t>(sequences), tokens),
                          shape.vocabulary);
}

Workload encoder(const char* name, const Shape& shape, int32_t sequences, int32_t tokens) {
  return {name, random_encoder(shape), label_words(shape, sequences, tokens)};
}

// A family's layout (test/random_decoder.h) in the size of one of its models; widths are multiples
// of a head's.
struct DecoderSize {
  int32_t hidden, heads, key_value_heads, head_width, layers, intermediate, vocabulary, embedding,
      rotary;
};

Workload decoder(const char* name, const char* family, const DecoderSize& size, int32_t sequences,
                 int32_t tokens, int32_t window = 0) {
  DecoderShape shape;
  for (const DecoderShape& known : decoder_shapes()) {
    if (std::string(known.name) == family) shape = known;
  }
  shape.hidden = size.hidden, shape.heads = size.heads;
  shape.key_value_heads = size.key_value_heads, shape.head_width = size.head_width;
  shape.layers = size.layers, shape.intermediate = size.intermediate;
  shape.vocabulary = size.vocabulary, shape.embedding = size.embedding;
  shape.rotary = size.rotary, shape.window = window;
  shape.positions = 2048 + 2;
  shape.scale = 0.02f;
  return {name, random_decoder(shape), next_tokens(shape, sequences, tokens), false};
}

}  // namespace

std::vector<Workload> workloads() {
  const Shape base = {768, 12, 12, 3072, 50265, 514}, film = {192, 3, 4, 768, 8192, 258};
  const DecoderSize smollm2 = {576, 9, 3, 64, 30, 1536, 49152, 576, 32};
  Workload causal = decoder("smollm2-135m 16 x 128", "llama", smollm2, 16, 128);
  causal.in_float32 = causal.generates = true;
  return {
      encoder("roberta-base 64 x 128", base, 64, 128),
      encoder("roberta-base 16 x 64", base, 16, 64),
      encoder("film-roberta-mini 16 x 32", film, 16, 32),
      causal,
      decoder("smollm2-135m with a window of 256, 2 x 2048", "mistral", smollm2, 2, 2048, 256),
      decoder("gpt2 16 x 128", "gpt2", {768, 12, 12, 64, 12, 3072, 50257, 768, 0}, 16, 128),
      decoder("pythia-160m 16 x 128", "neox", {768, 12, 12, 64, 12, 3072, 50304, 768, 8}, 16, 128),
      decoder("qwen3-0.6b, 4 of 28 layers, 4 x 128", "qwen3",
              {1024, 16, 8, 128, 4, 3072, 151936, 1024, 64}, 4, 128),
      decoder("opt-350m, 6 of 24 layers, 4 x 128", "opt",
              {1024, 16, 16, 64, 6, 4096, 50272, 512, 0}, 4, 128)};
}

std::vector<Workload> small_workloads() {
  std::vector<Workload> all = {encoder("tiny 3 x 5", {16, 2, 2, 24, 40, 20}, 3, 5)};
  for (DecoderShape shape : decoder_shapes()) {
    shape.layers = 1;
    all.push_back({shape.name, random_decoder(shape), next_tokens(shape, 2, 4), shape.gate, true});
  }
  return all;
}

std::vector<ProductShape> products_of(const Workload& workload) {
  return ProductList(workload.model.spec, workload.batch).shapes;
}

}  // namespace zest::test
