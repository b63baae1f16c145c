// Sequences that grow on CUDA against the CPU's: logits to 2e-5 in float32, the same next tokens.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cpu/backend.h"
#include "cuda/backend.h"
#include "cuda/ops/passes.h"
#include "test/check.h"
#include "test/cuda/device_arrays.h"
#include "test/cuda/schedules.h"
#include "test/random_decoder.h"

namespace zest::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

const AbortFlag never{false};
const Directions gaussian = {7, Law::gaussian, 0};
const std::vector<Point> some_points = {
    {}, {{3, 0.01f}}, {{1, 0.05f}, {uint64_t{1} << 40, -0.025f}}};

std::unique_ptr<Backend> loaded(std::unique_ptr<Backend> backend, const RandomModel& model) {
  backend->load(model.sources, {}, never);
  return backend;
}

std::unique_ptr<Backend> on_cuda(const RandomModel& model,
                                 StorageType storage = StorageType::float32) {
  return loaded(make_cuda_backend(model.spec, storage, 0), model);
}

std::unique_ptr<Backend> on_cpu(const RandomModel& model) {
  return loaded(make_cpu_backend(model.spec, StorageType::float32, {}, 1), model);
}

// Starts of so many tokens each.
std::vector<int32_t> starts_of(const std::vector<int32_t>& counts) {
  std::vector<int32_t> starts = {0};
  for (const int32_t count : counts) starts.push_back(starts.back() + count);
  return starts;
}

std::vector<int32_t> drawn_ids(int32_t count, int32_t vocabulary, uint32_t& state) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(draw(state, static_cast<uint32_t>(vocabulary))));
  return ids;
}

double difference(std::span<const float> a, std::span<const float> b) {
  double most = a.size() == b.size() ? 0 : NAN;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double d = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (!(d <= most) && most == most) most = d;  // NaN stays
  }
  return most;
}

