// Losses to coefficients: the tilt, the ratio estimators, and the step's diagnostics. All in
// float64 with our own exp and log, so that every machine computes the same bits.
#pragma once

#include <span>
#include <vector>

#include "core/name.h"

namespace zest {

enum class Estimator { naive, bias_corrected, beale, jackknife };

template <>
struct Names<Estimator> {
  static constexpr const char* kind = "estimator";
  static constexpr std::array table = {
      Name<Estimator>{Estimator::naive, "naive"},
      Name<Estimator>{Estimator::bias_corrected, "biasCorrected"},
      Name<Estimator>{Estimator::beale, "beale"},
      Name<Estimator>{Estimator::jackknife, "jackknife"},
  };
};

enum class Sides { two, one };

template <>
struct Names<Sides> {
  static constexpr const char* kind = "sides";
  static constexpr std::array table = {
      Name<Sides>{Sides::two, "two"},
      Name<Sides>{Sides::one, "one"},
  };
};

enum class Normalize { none, sigma, norm };

template <>
struct Names<Normalize> {
  static constexpr const char* kind = "normalize";
  static constexpr std::array table = {
      Name<Normalize>{Normalize::none, "none"},
      Name<Normalize>{Normalize::sigma, "sigma"},
      Name<Normalize>{Normalize::norm, "norm"},
  };
};

enum class TiltRule { number, tau, effective_sample_size, kl_radius };

template <>
struct Names<TiltRule> {
  static constexpr const char* kind = "tiltRule";
  static constexpr std::array table = {
      Name<TiltRule>{TiltRule::number, "number"},
      Name<TiltRule>{TiltRule::tau, "tau"},
      Name<TiltRule>{TiltRule::effective_sample_size, "effectiveSampleSize"},
      Name<TiltRule>{TiltRule::kl_radius, "klRadius"},
  };
};

struct EstimatorOptions {
  double rho = 1e-3;  // per coordinate, > 0
  TiltRule tilt_rule = TiltRule::number;
  double tilt_value = 1;  // t, tau, kappa in (0, 1], or delta >= 0, as tilt_rule says
  Estimator estimator = Estimator::naive;
  Sides sides = Sides::two;
  Normalize normalize = Normalize::none;
  double dimension = 1;  // d
};

struct Coefficients {
  std::vector<double> c;   // one a direction, after normalize
  double tilt = 0;         // the t used
  double tau = 0;          // t * sigma
  double tilted_loss = 0;  // (1/t) log mean exp(t f)
  double mean_loss = 0;
  double effective_sample_size = 0;  // (sum w)^2 / sum w^2, from 1 to n
  double gradient_norm = 0;          // |c| sqrt(d)
};

// losses: two-sided [f+0, f-0, f+1, ...], one-sided [f0, f1, ...]. Equal losses give coefficients
// of 0, whatever the normalization. Everything returned is finite. Throws Error:
//   ERR_ZEST_RHO        rho is not a finite number above 0
//   ERR_ZEST_TILT       tilt_value is outside its rule's range, or t times the range of f overflows
//   ERR_ZEST_ESTIMATOR  one-sided with one direction or another estimator than naive
//   ERR_ZEST_LOSSES     none, unpaired, not finite, or with coefficients beyond float64
//   ERR_ZEST_OPTION     dimension is not a finite number above 0; sides or normalize is unknown
Coefficients coefficients(std::span<const double> losses, const EstimatorOptions& options);

}  // namespace zest
