// The same bits whatever computes them: threads, shortcuts, packing, instruction sets. Digests are
// compared with values committed here, which every machine must reproduce.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>

#include "core/digest.h"
#include "core/sha256.h"
#include "core/stored.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "test/check.h"
#include "test/child.h"
#include "test/floating_point.h"
#include "test/instruction_sets.h"
#include "test/parameter_values.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"
#include "test/step.h"

namespace zest::test {
namespace {

const AbortFlag never{false};
const std::vector<int32_t> lengths = {1, 7, 64, 13, 33, 2};
const Shape odd = {36, 3, 2, 50, 101, 66};  // heads of 12, nothing a multiple of 16

std::unique_ptr<Backend> backend(const RandomModel& model, int threads = 1,
                                 const Shortcuts& shortcuts = {},
                                 StorageType storage = StorageType::float32) {
  std::unique_ptr<Backend> result = make_cpu_backend(model.spec, storage, shortcuts, threads);
  result->load(model.sources, {}, never);
  return result;
}

std::unique_ptr<Backend> backend(const Shape& shape, int threads = 1,
                                 const Shortcuts& shortcuts = {},
                                 StorageType storage = StorageType::float32) {
  return backend(random_encoder(shape), threads, shortcuts, storage);
}

const std::vector<Directions> laws = {
    {7, Law::gaussian, 0}, {7, Law::sphere, 0}, {7, Law::rademacher, 0}, {7, Law::low_rank, 3}};

// + and - of a stream, a sum of two, theta itself.
const std::vector<Point> points = {
    {{5, 1e-2f}}, {{5, -1e-2f}}, {{1, 0.5f}, {uint64_t{1} << 40, -0.25f}}, {}};

std::vector<double> losses(Backend& model, const Directions& directions, int micro_batch = 0) {
  return evaluate(model, directions, label_word_batch(lengths, odd.vocabulary), points, micro_batch,
                  never);
}

// Of a causal model, at every token.
std::vector<double> next_token_losses(Backend& model, const Directions& directions,
                                      int micro_batch = 0) {
  return evaluate(model, directions, next_token_batch({2, 7, 40, 13}, model.spec().vocabulary),
                  points, micro_batch, never);
}

StepOptions step_options(int k) {
  StepOptions options;
  options.estimator.rho = 1e-2;
  options.directions = k;
  options.learning_rate = 1e-3;
  options.weight_decay = 0.1;
  return options;
}

// Digests of the losses and updates of all steps, and of the weights after them.
std::string train(const Shape& shape, int steps, const Directions& directions, int threads,
                  StorageType storage = StorageType::float32) {
  const std::unique_ptr<Backend> model = backend(shape, threads, {}, storage);
  StepOptions options = step_options(3);
  Sha256 record;
  const auto add = [&](const auto& value) { record.update(std::as_bytes(std::span(&value, 1))); };
  for (int i = 0; i < steps; ++i) {
    const Batch batch = label_word_batch({5, 9, 3}, shape.vocabulary, static_cast<uint32_t>(i + 1));
    options.first_stream = static_cast<uint64_t>(3 * i);
    const StepResult result = step(*model, directions, batch, options, never);
    for (const double loss : result.losses) add(loss);
    add(result.update.decay);
    for (const Term& term : result.update.terms) add(term.stream), add(term.factor);
  }
  return record.finish() + " " + digest(*model);
}

#if defined(_WIN32)
// Without children, the one set of this process; ZEST_ISA names another.
std::vector<std::string> set_names() { return {isa_report().used}; }
template <class Body>
std::string on(const std::string&, Body body) {
  return body();
}
#else
// Those of the processor.
std::vector<std::string> set_names() {
  std::vector<std::string> names;
  for (const cpu::Kernels* set : instruction_sets()) names.push_back(set->name);
  return names;
}
// What `body` returns where the instruction set runs.
template <class Body>
std::string on(const std::string& isa, Body body) {
  return in_child(isa.c_str(), [&] {
    return isa_report().used == isa ? body() : "ran " + std::string(isa_report().used);
  });
}
#endif

TEST("200 steps give the committed digests on every instruction set and number of threads") {
  const std::string committed =
      "864eb091cba717683b3dbf0db42e468c06a20deeb8d305f7f82b6c07b66352b4 "
      "sha256:e8ef19ae689ccc27488ed75a7591bec3a6ca20d2ea93c851ee724bd7b1b201c2";
  const std::vector<std::string> sets = set_names();
  for (const char* isa : {"avx512", "avx2", "neon", "portable"}) {
    if (std::find(sets.begin(), sets.end(), isa) == sets.end())
      std::printf("not run here: %s\n", isa);
  }
  for (const std::string& isa : sets) {
    for (const int threads : {1, 2, 3, 8}) {
      const std::string seen = on(isa, [&] { return train({}, 200, laws[0], threads); });
      CHECK(seen == committed);
      if (seen != committed)
        std::fprintf(stderr, "  %s, %d threads: %s\n", isa.c_str(), threads, seen.c_str());
    }
  }
}

TEST("every law and bfloat16 give the committed digest on every instruction set") {
  const std::string committed = "675186f320c29726bf0e3bb63d2aad482968deebaf23ddc9accef7def8821751";
  const auto run = [] {
    Sha256 all;
    for (const Directions& directions : laws) {
      for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
        const std::string text = train(odd, 5, directions, 1, storage);
        all.update(std::as_bytes(std::span(text)));
      }
    }
    return all.finish();
  };
  for (const std::string& isa : set_names()) {
    const std::string seen = on(isa, run);
    CHECK(seen == committed);
    if (seen != committed) std::fprintf(stderr, "  %s: %s\n", isa.c_str(), seen.c_str());
  }
}

// Switches of Shortcuts, each off in turn, then all of them.
std::vector<Shortcuts> fewer_shortcuts() {
  std::vector<Shortcuts> all;
  for (bool Shortcuts::*shortcut :
       {&Shortcuts::pack_sequences, &Shortcuts::labelled_positions_only,
        &Shortcuts::scored_words_only, &Shortcuts::last_layer_at_labels,
        &Shortcuts::gather_embeddings, &Shortcuts::share_noise, &Shortcuts::fuse_perturbation}) {
    all.emplace_back().*shortcut = false;
  }
  all.push_back({false, false, false, false, false, false, false});
  return all;
}

TEST("decoders of every layout give the committed digest on every instruction set") {
  const std::string committed = "0a8daee3b1d99d2007df934f1059cd161f0b4ba459cb70c2d418e8804a775272";
  const auto run = [] {
    Sha256 all;
    for (const DecoderShape& shape : decoder_shapes()) {
      for (const Directions& directions : laws) {
        const std::vector<double> seen =
            next_token_losses(*backend(random_decoder(shape)), directions);
        all.update(std::as_bytes(std::span(seen)));
      }
    }
    return all.finish();
  };
  for (const std::string& isa : set_names()) {
    const std::string seen = on(isa, run);
    CHECK(seen == committed);
    if (seen != committed) std::fprintf(stderr, "  %s: %s\n", isa.c_str(), seen.c_str());
  }
}

// The logits of one sequence's tokens, of which one is `id`; the embedding of `infinite` is.
constexpr int32_t infinite = 50;
std::vector<std::vector<float>> logits_with(const RandomModel& model, int32_t at, int32_t id) {
  const std::unique_ptr<Backend> own = backend(model);
  const int words = model.spec.roles.word_embeddings;
  const std::span<const std::byte> bytes = own->bytes(words);
  std::vector<float> rows(bytes.size() / sizeof(float));
  std::memcpy(rows.data(), bytes.data(), bytes.size());
  std::fill_n(rows.begin() + infinite * model.spec.embedding, model.spec.embedding, INFINITY);
  own->write(words, std::as_bytes(std::span(rows)));
  Batch batch = next_token_batch({40}, model.spec.vocabulary);
  std::replace(batch.ids.begin(), batch.ids.end(), infinite, 1);
  batch.ids[static_cast<size_t>(at)] = id;
  return logits(*own, {}, batch, {}, never);
}

// Which token has other logits than it should where that at `at` is infinite.
std::string wrong_token(const DecoderShape& shape) {
  constexpr int32_t at = 23, sight = 2 * 4;  // two layers of a window of five
  const RandomModel model = random_decoder(shape);
  const std::vector<std::vector<float>> expected = logits_with(model, at, 1);
  const std::vector<std::vector<float>> seen = logits_with(model, at, infinite);
  for (int32_t i = 0; i < static_cast<int32_t>(seen.size()); ++i) {
    const std::vector<float>& own = seen[static_cast<size_t>(i)];
    const bool sees = i >= at && (shape.window == 0 || i <= at + sight);
    const bool right = sees ? !std::isfinite(own[0]) : own == expected[static_cast<size_t>(i)];
    if (!right) return std::to_string(i);
  }
  return "none";
}

TEST("a token that is not finite leaves those that do not see it, on every instruction set") {
  for (DecoderShape shape : decoder_shapes()) {
    if (shape.narrow_positions) continue;
    shape.tied = false;
    for (const int prefixes : {0, 2}) {
      shape.prefixes = prefixes;
      for (const std::string& isa : set_names()) {
        const std::string seen = on(isa, [&] { return wrong_token(shape); });
        CHECK(seen == "none");
        if (seen != "none")
          std::fprintf(stderr, "  %s, %s, %d prefixes: token %s\n", isa.c_str(), shape.name,
                       prefixes, seen.c_str());
      }
    }
  }
}

TEST("threads, shortcuts and splits of the batch leave the bits of a decoder's losses") {
  for (const DecoderShape& plain : decoder_shapes()) {
    DecoderShape added = plain;
    added.adapter_rank = 3, added.prefixes = 2;
    for (const DecoderShape& shape : {plain, added}) {
      const RandomModel model = random_decoder(shape);
      const std::vector<double> expected = next_token_losses(*backend(model), laws[0]);
      bool same = next_token_losses(*backend(model, 3), laws[0]) == expected;
      for (const int micro_batch : {1, 3})
        same = same && next_token_losses(*backend(model), laws[0], micro_batch) == expected;
      for (const Shortcuts& shortcuts : fewer_shortcuts())
        same = same && next_token_losses(*backend(model, 2, shortcuts), laws[0]) == expected;
      CHECK(same);
      if (!same) std::fprintf(stderr, "  %s\n", shape.name);
    }
  }
}

TEST("all that a decoder may have moves its losses") {
  const auto decoder = [](const char* name) {
    for (const DecoderShape& shape : decoder_shapes()) {
      if (shape.name == std::string(name)) return random_decoder(shape);
    }
    return RandomModel{};
  };
  const auto moves = [&](const char* name, auto change) {
    RandomModel model = decoder(name);
    const std::vector<double> before = next_token_losses(*backend(model), laws[0]);
    change(model.spec);
    const std::vector<double> after = next_token_losses(*backend(model), laws[0]);
    double most = 0;
    for (size_t i = 0; i < before.size(); ++i)
      most = std::max(most, std::fabs(before[i] - after[i]));
    CHECK(most > 1e-3);  // fifty times what another backend may be off by
    if (!(most > 1e-3)) std::fprintf(stderr, "  %s: %g\n", name, most);
  };
  moves("llama", [](ModelSpec& m) { m.norm = Norm::layer; });
  moves("llama", [](ModelSpec& m) { m.causal = false; });
  moves("llama", [](ModelSpec& m) { m.rotary_frequencies.clear(); });
  moves("llama", [](ModelSpec& m) { m.rotary_frequencies.back() = 0.3f; });
  moves("llama", [](ModelSpec& m) { m.rotary_scale = 1.5f; });
  moves("llama", [](ModelSpec& m) { m.roles.layers[0].gate = {}; });
  moves("mistral", [](ModelSpec& m) { m.window = 6; });
  moves("qwen3", [](ModelSpec& m) { m.roles.layers[0].query_norm = {}; });
  moves("qwen3", [](ModelSpec& m) { m.roles.layers[0].key_norm = {}; });
  moves("neox", [](ModelSpec& m) { m.parallel = false; });
  moves("neox", [](ModelSpec& m) {
    std::swap(m.roles.layers[0].key.outputs, m.roles.layers[0].value.outputs);
  });
  moves("gpt2", [](ModelSpec& m) {
    std::swap(m.roles.layers[1].query.outputs, m.roles.layers[1].key.outputs);
  });
  moves("gpt2", [](ModelSpec& m) { m.position_offset = 1; });
  moves("opt", [](ModelSpec& m) { m.roles.position_embeddings = -1; });
  moves("electra", [](ModelSpec& m) { m.roles.embedding_projection.bias = -1; });
}

TEST("threads, shortcuts and splits of the batch leave the bits of the losses") {
  for (const Directions& directions : laws) {
    const std::vector<double> expected = losses(*backend(odd), directions);
    for (const int threads : {2, 3, 8})
      CHECK(losses(*backend(odd, threads), directions) == expected);
    for (const int micro_batch : {1, 2, 4, 5, 6, 100})
      CHECK(losses(*backend(odd), directions, micro_batch) == expected);
    for (const Shortcuts& shortcuts : fewer_shortcuts())
      CHECK(losses(*backend(odd, 2, shortcuts), directions) == expected);
  }
}

TEST("adapters and prefixes count, and keep the bits too") {
  Shape adapted = odd, prefixed = odd;
  adapted.adapter_rank = 5;
  prefixed.prefixes = 3;
  const std::vector<double> plain = losses(*backend(odd), laws[0]);
  const Shortcuts none = {false, false, false, false, false, false, false};
  for (const Shape& shape : {adapted, prefixed}) {
    const std::vector<double> expected = losses(*backend(shape), laws[0]);
    CHECK(expected != plain);
    CHECK(losses(*backend(shape, 3, none), laws[0]) == expected);
  }
}

TEST("evaluation leaves the weights, apply moves them") {
  const std::unique_ptr<Backend> model = backend(odd, 2);
  const std::string before = digest(*model), frozen = digest(*model, Part::frozen);
  losses(*model, laws[0]);
  CHECK(digest(*model) == before);
  AbortFlag stopped{true};
  CHECK_THROWS("ERR_ZEST_ABORTED", model->apply(laws[0], {0, {{1, 1.0f}}}, stopped));
  CHECK(digest(*model) == before);
  model->apply(laws[0], {0, {{1, 1.0f}}}, never);
  CHECK(digest(*model) != before);
  CHECK(digest(*model, Part::frozen) == frozen);
  CHECK(frozen != before);
}

TEST("what is read and written elsewhere is the same model") {
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    const std::unique_ptr<Backend> from = backend(odd, 1, {}, storage);
    from->apply(laws[0], {0.1f, {{1, 1.0f}}}, never);
    const std::unique_ptr<Backend> by_bytes = backend(odd, 1, {}, storage),
                                   by_values = backend(odd, 2, {}, storage);
    CHECK(digest(*by_bytes) != digest(*from));
    for (int i = 0; i < static_cast<int>(from->spec().parameters.size()); ++i) {
      by_bytes->write(i, from->bytes(i));
      by_values->write(i, stored(weights_of(*from, i), storage));
    }
    CHECK(digest(*by_bytes) == digest(*from));
    CHECK(digest(*by_values) == digest(*from));
    CHECK(losses(*by_bytes, laws[0]) == losses(*from, laws[0]));
    CHECK_THROWS("ERR_ZEST_INTERNAL", by_bytes->write(0, from->bytes(0).subspan(1)));
  }
}

