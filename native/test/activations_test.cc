// The vector exponential and the activations on every instruction set, against libm in float64.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "check.h"
#include "cpu/kernels/kernels.h"
#include "instruction_sets.h"

namespace zest {
namespace {

constexpr double kRelative = 2e-7;  // of the exponential
constexpr double kScale = 4e-7;     // of an activation, over max(1, |x|)

std::vector<float> inputs(double from, double to) {
  std::vector<float> x(40000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(from + (to - from) * static_cast<double>(i) / x.size());
  return x;
}

std::vector<float> activated(const cpu::Kernels& set, Activation activation, std::vector<float> x) {
  const std::vector<float> zeros(x.size());
  set.accumulate(x.data(), zeros.data(), 0, static_cast<int>(activation),
                 static_cast<int64_t>(x.size()));
  return x;
}

// Far from 0, x sigmoid(x) is x e^x for negative x: its relative error is the exponential's, with
// three roundings more.
TEST("the exponential keeps its relative accuracy over its whole range") {
  const std::vector<float> x = inputs(-86, -18);
  for (const cpu::Kernels* set : test::instruction_sets()) {
    const std::vector<float> y = activated(*set, Activation::silu, x);
    double largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double expected = double{x[i]} * std::exp(double{x[i]});
      largest = std::max(largest, std::fabs(y[i] / expected - 1));
    }
    std::printf("%s: relative error %.2e\n", set->name, largest);
    CHECK(largest < kRelative + 3 * 0x1p-24);
  }
}

TEST("the cross-entropy of two logits is log(1 + e^difference)") {
  for (const cpu::Kernels* set : test::instruction_sets()) {
    for (double difference = -15; difference < 15; difference += 0.37) {
      const float logits[2] = {0, static_cast<float>(difference)};
      const double expected = std::log1p(std::exp(double{logits[1]}));
      CHECK_NEAR(set->cross_entropy(logits, 2, 0), expected, kScale * std::max(1.0, expected));
    }
  }
}

TEST("activations are the mathematical functions") {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto reference = [&](Activation activation, double x) -> double {
    switch (activation) {
      case Activation::gelu_erf:
        return x / 2 * std::erfc(-x * std::sqrt(0.5));
      case Activation::gelu_tanh:
        return x / 2 *
               (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
      case Activation::gelu_quick:
        return x * sigmoid(1.702 * x);
      case Activation::silu:
        return x * sigmoid(x);
      case Activation::tanh:
        return std::tanh(x);
      default:
        return std::max(x, 0.0);
    }
  };
  const std::vector<float> x = inputs(-30, 30);
  for (const cpu::Kernels* set : test::instruction_sets()) {
    for (const Activation activation :
         {Activation::gelu_erf, Activation::gelu_tanh, Activation::gelu_quick, Activation::relu,
          Activation::silu, Activation::tanh}) {
      const std::vector<float> y = activated(*set, activation, x);
      double largest = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double error = std::fabs(y[i] - reference(activation, x[i]));
        largest = std::max(largest, error / std::max(1.0, std::fabs(double{x[i]})));
      }
      std::printf("%s, activation %d: %.2e\n", set->name, static_cast<int>(activation), largest);
      CHECK(largest < kScale);
    }
  }
}

TEST("activations are the same bits on every instruction set, and NaN stays NaN") {
  std::vector<float> x = inputs(-95, 95);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float edge : {0.0f, 0x1p-149f, 0x1p-126f, 0x1p-75f, infinity}) {
    x.push_back(edge);
    x.push_back(-edge);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int activation = no_activation; activation <= static_cast<int>(Activation::tanh);
       ++activation) {
    const auto all = [&](const cpu::Kernels& set, std::vector<float> values) {
      return activated(set, static_cast<Activation>(activation), std::move(values));
    };
    const std::vector<float> expected = all(cpu::kernels_portable, x);
    for (const cpu::Kernels* set : test::instruction_sets()) {
      const std::vector<float> y = all(*set, x);
      for (size_t i = 0; i < x.size(); ++i) {
        const bool same = std::bit_cast<uint32_t>(y[i]) == std::bit_cast<uint32_t>(expected[i]) ||
                          (std::isnan(y[i]) && std::isnan(expected[i]));
        if (!same) return check::near(y[i], expected[i], 0, set->name, __FILE__, __LINE__);
      }
      for (const float value : all(*set, std::vector<float>(19, nan))) CHECK(std::isnan(value));
    }
  }
}

}  // namespace
}  // namespace zest