int32_t likeliest(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Prompts of unlike lengths, one that begins later, then tokens one by one as they are likeliest.
void check_growth(const RandomModel& model, Backend& cpu, Backend& cuda,
                  const Directions& directions, const Point& point) {
  const std::vector<int32_t> capacities = {30, 25, 41};
  const auto expected = cpu.session(directions, point, capacities, never),
             grown = cuda.session(directions, point, capacities, never);
  uint32_t state = 5;
  const auto extend = [&](const std::vector<int32_t>& ids, const std::vector<int32_t>& counts) {
    const std::vector<int32_t> starts = starts_of(counts);
    const std::span<const float> theirs = expected->extend(ids, starts, never);
    under_some_schedule(
        [&] { CHECK_NEAR(difference(grown->extend(ids, starts, never), theirs), 0, 2e-5); });
    return theirs;
  };
  for (const std::vector<int32_t>& counts :
       {std::vector<int32_t>{17, 1}, {1, 6, 33}, {0, 3, 0}, {2, 1, 1}}) {
    extend(drawn_ids(starts_of(counts).back(), model.spec.vocabulary, state), counts);
  }
  std::vector<int32_t> ids = {1, 2, 3};
  const auto width = static_cast<size_t>(model.spec.outputs);
  for (int token = 0; token < 5; ++token) {
    const std::span<const float> logits = extend(ids, {1, 1, 1});
    for (size_t s = 0; s < 3; ++s) ids[s] = likeliest(logits.subspan(s * width, width));
  }
}

TEST("sequences of every layout grow with the CPU's logits") {
  for (const DecoderShape& plain : decoder_shapes()) {
    DecoderShape added = plain;
    added.adapter_rank = 3, added.prefixes = 2;
    for (const DecoderShape& shape : {plain, added}) {
      const int before = check::failures;
      const RandomModel model = random_decoder(shape);
      const auto cpu = on_cpu(model), cuda = on_cuda(model);
      for (const Point& point : some_points) {
        if (sanitized && point.size() == 1) continue;  // the memory of a sum's, and slow to watch
        check_growth(model, *cpu, *cuda, gaussian, point);
      }
      if (check::failures > before) std::fprintf(stderr, "  %s\n", shape.name);
    }
  }
}

TEST("sequences grow at points of every law") {
  const RandomModel model = random_decoder(decoder_shapes().front());
  const auto cpu = on_cpu(model), cuda = on_cuda(model);
  for (const Directions& directions : {Directions{7, Law::sphere, 0},
                                       {7, Law::rademacher, 0},
                                       {7, Law::low_rank, 3},
                                       {7, Law::low_rank, 17}}) {
    check_growth(model, *cpu, *cuda, directions, {{3, 0.01f}});
  }
}

TEST("in bfloat16 a sequence that grows has the logits of the whole one") {
  for (const DecoderShape& shape : decoder_shapes()) {
    const RandomModel model = random_decoder(shape);
    const auto cuda = on_cuda(model, StorageType::bfloat16);
    for (const Point& point : some_points) {
      uint32_t state = 11;
      Batch whole;
      whole.ids = drawn_ids(21, shape.vocabulary, state);
      whole.starts = {0, 21};
      for (int32_t at = 15; at < 21; ++at) whole.scored.push_back({0, at, 0, 0, 0});
      const auto expected = cuda->logits(gaussian, whole, point, never);
      const auto grown = cuda->session(gaussian, point, std::vector<int32_t>{21}, never);
      double scale = 0;
      for (const float x : expected.front()) scale = std::max(scale, std::fabs(double{x}));
      for (int32_t at = 0; at < 21; at += at == 0 ? 16 : 1) {
        const int32_t count = at == 0 ? 16 : 1;
        const std::span<const int32_t> ids(whole.ids.data() + at, static_cast<size_t>(count));
        under_some_schedule([&] {
          const auto got = grown->extend(ids, std::vector<int32_t>{0, count}, never);
          const auto& row = expected[static_cast<size_t>(at == 0 ? 0 : at - 15)];
          CHECK_NEAR(difference(got, row) / scale, 0, 1e-2);
        });
      }
    }
  }
}

TEST("attention to many keys goes in parts: logits are the CPU's, and do not hang on the others") {
  for (DecoderShape shape : decoder_shapes()) {
    if (shape.rotary == 0 || sanitized) continue;
    shape.positions = 700, shape.layers = 1;
    if (shape.window > 0) shape.window = 300;
    shape.prefixes = shape.head_norms ? 2 : 0;
    const RandomModel model = random_decoder(shape);
    const auto cpu = on_cpu(model), cuda = on_cuda(model);
    const std::vector<int32_t> capacities = {600, 20}, alone = {600};
    const Point point = {{3, 0.01f}};
    const auto expected = cpu->session(gaussian, point, capacities, never),
               grown = cuda->session(gaussian, point, capacities, never),
               lone = cuda->session(gaussian, point, alone, never);
    uint32_t state = 7;
    for (const std::vector<int32_t>& counts :
         {std::vector<int32_t>{520, 3}, {1, 1}, {1, 0}, {1, 1}}) {
      const std::vector<int32_t> starts = starts_of(counts), own = {0, counts[0]};
      const std::vector<int32_t> ids = drawn_ids(starts.back(), shape.vocabulary, state);
      const std::span<const float> theirs = expected->extend(ids, starts, never);
      under_some_schedule([&] {
        const std::span<const float> got = grown->extend(ids, starts, never);
        CHECK_NEAR(difference(got, theirs), 0, 2e-5);
        const auto first = got.first(static_cast<size_t>(shape.vocabulary));
        CHECK_NEAR(difference(lone->extend(ids, own, never), first), 0, 0);
      });
    }
  }
}

TEST("two sessions and evaluations between them do not disturb one another") {
  const RandomModel model = random_decoder(decoder_shapes().front());
  const auto cpu = on_cpu(model), cuda = on_cuda(model);
  const std::vector<int32_t> capacities = {12};
  const Batch batch = next_token_batch({9, 4}, model.spec.vocabulary);
  std::vector<std::unique_ptr<Session>> expected, grown;
  for (const Point& point : some_points) {
    expected.push_back(cpu->session(gaussian, point, capacities, never));
    grown.push_back(cuda->session(gaussian, point, capacities, never));
  }
  for (int32_t token = 0; token < 12; ++token) {
    for (size_t i = 0; i < grown.size(); ++i) {
      const std::vector<int32_t> ids = {token}, starts = {0, 1};
      under_some_schedule([&] {
        CHECK_NEAR(difference(grown[i]->extend(ids, starts, never),
                              expected[i]->extend(ids, starts, never)),
                   0, 2e-5);
        cuda->logits(gaussian, batch, some_points[i], never);
      });
    }
  }
}

TEST("a prompt longer than a pass, in pieces") {
  if (sanitized) return;                     // slow to watch
  DecoderShape shape = decoder_shapes()[2];  // a window
  const auto length = static_cast<int32_t>(cuda::most_packed_tokens) + 3;
  shape.hidden = shape.embedding = 4, shape.heads = shape.key_value_heads = 1;
  shape.head_width = 4, shape.rotary = 2, shape.layers = 1, shape.intermediate = 4;
  shape.positions = length + 2, shape.vocabulary = 20;
  const RandomModel model = random_decoder(shape);
  const auto cpu = on_cpu(model), cuda = on_cuda(model);
  const std::vector<int32_t> capacities = {5, length, 5};
  uint32_t state = 3;
  const std::vector<int32_t> starts = starts_of({4, length, 5});
  const std::vector<int32_t> ids = drawn_ids(starts.back(), shape.vocabulary, state);
  const auto expected = cpu->session(gaussian, {}, capacities, never),
             grown = cuda->session(gaussian, {}, capacities, never);
  under_some_schedule([&] {
    CHECK_NEAR(difference(grown->extend(ids, starts, never), expected->extend(ids, starts, never)),
               0, 2e-5);
  });
}

TEST("bad input: more tokens than there is room for, aborts") {
  const RandomModel model = random_decoder(decoder_shapes().front());
  const auto cuda = on_cuda(model);
  const std::vector<int32_t> capacities = {2}, two = {0, 2}, ids = {1, 2, 3}, three = {0, 3};
  const AbortFlag stopped{true};
  CHECK_THROWS("ERR_ZEST_ABORTED", cuda->session(gaussian, {}, capacities, stopped));
  CHECK_THROWS("ERR_ZEST_DIRECTIONS",
               cuda->session({7, Law::low_rank, 0}, {{1, 1.0f}}, capacities, never));
  const auto grown = cuda->session(gaussian, {}, capacities, never);
  CHECK_THROWS("ERR_ZEST_INTERNAL", grown->extend(ids, three, never));
  CHECK_THROWS("ERR_ZEST_ABORTED", grown->extend(ids, two, stopped));
  CHECK(grown->extend(ids, two, never).size() == static_cast<size_t>(model.spec.outputs));
  CHECK_THROWS("ERR_ZEST_INTERNAL", grown->extend(ids, std::vector<int32_t>{0, 1}, never));
  const std::vector<int32_t> most(3, 1 << 30);
  CHECK_THROWS("ERR_ZEST_MEMORY", cuda->session(gaussian, {}, most, never));
}

}  // namespace
}  // namespace zest::test
