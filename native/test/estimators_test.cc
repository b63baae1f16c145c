#include "core/estimators.h"

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "test/check.h"
#include "test/losses.h"

namespace zest {
namespace {

// f+ = (0.70, 0.95, 0.62), f- = (0.66, 0.71, 0.75), whose golden values at rho = 0.1 come from
// 60-digit arithmetic.
const Vector kLosses{0.70, 0.66, 0.95, 0.71, 0.62, 0.75};

}  // namespace

TEST("golden values of three directions") {
  struct Case {
    double t;
    Vector naive, bias_corrected, beale, jackknife;
    double effective_sample_size, tilted_loss;
  };
  const Vector spsa{0.066666667, 0.400000000, -0.216666667};
  const Case cases[] = {
      {0, spsa, spsa, spsa, spsa, 6, 0.731666667},
      {1,
       {0.062945853, 0.439820430, -0.205730544},
       {0.061020103, 0.461662504, -0.200110119},
       {0.061025386, 0.461602590, -0.200125536},
       {0.060973680, 0.462281416, -0.199924425},
       5.924796288,
       0.737496867},
      {10,
       {0.019329226, 0.649466476, -0.070320699},
       {0.003854516, 0.793067428, -0.016668170},
       {0.008638455, 0.748673818, -0.033254616},
       {-0.015029977, 0.974708057, 0.053193711},
       1.888965252,
       0.804474464},
      {200,
       {0, 0.05, 0},
       {0, 0.05, 0},
       {0, 0.05, 0},
       {-0.000001513, 0.083333333, 0.033331820},
       1,
       0.941041203},
  };
  for (const Case& expected : cases) {
    const Vector vectors[] = {expected.naive, expected.bias_corrected, expected.beale,
                              expected.jackknife};
    for (size_t e = 0; e < kEstimators.size(); ++e) {
      const Coefficients actual = coefficients(kLosses, at(expected.t, kEstimators[e], 0.1));
      check_near(actual.c, vectors[e], 1e-9);
      CHECK_NEAR(actual.effective_sample_size, expected.effective_sample_size, 1e-9);
      CHECK_NEAR(actual.tilted_loss, expected.tilted_loss, 1e-9);
      CHECK_NEAR(actual.mean_loss, 0.731666667, 1e-9);
      CHECK(actual.tilt == expected.t);
    }
  }
}

TEST("without tilt every estimator is n-SPSA to the last bit") {
  Random random;
  for (int trial = 0; trial < 500; ++trial) {
    const Vector losses = random.losses();
    const size_t k = losses.size() / 2;
    const double rho = random.power_of_ten(-4, 0);
    for (const Estimator estimator : kEstimators) {
      const Coefficients actual = coefficients(losses, at(0, estimator, rho));
      for (size_t i = 0; i < k; ++i) {
        CHECK(actual.c[i] == (losses[2 * i] - losses[2 * i + 1]) / (2 * double(k) * rho));
      }
      CHECK(actual.tilted_loss == actual.mean_loss);
      CHECK(actual.effective_sample_size == double(losses.size()));
      CHECK(actual.tau == 0);
    }
  }
}

TEST("a small tilt moves the coefficients by tau and no more") {
  Random random;
  for (int trial = 0; trial < 500; ++trial) {
    const Vector losses = random.losses();
    for (const Estimator estimator : kEstimators) {
      const Vector limit = coefficients(losses, at(0, estimator)).c;
      EstimatorOptions options = by(TiltRule::tau, 1e-10);
      options.estimator = estimator;
      check_near(coefficients(losses, options).c, limit, 1e-8 * largest(limit));
    }
  }
}

TEST("one direction is a clipped projected gradient under every estimator") {
  Random random;
  for (int trial = 0; trial < 500; ++trial) {
    const double h = random.power_of_ten(-6, 3);
    const double t = random.power_of_ten(-6, 3);
    for (const Estimator estimator : kEstimators) {
      const Coefficients actual = coefficients(Vector{h, -h}, at(t, estimator, 0.01));
      CHECK_NEAR(actual.c[0], std::tanh(t * h) / (t * 0.01), 1e-13 * actual.c[0]);
    }
  }
}

TEST("a large tilt leaves the worst evaluation") {
  for (const double sign : {1.0, -1.0}) {
    const Vector losses{0.3, 0.2, 0.5 + sign * 0.4, 0.5 - sign * 0.4, 0.1, 0.6};
    for (const Estimator estimator :
         {Estimator::naive, Estimator::bias_corrected, Estimator::beale}) {
      check_near(coefficients(losses, at(1e6, estimator, 0.1)).c, {0, sign * 1e-5, 0}, 1e-20);
    }
    // Without the worst direction, the last one's minus side is the worst.
    check_near(coefficients(losses, at(1e6, Estimator::jackknife, 0.1)).c,
               {0, sign * 1e-5 * 5 / 3, 1e-5 * 2 / 3}, 1e-20);
    check_near(coefficients(Vector{0.3, 0.9, 0.1}, one_sided(1e6, 0.1)).c,
               scaled({-1, 2, -1}, 0.5e-5), 1e-20);
  }
}

TEST("correction factors are within their bounds") {
  Random random;
  for (int trial = 0; trial < 2000; ++trial) {
    const Vector losses = random.losses(2);
    const double k = double(losses.size() / 2);
    const double rho = 0.01;
    const double t = random.power_of_ten(-3, 3);
    const Vector naive = coefficients(losses, at(t, Estimator::naive, rho)).c;
    const Vector corrected = coefficients(losses, at(t, Estimator::bias_corrected, rho)).c;
    const Vector beale = coefficients(losses, at(t, Estimator::beale, rho)).c;
    for (size_t i = 0; i < naive.size(); ++i) {
      CHECK(std::fabs(naive[i]) <= 1 / (t * rho) * (1 + 1e-14));
      if (std::fabs(naive[i]) < 1e-290) continue;
      CHECK(corrected[i] / naive[i] >= -1 / (k - 1) - 1e-13);
      CHECK(corrected[i] / naive[i] <= 1.25 + 1e-13);
      CHECK(beale[i] / naive[i] >= 0);
      CHECK(beale[i] / naive[i] <= (1 + std::sqrt(2.0)) / 2 + 1e-13);
    }
  }
}

TEST("invariances: shift, scale, permutation, exchange of sides") {
  Random random;
  for (int trial = 0; trial < 1000; ++trial) {
    Vector losses = random.losses(2);
    for (double& f : losses) f = std::round(f * 0x1p20) * 0x1p-20;  // so that a shift is exact
    const double t = random.power_of_ten(-3, 2);
    Vector order(losses.size() / 2);
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[random.below(i + 1)]);
    for (const Estimator estimator : kEstimators) {
      const Vector c = coefficients(losses, at(t, estimator)).c;
      const double tolerance = 1e-12 * largest(c);

      Vector shifted = losses;
      for (double& f : shifted) f += 1024;
      CHECK(coefficients(shifted, at(t, estimator)).c == c);

      // Exact as well, but for what float64 cannot hold.
      const double a = std::ldexp(1, static_cast<int>(random.below(20)) - 10);
      check_near(coefficients(scaled(losses, a), at(t / a, estimator)).c, scaled(c, a), 1e-300);

      Vector permuted;
      Vector permuted_c;
      for (const double i : order) {
        permuted.insert(permuted.end(), {losses[2 * size_t(i)], losses[2 * size_t(i) + 1]});
        permuted_c.push_back(c[size_t(i)]);
      }
      check_near(coefficients(permuted, at(t, estimator)).c, permuted_c, tolerance);

      Vector exchanged = losses;
      for (size_t i = 0; i < losses.size(); i += 2) std::swap(exchanged[i], exchanged[i + 1]);
      CHECK(coefficients(exchanged, at(t, estimator)).c == scaled(c, -1));
    }
  }
}

