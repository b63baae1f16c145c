#include "test/cuda/gpu_check/workloads.h"

#include <string>

#include "core/transformer/layers.h"
#include "test/random_blocks.h"
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
  // In the product that was listed last.
  void list_beside(const LinearRoles& linear) {
    shapes.back().outputs += spec_.parameters[static_cast<size_t>(linear.weight)].rows;
  }
  void embed() override { list(spec_.roles.embedding_projection, Tokens::all); }
  void gather() override {}
  void attend(const LayerRoles& layer, State from, State to, Tokens tokens) override {
    list(layer.key, Tokens::all);
    if (layer.value.weight != layer.key.weight) list_beside(layer.value);
    if (layer.query.weight == layer.key.weight) return;
    from == to ? list_beside(layer.query) : list(layer.query, tokens);
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
    list(gate, tokens), list_beside(linear);
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

// Questions with options of so many tokens each, which share their prompt.
Batch options(int32_t vocabulary, int32_t questions, int32_t prompt, int32_t count,
              int32_t tokens) {
  std::vector<int32_t> lengths, parents;
  std::vector<Example> examples;
  for (int32_t question = 0; question < questions; ++question) {
    const auto parent = static_cast<int32_t>(lengths.size());
    examples.push_back({parent, 0, true});
    lengths.push_back(prompt), parents.push_back(-1);
    lengths.insert(lengths.end(), static_cast<size_t>(count), tokens);
    parents.insert(parents.end(), static_cast<size_t>(count), parent);
  }
  Batch batch = next_token_batch(lengths, vocabulary);
  batch.parents = parents, batch.examples = examples;
  std::erase_if(batch.scored,
                [&](const ScoredPosition& at) { return batch.parent(at.sequence) < 0; });
  return batch;
}

NamedWorkload encoder(const char* name, const Shape& shape, int32_t sequences, int32_t tokens) {
  return {name, [=] {
            return Workload{random_encoder(shape), label_words(shape, sequences, tokens)};
          }};
}

// A family's layout (test/random_decoder.h) in the size of one of its models; widths are multiples
// of a head's.
struct DecoderSize {
  int32_t hidden, heads, key_value_heads, head_width, layers, intermediate, vocabulary, embedding,
      rotary;
};

DecoderShape shape_of(const char* family, const DecoderSize& size, int32_t window = 0) {
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
  return shape;
}

NamedWorkload decoder(const char* name, const char* family, const DecoderSize& size,
                      int32_t sequences, int32_t tokens, int32_t window = 0) {
  return {name, [=] {
            const DecoderShape shape = shape_of(family, size, window);
            return Workload{random_decoder(shape), next_tokens(shape, sequences, tokens), false};
          }};
}

// LoRA of rank 8 on weights that stay quantised.
NamedWorkload quantized(const char* name, FileType type, DecoderShape shape, int32_t sequences,
                        int32_t tokens) {
  shape.adapter_rank = 8;
  return {name, [=] {
            const auto model = std::make_shared<QuantizedDecoder>(shape, true, std::span(&type, 1));
            return Workload{*model, next_tokens(shape, sequences, tokens), false, true, model};
          }};
}

}  // namespace

std::vector<NamedWorkload> workloads() {
  const Shape base = {768, 12, 12, 3072, 50265, 514}, film = {192, 3, 4, 768, 8192, 258};
  const DecoderSize smollm2 = {576, 9, 3, 64, 30, 1536, 49152, 576, 32};
  const auto causal = [=] {
    Workload w = decoder("", "llama", smollm2, 16, 128).make();
    w.in_float32 = w.generates = true;
    return w;
  };
  const auto asked = [=] {
    const DecoderShape shape = shape_of("llama", smollm2);
    return Workload{random_decoder(shape), options(smollm2.vocabulary, 16, 128, 4, 8), false};
  };
  return {
      encoder("roberta-base 64 x 128", base, 64, 128),
      encoder("roberta-base 16 x 64", base, 16, 64),
      encoder("film-roberta-mini 16 x 32", film, 16, 32),
      {"smollm2-135m 16 x 128", causal},
      {"smollm2-135m, 16 prompts of 128 with 4 options of 8", asked},
      quantized("smollm2-135m of Q8_0 under LoRA, 16 x 128", FileType::q8_0,
                shape_of("llama", smollm2), 16, 128),
      decoder("smollm2-135m with a window of 256, 2 x 2048", "mistral", smollm2, 2, 2048, 256),
      decoder("gpt2 16 x 128", "gpt2", {768, 12, 12, 64, 12, 3072, 50257, 768, 0}, 16, 128),
      decoder("pythia-160m 16 x 128", "neox", {768, 12, 12, 64, 12, 3072, 50304, 768, 8}, 16, 128),
      decoder("qwen3-0.6b, 4 of 28 layers, 4 x 128", "qwen3",
              {1024, 16, 8, 128, 4, 3072, 151936, 1024, 64}, 4, 128),
      decoder("opt-350m, 6 of 24 layers, 4 x 128", "opt",
              {1024, 16, 16, 64, 6, 4096, 50272, 512, 0}, 4, 128)};
}

std::vector<NamedWorkload> small_workloads() {
  std::vector<NamedWorkload> all = {encoder("tiny 3 x 5", {16, 2, 2, 24, 40, 20}, 3, 5)};
  for (DecoderShape shape : decoder_shapes()) {
    shape.layers = 1;
    all.push_back(
        {shape.name, [=] {
           return Workload{random_decoder(shape), next_tokens(shape, 2, 4), shape.gate, true};
         }});
  }
  const DecoderShape llama = decoder_shapes().front();
  DecoderShape blocks = llama;
  blocks.hidden = blocks.embedding = blocks.intermediate = 32;
  blocks.heads = blocks.key_value_heads = 4, blocks.head_width = 8, blocks.layers = 1;
  all.push_back(quantized("quantised", FileType::q4_0, blocks, 2, 4));
  all.push_back({"options", [=] {
                   return Workload{random_decoder(llama), options(llama.vocabulary, 2, 5, 2, 3)};
                 }});
  return all;
}

Batch repeated(const Batch& batch, int32_t count) {
  Batch all = batch;
  for (int32_t i = 1; i < count; ++i) {
    const int32_t sequence = all.sequences(), token = all.starts.back();
    all.ids.insert(all.ids.end(), batch.ids.begin(), batch.ids.end());
    all.segments.insert(all.segments.end(), batch.segments.begin(), batch.segments.end());
    all.references.insert(all.references.end(), batch.references.begin(), batch.references.end());
    for (int32_t s = 0; s < batch.sequences(); ++s)
      all.starts.push_back(token + batch.starts[static_cast<size_t>(s) + 1]);
    for (const int32_t parent : batch.parents)
      all.parents.push_back(parent < 0 ? -1 : sequence + parent);
    for (ScoredPosition at : batch.scored) at.sequence += sequence, all.scored.push_back(at);
    for (Example example : batch.examples)
      example.first += sequence, all.examples.push_back(example);
  }
  return all;
}

std::vector<ProductShape> products_of(const Workload& workload) {
  return ProductList(workload.model.spec, workload.batch).shapes;
}

}  // namespace zest::test
