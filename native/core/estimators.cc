#include "core/estimators.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/error.h"
#include "core/scalar_math.h"
#include "core/tilt.h"

namespace zest {
namespace {

using Losses = std::span<const double>;
using Vector = std::vector<double>;

// d (1 - e^{-t |d|}) / (t |d|): d itself at t = 0, and never beyond 1 / t. It is the sinh form of
// the difference of two exponentials, e^{t m} sinh(t h) / t = e^{t max(f+, f-)} (1 - e^{-2 t |h|})
// / 2 t, with no factor that overflows.
double tilted_difference(double d, double t) { return d * scalar::expm1_ratio(-t * std::fabs(d)); }

// The terms of the two-sided estimators, in units in which e^{t M}, M the largest loss, is 1: it
// cancels in every ratio.
//   a_i = (e^{t f+} - e^{t f-}) / (2 t rho) = numerator_i / (2 rho)
//   B_i = (e^{t f+} + e^{t f-}) / 2         = denominator_i
struct Pairs {
  Vector numerator;
  Vector denominator;
  double total = 0;  // of the denominators
};

Pairs pair_terms(Losses losses, double t) {
  const size_t k = losses.size() / 2;
  const double largest = *std::max_element(losses.begin(), losses.end());
  Pairs pairs{Vector(k), Vector(k)};
  for (size_t i = 0; i < k; ++i) {
    const double plus = losses[2 * i];
    const double minus = losses[2 * i + 1];
    const double weight = scalar::exp(t * (std::max(plus, minus) - largest));
    pairs.numerator[i] = weight * tilted_difference(plus - minus, t);
    pairs.denominator[i] = weight * (1 + scalar::exp(-t * std::fabs(plus - minus))) / 2;
    pairs.total += pairs.denominator[i];
  }
  return pairs;
}

// t = 0: n-SPSA, which is MeZO with n = k, to the last bit.
Vector n_spsa(Losses losses, double rho) {
  const size_t k = losses.size() / 2;
  Vector c(k);
  for (size_t i = 0; i < k; ++i) {
    c[i] = (losses[2 * i] - losses[2 * i + 1]) / (2 * static_cast<double>(k) * rho);
  }
  return c;
}

// a_i / sum B
Vector naive(const Pairs& pairs, double rho) {
  Vector c(pairs.numerator.size());
  for (size_t i = 0; i < c.size(); ++i) c[i] = pairs.numerator[i] / (2 * pairs.total * rho);
  return c;
}

// naive times factor(b_i, q, k); b_i = B_i / mean B, q = sum (b_i - 1)^2 / (k - 1).
template <typename Factor>
Vector corrected(const Pairs& pairs, double rho, Factor factor) {
  Vector c = naive(pairs, rho);
  const double k = static_cast<double>(c.size());
  const double mean = pairs.total / k;
  double q = 0;
  for (const double B : pairs.denominator) q += (B / mean - 1) * (B / mean - 1) / (k - 1);
  for (size_t i = 0; i < c.size(); ++i) c[i] *= factor(pairs.denominator[i] / mean, q, k);
  return c;
}

// Equation 7 of the paper, Tin's estimator, with the direction as the unit that is drawn.
double bias_corrected(double b, double q, double k) { return 1 - q / k + (b - 1) / (k - 1); }

// [1 + (b - 1) / (k - 1)] / (1 + q / k), written so that rounding cannot make it negative.
double beale(double b, double q, double k) { return (k - 2 + b) / (k - 1) / (1 + q / k); }

// The sum of all values but each.
Vector sums_without_each(const Vector& values) {
  Vector sums(values.size());
  double before = 0, after = 0;
  for (size_t i = 0; i < values.size(); before += values[i++]) sums[i] = before;
  for (size_t i = values.size(); i-- > 0; after += values[i]) sums[i] += after;
  return sums;
}

// k naive - ((k - 1) / k) sum of the naive estimates that leave one direction out. What is left has
// the unit of all, except without the largest loss: that one may outweigh the others by more than
// float64 can hold, so they get a unit of their own.
Vector jackknife(Losses losses, const Pairs& pairs, double t, double rho) {
  Vector c = naive(pairs, rho);
  const size_t k = c.size();
  const auto largest =
      static_cast<size_t>((std::max_element(losses.begin(), losses.end()) - losses.begin()) / 2);
  Vector others(losses.begin(), losses.end());
  others.erase(others.begin() + 2 * largest, others.begin() + 2 * largest + 2);
  const Vector without_largest = naive(pair_terms(others, t), rho);
  Vector inverses = sums_without_each(pairs.denominator);
  for (double& sum : inverses) sum = 1 / sum;
  inverses[largest] = 0;
  const Vector sums = sums_without_each(inverses);
  const double n = static_cast<double>(k);
  for (size_t i = 0; i < k; ++i) {
    double left_out = c[i] * (pairs.total * sums[i]);
    if (i != largest) left_out += without_largest[i < largest ? i : i - 1];
    c[i] = n * c[i] - (n - 1) / n * left_out;
  }
  return c;
}

Vector two_sided(Losses losses, double t, double rho, Estimator estimator) {
  if (t == 0) return n_spsa(losses, rho);
  const Pairs pairs = pair_terms(losses, t);
  const bool single = pairs.numerator.size() == 1;
  if (single || estimator == Estimator::naive) return naive(pairs, rho);
  if (estimator == Estimator::bias_corrected) return corrected(pairs, rho, bias_corrected);
  if (estimator == Estimator::beale) return corrected(pairs, rho, beale);
  return jackknife(losses, pairs, t, rho);
}

// The centred softmax (p_i - 1/k) / (t rho) k / (k - 1), p = softmax(t f). In w = e^{t (f - M)} and
// e = (w - 1) / t it is (e_i - mean e) / (rho (k - 1) mean w), which t = 0 makes the leave-one-out
// estimator (f_i - mean f) / (rho (k - 1)).
Vector one_sided(Losses losses, double largest, double t, double rho) {
  const double k = static_cast<double>(losses.size());
  Vector c(losses.size());
  double mean_e = 0;
  double mean_w = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    c[i] = tilted_difference(losses[i] - largest, t);
    mean_e += c[i] / k;
    mean_w += scalar::exp(t * (losses[i] - largest)) / k;
  }
  for (double& e : c) e = (e - mean_e) / (rho * (k - 1) * mean_w);
  return c;
}

double norm(const Vector& c) {
  double largest = 0;
  for (const double x : c) largest = std::max(largest, std::fabs(x));
  if (largest == 0) return 0;
  double sum = 0;
  for (const double x : c) sum += (x / largest) * (x / largest);
  return largest * std::sqrt(sum);
}

void require(bool condition, const char* code, const char* expectation) {
  if (!condition) throw Error(code, expectation);
}

bool finite(Losses values) {
  return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
}

// The coefficients of equal losses are 0 and stay 0.
void normalize(Vector& c, double sigma, const EstimatorOptions& options) {
  double unit = 1;
  if (options.normalize == Normalize::sigma) unit = sigma / options.rho;
  if (options.normalize == Normalize::norm) unit = norm(c) * std::sqrt(options.dimension);
  if (unit == 0) return;
  for (double& x : c) x /= unit;
}

// What the weights w = e^{t (f - M)} of all evaluations say; e = (w - 1) / t as above.
void diagnose(Losses losses, const Spread& spread, Coefficients& result) {
  const double n = static_cast<double>(losses.size());
  double sum_w = 0;
  double sum_squares = 0;
  double mean_e = 0;
  for (const double f : losses) {
    const double w = scalar::exp(result.tilt * (f - spread.largest));
    sum_w += w;
    sum_squares += w * w;
    mean_e += tilted_difference(f - spread.largest, result.tilt) / n;
  }
  result.tau = result.tilt * spread.sigma;
  result.mean_loss = spread.mean;
  // M + log(mean w) / t
  result.tilted_loss = spread.largest + mean_e * scalar::log1p_ratio(result.tilt * mean_e);
  result.effective_sample_size = std::clamp(sum_w * sum_w / sum_squares, 1.0, n);
}

bool among(int value, int last) { return value >= 0 && value <= last; }

void validate(Losses losses, const EstimatorOptions& options) {
  const auto positive = [](double x) { return x > 0 && std::isfinite(x); };
  require(positive(options.rho), "ERR_ZEST_RHO", "rho must be a finite number above 0");
  require(among(static_cast<int>(options.estimator), 3), "ERR_ZEST_ESTIMATOR",
          "estimator must be naive, biasCorrected, beale or jackknife");
  require(among(static_cast<int>(options.sides), 1), "ERR_ZEST_OPTION", "sides must be two or one");
  require(among(static_cast<int>(options.normalize), 2), "ERR_ZEST_OPTION",
          "normalize must be none, sigma or norm");
  require(positive(options.dimension), "ERR_ZEST_OPTION",
          "dimension must be a finite number above 0");
  require(!losses.empty(), "ERR_ZEST_LOSSES", "losses must have one or two values a direction");
  if (options.sides == Sides::one) {
    require(options.estimator == Estimator::naive, "ERR_ZEST_ESTIMATOR",
            "one-sided evaluations have no estimator but naive");
    require(losses.size() >= 2, "ERR_ZEST_ESTIMATOR",
            "one-sided evaluations need at least 2 directions");
  } else {
    require(losses.size() % 2 == 0, "ERR_ZEST_LOSSES", "losses must be pairs f+, f-");
  }
  require(finite(losses), "ERR_ZEST_LOSSES", "losses must be finite");
}

}  // namespace

Coefficients coefficients(Losses losses, const EstimatorOptions& options) {
  validate(losses, options);
  const Spread spread = spread_of(losses);
  require(std::isfinite(spread.range), "ERR_ZEST_LOSSES",
          "losses must have a range within float64");
  Coefficients result;
  result.tilt = tilt_of(losses, spread, options.tilt_rule, options.tilt_value);
  require(std::isfinite(result.tilt * spread.range), "ERR_ZEST_TILT",
          "tilt times the range of the losses must be within float64");
  result.c = options.sides == Sides::two
                 ? two_sided(losses, result.tilt, options.rho, options.estimator)
                 : one_sided(losses, spread.largest, result.tilt, options.rho);
  require(finite(result.c) && std::isfinite(norm(result.c) * std::sqrt(options.dimension)),
          "ERR_ZEST_LOSSES",
          "losses lie so far apart, for this rho, that their coefficients are beyond float64");
  normalize(result.c, spread.sigma, options);
  diagnose(losses, spread, result);
  result.gradient_norm = norm(result.c) * std::sqrt(options.dimension);
  return result;
}

}  // namespace zest
