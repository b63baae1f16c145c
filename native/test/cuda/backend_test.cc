// The whole CUDA backend against the CPU's: losses to 2e-5 in float32, directions, weights and
// digests to the bit.
#include "cuda/backend.h"

#include <cmath>
#include <memory>
#include <string>

#include "core/digest.h"
#include "cpu/backend.h"
#include "cuda/ops/forward.h"
#include "cuda/weights.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/schedules.h"
#include "test/parameter_values.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"
#include "test/step.h"

namespace zest::test {
namespace {

const AbortFlag never{false};
const std::vector<int32_t> lengths = {1, 7, 34, 2};
const Shape odd = {36, 3, 2, 50, 101, 66};  // heads of 12, nothing a multiple of 16
const std::vector<Directions> laws = {
    {7, Law::gaussian, 0}, {7, Law::sphere, 0}, {7, Law::rademacher, 0}, {7, Law::low_rank, 3}};

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

struct Pair {
  std::unique_ptr<Backend> cpu, cuda;
};

Pair backends(const RandomModel& model, StorageType storage = StorageType::float32,
              int64_t scratch_bytes = cuda_scratch_bytes) {
  Pair pair{make_cpu_backend(model.spec, storage, {}, 1),
            make_cuda_backend(model.spec, storage, 0, scratch_bytes)};
  pair.cpu->load(model.sources, {}, never);
  pair.cuda->load(model.sources, {}, never);
  return pair;
}

// +- of k streams.
std::vector<Point> pairs_of(int k, float rho = 1e-2f, uint64_t first = 5) {
  std::vector<Point> points;
  for (int i = 0; i < k; ++i) {
    const uint64_t stream = first + static_cast<uint64_t>(i);
    points.push_back({{stream, rho}});
    points.push_back({{stream, -rho}});
  }
  return points;
}

std::vector<double> losses(Backend& model, const Directions& directions, const Batch& batch,
                           const std::vector<Point>& points) {
  std::vector<double> result(points.size() * static_cast<size_t>(batch.sequences()), NAN);
  model.sequence_losses(directions, batch, points, result.data(), never);
  return result;
}

void check_losses(const Pair& pair, const Directions& directions, const Batch& batch,
                  const std::vector<Point>& points, double tolerance = 2e-5) {
  const std::vector<double> expected = losses(*pair.cpu, directions, batch, points);
  // As kernels one by one, captured as a graph, and as a graph again, which touches no other
  // memory: the same bits.
  std::vector<double> first;
  for (int run = 0; run < (sanitized ? 2 : 3); ++run) {
    under_some_schedule([&] {
      const std::vector<double> got = losses(*pair.cuda, directions, batch, points);
      CHECK_NEAR(check::most_different(got, expected), 0, tolerance);
      if (run == 0) first = got;
      CHECK(got == first);
    });
  }
}

TEST("losses are the CPU's to 2e-5 under every law") {
  const Pair pair = backends(random_encoder(odd));
  const Batch batch = label_word_batch(lengths, odd.vocabulary);
  for (const Directions& directions : laws) {
    check_losses(pair, directions, batch, pairs_of(1));
    check_losses(pair, directions, batch, pairs_of(3));
    // A sum of two directions, theta itself, one side only.
    check_losses(pair, directions, batch,
                 {{{1, 0.05f}, {uint64_t{1} << 40, -0.025f}}, {}, {{3, 0.01f}}, {{4, 0.01f}}});
  }
}

TEST("low-rank directions beside the rows of products, and too many for that") {
  const Shape even = {48, 3, 2, 64, 101, 66};  // rows whose appended columns are aligned
  const Batch batch = label_word_batch(lengths, even.vocabulary);
  const Pair pair = backends(random_encoder(even)),
             rounding = backends(random_encoder(even), StorageType::bfloat16);
  for (const int32_t rank : {1, 4}) {
    const Directions directions = {7, Law::low_rank, rank};
    for (const int k : {1, 3, 7}) check_losses(pair, directions, batch, pairs_of(k));
    check_losses(pair, directions, batch,
                 {{{1, 0.05f}, {uint64_t{1} << 40, -0.025f}}, {}, {{3, 0.01f}}, {{4, 0.01f}}});
    check_losses(rounding, directions, batch, pairs_of(2), 0.05);
  }
}

TEST("a batch and points of other sizes reuse what is there") {
  const Pair pair = backends(random_encoder(odd));
  for (int round = 0; round < 2; ++round) {
    for (const std::vector<int32_t>& some :
         {std::vector<int32_t>{1}, {64}, {3, 3, 3, 3, 3, 3, 3, 3, 3}, {5, 20, 1}}) {
      for (const int k : {1, 2}) {
        const Batch batch = label_word_batch(some, odd.vocabulary, static_cast<uint32_t>(k));
        check_losses(pair, laws[static_cast<size_t>(round)], batch, pairs_of(k));
      }
    }
  }
}

TEST("32 directions, and one token") {
  const Shape small = {16, 2, 1, 24, 40, 20};
  const Pair pair = backends(random_encoder(small));
  for (const Directions& directions : {laws[0], laws[3]}) {
    check_losses(pair, directions, label_word_batch({1, 5}, small.vocabulary), pairs_of(32));
  }
  check_losses(pair, laws[0], label_word_batch({1}, small.vocabulary), pairs_of(1));
  check_losses(pair, laws[3], label_word_batch({1}, small.vocabulary), {{}});
}

TEST("shapes drawn at random") {
  uint32_t state = 99;
  for (int round = 0; round < 12; ++round) {
    Shape shape;
    shape.heads = 1 + static_cast<int32_t>(draw(state, 4));
    shape.hidden = shape.heads * (1 + static_cast<int32_t>(draw(state, 20)));
    shape.layers = 1 + static_cast<int32_t>(draw(state, 3));
    shape.intermediate = 1 + static_cast<int32_t>(draw(state, 100));
    shape.vocabulary = 20 + static_cast<int32_t>(draw(state, 100));
    shape.positions = 40;
    RandomEncoder model = random_encoder(shape, 1 + static_cast<uint64_t>(round));
    model.spec.activation = static_cast<Activation>(draw(state, 6));
    std::vector<int32_t> some;
    for (uint32_t s = draw(state, 5) + 1; s > 0; --s) {
      some.push_back(1 + static_cast<int32_t>(draw(state, s == 1 ? 38 : 9)));
    }
    Batch batch = label_word_batch(some, shape.vocabulary, state);
    if (round % 3 == 0) {  // every output instead of two words
      for (ScoredPosition& at : batch.scored) at.candidates_begin = at.candidates_end = 0;
    }
    Directions directions = laws[static_cast<size_t>(round) % 4];
    directions.rank = 1 + static_cast<int32_t>(draw(state, 8));
    const Pair pair = backends(model);
    // One hidden element is its own mean: what is left of it is rounding, blown up.
    if (shape.hidden > 1) {
      check_losses(pair, directions, batch, pairs_of(1 + static_cast<int>(draw(state, 4))));
    }
  }
}

TEST("several scored positions a sequence, some twice; logits are the CPU's") {
  const Pair pair = backends(random_encoder(odd));
  Batch batch = label_word_batch({5, 9}, odd.vocabulary);
  batch.candidates = {7, 3, 90, 50};
  batch.scored = {{0, 4, 1, 0, 2}, {0, 4, 0, 1, 4}, {0, 0, 100, 0, 0}, {1, 8, 2, 0, 4}};
  check_losses(pair, laws[0], batch, pairs_of(2));
  batch.scored = {{0, 4, 1, 0, 2}, {0, 4, 0, 1, 4}, {1, 8, 2, 0, 4}};
  check_losses(pair, laws[0], batch, pairs_of(2));
  for (const Point& point : {Point{}, Point{{3, 0.01f}}}) {
    const auto expected = pair.cpu->logits(laws[0], batch, point, never);
    under_some_schedule([&] {
      const auto got = pair.cuda->logits(laws[0], batch, point, never);
      CHECK(got.size() == expected.size());
      for (size_t i = 0; i < got.size() && i < expected.size(); ++i) {
        CHECK(got[i].size() == expected[i].size());
        for (size_t j = 0; j < got[i].size(); ++j) CHECK_NEAR(got[i][j], expected[i][j], 2e-5);
      }
    });
  }
}

void check_embeddings(const Pair& pair, const Batch& batch, double tolerance) {
  for (const Point& point : {Point{}, Point{{3, 0.01f}}}) {
    const auto expected = pair.cpu->embeddings(laws[0], batch, point, never);
    CHECK(expected.size() == static_cast<size_t>(batch.sequences()));
    under_some_schedule([&] {
      const auto got = pair.cuda->embeddings(laws[0], batch, point, never);
      CHECK(got.size() == expected.size());
      for (size_t i = 0; i < got.size() && i < expected.size(); ++i) {
        CHECK(got[i].size() == expected[i].size());
        for (size_t j = 0; j < got[i].size() && j < expected[i].size(); ++j)
          CHECK_NEAR(got[i][j], expected[i][j], tolerance);
      }
    });
  }
}

TEST("embeddings are the CPU's: of one token and of all") {
  RandomEncoder model = random_encoder(odd);
  Batch batch = label_word_batch({5, 9}, odd.vocabulary);
  batch.candidates = {0};
  for (const StorageType type : {StorageType::float32, StorageType::bfloat16}) {
    const double tolerance = type == StorageType::float32 ? 1e-4 : 0.1;
    batch.scored = {{0, 4, 0, 0, 1}, {1, 8, 0, 0, 1}};
    check_embeddings(backends(model, type), batch, tolerance);
    batch.scored.clear();
    for (int32_t i = 0; i < 14; ++i)
      batch.scored.push_back({i < 5 ? 0 : 1, i < 5 ? i : i - 5, 0, 0, 1});
    check_embeddings(backends(model, type), batch, tolerance);
  }
}

TEST("a classifier of the first token, BERT's segments") {
  RandomEncoder model = random_encoder(odd);
  model.spec.head_activation = Activation::tanh;
  model.spec.roles.head_norm = {};
  model.spec.outputs = 3;
  model.spec.roles.head_output = {};
  model.spec.roles.head_output.weight = model.spec.roles.position_embeddings;
  const Pair pair = backends(model);
  Batch batch = label_word_batch({4, 1, 30}, odd.vocabulary);
  for (ScoredPosition& at : batch.scored) at.position = 0, at.candidates_begin = at.candidates_end;
  batch.segments.assign(batch.ids.size(), 0);
  for (const Directions& directions : laws) check_losses(pair, directions, batch, pairs_of(2));
}

TEST("losses of a head's outputs against references, in parts of a batch too") {
  RandomEncoder model = random_encoder(odd);
  model.spec.outputs = 3;
  model.spec.roles.head_output = {};
  model.spec.roles.head_output.weight = model.spec.roles.position_embeddings;
  const Pair pair = backends(model);
  Batch batch = label_word_batch({4, 1, 30}, odd.vocabulary);
  batch.scored.clear();
  batch.candidates = {0, 1, 2};
  for (int32_t s = 0; s < 3; ++s) {
    for (int32_t c = 0; c < 3; ++c) {
      batch.scored.push_back({s, 0, 0, c, c + 1});
      batch.references.push_back(static_cast<float>((s + c) % 2));
    }
  }
  for (const Loss loss : {Loss::binary_cross_entropy, Loss::squared_error}) {
    batch.loss = loss;
    check_losses(pair, laws[0], batch, pairs_of(2));
    check_losses(pair, laws[0], slice(batch, 1, 3), pairs_of(2));
  }
  batch.loss = Loss::cross_entropy;
  batch.references.clear();
  check_losses(pair, laws[0], batch, pairs_of(2));
}

TEST("no segments, and another activation of the head, as DistilBERT's") {
  RandomEncoder model = random_encoder(odd);
  model.spec.roles.segment_embeddings = -1;
  model.spec.head_activation = Activation::relu;
  const Pair pair = backends(model);
  check_losses(pair, laws[0], label_word_batch(lengths, odd.vocabulary), pairs_of(2));
}

TEST("adapters and prefixes: trained alone, or with all else") {
  Shape shape = odd;
  shape.adapter_rank = 4;
  shape.prefixes = 3;
  const Batch batch = label_word_batch(lengths, shape.vocabulary);
  for (const bool alone : {true, false}) {
    RandomEncoder model = random_encoder(shape);
    for (ParameterSpec& p : model.spec.parameters) {
      const bool added =
          p.name.find("lora") != std::string::npos || p.name.find("prefix") != std::string::npos;
      p.trainable = added || !alone;
    }
    model.spec.adapter_scale = 0.5f;
    const Pair pair = backends(model);
    for (const Directions& directions : laws) check_losses(pair, directions, batch, pairs_of(2));
    check_losses(pair, {7, Law::low_rank, 3, 2}, batch, pairs_of(3));  // two directions share B
    check_losses(pair, {7, Law::low_rank, 3, 2, true}, batch, pairs_of(3));
    const Update update{0.001f, {{1, 0.01f}, {2, -0.02f}}};
    pair.cpu->apply(laws[0], update, never);
    pair.cuda->apply(laws[0], update, never);
    CHECK(digest(*pair.cpu) == digest(*pair.cuda));
  }
}

TEST("decoders of every layout: losses are the CPU's under every law") {
  for (const DecoderShape& plain : decoder_shapes()) {
    DecoderShape added = plain;
    added.adapter_rank = 3, added.prefixes = 2;
    for (const DecoderShape& shape : {plain, added}) {
      const int before = check::failures;
      const Pair pair = backends(random_decoder(shape));
      // A tile of queries and a part of one, which is another's end.
      const Batch next_tokens = next_token_batch({2, 7, 18, 16}, shape.vocabulary);
      for (const Directions& directions : laws) {
        if (directions.law == Law::sphere && shape.prefixes > 0) continue;  // as the Gaussian law
        // Which memory is touched depends on whether there are factors, and is slow to watch.
        if (sanitized && (directions.law == Law::sphere || directions.law == Law::rademacher))
          continue;
        check_losses(pair, directions, next_tokens, pairs_of(2));
      }
      // Few scored tokens; theta itself and a sum.
      check_losses(pair, laws[0], label_word_batch(lengths, shape.vocabulary),
                   {{}, {{1, 0.05f}, {uint64_t{1} << 40, -0.025f}}});
      if (check::failures > before) std::fprintf(stderr, "  %s\n", shape.name);
    }
  }
}

TEST("decoders with frozen weights, and sequences longer than before") {
  for (DecoderShape shape : decoder_shapes()) {
    shape.positions = 80;
    RandomModel model = random_decoder(shape);
    size_t i = 0;
    for (ParameterSpec& p : model.spec.parameters) p.trainable = i++ % 3 != 0;
    const Pair pair = backends(model);
    for (const int32_t length : {3, 70, 5}) {
      check_losses(pair, laws[0], label_word_batch({length, 4}, shape.vocabulary), pairs_of(1));
    }
  }
}

// At four points and in float32, pieces of 256 outputs of 128 inputs, or of 64 of 512.
constexpr int64_t few_bytes = 1 << 20;

TEST("weights that take several pieces, by their rows or by their columns") {
  CHECK(cuda::outputs_a_piece(few_bytes, 4 * 128 * 4, false) == 256);
  CHECK(cuda::outputs_a_piece(few_bytes, 4 * 512 * 4, true) == 64);
  for (const bool transposed : {true, false}) {
    DecoderShape shape = decoder_shapes()[3];  // GPT-2
    shape.transposed = transposed;
    shape.hidden = shape.embedding = 128, shape.heads = shape.key_value_heads = 4;
    shape.head_width = 32, shape.intermediate = 512, shape.layers = 1;
    shape.scale = 0.1f;
    const Pair pair = backends(random_decoder(shape), StorageType::float32, few_bytes);
    check_losses(pair, laws[0], label_word_batch({3}, shape.vocabulary), pairs_of(2));
  }
}

TEST("queries, keys and values in one product: in place, or in pieces across weights") {
  DecoderShape shape = decoder_shapes().front();
  // 192 queries, and 64 keys that the same piece has.
  shape.hidden = shape.embedding = 128, shape.heads = 6, shape.key_value_heads = 3;
  shape.head_width = 32, shape.rotary = 16, shape.intermediate = 136, shape.layers = 2;
  shape.adapter_rank = 3, shape.scale = 0.1f;
  RandomModel model = random_decoder(shape);
  const Batch batch = label_word_batch({3, 2}, shape.vocabulary);
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    const cuda::Weights weights(model.spec, storage, stream());
    const LayerRoles& layer = model.spec.roles.layers[1];
    const auto follows = [&](const LinearRoles& first, const LinearRoles& second) {
      return static_cast<std::byte*>(weights.parameter(first.weight).data) +
                 weights.byte_count(first.weight) ==
             weights.parameter(second.weight).data;
    };
    CHECK(follows(layer.query, layer.key) && follows(layer.key, layer.value));
    CHECK(follows(layer.gate, layer.intermediate));
  }
  const Pair in_pieces = backends(model, StorageType::float32, few_bytes);
  check_losses(in_pieces, laws[0], batch, pairs_of(2));
  // Frozen, but for adapters and one of three.
  for (const char* trained : {"lora", "layers.0.key"}) {
    for (ParameterSpec& p : model.spec.parameters) {
      p.trainable =
          p.name.find(trained) != std::string::npos || p.name.find("lora") != std::string::npos;
    }
    const Pair pair = backends(model);
    for (const Directions& directions : {laws[0], laws[3]})
      check_losses(pair, directions, batch, pairs_of(2));
    check_losses(pair, laws[0], batch, {{}});
    const Pair rounding = backends(model, StorageType::bfloat16);
    check_losses(rounding, laws[0], batch, {{}, {{3, 0.01f}}}, 0.05);
  }
}

TEST("after updates a decoder's digest is the CPU's") {
  for (const DecoderShape& shape : decoder_shapes()) {
    for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
      const Pair pair = backends(random_decoder(shape), storage);
      for (const Directions& directions : laws) {
        const Update update{1e-3f, {{1, 0.01f}, {2, -0.02f}}};
        pair.cpu->apply(directions, update, never);
        under_some_schedule([&] { pair.cuda->apply(directions, update, never); });
      }
      CHECK(digest(*pair.cpu) == digest(*pair.cuda));
    }
  }
}

