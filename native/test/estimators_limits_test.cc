#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

#include "core/estimators.h"
#include "test/check.h"
#include "test/losses.h"

namespace zest {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool all_finite(const Coefficients& r) {
  Vector values = r.c;
  values.insert(values.end(), {r.tilt, r.tau, r.tilted_loss, r.mean_loss, r.effective_sample_size,
                               r.gradient_norm});
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

}  // namespace

TEST("everything is finite, or an error, however large tilt and losses") {
  Random random;
  const double values[] = {0,     1,      -1,     1e6,    -1e6,    1e150,   -1e150,
                           1e300, -1e300, 5e-324, 1e-310, 1.7e308, -1.7e308};
  int finite = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    Vector losses(2 * (1 + random.below(4)));
    for (double& f : losses) f = values[random.below(std::size(values))];
    EstimatorOptions options = at(values[random.below(4)], kEstimators[random.below(4)]);
    if (random.uniform() < 0.5) options.tilt_value = random.power_of_ten(-300, 300);
    if (random.uniform() < 0.3) options = by(TiltRule::kl_radius, random.uniform());
    options.normalize = static_cast<Normalize>(random.below(3));
    options.tilt_value = std::fabs(options.tilt_value);
    try {
      CHECK(all_finite(coefficients(losses, options)));
      ++finite;
    } catch (const Error&) {
    }
  }
  CHECK(finite > 1000);
  for (const double product : {1e6, -1e6}) {
    for (const Estimator estimator : kEstimators) {
      const Vector losses{product, 0, 0.5, product / 2, -product, product};
      CHECK(all_finite(coefficients(losses, at(1, estimator))));
      CHECK(all_finite(coefficients(losses, at(1000, estimator))));
    }
    CHECK(all_finite(coefficients(Vector{product, 0, -product}, one_sided(1))));
  }
}

TEST("bad options and losses are errors") {
  const Vector losses{0.1, 0.4, 0.3, 0.25};
  for (const double rho : {0.0, -1.0, kInfinity, kNaN}) {
    CHECK_THROWS("ERR_ZEST_RHO", coefficients(losses, at(1, Estimator::naive, rho)));
  }
  for (const double bad : {-1e-9, kInfinity, kNaN}) {
    CHECK_THROWS("ERR_ZEST_TILT", coefficients(losses, at(bad)));
    CHECK_THROWS("ERR_ZEST_TILT", coefficients(losses, by(TiltRule::tau, bad)));
    CHECK_THROWS("ERR_ZEST_TILT", coefficients(losses, by(TiltRule::kl_radius, bad)));
  }
  for (const double bad : {0.0, -0.5, 1.5, kNaN}) {
    CHECK_THROWS("ERR_ZEST_TILT", coefficients(losses, by(TiltRule::effective_sample_size, bad)));
  }
  CHECK_THROWS("ERR_ZEST_TILT", coefficients(losses, by(static_cast<TiltRule>(9), 1)));
  CHECK_THROWS("ERR_ZEST_TILT", coefficients(Vector{1e10, 0}, at(1e300)));

  CHECK_THROWS("ERR_ZEST_ESTIMATOR", coefficients(losses, at(1, static_cast<Estimator>(9))));
  CHECK_THROWS("ERR_ZEST_ESTIMATOR", coefficients(Vector{0.5}, one_sided(1)));
  for (const Estimator estimator :
       {Estimator::bias_corrected, Estimator::beale, Estimator::jackknife}) {
    EstimatorOptions options = at(1, estimator);
    options.sides = Sides::one;
    CHECK_THROWS("ERR_ZEST_ESTIMATOR", coefficients(losses, options));
  }

  CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{}, at(1)));
  CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{}, one_sided(1)));
  CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{0.1, 0.4, 0.3}, at(1)));
  for (const double bad : {kNaN, kInfinity, -kInfinity}) {
    CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{0.1, bad}, at(1)));
  }
  CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{1.7e308, -1.7e308}, at(0)));
  CHECK_THROWS("ERR_ZEST_LOSSES", coefficients(Vector{1e307, 0}, at(0)));

  EstimatorOptions options = at(1);
  options.dimension = 0;
  CHECK_THROWS("ERR_ZEST_OPTION", coefficients(losses, options));
  options = at(1);
  options.sides = static_cast<Sides>(2);
  CHECK_THROWS("ERR_ZEST_OPTION", coefficients(losses, options));
  options = at(1);
  options.normalize = static_cast<Normalize>(-1);
  CHECK_THROWS("ERR_ZEST_OPTION", coefficients(losses, options));
}

}  // namespace zest