TEST("one-sided coefficients sum to 0 and are the leave-one-out estimator without tilt") {
  Random random;
  for (int trial = 0; trial < 500; ++trial) {
    const Vector losses = random.losses();
    const double k = double(losses.size());
    const Vector c = coefficients(losses, one_sided(random.power_of_ten(-6, 3))).c;
    CHECK_NEAR(std::accumulate(c.begin(), c.end(), 0.0), 0, 1e-12 * k * largest(c));
    const Vector limit = coefficients(losses, one_sided(0)).c;
    for (size_t i = 0; i < losses.size(); ++i) {
      double advantage = 0;  // over the mean of the others
      for (const double f : losses) advantage += (losses[i] - f) / (k - 1);
      CHECK_NEAR(limit[i], advantage / (k * 1e-3), 1e-12 * largest(limit));
    }
  }
}

TEST("normalize divides by sigma / rho or by the norm") {
  Random random;
  for (int trial = 0; trial < 200; ++trial) {
    const Vector losses = random.losses(1);
    for (EstimatorOptions options : {at(1, Estimator::beale, 0.01), one_sided(1, 0.01)}) {
      options.dimension = 1e6;
      const Coefficients plain = coefficients(losses, options);
      const double length =
          std::sqrt(std::inner_product(plain.c.begin(), plain.c.end(), plain.c.begin(), 0.0));
      CHECK_NEAR(plain.gradient_norm / (length * 1000), 1, 1e-14);
      options.normalize = Normalize::sigma;
      const Vector by_sigma = scaled(plain.c, 0.01 / plain.tau);  // tau is sigma at t = 1
      check_near(coefficients(losses, options).c, by_sigma, 1e-14 * largest(by_sigma));
      options.normalize = Normalize::norm;
      const Coefficients by_norm = coefficients(losses, options);
      check_near(by_norm.c, scaled(plain.c, 1 / (length * 1000)), 1e-14);
      CHECK_NEAR(by_norm.gradient_norm, 1, 1e-14);
    }
  }
  for (const Normalize normalize : {Normalize::none, Normalize::sigma, Normalize::norm}) {
    EstimatorOptions options = at(1);
    options.normalize = normalize;
    CHECK(coefficients(Vector{0.7, 0.7, 0.7, 0.7}, options).c == Vector(2));
  }
}

}  // namespace zest