TEST("directions and weights are the CPU's, to the bit") {
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    RandomEncoder model = random_encoder(odd);
    model.spec.parameters[3].trainable = false;
    const Pair pair = backends(model, storage);
    CHECK(digest(*pair.cpu) == digest(*pair.cuda));
    for (int i = 0; i < static_cast<int>(model.spec.parameters.size()); ++i) {
      under_some_schedule([&] {
        CHECK(weights_of(*pair.cpu, i) == weights_of(*pair.cuda, i));
        for (const Directions& directions : laws) {
          CHECK(direction_of(*pair.cpu, directions, 77, i) ==
                direction_of(*pair.cuda, directions, 77, i));
        }
      });
    }
  }
}

TEST("what is read and written elsewhere is the same model") {
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    const Pair from = backends(random_encoder(odd), storage),
               to = backends(random_encoder(odd, 2), storage);
    for (int i = 0; i < static_cast<int>(from.cpu->spec().parameters.size()); ++i) {
      to.cuda->write(i, from.cpu->bytes(i));
      to.cpu->write(i, from.cuda->bytes(i));
    }
    CHECK(digest(*to.cuda) == digest(*from.cpu));
    CHECK(digest(*to.cpu) == digest(*from.cpu));
    CHECK_THROWS("ERR_ZEST_INTERNAL", to.cuda->write(0, from.cpu->bytes(0).subspan(1)));
    CHECK_THROWS("ERR_ZEST_UNSUPPORTED",
                 to.cuda->apply(laws[0], {0, {{1, 1.0f}}, static_cast<Rule>(99)}, never));
  }
}

