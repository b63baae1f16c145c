// exp, log, sine, cosine and the quotients of small-argument forms in float64, from additions,
// multiplications and divisions in a fixed order: every machine computes the same bits, which
// libm's do not. Relative errors are below 1e-15.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

namespace zest::scalar {

// ln 2 in two parts; a multiple of the first by an exponent is exact.
inline constexpr double kLn2High = 0x1.62e42feep-1;
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// The sum of coefficient[m] x^m.
template <std::size_t n>
constexpr double polynomial(const std::array<double, n>& coefficients, double x) {
  double sum = 0;
  for (std::size_t m = n; m-- > 0;) sum = coefficients[m] + x * sum;
  return sum;
}

// (e^z - 1) / z = sum of z^m / (m + 1)!, for |z| <= 1/2.
inline double expm1_series(double z) {
  static constexpr auto kCoefficients = [] {
    std::array<double, 15> coefficients{};
    double factorial = 1;
    for (int m = 0; m < 15; ++m) coefficients[m] = 1 / (factorial *= m + 1);
    return coefficients;
  }();
  return polynomial(kCoefficients, z);
}

// log(1 + y) / y = 2 artanh(s) / y with s = y / (2 + y), for 1 + y from sqrt(1/2) to sqrt(2).
inline double log1p_series(double y) {
  static constexpr auto kCoefficients = [] {
    std::array<double, 12> coefficients{};
    for (int m = 0; m < 12; ++m) coefficients[m] = 1.0 / (2 * m + 1);
    return coefficients;
  }();
  const double s = y / (2 + y);
  return 2 / (2 + y) * polynomial(kCoefficients, s * s);
}

// e^x; 0 and infinity beyond the range of float64.
inline double exp(double x) {
  if (!(x < 710)) return x * std::numeric_limits<double>::infinity();  // keeps NaN
  if (x < -746) return 0;
  const double exponent = std::floor(x / std::numbers::ln2 + 0.5);
  const double rest = (x - exponent * kLn2High) - exponent * kLn2Low;
  return std::ldexp(1 + rest * expm1_series(rest), static_cast<int>(exponent));
}

// The natural logarithm; minus infinity at 0, NaN below.
inline double log(double x) {
  if (!(x > 0)) return x == 0 ? -std::numeric_limits<double>::infinity() : std::nan("");
  if (x == std::numeric_limits<double>::infinity()) return x;
  int exponent;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < std::numbers::sqrt2 / 2) {
    mantissa *= 2;
    --exponent;
  }
  const double y = mantissa - 1;
  return exponent * kLn2High + (y * log1p_series(y) + exponent * kLn2Low);
}

struct SineCosine {
  double sine, cosine;
};

// Of an angle x in radians, |x| < 2^20: absolute errors below 1e-15.
inline SineCosine sine_cosine(double x) {
  // pi / 2 in two parts; a multiple of the first by a quarter's number is exact.
  constexpr double high = 0x1.921fb544p+0, low = 0x1.0b4611a626331p-34;
  static constexpr auto kSine = [] {
    std::array<double, 9> coefficients{};
    double term = 1;
    for (int m = 0; m < 9; ++m) {
      coefficients[m] = term;
      term /= -(2.0 * m + 2) * (2 * m + 3);
    }
    return coefficients;
  }();
  static constexpr auto kCosine = [] {
    std::array<double, 9> coefficients{};
    double term = 1;
    for (int m = 0; m < 9; ++m) {
      coefficients[m] = term;
      term /= -(2.0 * m + 1) * (2 * m + 2);
    }
    return coefficients;
  }();
  const double quarter = std::floor(x / (std::numbers::pi / 2) + 0.5);
  const double r = (x - quarter * high) - quarter * low, square = r * r;
  const double sine = r * polynomial(kSine, square), cosine = polynomial(kCosine, square);
  switch (static_cast<int64_t>(quarter) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

// (e^z - 1) / z, which is 1 at z = 0.
inline double expm1_ratio(double z) {
  return std::fabs(z) <= 0.5 ? expm1_series(z) : (exp(z) - 1) / z;
}

// log(1 + y) / y for y > -1, which is 1 at y = 0.
inline double log1p_ratio(double y) {
  const bool small = -0.29 < y && y < 0.41;
  return small ? log1p_series(y) : log(1 + y) / y;
}

}  // namespace zest::scalar
