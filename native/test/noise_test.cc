// Noise version 1 against answers that others computed, and the accuracy of its Box-Muller
// transform.
#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdio>
#include <vector>

#include "check.h"
#include "core/noise/reference.h"
#include "cpu/backend.h"
#include "cpu/kernels/dispatch.h"
#include "cpu/perturbation.h"
#include "noise_checks.h"

namespace zest {
namespace {

using noise::ScalarArithmetic;
using test::differences;

void check_block(uint64_t seed, uint64_t stream, uint64_t counter, const uint32_t (&expected)[4]) {
  const philox::Block block = philox::block(seed, stream, counter);
  CHECK(std::equal(expected, expected + 4, block.word));
}

TEST("Philox gives the known answers of Random123") {
  check_block(0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  check_block(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0},
              {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  check_block(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88,
              {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

// Eight successive curand4 after curand_init(1234, 0, 0).
TEST("Philox gives cuRAND's words") {
  const uint32_t expected[8][4] = {{0x2090b348, 0xda7cf0ab, 0x4401906f, 0xcbca470e},
                                   {0x9eeede35, 0x1cbe137c, 0xfa277093, 0x147edd50},
                                   {0x3fc9c8d8, 0xfc06fa38, 0xcc170b27, 0x891d3b11},
                                   {0xb6269a3e, 0x23b73d6b, 0x72cd7b67, 0xe87c375e},
                                   {0x14a762d7, 0xeb02ba3a, 0x0bb4bef5, 0xf998a4bd},
                                   {0xca2921c9, 0x3342f66b, 0xb1f2cfa6, 0x96051f38},
                                   {0xfd0ca21e, 0xaa1ae8fe, 0xcc60c15c, 0xb0287d17},
                                   {0xb30e22ad, 0x6eb5361a, 0x925f4117, 0x865132fe}};
  for (uint64_t counter = 0; counter < 8; ++counter)
    check_block(1234, 0, counter, expected[counter]);
}

TEST("the vectors of docs/noise.md: words to values") {
  for (const test::WordPair& pair : test::box_muller_vectors) {
    float values[2];
    noise::box_muller<ScalarArithmetic>(pair.words[0], pair.words[1], values[0], values[1]);
    CHECK(differences(values, pair.values) == 0);
  }
}

TEST("the vectors of docs/noise.md: elements, one at a time and from the engine") {
  const auto check = [](const auto& places, Law law,
                        float (*element)(uint64_t, uint64_t, uint64_t)) {
    for (const test::Place& place : places) {
      float values[8];
      fill_noise(place.seed, place.stream, place.offset, 8, law, values);
      CHECK(differences(values, place.values) == 0);
      for (uint64_t i = 0; i < 8; ++i)
        values[i] = element(place.seed, place.stream, place.offset + i);
      CHECK(differences(values, place.values) == 0);
    }
  };
  check(test::gaussian_vectors, Law::gaussian, noise::gaussian);
  check(test::rademacher_vectors, Law::rademacher, noise::rademacher);
}

TEST("the vectors of docs/noise.md: bits of stochastic rounding") {
  for (const test::Place& place : test::rounding_vectors) {
    for (uint64_t i = 0; i < 8; ++i) {
      const uint64_t stream = noise::rounding_stream + place.stream;
      CHECK(noise::rounding_bits(place.seed, stream, place.offset + i) == place.values[i]);
    }
  }
}

TEST("the vectors of docs/noise.md: addresses of a model") {
  const ModelSpec spec = test::vectors_model();
  const Addresses actual = addresses(spec);
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    const test::Tensor& expected = test::model_tensors[i];
    CHECK(actual.base[i] == expected.base);
    CHECK(actual.factor_a[i] == expected.factor_a);
    CHECK(actual.factor_b[i] == expected.factor_b);
  }
  CHECK(dimension(spec) == test::model_dimension);
}

TEST("the vectors of docs/noise.md: directions of a model under every law") {
  const cpu::Weights weights(test::vectors_model(), StorageType::float32);
  ThreadPool pool(2);
  cpu::Perturbation perturbation(weights, pool);
  for (const test::Direction& d : test::model_directions) {
    perturbation.set({test::model_seed, static_cast<Law>(d.law), d.rank},
                     std::initializer_list<Point>{{{test::model_stream, 1.0f}}});
    const cpu::Matrix& w = weights.matrix(d.parameter);
    std::vector<float> v(static_cast<size_t>(w.rows * w.columns));
    cpu::kernels().direction(w, perturbation.of(d.parameter), {nullptr, 0, w.rows}, v.data());
    CHECK(differences(v.data(), d.first) == 0);
    CHECK(differences(v.data() + v.size() - 3, d.last) == 0);
  }
}

TEST("the radius of the sphere") {
  CHECK(std::bit_cast<uint32_t>(cpu::sphere_radius(
            test::model_dimension, test::model_sum_of_squares)) == test::model_radius);
  CHECK(cpu::sphere_radius(1, 0) == 4096.0f);  // |z| < 2^-12.5 keeps a finite direction
  CHECK(cpu::sphere_radius(0, 0) == 0.0f);
  CHECK(cpu::sphere_radius(int64_t{1} << 38, int64_t{1} << 62) == 1.0f);
}

// Each value of the radius with one angle and each of the angle with one radius; and all angles
// with the largest radius, where the error is large.
TEST("Box-Muller is within 2e-6 of float64") {
  constexpr uint32_t values = 1u << 24;
  constexpr double tau = 6.283185307179586476925;
  double worst = 0, largest = 0;
  for (const uint32_t radii : {values, 1u}) {
    for (uint32_t angle = 0; angle < values; ++angle) {
      const uint32_t i = angle * 0x9E3779u % radii;
      float cosine, sine;
      noise::box_muller<ScalarArithmetic>(i << 8, angle << 8, cosine, sine);
      const double radius = std::sqrt(-2 * std::log((i + 1) * 0x1p-24));
      const double x = tau * 0x1p-24 * angle;
      const double error = std::max(std::fabs(cosine - radius * std::cos(x)),
                                    std::fabs(sine - radius * std::sin(x)));
      worst = std::max(worst, std::isnan(error) ? INFINITY : error);
      largest = std::max<double>({largest, std::fabs(cosine), std::fabs(sine)});
    }
  }
  std::printf("Box-Muller: error %.3g, largest value %.6f\n", worst, largest);
  CHECK(worst < 2e-6);
  CHECK_NEAR(largest, std::sqrt(48 * std::log(2.0)), 1e-6);
}

TEST("the device's roots are correctly rounded at every radius, whatever its inverse to 2^-23.4") {
  constexpr double relative_error = 9.0e-8;
  size_t tried = 0, wrong = 0;
  float least = INFINITY, most = 0;
  for (uint32_t word = 0; word < 1u << 24; ++word) {
    const float squared = noise::squared_radius<ScalarArithmetic>(word << 8);
    const double inverse = 1 / std::sqrt(static_cast<double>(std::max(squared, 0x1p-100f)));
    const float last = static_cast<float>(inverse * (1 + relative_error));
    for (float some = static_cast<float>(inverse * (1 - relative_error)); some <= last;
         some = std::nextafterf(some, INFINITY)) {
      if (std::fabs(some / inverse - 1) > relative_error) continue;
      ++tried;
      if (ScalarArithmetic::sqrt_from(squared, some) != std::sqrt(squared)) ++wrong;
    }
    if (squared > 0) least = std::min(least, squared);
    most = std::max(most, squared);
  }
  CHECK(wrong == 0);
  CHECK(tried > 2u << 24);
  CHECK(least > 1e-7f && most < 34);
}

TEST("the lowest eight bits of a word do not matter") {
  for (uint32_t i = 0; i < 256; ++i) {
    float clean[2], actual[2];
    noise::box_muller<ScalarArithmetic>(0x2090b300, 0xda7cf000, clean[0], clean[1]);
    noise::box_muller<ScalarArithmetic>(0x2090b300 + i, 0xda7cf0ff - i, actual[0], actual[1]);
    CHECK(clean[0] == actual[0] && clean[1] == actual[1]);
  }
}

TEST("the caller's rounding mode does not matter") {
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const test::Place& place = test::gaussian_vectors[2];
    float values[8];
    std::fesetround(mode);
    fill_noise(place.seed, place.stream, place.offset, 8, Law::gaussian, values);
    CHECK(std::fegetround() == mode);
    std::fesetround(FE_TONEAREST);
    CHECK(differences(values, place.values) == 0);
  }
}

}  // namespace
}  // namespace zest