TEST("an update by no rule is an error") {
  const std::unique_ptr<Backend> model = backend(odd);
  const std::string before = digest(*model);
  CHECK_THROWS("ERR_ZEST_UNSUPPORTED",
               model->apply(laws[0], {0, {{1, 1.0f}}, static_cast<Rule>(99)}, never));
  CHECK(digest(*model) == before);
}

TEST("rules keep state, which is read, written and goes on with the same bits") {
  const auto update = [](Rule rule, uint64_t stream) {
    Update made{1e-3f, {{stream, 0.5f}, {stream + 1, -0.25f}}, rule, 1e-3f, 0.9f, 0.99f, 1e-6f};
    made.anchored = stream % 2 == 1;
    return made;
  };
  for (const StorageType storage : {StorageType::float32, StorageType::bfloat16}) {
    for (const Rule rule : {Rule::plain, Rule::sign, Rule::momentum, Rule::adam}) {
      const std::unique_ptr<Backend> whole = backend(odd, 1, {}, storage),
                                     first = backend(odd, 1, {}, storage),
                                     second = backend(odd, 1, {}, storage);
      for (uint64_t s = 0; s < 6; ++s) whole->apply(laws[0], update(rule, s), never);
      for (uint64_t s = 0; s < 3; ++s) first->apply(laws[0], update(rule, s), never);
      const int parameters = static_cast<int>(first->spec().parameters.size());
      for (int i = 0; i < parameters; ++i) {
        second->write(i, first->bytes(i));
        const ParameterSpec& p = first->spec().parameters[static_cast<size_t>(i)];
        if (!p.trainable) continue;
        for (int s = 0; s < state_count; ++s) {
          const RuleState state = static_cast<RuleState>(s);
          CHECK(first->has_state(state) == update(rule, 1).uses(state));
          if (!first->has_state(state)) continue;
          std::vector<float> values(static_cast<size_t>(p.rows * p.columns));
          first->read_state(state, i, values.data());
          second->write_state(state, i, values);
        }
      }
      const std::string before = digest(*second);
      for (uint64_t s = 3; s < 6; ++s) second->apply(laws[0], update(rule, s), never);
      CHECK(digest(*second) == digest(*whole));
      CHECK(digest(*second) != before);
    }
  }
}

