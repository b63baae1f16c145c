// What the tests of the noise ask of samples. A score is standard normal where the samples are as
// they should be, so that one limit does for all; seeds are fixed, so a passing test goes on
// passing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace zest::test {

// NaN is the worst score there is.
inline double worse(double worst, double score) {
  return std::isnan(score) ? std::numeric_limits<double>::infinity()
                           : std::max(worst, std::fabs(score));
}

// Sum of f(x[i]) g(y[i]); eight sums, which the compiler can keep in registers.
template <class F>
double sum_of_products(const float* x, const float* y, int64_t n, F f) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) sums[j] += f(x[i + j]) * f(y[i + j]);
  }
  for (; i < n; ++i) sums[0] += f(x[i]) * f(y[i]);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// Two functions of mean 0 and variance 1, of values that are normal: dependence shows in the
// correlation of either.
inline double value(float x) { return static_cast<double>(x); }
inline double energy(float x) {
  return (static_cast<double>(x) * static_cast<double>(x) - 1) / std::sqrt(2.0);
}

// Moments of N(0, 1): E x^p, and the variance of x^p, for p = 1 .. 4.
constexpr double normal_moment[4] = {0, 1, 0, 3};
constexpr double normal_moment_variance[4] = {1, 2, 15, 96};

// The worst score of the first four moments.
inline double moments_score(const std::vector<float>& samples) {
  double sums[4] = {};
  for (const float sample : samples) {
    const double x = static_cast<double>(sample), x2 = x * x;
    sums[0] += x, sums[1] += x2, sums[2] += x2 * x, sums[3] += x2 * x2;
  }
  const double n = static_cast<double>(samples.size());
  double worst = 0;
  for (int p = 0; p < 4; ++p) {
    worst =
        worse(worst, (sums[p] / n - normal_moment[p]) * std::sqrt(n / normal_moment_variance[p]));
  }
  return worst;
}

// sqrt(n) times the largest distance between the samples' distribution and N(0, 1) (Kolmogorov and
// Smirnov); 1.95 is exceeded once in a thousand times.
inline double kolmogorov_smirnov(std::vector<float> samples) {
  if (std::any_of(samples.begin(), samples.end(), [](float x) { return std::isnan(x); })) {
    return std::numeric_limits<double>::infinity();
  }
  std::sort(samples.begin(), samples.end());
  const double n = static_cast<double>(samples.size());
  double worst = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double p = 0.5 * std::erfc(-static_cast<double>(samples[i]) / std::sqrt(2.0));
    worst = std::max(
        {worse(worst, p - static_cast<double>(i) / n), static_cast<double>(i + 1) / n - p});
  }
  return worst * std::sqrt(n);
}

}  // namespace zest::test