TEST("after 100 updates the digest is the CPU's") {
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    for (const Directions& directions : laws) {
      const Shape small = {20, 2, 1, 70, 40, 20};
      RandomEncoder model = random_encoder(small);
      model.spec.parameters[1].trainable = false;
      const Pair pair = backends(model, storage);
      for (uint64_t i = 0; i < 100; ++i) {
        Update update{i % 3 ? 1e-3f : 0.0f, {}};
        for (uint64_t t = 0; t < i % 4; ++t) {
          update.terms.push_back({4 * i + t, (t % 2 ? -1e-2f : 2e-2f) / static_cast<float>(i + 1)});
        }
        pair.cpu->apply(directions, update, never);
        under_some_schedule([&] { pair.cuda->apply(directions, update, never); });
      }
      CHECK(digest(*pair.cpu) == digest(*pair.cuda));
    }
  }
}

TEST("after updates by every rule the digest and the state are the CPU's") {
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    const Pair pair = backends(random_encoder({20, 2, 1, 70, 40, 20}), storage);
    uint64_t stream = 0;
    for (const Rule rule : {Rule::momentum, Rule::adam, Rule::sign, Rule::plain, Rule::adam}) {
      Update update{1e-3f, {{stream, 0.5f}, {stream + 1, -0.25f}}, rule, 1e-3f, 0.9f, 0.99f, 1e-6f};
      update.anchored = stream > 0;
      stream += 2;
      pair.cpu->apply(laws[0], update, never);
      under_some_schedule([&] { pair.cuda->apply(laws[0], update, never); });
    }
    CHECK(digest(*pair.cpu) == digest(*pair.cuda));
    for (int s = 0; s < state_count; ++s) {
      const RuleState state = static_cast<RuleState>(s);
      for (size_t i = 0; i < pair.cpu->spec().parameters.size(); ++i) {
        const ParameterSpec& p = pair.cpu->spec().parameters[i];
        if (!p.trainable) continue;
        std::vector<float> of_cpu(static_cast<size_t>(p.rows * p.columns)), of_cuda = of_cpu;
        pair.cpu->read_state(state, static_cast<int>(i), of_cpu.data());
        pair.cuda->read_state(state, static_cast<int>(i), of_cuda.data());
        CHECK(of_cpu == of_cuda);
        pair.cuda->write_state(state, static_cast<int>(i), of_cpu);
      }
    }
  }
}