TEST("directions that keep their factors, with a core of their own") {
  const std::unique_ptr<Backend> model = backend(odd);
  const auto v = [&](uint64_t stream, uint64_t keep, bool core) {
    std::vector<float> out;
    for (int i = 0; i < static_cast<int>(model->spec().parameters.size()); ++i) {
      const ParameterSpec& p = model->spec().parameters[static_cast<size_t>(i)];
      std::vector<float> part(static_cast<size_t>(p.rows * p.columns));
      model->direction({7, Law::low_rank, 5, keep, core}, stream, i, part.data());
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  };
  CHECK(v(8, 4, false) == v(8, 1, false));
  CHECK(v(11, 4, false) != v(11, 1, false));
  CHECK(v(8, 4, true) != v(8, 4, false));
  double squares = 0, product = 0;
  const std::vector<float> one = v(8, 4, true), other = v(9, 4, true);
  for (size_t i = 0; i < one.size(); ++i) squares += one[i] * one[i], product += one[i] * other[i];
  const double count = static_cast<double>(one.size());
  CHECK(squares / count > 0.8 && squares / count < 1.25);
  CHECK(std::fabs(product / count) < 0.2);
  std::vector<float> part(64 * 101);
  CHECK_THROWS("ERR_ZEST_DIRECTIONS",
               model->direction({7, Law::low_rank, 65, 1, true}, 0, 0, part.data()));
}

TEST("an update has the factors of a part of the weights in memory, and the bits of all") {
  const Directions low_rank = {7, Law::low_rank, 64, 2};
  Point few, many;  // so many that the words' embeddings go in two parts
  for (uint64_t i = 0; i < 1600; ++i) {
    const float factor = i % 500 == 7 ? 0.5f : 0;
    if (factor != 0) few.push_back({i, factor});
    many.push_back({i, factor});
  }
  for (const bool several : {false, true}) {
    const auto moved = [&](const Point& terms) {
      const std::unique_ptr<Backend> model = backend(odd, 2);
      size_t done = 0;
      const std::vector<Update> updates = {{0.1f, terms}, {0, {{9, 0.5f}}}};
      if (several) {
        model->apply_all(low_rank, updates, never, done);
      } else {
        for (const Update& update : updates) model->apply(low_rank, update, never);
      }
      return digest(*model);
    };
    CHECK(moved(many) == moved(few));
  }
}

TEST("flush-to-zero of the caller does not reach the engine") {
  const std::vector<double> expected = losses(*backend(odd), laws[0]);
  const uint64_t saved = floating_point_control();
  set_floating_point_control(saved | flush_to_zero);
  const std::vector<double> seen = losses(*backend(odd), laws[0]);
  set_floating_point_control(saved);
  CHECK(seen == expected);
}

TEST("a loss that is not finite names its stream and leaves the weights") {
  const std::unique_ptr<Backend> model = backend(odd);
  const std::string before = digest(*model);
  StepOptions options = step_options(2);
  options.estimator.rho = 1e30;
  options.first_stream = 42;
  try {
    step(*model, laws[0], label_word_batch(lengths, odd.vocabulary), options, never);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(std::string(error.code()) == "ERR_ZEST_LOSS_NOT_FINITE");
    CHECK(std::string(error.what()).find("42") != std::string::npos);
  }
  CHECK(digest(*model) == before);
}

}  // namespace
}  // namespace zest::test
