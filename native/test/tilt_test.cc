#include "core/tilt.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "test/check.h"
#include "test/losses.h"

namespace zest {
namespace {

double kl_from_uniform(const Vector& losses, double t) {
  const double top = *std::max_element(losses.begin(), losses.end());
  double total = 0;
  for (const double f : losses) total += std::exp(t * (f - top));
  double divergence = 0;
  for (const double f : losses) {
    const double p = std::exp(t * (f - top)) / total;
    if (p > 0) divergence += p * std::log(p * static_cast<double>(losses.size()));
  }
  return divergence;
}

}  // namespace

TEST("the tilt rules hit their targets") {
  Random random;
  for (int trial = 0; trial < 500; ++trial) {
    const Vector losses = random.losses(2);
    const double n = double(losses.size());
    const Coefficients plain = coefficients(losses, at(1));
    const double sigma = plain.tau;

    const double tau = random.power_of_ten(-3, 3);
    const Coefficients by_tau = coefficients(losses, by(TiltRule::tau, tau));
    CHECK_NEAR(by_tau.tilt * sigma / tau, 1, 1e-14);
    CHECK_NEAR(by_tau.tau / tau, 1, 1e-14);

    const double share = random.between(1.01 / n, 1);
    const Coefficients by_size = coefficients(losses, by(TiltRule::effective_sample_size, share));
    if (by_size.tau < 0.999e6) CHECK_NEAR(by_size.effective_sample_size, share * n, 1e-12 * n);

    const double radius = random.between(0.01, 0.99) * std::log(n);
    const Coefficients by_radius = coefficients(losses, by(TiltRule::kl_radius, radius));
    if (by_radius.tau < 0.999e6) CHECK_NEAR(kl_from_uniform(losses, by_radius.tilt), radius, 1e-11);
    // Whichever rule chose it, t is a t.
    CHECK(by_radius.c == coefficients(losses, at(by_radius.tilt)).c);
  }
}

TEST("tilt targets next to none keep their digits") {
  // Where tau is small, n / effective sample size - 1 is tau^2 and the divergence tau^2 / 2.
  const Vector losses{0.1, 0.4, 0.3, 0.25};
  for (const double tau : {1e-3, 1e-5, 1e-7}) {
    const double share = 1 - tau * tau;
    const double size_tau = coefficients(losses, by(TiltRule::effective_sample_size, share)).tau;
    CHECK_NEAR(size_tau / std::sqrt((1 - share) / share), 1, tau);
    const double kl_tau = coefficients(losses, by(TiltRule::kl_radius, tau * tau / 2)).tau;
    CHECK_NEAR(kl_tau / tau, 1, tau);
  }
  CHECK_NEAR(coefficients(losses, by(TiltRule::kl_radius, 1e-200)).tau / 1e-100, std::sqrt(2),
             1e-12);
}

TEST("a target without tilt gives 0, one out of reach the largest tilt") {
  const Vector losses{0.1, 0.4, 0.3, 0.25};
  const Vector tied{0.4, 0.4, 0.3, 0.25};
  const Vector equal{0.4, 0.4, 0.4, 0.4};
  CHECK(coefficients(losses, by(TiltRule::tau, 0)).tilt == 0);
  CHECK(coefficients(losses, by(TiltRule::effective_sample_size, 1)).tilt == 0);
  CHECK(coefficients(losses, by(TiltRule::kl_radius, 0)).tilt == 0);
  const auto reaches_cap = [](const Vector& values, TiltRule rule, double target) {
    CHECK_NEAR(coefficients(values, by(rule, target)).tau, 1e6, 1e-8);
  };
  reaches_cap(losses, TiltRule::tau, 1e7);
  reaches_cap(losses, TiltRule::effective_sample_size, 0.25);
  reaches_cap(losses, TiltRule::effective_sample_size, 1e-300);
  reaches_cap(losses, TiltRule::kl_radius, std::log(4.0));
  reaches_cap(losses, TiltRule::kl_radius, 100);
  reaches_cap(tied, TiltRule::effective_sample_size, 0.5);
  reaches_cap(tied, TiltRule::kl_radius, std::log(2.0));
  reaches_cap({0.4, 0.4 - 1e-9, 0.3, 0.25}, TiltRule::effective_sample_size, 0.3);
  for (const TiltRule rule :
       {TiltRule::tau, TiltRule::effective_sample_size, TiltRule::kl_radius}) {
    const Coefficients result = coefficients(equal, by(rule, 0.5));
    CHECK(result.tilt == 0 && result.tau == 0 && result.gradient_norm == 0);
  }
}

}  // namespace zest
