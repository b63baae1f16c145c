// Losses to coefficients: the tilt, the ratio estimators, and the step's diagnostics. All in
// float64 with our own exp and log, so that every machine computes the same bits.
#pragma once

#include <span>
#include <vector>

namespace zest {

enum class Estimator { naive, bias_corrected, beale, jackknife };
enum class Sides { two, one };
enum class Normalize { none, sigma, norm };
enum class TiltRule { number, tau, effective_sample_size, kl_radius };

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