TEST("a run of steps: its updates, applied on the CPU, give its digest") {
  const Pair pair = backends(random_encoder(odd), StorageType::bfloat16);
  StepOptions options;
  options.estimator.rho = 1e-2;
  options.directions = 3;
  options.learning_rate = 1e-3;
  options.weight_decay = 0.1;
  options.estimator.tilt_rule = TiltRule::tau;
  for (uint32_t i = 0; i < 4; ++i) {
    options.first_stream = 3 * i;
    const Batch batch = label_word_batch({5, 9, 3}, odd.vocabulary, i + 1);
    under_some_schedule([&] {
      const StepResult result = step(*pair.cuda, laws[0], batch, options, never);
      pair.cpu->apply(laws[0], result.update, never);
    });
  }
  CHECK(digest(*pair.cpu) == digest(*pair.cuda));
}

TEST("aborts leave the weights; two models share a device") {
  const Pair pair = backends(random_encoder(odd)), other = backends(random_encoder(odd, 2));
  const Batch batch = label_word_batch(lengths, odd.vocabulary);
  const AbortFlag stopped{true};
  const std::string before = digest(*pair.cuda);
  std::vector<double> out(static_cast<size_t>(batch.sequences()));
  const std::vector<Point> theta = {{}};
  CHECK_THROWS("ERR_ZEST_ABORTED",
               pair.cuda->sequence_losses(laws[0], batch, theta, out.data(), stopped));
  CHECK_THROWS("ERR_ZEST_ABORTED", pair.cuda->apply(laws[0], {0, {{1, 1.0f}}}, stopped));
  CHECK_THROWS("ERR_ZEST_ABORTED", pair.cuda->logits(laws[0], batch, {}, stopped));
  CHECK(digest(*pair.cuda) == before);
  check_losses(pair, laws[0], batch, pairs_of(1));
  check_losses(other, laws[0], batch, pairs_of(1));
  CHECK(digest(*pair.cuda) != digest(*other.cuda));
}

