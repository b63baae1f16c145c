// bfloat16 against the CPU's float32 arithmetic on the same weights.
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "core/evaluate.h"
#include "cpu/backend.h"
#include "cuda/backend.h"
#include "test/check.h"
#include "test/random_decoder.h"
#include "test/random_encoder.h"

namespace zest::test {
namespace {

const AbortFlag never{false};

// Of the differences f+ - f- over many directions: their standard deviation, the root mean square
// of the backend's error, and the cosine of the two lists.
struct Differences {
  double deviation, error, cosine;
};

Differences differences(const RandomModel& model, const Directions& directions, const Batch& batch,
                        int k) {
  const auto cpu = make_cpu_backend(model.spec, StorageType::bfloat16, {}, 1);
  const auto cuda = make_cuda_backend(model.spec, StorageType::bfloat16, 0);
  cpu->load(model.sources, {}, never);
  cuda->load(model.sources, {}, never);
  std::vector<Point> points;
  for (int i = 0; i < k; ++i) {
    const uint64_t stream = static_cast<uint64_t>(i);
    points.push_back({{stream, 1e-3f}});
    points.push_back({{stream, -1e-3f}});
  }
  const std::vector<double> a = evaluate(*cpu, directions, batch, points, 0, never);
  const std::vector<double> b = evaluate(*cuda, directions, batch, points, 0, never);
  double squares_a = 0, squares_b = 0, product = 0, error = 0, sum = 0;
  for (int i = 0; i < k; ++i) {
    const size_t at = 2 * static_cast<size_t>(i);
    const double x = a[at] - a[at + 1], y = b[at] - b[at + 1];
    squares_a += x * x, squares_b += y * y, product += x * y;
    error += (x - y) * (x - y), sum += x;
  }
  return {std::sqrt(squares_a / k - sum / k * (sum / k)), std::sqrt(error / k),
          product / std::sqrt(squares_a * squares_b)};
}

const std::vector<int32_t> lengths = {6, 9, 3, 12, 5, 8, 4, 7};

void check(const std::string& name, const Differences& d) {
  std::printf("%s: error %.3f of the deviation %.3g, cosine %.5f\n", name.c_str(),
              d.error / d.deviation, d.deviation, d.cosine);
  CHECK(d.error <= 0.1 * d.deviation);
  CHECK(d.cosine >= 0.99);
}

TEST("bfloat16: differences over 100 directions at rho 1e-3") {
  // Weights of the size of RoBERTa's, and twice that: the rounding of W + rho v weighs the more the
  // larger W is.
  RandomEncoder model = random_encoder({32, 2, 2, 64, 101, 66});
  const Batch batch = label_word_batch(lengths, 101);
  for (const float scale : {0.04f, 0.08f}) {
    for (ParameterSource& source : model.sources) source.initial_scale = scale;
    for (const Directions& directions :
         {Directions{7, Law::gaussian, 0}, Directions{7, Law::low_rank, 3}}) {
      check("weights of " + std::to_string(scale) + ", law " +
                std::to_string(static_cast<int>(directions.law)),
            differences(model, directions, batch, 100));
    }
  }
}

TEST("bfloat16: decoders' differences over 50 directions at rho 1e-3") {
  for (DecoderShape shape : decoder_shapes()) {
    shape.scale = 0.04f;
    check(shape.name, differences(random_decoder(shape), {7, Law::gaussian, 0},
                                  next_token_batch({6, 9, 3}, shape.vocabulary), 50));
  }
}

}  // namespace
}  // namespace zest::test
