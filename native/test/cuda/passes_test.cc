// Passes go through every sequence at every point once, and hold what memory allows.
#include "cuda/ops/passes.h"

#include <algorithm>

#include "cuda/ops/forward.h"
#include "test/check.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"

namespace zest::test {
namespace {

using cuda::Pass;
using cuda::passes_of;

// +- of k streams.
std::vector<Point> pairs_of(uint64_t k) {
  std::vector<Point> points;
  for (uint64_t i = 0; i < k; ++i) points.push_back({{i, 1.0f}}), points.push_back({{i, -1.0f}});
  return points;
}

std::vector<int32_t> lengths(size_t sequences, int32_t tokens) {
  return std::vector<int32_t>(sequences, tokens);
}

// In order, without gaps, pairs together.
bool whole(const std::vector<Pass>& passes, const Batch& batch, size_t points) {
  int32_t sequence = 0;
  size_t point = 0;
  bool good = true;
  for (const Pass& pass : passes) {
    good = good && pass.first == sequence && pass.last > pass.first && pass.begin == point &&
           pass.end > pass.begin && (pass.end % 2 == 0 || pass.end == points);
    point = pass.end % points;
    if (point == 0) sequence = pass.last;
  }
  return good && point == 0 && sequence == batch.sequences();
}

int64_t most_points(const std::vector<Pass>& passes) {
  int64_t most = 0;
  for (const Pass& pass : passes)
    most = std::max(most, static_cast<int64_t>(pass.end - pass.begin));
  return most;
}

TEST("an encoder's passes are bounded by rows: 16 points of 64 x 128, 16,384 tokens") {
  const Shape base = {768, 12, 12, 3072, 50265, 514};
  const ModelSpec spec = random_encoder(base).spec;
  const Batch batch = label_word_batch(lengths(64, 128), base.vocabulary);
  CHECK(passes_of(spec, batch, pairs_of(8)).size() == 1);
  CHECK(passes_of(spec, batch, pairs_of(9)).size() == 2);
  const Batch long_batch = label_word_batch(lengths(300, 100), base.vocabulary);
  const std::vector<Pass> passes = passes_of(spec, long_batch, pairs_of(5));
  CHECK(whole(passes, long_batch, 10));
  CHECK(passes.front().last == 163 && most_points(passes) == 8);
  const std::vector<Point> one = {{}};
  CHECK(passes_of(spec, label_word_batch({3}, 101), one).size() == 1);
}

TEST("children are computed in the pass of their parent") {
  DecoderShape shape = decoder_shapes()[0];
  const ModelSpec spec = random_decoder(shape).spec;
  Batch batch = next_token_batch(lengths(1000, 20), shape.vocabulary);
  for (int32_t s = 0; s < 1000; ++s)
    batch.parents.push_back(s % 10 == 0 || s > 990 ? -1 : s / 10 * 10);
  const std::vector<Pass> passes = passes_of(spec, batch, pairs_of(1));
  CHECK(whole(passes, batch, 2) && passes.size() == 2);
  CHECK(passes[0].last == 810);  // 16,200 tokens; a family more would be 16,400
  batch.parents.assign(1000, 0);
  batch.parents[0] = -1;
  CHECK(passes_of(spec, batch, pairs_of(1)).size() == 1);
}

TEST("a language model's passes are bounded by the bytes of its logits too") {
  DecoderShape shape = decoder_shapes()[0];
  shape.hidden = shape.embedding = 576, shape.heads = 9, shape.key_value_heads = 3;
  shape.head_width = 64, shape.intermediate = 1536, shape.vocabulary = 49152;
  const Batch batch = next_token_batch(lengths(16, 128), shape.vocabulary);
  CHECK(passes_of(random_decoder(shape).spec, batch, pairs_of(5)).size() == 1);
  shape.vocabulary = 151936;
  const ModelSpec spec = random_decoder(shape).spec;
  for (const size_t sequences : {1, 16, 200}) {
    const Batch some = next_token_batch(lengths(sequences, 128), shape.vocabulary);
    const std::vector<Pass> passes = passes_of(spec, some, pairs_of(5));
    CHECK(whole(passes, some, 10));
    for (const Pass& pass : passes) {
      const int64_t each = 128 * cuda::activation_bytes(spec) + 127 * 4 * int64_t{spec.outputs};
      const auto points = static_cast<int64_t>(pass.end - pass.begin);
      CHECK(points * (pass.last - pass.first) * each <= cuda::most_pass_bytes);
    }
  }
  // What does not fit alone is a pass all the same.
  shape.vocabulary = 1 << 26;
  const Batch huge = next_token_batch(lengths(3, 128), shape.vocabulary);
  const std::vector<Pass> passes = passes_of(random_decoder(shape).spec, huge, pairs_of(2));
  CHECK(whole(passes, huge, 4) && passes.size() == 6);
}

}  // namespace
}  // namespace zest::test
