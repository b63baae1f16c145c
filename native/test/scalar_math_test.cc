#include "core/scalar_math.h"

#include <cmath>
#include <limits>

#include "test/check.h"
#include "test/losses.h"

using zest::Random;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST("sine and cosine are the mathematical functions") {
  Random random;
  for (int i = 0; i < 20000; ++i) {
    const double x = i % 2 ? random.between(-8, 8) : random.between(-1e6, 1e6);
    const zest::scalar::SineCosine turned = zest::scalar::sine_cosine(x);
    CHECK_NEAR(turned.sine, std::sin(x), 1e-15);
    CHECK_NEAR(turned.cosine, std::cos(x), 1e-15);
  }
  CHECK(zest::scalar::sine_cosine(0).sine == 0 && zest::scalar::sine_cosine(0).cosine == 1);
}

TEST("exp and log are the mathematical functions") {
  CHECK(zest::scalar::exp(0) == 1);
  CHECK(zest::scalar::log(1) == 0);
  CHECK(zest::scalar::exp(-kInfinity) == 0);
  CHECK(zest::scalar::exp(1000) == kInfinity);
  CHECK(zest::scalar::exp(-1000) == 0);
  CHECK(zest::scalar::log(0) == -kInfinity);
  CHECK(std::isnan(zest::scalar::exp(kNaN)) && std::isnan(zest::scalar::log(-1)));
  Random random;
  for (int i = 0; i < 20000; ++i) {
    const double x = random.between(-700, 700);
    const double y = random.between(-0.999, 2);
    const double z = -random.power_of_ten(-20, 2);
    CHECK_NEAR(zest::scalar::exp(x) / std::exp(x), 1, 1e-15);
    CHECK_NEAR(zest::scalar::log(std::exp(x)), std::log(std::exp(x)), 1e-15 * std::fabs(x));
    CHECK_NEAR(zest::scalar::expm1_ratio(z) * z / std::expm1(z), 1, 1e-15);
    CHECK_NEAR(zest::scalar::log1p_ratio(y) * y / std::log1p(y), 1, 2e-15);
  }
  for (const double denormal : {5e-324, 1e-310}) {
    CHECK_NEAR(zest::scalar::log(denormal), std::log(denormal), 1e-12);
    CHECK(zest::scalar::expm1_ratio(-denormal) == 1 && zest::scalar::log1p_ratio(-denormal) == 1);
  }
}