// Prompts of 3 and 20 tokens with options, and options without a prompt.
Batch options_batch() {
  Batch batch = next_token_batch({3, 2, 2, 20, 3, 9, 3, 3}, 101);
  batch.parents = {-1, 0, 0, -1, 3, 3, -1, -1};
  batch.examples = {{0, 1, true}, {3, 1, true}, {6, 0, false}};
  std::erase_if(batch.scored,
                [](const ScoredPosition& at) { return at.sequence == 0 || at.sequence == 3; });
  return batch;
}

std::vector<double> losses_of_examples(Backend& backend, const Directions& directions,
                                       const Batch& batch, int micro_batch = 0) {
  return example_losses(backend, directions, batch, pairs_of(2), micro_batch, never);
}

TEST("options that share a prompt have the CPU's losses, and the bits of each alone") {
  const Batch batch = options_batch(), alone = without_parents(batch);
  for (DecoderShape shape : decoder_shapes()) {
    const int before = check::failures;
    shape.layers = 1;
    if (shape.rotary > 0 && shape.window == 0) shape.adapter_rank = 3, shape.prefixes = 2;
    const RandomModel model = random_decoder(shape);
    const Pair pair = backends(model);
    const auto expected = losses_of_examples(*pair.cpu, laws[0], batch);
    under_some_schedule([&] {
      const auto got = losses_of_examples(*pair.cuda, laws[0], batch);
      CHECK_NEAR(check::most_different(got, expected), 0, 2e-5);
      CHECK(got == losses_of_examples(*pair.cuda, laws[0], alone));
      CHECK(got == losses_of_examples(*pair.cuda, laws[0], batch, 1));
    });
    if (!sanitized && shape.gate) {
      const Pair rounding = backends(model, StorageType::bfloat16);
      under_some_schedule([&] {
        CHECK(losses_of_examples(*rounding.cuda, laws[0], batch) ==
              losses_of_examples(*rounding.cuda, laws[0], alone));
      });
    }
    if (check::failures > before) std::fprintf(stderr, "  %s\n", shape.name);
  }
}

