// Random losses, and short ways to write estimator options, for the tests of core/estimators.h.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/estimators.h"
#include "test/check.h"

namespace zest {

using Vector = std::vector<double>;

inline constexpr std::array kEstimators{Estimator::naive, Estimator::bias_corrected,
                                        Estimator::beale, Estimator::jackknife};

inline EstimatorOptions at(double tilt, Estimator estimator = Estimator::naive, double rho = 1e-3) {
  EstimatorOptions options;
  options.rho = rho;
  options.tilt_value = tilt;
  options.estimator = estimator;
  return options;
}

inline EstimatorOptions by(TiltRule rule, double value) {
  EstimatorOptions options;
  options.tilt_rule = rule;
  options.tilt_value = value;
  return options;
}

inline EstimatorOptions one_sided(double tilt, double rho = 1e-3) {
  EstimatorOptions options = at(tilt, Estimator::naive, rho);
  options.sides = Sides::one;
  return options;
}

// Steele and Vigna's splitmix64.
class Random {
 public:
  double uniform() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  size_t below(size_t n) { return static_cast<size_t>(uniform() * static_cast<double>(n)); }
  double power_of_ten(double low, double high) { return std::pow(10, between(low, high)); }
  // Losses of 1 to 12 directions around a centre, from nearly equal to far apart.
  Vector losses(size_t least = 1) {
    Vector values(2 * (least + below(12)));
    const double centre = between(-3, 12);
    const double spread = power_of_ten(-6, 2);
    for (double& value : values) value = centre + spread * between(-1, 1);
    return values;
  }

 private:
  uint64_t state_ = 1;
};

inline double largest(const Vector& values) {
  double result = 0;
  for (const double value : values) result = std::max(result, std::fabs(value));
  return result;
}

inline void check_near(const Vector& actual, const Vector& expected, double tolerance) {
  CHECK(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) CHECK_NEAR(actual[i], expected[i], tolerance);
}

inline Vector scaled(Vector values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

}  // namespace zest
