#include "core/tilt.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/scalar_math.h"

namespace zest {
namespace {

constexpr double kMaximumTau = 1e6;   // t <= 1e6 / sigma
constexpr double kTolerance = 1e-12;  // relative; a target this near its limit is out of reach
constexpr double kBracket = 1e-14;    // relative width at which bisection stops

// The tilted weights w = exp(tau f / sigma), each as w / mean w - 1. From e^z - 1, which keeps its
// digits where tau is so small that all weights are nearly 1.
class Deviations {
 public:
  Deviations(std::span<const double> losses, const Spread& spread) : standard_(losses.size()) {
    for (size_t i = 0; i < losses.size(); ++i) {
      standard_[i] = (losses[i] - spread.largest) / spread.sigma;
    }
    values_.resize(losses.size());
  }

  const std::vector<double>& at(double tau) {
    double mean = 0;
    for (size_t i = 0; i < standard_.size(); ++i) {
      const double exponent = tau * standard_[i];
      values_[i] = exponent * scalar::expm1_ratio(exponent);
      mean += values_[i];
    }
    mean /= static_cast<double>(values_.size());
    for (double& value : values_) value = (value - mean) / (1 + mean);
    return values_;
  }

 private:
  std::vector<double> standard_;  // (f - largest) / sigma
  std::vector<double> values_;
};

// n / effective sample size - 1: the weights' squared coefficient of variation.
double squared_variation(const std::vector<double>& deviations) {
  double sum = 0;
  for (const double u : deviations) sum += u * u;
  return sum / static_cast<double>(deviations.size());
}

// (1 + u) log(1 + u) - u, its series sum (-u)^j u^2 / ((j + 1) (j + 2)) where the two terms cancel.
double entropy_term(double u) {
  if (std::fabs(u) > 0.1) return u <= -1 ? -u : (1 + u) * scalar::log(1 + u) - u;
  double sum = 0;
  for (int j = 15; j >= 0; --j) sum = 1.0 / ((j + 1) * (j + 2)) - u * sum;
  return u * u * sum;
}

// KL(p || uniform) = mean of n p log(n p), and the deviations n p - 1 sum to 0.
double kl_from_uniform(const std::vector<double>& deviations) {
  double sum = 0;
  for (const double u : deviations) sum += entropy_term(u);
  return sum / static_cast<double>(deviations.size());
}

// The tau at which a measure of the weights, which rises with tau from 0 and stays below `limit`,
// reaches the target.
template <typename Measure>
double solve(std::span<const double> losses, const Spread& spread, Measure measure, double target,
             double limit) {
  if (spread.sigma == 0 || target == 0) return 0;
  if (target >= limit * (1 - kTolerance)) return kMaximumTau;
  Deviations deviations(losses, spread);
  double low = 0;
  double high = kMaximumTau;
  while (high - low > kBracket * high) {
    const double middle = low + (high - low) / 2;
    (measure(deviations.at(middle)) < target ? low : high) = middle;
  }
  return high;
}

void require(bool condition, const char* expectation) {
  if (!condition) throw Error("ERR_ZEST_TILT", expectation);
}

}  // namespace

Spread spread_of(std::span<const double> losses) {
  const auto [smallest, largest] = std::minmax_element(losses.begin(), losses.end());
  const double n = static_cast<double>(losses.size());
  Spread spread{*largest, *largest - *smallest, *largest, 0};
  if (spread.range == 0) return spread;
  double mean = 0;  // of f - largest
  for (const double f : losses) mean += (f - spread.largest) / n;
  double square = 0;
  for (const double f : losses) {
    const double deviation = (f - spread.largest - mean) / spread.range;
    square += deviation * deviation;
  }
  spread.mean = spread.largest + mean;
  spread.sigma = spread.range * std::sqrt(square / n);
  return spread;
}

double tilt_of(std::span<const double> losses, const Spread& spread, TiltRule rule, double value) {
  const bool from_zero = value >= 0 && value <= std::numeric_limits<double>::max();
  const double n = static_cast<double>(losses.size());
  // However large the tilt, it does not tell the largest losses apart.
  const double worst =
      static_cast<double>(std::count(losses.begin(), losses.end(), spread.largest));

  double tau = 0;
  switch (rule) {
    case TiltRule::number:
      require(from_zero, "tilt must be a finite number >= 0");
      return value;
    case TiltRule::tau:
      require(from_zero, "tilt.tau must be a finite number >= 0");
      tau = value;
      break;
    case TiltRule::effective_sample_size:
      require(value > 0 && value <= 1, "tilt.effectiveSampleSize must be above 0 and at most 1");
      tau = solve(losses, spread, squared_variation, (1 - value) / value, n / worst - 1);
      break;
    case TiltRule::kl_radius:
      require(from_zero, "tilt.klRadius must be a finite number >= 0");
      tau = solve(losses, spread, kl_from_uniform, value, scalar::log(n / worst));
      break;
    default:
      require(false, "the tilt rule must be number, tau, effectiveSampleSize or klRadius");
  }
  if (spread.sigma == 0) return 0;
  return std::min(std::min(tau, kMaximumTau) / spread.sigma, std::numeric_limits<double>::max());
}

}  // namespace zest