TEST("bad input: ranks, heads that are too wide, a device that is not there") {
  const Pair pair = backends(random_encoder(odd));
  for (const int rank : {0, 65}) {
    CHECK_THROWS("ERR_ZEST_DIRECTIONS",
                 pair.cuda->apply({7, Law::low_rank, rank}, {0, {{1, 1.0f}}}, never));
  }
  const Shape wide = {129, 1, 1, 8, 20, 20};
  CHECK_THROWS("ERR_ZEST_UNSUPPORTED",
               make_cuda_backend(random_encoder(wide).spec, StorageType::float32, 0));
  DecoderShape wide_heads = decoder_shapes()[0];
  wide_heads.head_width = 130;
  CHECK_THROWS("ERR_ZEST_UNSUPPORTED",
               make_cuda_backend(random_decoder(wide_heads).spec, StorageType::float32, 0));
  RandomModel odd_slices = random_decoder(decoder_shapes()[3]);
  odd_slices.spec.roles.layers[0].value.outputs.block = 5;
  CHECK_THROWS("ERR_ZEST_UNSUPPORTED", make_cuda_backend(odd_slices.spec, StorageType::float32, 0));
  for (const int device : {-1, 1000}) {
    CHECK_THROWS("ERR_ZEST_DEVICE",
                 make_cuda_backend(random_encoder(odd).spec, StorageType::float32, device));
  }
}

}  // namespace
}  // namespace zest::test
